//! The wizard, by hand: every answer, every second thought.

use std::fs;

use xero_mock::{Fault, MAPLE_FLORIST};

use crate::{
    sandbox::{PASSWORD, Sandbox, fixture},
    terminal::{BACKSPACE, CTRL_C, DOWN, ENTER, ESCAPE, TAB, Terminal},
};

/// A home with a mock and a copy of a good `.pfx` in it.
fn home() -> Sandbox {
    let home = Sandbox::with_mock();
    fs::copy(fixture("kinds/test-openssl-3.pfx"), home.path("acme.pfx")).unwrap();
    home
}

fn at_password(home: &Sandbox) -> Terminal {
    let mut terminal = home.terminal(&["connect", "--kind", "private"]);
    terminal.expect("What shall open the store?").keys(ENTER);
    terminal.expect("Certificate file:").keys(ENTER);
    terminal.expect("Path of the .pfx file:").line("acme.pfx");
    terminal.expect("Password of acme.pfx:");
    terminal
}

#[test]
fn a_first_connection_with_a_pfx_of_ones_own() {
    let home = home();
    let consumer_key = home.app();
    let mut terminal = at_password(&home);
    terminal
        .line("wrong")
        .expect("The password is wrong. Try again.")
        .expect_times("Password of acme.pfx:", 2);
    terminal.line(PASSWORD);
    terminal
        .expect("Consumer key:")
        .line("TOOSHORT")
        .expect("a consumer key has 30 characters; this one has 8");
    terminal.keys(&BACKSPACE.repeat(8)).line(&consumer_key);
    terminal.expect("It works: Maple Florist Ltd.").expect("Name of the connection:").keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(!screen.contains(PASSWORD) && !screen.contains("wrong\n"), "{screen}");
    insta::assert_snapshot!(home.tidy(&screen));
    home.ok(&["test", "maple-florist-ltd"]);
}

#[test]
fn a_first_connection_with_a_new_key_pair() {
    let home = Sandbox::with_mock();
    let mut terminal = home.terminal(&["connect", "--kind", "private", "acme"]);
    terminal.expect("What shall open the store?").keys(DOWN).keys(ENTER);
    terminal
        .expect("Passphrase of the store:")
        .line("correct horse")
        .expect("The same again:")
        .line("correct horse");
    terminal.expect("Certificate file:").keys(DOWN).keys(ENTER);
    terminal.expect("Name of the files").keys(ENTER);
    terminal.expect("Password for the new file:").line("sesame").expect("The same again:").line("sesamy");
    terminal.expect("The two differ.").line("sesame").expect("The same again:").line("sesame");
    terminal.expect("Then copy the consumer key.").expect("Consumer key:");
    let certificate = fs::read_to_string(home.path("acme.cer")).unwrap();
    let app = home.mock().create_private_app("Nightly", MAPLE_FLORIST.id, &certificate).unwrap();
    terminal.line(&app.consumer_key);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(!screen.contains("sesam") && !screen.contains("correct horse"), "{screen}");
    crate::docs::assert_stands_in_the_guide("docs/connecting-a-private-app.md", &home.tidy(&screen));
    let mut terminal = home.terminal(&["test", "acme"]);
    terminal.expect("Passphrase of the store:").line("correct horse");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
}

#[test]
fn a_key_file_that_another_process_makes_meanwhile_is_kept() {
    let home = home();
    let consumer_key = home.app();
    let mut terminal = at_password(&home);
    terminal.line(PASSWORD).expect("Consumer key:").line(&consumer_key).expect("Name of the connection:");
    fs::create_dir_all(home.path("config/xeroctl")).unwrap();
    home.write("config/xeroctl/store.key", "the other one's\n");
    let (status, screen) = terminal.keys(ENTER).wait();
    assert_eq!(status, 5, "{screen}");
    let end = screen.lines().skip_while(|line| !line.starts_with("error: ")).collect::<Vec<_>>();
    insta::assert_snapshot!(home.tidy(&end.join("\n")));
    assert_eq!(fs::read_to_string(home.path("config/xeroctl/store.key")).unwrap(), "the other one's\n");
    assert_eq!(home.files(), ["acme.pfx", "config/xeroctl/store.key"]);
}

#[test]
fn an_empty_passphrase_is_none() {
    let home = Sandbox::new();
    let mut terminal = home.terminal(&["store", "init"]);
    terminal.expect("What shall open the store?").keys(DOWN).keys(ENTER);
    terminal.expect("Passphrase of the store:").keys(ENTER).expect("The same again:").keys(ENTER);
    let (status, screen) = terminal.finish();
    insta::assert_snapshot!(format!("{}\n--- status {status}", home.tidy(&screen)));
    assert!(home.files().is_empty(), "{:?}", home.files());
}

