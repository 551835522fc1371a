//! `--log-file`: what was done, with times, and never a secret.

use std::fs;

use xero_mock::Fault;

use crate::{
    sandbox::{Sandbox, transcript},
    seeded::{DAY, Seeded},
};

fn log(home: &Sandbox) -> String {
    fs::read_to_string(home.path("run.log")).unwrap()
}

#[test]
fn runs_are_written_down_one_after_the_other_with_times() {
    let home = Sandbox::connected();
    home.ok(&["list", "--log-file", "run.log"]);
    assert_eq!(home.run(&["show", "nobody", "--log-file", "run.log"]).status, 3);
    let text = log(&home);
    let line =
        regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z +(INFO|ERROR|WARN) xeroctl").unwrap();
    assert!(text.lines().all(|one| line.is_match(one)), "{text}");
    let words: Vec<_> = text.lines().map(|one| one.contains("begins")).collect();
    assert_eq!(words, [true, false, true, false], "{text}");
    assert!(text.contains("command=\"list\""), "{text}");
    assert!(text.contains("status=3 kind=\"no-such-connection\""), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(home.path("run.log")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn it_says_as_much_as_is_asked_for_and_the_screen_no_more_than_before() {
    let home = Sandbox::connected();
    let run = home.ok(&["list", "--log-file", "run.log"]);
    assert_eq!(run.stderr, "");
    assert!(!log(&home).contains("DEBUG"), "{}", log(&home));
    let run = home.ok(&["list", "-vv", "--log-file", "run.log"]);
    assert!(log(&home).contains("DEBUG xeroctl"), "{}", log(&home));
    assert!(run.stderr.contains("opening the store") && !run.stderr.contains("begins"), "{}", run.stderr);
}

#[test]
fn no_secret_is_in_it_at_any_level() {
    let seeded = Seeded::new();
    let tokens = seeded.login("maple", 31 * DAY);
    let home = &seeded.home;
    home.write("passphrase", "marker-of-a-passphrase\n");
    home.write("webhook", "https://hooks.invalid/marker-of-a-webhook\n");
    home.mock().fault(
        Fault::Status(503, "marker-of-an-answer".to_owned(), "text/plain".to_owned()).on("/connect/token"),
    );
    for (command, status) in [
        (&["refresh"][..], 5),
        (&["refresh"], 0),
        (&["token"], 0),
        (
            &[
                "request",
                "GET",
                "Organisation?where=Name==%22marker-of-a-query%22",
                "-H",
                "X-Note: marker-of-a-header",
            ],
            0,
        ),
        (&["keepalive", "--webhook-file", "webhook"], 0),
        (&["store", "key", "add", "--new-passphrase-file", "passphrase"], 0),
        (&["list", "--passphrase-file", "passphrase"], 0),
        (
            &[
                "connect",
                "--kind",
                "web",
                "--client-id",
                &seeded.app.client_id,
                "--client-secret",
                "marker-of-an-option",
            ],
            2,
        ),
        (&["test", "--all"], 0),
    ] {
        let run = home.run(&[command, &["-vvv", "--log-file", "run.log"]].concat());
        assert_eq!(run.status, status, "{}", run.text());
    }
    let now = home.ok(&["token"]).raw.0;
    let (log, secret) = (log(home), seeded.app.client_secret.clone().unwrap());
    for secret in [now.trim(), &tokens.access_token, tokens.refresh_token.as_deref().unwrap(), &secret] {
        assert!(secret.len() > 20 && !log.contains(secret), "{log}");
    }
    assert!(!log.contains("marker-of") && !log.contains("eyJ") && !log.contains("Bearer"), "{log}");
    assert!(log.lines().count() > 30 && log.contains("TRACE") | log.contains("DEBUG"), "{log}");
}

#[test]
fn places_that_cannot_be() {
    let home = Sandbox::connected();
    fs::create_dir(home.path("folder")).unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[&["list", "--log-file", "nothing/run.log"], &["list", "--log-file", "folder", "--json"]]
    ));
}

#[test]
fn it_says_which_connection_and_what_became_of_its_login() {
    let seeded = Seeded::new();
    seeded.login("maple", 31 * DAY);
    let home = &seeded.home;
    home.ok(&["refresh", "maple", "--log-file", "run.log"]);
    home.ok(&["test", "maple", "--log-file", "run.log"]);
    home.mock().fault(Fault::Maintenance.times(9).on("/connect/token"));
    assert_eq!(home.run(&["refresh", "maple", "--log-file", "run.log"]).status, 5);
    let status = home.run(&["doctor", "--offline", "--log-file", "run.log", "nobody"]).status;
    assert_eq!(status, 3);
    let text = log(home);
    for line in [
        "renewing the login connections=\"maple\"",
        "renewed connections=\"maple\"",
        "sending connection=\"maple\"",
        "not renewed connections=\"maple\" error=",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("message=\"\""), "what was told as data is no error\n{text}");
}
