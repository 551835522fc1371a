//! What is said and done around a hand-over: files for a pipe, logins that are elsewhere, copies, and what is refused.

use std::process::Stdio;

use crate::{
    sandbox::{BINARY, Run, Sandbox, transcript},
    seeded::{DAY, MINUTE, Seeded},
};

const THERE: &str = "other-machine";
const SEALED: [&str; 2] = ["--bundle-passphrase-file", "bundle"];

/// A home with the connection `maple`, and a passphrase in the file `bundle`.
fn home() -> Sandbox {
    let (home, _) = Sandbox::logged_in();
    home.write("bundle", "six words that nobody guesses\n");
    home
}

fn sealed<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &SEALED].concat()
}

fn texts(runs: &[Run]) -> String {
    let text = runs.iter().map(Run::text).collect::<Vec<_>>().join("\n");
    let by = regex::Regex::new("process \\d+, user \\S+").unwrap();
    by.replace_all(&text, "process N, user USER").into_owned()
}

#[test]
fn adopting_while_importing_says_so_and_is_in_the_history() {
    let home = home();
    home.ok(&sealed(&["export", "x.age", "maple", "maple", "--yes"]));
    insta::assert_snapshot!(texts(&[
        home.run_at(THERE, &sealed(&["import", "x.age", "--list"])),
        home.run_at(THERE, &sealed(&["import", "x.age", "--adopt", "--yes", "--key-file", "other.key"])),
        home.run_at(THERE, &["log", "maple"]),
        home.run_at(THERE, &["adopt", "maple", "--yes"]),
    ]));
    home.ok_at(THERE, &["refresh", "maple"]);
}

#[test]
fn a_bundle_goes_through_a_pipe_and_to_no_screen() {
    let home = home();
    let mut terminal = home.terminal(&sealed(&["export", "-", "maple", "--yes"]));
    let (status, screen) = terminal.wait();
    assert!(status == 2 && screen.contains("standard output is the terminal"), "{screen}");
    insta::assert_snapshot!(transcript(&home, &[&sealed(&["export", "-", "maple", "--yes", "--json"])]));
    home.ok(&["refresh", "maple"]);

    let mut command = home.command(BINARY);
    let output =
        command.args(sealed(&["export", "-", "maple", "--yes"])).stdin(Stdio::null()).output().unwrap();
    assert!(output.stdout.starts_with(b"age-encryption.org/v1"), "{output:?}");
    assert!(!home.path("-").exists());
    assert_eq!(home.run(&["refresh", "maple"]).status, 4, "it was handed over");
    std::fs::write(home.path("piped.age"), &output.stdout).unwrap();
    home.ok_at(THERE, &sealed(&["import", "piped.age", "--adopt", "--key-file", "other.key"]));
    home.ok_at(THERE, &["refresh", "maple"]);
}

/// Nobody has the whole file where the reader went away: the login stays here.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_takes_nothing_along() {
    let home = home();
    let script = format!("{BINARY:?} export - maple --yes --bundle-passphrase-file bundle > /dev/full");
    let output = home.command("sh").args(["-c", &script]).output().unwrap();
    let run = home.finish("export - maple --yes > /dev/full", &output);
    insta::assert_snapshot!(run.text());
    home.ok(&["refresh", "maple"]);
}

#[test]
fn what_is_left_out_of_all() {
    let seeded = Seeded::new();
    let home = &seeded.home;
    home.write("bundle", "six words that nobody guesses\n");
    seeded.login("gone", MINUTE);
    seeded.login("here", MINUTE);
    home.ok(&sealed(&["export", "first.age", "gone", "--yes"]));
    insta::assert_snapshot!(transcript(
        home,
        &[
            &sealed(&["export", "x.age", "--all", "--yes"]),
            &sealed(&["export", "x.age", "here", "--skip-handed-over", "--yes"]),
            &sealed(&["export", "x.age", "--all", "--skip-handed-over", "--yes"]),
            &sealed(&["export", "y.age", "--all", "--skip-handed-over", "--yes"]),
        ]
    ));
}

#[test]
fn passphrases_that_can_be_guessed_are_refused_for_new_files_only() {
    let home = home();
    home.write("short", "eleven char\n");
    home.write("twelve", "twelve chars\n");
    let with = |file: &'static str, passphrase: &'static str| {
        ["export", file, "maple", "--yes", "--bundle-passphrase-file", passphrase]
    };
    insta::assert_snapshot!(transcript(
        &home,
        &[&with("x.age", "short"), &["refresh", "maple"], &with("x.age", "twelve")]
    ));
}

#[test]
fn a_login_that_went_on_here_is_as_it_is_here() {
    let home = home();
    home.ok(&["export", "x.age", "maple", "--without-logins", "--bundle-passphrase-file", "bundle"]);
    insta::assert_snapshot!(transcript(
        &home,
        &[&sealed(&["import", "x.age", "--existing", "replace", "--adopt"]), &["refresh", "maple"]]
    ));
}

#[test]
fn a_copy_adopts_nothing() {
    let home = home();
    home.ok(&["refresh", "maple"]);
    std::fs::copy(home.path("data/xeroctl/connections.db"), home.path("copy.db")).unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["adopt", "maple", "--yes"],
            &["adopt", "maple", "--yes", "--store", "copy.db"],
            &["adopt", "--all", "--yes", "--store", "copy.db", "--json"],
        ]
    ));
}

#[test]
fn a_login_that_has_ended_is_not_said_to_be_renewed() {
    let seeded = Seeded::new();
    seeded.login("dead", 61 * DAY);
    assert_eq!(seeded.home.run(&["refresh", "dead"]).status, 4);
    insta::assert_snapshot!(transcript(
        &seeded.home,
        &[&["adopt", "dead", "--yes"], &["adopt", "--all", "--yes"]]
    ));
}

#[test]
fn options_of_other_programs_are_named() {
    let home = home();
    home.ok(&sealed(&["export", "x.age", "maple", "--yes"]));
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &sealed(&["import", "x.age", "--dry-run"]),
            &sealed(&["import", "x.age", "--replace"]),
            &sealed(&["import", "x.age", "--as", "books"]),
            &sealed(&["import", "x.age", "--no-test", "--json"]),
        ]
    ));
}

#[test]
fn removing_what_was_handed_over_says_what_disconnect_would_do() {
    let home = home();
    home.ok(&sealed(&["export", "x.age", "maple", "--yes"]));
    insta::assert_snapshot!(transcript(&home, &[&["remove", "maple"], &["remove", "maple", "--yes"]]));
}

#[test]
fn one_line_for_all_connections_of_a_login() {
    let (home, _) = Sandbox::logged_in_to_two();
    home.write("bundle", "six words that nobody guesses\n");
    home.ok(&sealed(&["export", "x.age", "--all", "--yes"]));
    home.ok_at(THERE, &sealed(&["import", "x.age", "--key-file", "other.key"]));
    let status = home.run_at(THERE, &["status"]);
    insta::assert_snapshot!(status.text());
    let document = home.run_at(THERE, &["status", "--json"]).json();
    assert_eq!(document["needs_person"].as_array().unwrap().len(), 2, "{document}");
}