#[test]
fn paths_are_completed() {
    let home = home();
    home.write("acme.txt", "");
    let mut terminal = home.terminal(&["connect", "--kind", "private", "--key-file", "k"]);
    terminal.expect("Certificate file:").keys(ENTER);
    terminal.expect("Path of the .pfx file:").keys("ac").keys(TAB).expect("acme.pfx").keys(ENTER);
    terminal.expect("Password of acme.pfx:").keys(ESCAPE);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 130, "{screen}");
}

/// What a person has answered before they change their mind at the question named.
const QUESTIONS: [(&str, &str); 8] = [
    ("What shall open the store?", "\r"),
    ("Certificate file:", "\u{1b}[B\r"),
    ("Name of the files", "acme\r"),
    ("Password for the new file:", "sesame\r"),
    ("The same again:", "sesame\r"),
    ("Consumer key:", ""),
    ("Consumer key:", ""),
    ("Name of the connection:", ""),
];

#[test]
fn ctrl_c_at_each_question_saves_nothing() {
    for (at, (question, _)) in QUESTIONS.iter().enumerate().filter(|(at, _)| *at != 6) {
        // Escape at the second question for a password goes back to the first.
        let keys: &[&str] = if *question == "The same again:" { &[CTRL_C] } else { &[CTRL_C, ESCAPE] };
        for key in keys {
            let home = Sandbox::with_mock();
            let mut terminal = home.terminal(&["connect", "--kind", "private"]);
            for (earlier, answer) in &QUESTIONS[..at] {
                terminal.expect(earlier);
                match *answer {
                    "" if *earlier == "Consumer key:" && terminal.text().contains("It works") => {}
                    "" => answer_consumer_key(&home, &mut terminal),
                    answer => drop(terminal.keys(answer)),
                }
            }
            terminal.expect(question).keys(key);
            let (status, screen) = terminal.finish();
            assert_eq!(status, 130, "{question}\n{screen}");
            let left = home.files();
            if at < 5 {
                assert!(screen.contains("cancelled; nothing was saved"), "{question}\n{screen}");
                assert!(left.is_empty(), "{question}: {left:?}");
            } else {
                let words = "cancelled; no connection was saved, the key pair acme.pfx stays";
                assert!(screen.contains(words), "{question}\n{screen}");
                assert_eq!(left, ["acme.cer", "acme.pfx"], "{question}");
            }
        }
    }
}

/// The key pair is there by now: it becomes an app, and the wizard goes on to its test.
fn answer_consumer_key(home: &Sandbox, terminal: &mut Terminal) {
    if home.mock().journal().is_empty() {
        let certificate = fs::read_to_string(home.path("acme.cer")).unwrap();
        let app = home.mock().create_private_app("Nightly", MAPLE_FLORIST.id, &certificate).unwrap();
        terminal.line(&app.consumer_key).expect("It works");
    }
}

#[test]
fn a_test_that_fails_can_be_overruled() {
    let home = home();
    let consumer_key = home.app();
    home.mock().fault(Fault::Maintenance);
    let mut terminal = at_password(&home);
    terminal.line(PASSWORD).expect("Consumer key:").line(&consumer_key);
    terminal.expect("What now?").keys(DOWN).keys(ENTER);
    terminal.expect("Name of the connection:").line("acme");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    insta::assert_snapshot!(home.tidy(&screen));
    home.ok(&["test", "acme"]);
}

#[test]
fn one_json_document_whatever_a_person_answers() {
    let home = home();
    let consumer_key = home.app();
    home.mock().fault(Fault::Maintenance);
    let arguments = ["connect", "acme", "--json", "--key-file", "store.key", "--certificate", "acme.pfx"];
    let mut terminal = home.terminal(&arguments);
    terminal.expect("Password of acme.pfx:").line(PASSWORD);
    terminal.expect("Consumer key:").line(&consumer_key);
    terminal.expect("What now?").keys(DOWN).keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert_eq!(screen.matches("\"schema\"").count(), 1, "{screen}");
}

#[test]
fn giving_up_is_one_json_document_too() {
    let home = home();
    let mut terminal = home.terminal(&[
        "connect",
        "--kind",
        "private",
        "--json",
        "--key-file",
        "k",
        "--certificate",
        "acme.pfx",
    ]);
    terminal.expect("Password of acme.pfx:").line(PASSWORD);
    terminal.expect("Consumer key:").line("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123");
    terminal.expect("What now?").keys(DOWN).keys(DOWN).keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 6, "{screen}");
    assert_eq!(screen.matches("\"schema\"").count(), 1, "{screen}");
}

