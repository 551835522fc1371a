//! `xeroctl keepalive`, once: what is renewed, what is left alone, what is told, and the status.

use std::time::Duration;

use xero_mock::{Fault, RateLimit};

use crate::{
    sandbox::{Run, Sandbox},
    seeded::{DAY, MINUTE, Seeded},
    webhook::Webhook,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Requests for tokens so far.
fn asked(home: &Sandbox) -> usize {
    home.mock().journal().iter().filter(|entry| entry.path == "/connect/token").count()
}

/// The results by the name of the first connection.
fn results(run: &Run) -> Vec<(String, String)> {
    let document = run.json();
    let logins = document["logins"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    logins.iter().map(|login| (text(&login["connections"][0]), text(&login["result"]))).collect()
}

fn assert_results(run: &Run, wanted: &[(&str, &str)]) {
    let found = results(run);
    let found: Vec<_> = found.iter().map(|(name, result)| (name.as_str(), result.as_str())).collect();
    assert_eq!(found, wanted, "{}", run.text());
}

fn server_error() -> Fault {
    Fault::Status(503, String::new(), "text/plain".to_owned())
}

#[test]
fn logins_that_near_their_sixty_days_are_renewed() {
    let seeded = Seeded::new();
    for (name, age) in [
        ("a", DAY * 30 - HOUR),
        ("b", DAY * 30 + HOUR),
        ("c", DAY * 60 - HOUR),
        ("d", DAY * 60 + HOUR),
        ("e", HOUR),
    ] {
        seeded.login(name, age);
    }
    let home = &seeded.home;
    let first = home.run(&["keepalive", "--logins-only"]);
    assert_eq!(home.mock().refreshes(), 2);
    let before = asked(home);
    let second = home.run(&["keepalive", "--logins-only", "--json"]);
    assert_eq!(asked(home), before, "what is marked is not tried again");
    assert_results(
        &second,
        &[
            ("a", "still-good"),
            ("b", "still-good"),
            ("c", "still-good"),
            ("d", "needs-a-person"),
            ("e", "still-good"),
        ],
    );
    let early = home.run(&["keepalive", "--logins-only", "--login-days", "59", "a", "e"]);
    assert_eq!((early.status, home.mock().refreshes()), (0, 3), "{}", early.text());
    insta::assert_snapshot!(first.text());
}

#[test]
fn access_tokens_that_near_their_end_are_renewed() {
    let seeded = Seeded::new();
    for (name, age) in
        [("five", 24 * MINUTE), ("four", 26 * MINUTE), ("over", 31 * MINUTE), ("ten", 20 * MINUTE)]
    {
        seeded.login(name, age);
    }
    let home = &seeded.home;
    let alone = home.run(&["keepalive", "--logins-only"]);
    assert_eq!((alone.status, home.mock().refreshes()), (0, 0), "{}", alone.text());
    let run = home.run(&["keepalive", "--json"]);
    assert_eq!(run.status, 0, "{}", run.text());
    assert_results(
        &run,
        &[("five", "still-good"), ("four", "renewed"), ("over", "renewed"), ("ten", "still-good")],
    );
    let longer = home.run(&["keepalive", "--json", "--min-ttl", "480"]);
    assert_results(
        &longer,
        &[("five", "renewed"), ("four", "still-good"), ("over", "still-good"), ("ten", "still-good")],
    );
    assert_eq!(home.mock().refreshes(), 3);
}

#[test]
fn one_that_fails_does_not_stop_the_others() {
    let seeded = Seeded::new();
    for name in ["a", "b", "c"] {
        seeded.login(name, DAY);
    }
    let home = &seeded.home;
    home.mock().fault(server_error().on("/connect/token"));
    let failed = home.run(&["keepalive", "--at-once", "1"]);
    assert_eq!((failed.status, home.mock().refreshes()), (5, 2), "{}", failed.text());
    home.mock().fault(server_error().on("/connect/token"));
    let document = home.run(&["keepalive", "--json"]);
    assert_eq!(document.json()["logins"][0]["error"]["kind"], "temporary");
    let again = home.ok(&["keepalive"]);
    insta::assert_snapshot!(format!("{}\n{}", failed.text(), again.text()));
}

#[test]
fn a_server_in_trouble_is_not_asked_for_each_login() {
    let seeded = Seeded::new();
    let names: Vec<_> = (0..20).map(|at| format!("login-{at:02}")).collect();
    names.iter().for_each(|name| drop(seeded.login(name, DAY)));
    let home = &seeded.home;
    home.mock().fault(server_error().times(1000).on("/connect/token"));
    let run = home.run(&["keepalive", "--at-once", "2", "--json"]);
    assert_eq!(run.status, 5, "{}", run.text());
    assert!((3..=4).contains(&asked(home)), "{}", asked(home));
    let said = run.json()["logins"][19]["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.starts_with("not tried, because its server is in trouble"), "{said}");
    assert_eq!(results(&run).iter().filter(|(_, result)| result == "failed").count(), 20);
}

#[test]
fn a_pause_that_the_server_asks_for_is_kept() {
    let seeded = Seeded::new();
    for name in ["a", "b", "c"] {
        seeded.login(name, DAY);
    }
    let home = &seeded.home;
    let limited = |seconds| Fault::TooManyRequests {
        problem: RateLimit::Minute,
        retry_after: Some(Duration::from_secs(seconds)),
    };
    home.mock().fault(limited(3600).on("/connect/token"));
    let long = home.run(&["keepalive", "--at-once", "1", "--json"]);
    assert_eq!((asked(home), home.mock().refreshes()), (1, 0), "{}", long.text());
    assert_eq!(long.json()["logins"][0]["error"]["retry_after_seconds"], 3600);
    home.mock().fault(limited(1).on("/connect/token"));
    let short = home.run(&["keepalive", "--at-once", "1", "--json"]);
    assert_eq!((short.status, asked(home), home.mock().refreshes()), (0, 5, 3), "{}", short.text());
}

#[test]
fn a_login_that_ends_soon_has_a_status_of_its_own() {
    let seeded = Seeded::new();
    seeded.login("late", DAY * 55);
    let home = &seeded.home;
    let status = |arguments: &[&str]| home.run(&[&["keepalive"], arguments].concat()).status;
    home.mock().fault(server_error().times(4).on("/connect/token"));
    assert_eq!(status(&[]), 5);
    assert_eq!(status(&["--warn-days", "4"]), 5);
    assert_eq!(status(&["--warn-days", "7"]), 11);
    let document = home.run(&["keepalive", "--warn-days", "7", "--json"]).json();
    assert_eq!(document["logins"][0]["ends_soon"], true);
    assert_eq!(status(&["--warn-days", "7"]), 0, "renewed, it ends in 60 days");
    seeded.login_without_refresh_token("short", MINUTE);
    assert_eq!(status(&[]), 0);
    let soon = home.run(&["keepalive", "--warn-days", "7"]);
    seeded.login_without_refresh_token("over", DAY);
    let over = home.run(&["keepalive", "--warn-days", "7"]);
    assert_eq!((soon.status, over.status), (11, 4));
    insta::assert_snapshot!(format!("{}\n{}", soon.text(), over.text()));
}

#[test]
fn who_must_act_is_told_by_hook_and_webhook() {
    let seeded = Seeded::new();
    let tokens = seeded.minted(DAY * 61, "accounting.settings.read offline_access");
    seeded.put(&["maple", "other"], DAY * 61, &tokens);
    seeded.login("good", HOUR);
    let home = &seeded.home;
    let webhook = Webhook::answering(204);
    home.write("webhook", &format!("{}\n", webhook.url("T0KEN")));
    home.write(
        "hook.sh",
        "cat > told.json; printf '%s|' \"$XEROCTL_CONNECTION\" \"$XEROCTL_CONNECTIONS\" \"$XEROCTL_REASON\" \
         \"$XEROCTL_SINCE\" > told.env; echo done",
    );
    let run = home.run(&["keepalive", "--hook", "sh hook.sh", "--webhook-file", "webhook"]);
    assert_eq!(run.status, 4, "{}", run.text());
    assert_eq!(run.stderr.lines().next(), Some("done"), "what a hook prints is seen, and is no data");
    let told = std::fs::read_to_string(home.path("told.json")).unwrap();
    let (path, body) = webhook.received();
    assert_eq!((path.as_str(), body.as_str()), ("/T0KEN", told.as_str()));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["connections"], serde_json::json!(["maple", "other"]));
    assert_eq!(
        (&told["event"], &told["next"]),
        (&"needs-person".into(), &"xeroctl reauth maple; it is for all of: maple, other".into())
    );
    let environment = std::fs::read_to_string(home.path("told.env")).unwrap();
    let since = told["since"].as_str().unwrap();
    let reason = "the refresh token was not used for 60 days";
    assert_eq!(told["reason"], reason);
    assert_eq!(environment, format!("maple|maple\nother|{reason}|{since}|"));
    assert!(!run.text().contains("T0KEN"));
    insta::assert_snapshot!(run.text());
}

#[test]
fn a_hook_or_webhook_that_fails_is_said_and_changes_nothing_else() {
    let seeded = Seeded::new();
    seeded.login("dead", DAY * 61);
    seeded.login("good", DAY);
    let home = &seeded.home;
    let webhook = Webhook::answering(302);
    home.write("webhook", &webhook.url("T0KEN"));
    let run = home.run(&["keepalive", "--hook", "exit 3", "--webhook-file", "webhook"]);
    assert_eq!((run.status, home.mock().refreshes()), (4, 1), "{}", run.text());
    webhook.received();
    drop(webhook);
    let gone = home.run(&["keepalive", "dead", "--hook", "kill -9 $$", "--webhook-file", "webhook"]);
    let all = format!("{}\n{}", run.text(), gone.text());
    assert!(!all.contains("T0KEN"));
    insta::assert_snapshot!(all);
}

#[test]
fn webhooks_that_cannot_be() {
    let seeded = Seeded::new();
    let home = &seeded.home;
    let try_it = |url: &str| {
        home.write("webhook", url);
        let run = home.run(&["keepalive", "--webhook-file", "webhook"]);
        assert_eq!(run.status, 2, "{}", run.text());
        assert!(!run.text().contains("T0KEN"));
        run.text()
    };
    let texts = ["", "T0KEN", "http://example.com/T0KEN", "file:///T0KEN"].map(try_it);
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn what_a_secret_that_was_replaced_stops_is_told_too() {
    let seeded = Seeded::new();
    seeded.login("maple", DAY);
    let home = &seeded.home;
    home.mock().generate_secret(&seeded.app.client_id).unwrap();
    let run = home.run(&["keepalive", "--hook", "cat > told.json"]);
    assert_eq!(run.status, 6, "{}", run.text());
    let told = std::fs::read_to_string(home.path("told.json")).unwrap();
    assert!(told.contains("its secret is another"), "{told}");
}

#[test]
fn several_connections_of_one_login_are_one_renewal() {
    let seeded = Seeded::new();
    let tokens = seeded.minted(DAY, "accounting.settings.read offline_access");
    seeded.put(&["one", "three", "two"], DAY, &tokens);
    seeded.login("zebra", DAY);
    let home = &seeded.home;
    let named = home.run(&["keepalive", "two", "three"]);
    assert_eq!((named.status, home.mock().refreshes()), (0, 1), "{}", named.text());
    let rest = home.ok(&["keepalive"]);
    assert_eq!(home.mock().refreshes(), 2);
    insta::assert_snapshot!(format!("{}\n{}", named.text(), rest.text()));
}

#[test]
fn apps_without_a_login() {
    let home = Sandbox::connected();
    let private = home.run(&["keepalive"]);
    let said = home.run(&["keepalive", "acme", "-v"]);
    assert!(
        said.stderr.contains("nothing of it has to be kept alive connection=\"acme\""),
        "{}",
        said.text()
    );
    home.connect_custom("nightly", &["accounting.settings.read"]);
    let custom = home.run(&["keepalive", "--warn-days", "59"]);
    let before = asked(&home);
    // Its token is to have longer left than it can live; half of its life is enough.
    home.mock().set_access_lifetime(Duration::from_secs(1200));
    home.ok(&["refresh", "nightly"]);
    home.ok(&["keepalive", "--min-ttl", "1500"]);
    assert_eq!(asked(&home), before + 1);
    insta::assert_snapshot!(format!("{}\n{}", private.text(), custom.text()));
}

#[test]
fn names_and_options_that_cannot_be() {
    let seeded = Seeded::new();
    seeded.login("maple", HOUR);
    let home = &seeded.home;
    let commands: [&[&str]; 6] = [
        &["keepalive", "nobody"],
        &["keepalive", "--login-days", "60"],
        &["keepalive", "--at-once", "33"],
        &["keepalive", "--daemon", "--warn-days", "7"],
        &["keepalive", "--install", "cron"],
        &["keepalive", "maple", "--xero-url", "http://127.0.0.1:1"],
    ];
    insta::assert_snapshot!(crate::sandbox::transcript(home, &commands));
    let elsewhere = home.ok(&["keepalive", "--xero-url", "http://127.0.0.1:1"]);
    assert!(elsewhere.stderr.contains("No logins to keep alive."), "{}", elsewhere.text());
}

#[cfg(unix)]
#[test]
fn a_bar_shows_how_far_it_is() {
    let seeded = Seeded::new();
    for name in ["a", "b"] {
        seeded.login(name, DAY);
    }
    let home = &seeded.home;
    home.mock().fault(Fault::Slow(Duration::from_secs(2)).on("/connect/token"));
    let mut terminal = home.terminal(&["keepalive", "--at-once", "1"]);
    terminal.expect("Renewing").expect("0 of 2");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("2 logins: 2 renewed.") && !screen.contains("of 2"), "{screen}");
}