#[test]
fn a_test_that_fails_saves_nothing_by_default() {
    let home = home();
    let mut terminal = at_password(&home);
    terminal.line(PASSWORD).expect("Consumer key:").line("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123");
    terminal.expect("What now?").keys(DOWN).keys(DOWN).keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 6, "{screen}");
    assert_eq!(home.files(), ["acme.pfx"]);
}

#[test]
fn a_wrong_consumer_key_is_asked_for_again() {
    let home = home();
    let consumer_key = home.app();
    let mut terminal = at_password(&home);
    terminal.line(PASSWORD).expect("Consumer key:").line("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123");
    terminal.expect("What now?").keys(ENTER);
    terminal.expect_times("Consumer key:", 2).line(&consumer_key);
    terminal.expect("Name of the connection:").keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    home.ok(&["test", "maple-florist-ltd"]);
}

#[test]
fn a_file_that_is_no_pfx_is_asked_for_again() {
    let home = home();
    fs::copy(fixture("test.cer"), home.path("acme.cer")).unwrap();
    let mut terminal = home.terminal(&["connect", "--kind", "private", "--key-file", "k", "--no-test"]);
    terminal.expect("Certificate file:").keys(ENTER);
    terminal.expect("Path of the .pfx file:").line("acme.cer");
    terminal.expect("this is a certificate (PEM)").expect_times("Path of the .pfx file:", 2).line("acme.pfx");
    terminal.expect("Password of acme.pfx:").keys(CTRL_C);
    assert_eq!(terminal.finish().0, 130);
}

#[test]
fn a_name_that_is_taken_is_asked_for_again() {
    let home = home();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let consumer_key = home.connect("acme");
    let mut terminal = home.terminal(&[
        "connect",
        "--kind",
        "private",
        "--certificate",
        "acme.pfx",
        "--password-file",
        "password",
    ]);
    terminal.expect("Consumer key:").line(&consumer_key);
    terminal.expect("Name of the connection:").line("ACME").expect("there is a connection named");
    terminal.keys(&BACKSPACE.repeat(4)).line("beta");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    home.ok(&["test", "beta"]);
}

#[test]
fn removal_asks_first() {
    let home = Sandbox::connected();
    let mut terminal = home.terminal(&["remove", "acme"]);
    terminal.expect("Remove acme?").keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 130, "{screen}");
    home.ok(&["show", "acme"]);
    let mut terminal = home.terminal(&["remove", "acme"]);
    terminal.expect("Remove acme?").line("y");
    assert_eq!(terminal.finish().0, 0);
    assert_eq!(home.run(&["show", "acme"]).status, 3);
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    for signal in ["TERM", "INT", "HUP"] {
        let home = home();
        let mut terminal = at_password(&home);
        assert!(!terminal.echoes(), "a password is being asked for");
        let sent =
            std::process::Command::new("kill").args(["-s", signal, &terminal.process().to_string()]).status();
        assert!(sent.unwrap().success());
        let (status, screen) = terminal.wait();
        assert_ne!(status, 0, "{screen}");
        assert!(terminal.echoes(), "after {signal}");
        assert_eq!(home.files(), ["acme.pfx"]);
    }
}

#[cfg(unix)]
#[test]
fn a_table_fits_its_terminal() {
    let home = Sandbox::connected();
    let (status, screen) = home.terminal(&["list"]).finish();
    assert_eq!(status, 0);
    insta::assert_snapshot!(home.tidy(&screen));
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_list_shows_no_password() {
    let home = home();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let consumer_key = home.app();
    let mut terminal = home.terminal(&[
        "connect",
        "--certificate",
        "acme.pfx",
        "--password-file",
        "password",
        "--consumer-key",
        &consumer_key,
    ]);
    // By now the program holds the password, the private key and the key of the store.
    terminal.expect("Name of the connection:");
    let store_key = fs::read_to_string(home.path("store.key")).unwrap();
    for file in ["cmdline", "environ"] {
        let shown = fs::read(format!("/proc/{}/{file}", terminal.process())).unwrap();
        let shown = String::from_utf8_lossy(&shown);
        assert!(shown.contains("xeroctl") || shown.contains("HOME"), "{shown}");
        assert!(!shown.contains(PASSWORD), "{shown}");
        assert!(!shown.contains(store_key.split(' ').nth(1).unwrap().trim()), "{shown}");
    }
    terminal.keys(CTRL_C);
    assert_eq!(terminal.finish().0, 130);
}
