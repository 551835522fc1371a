//! The trials tell a careful command from a careless one: a judge that finds nothing would prove nothing.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Output};

/// Debian's own has no need of a surrounding that a home of its own does not give it.
fn python() -> String {
    let debian = Path::new("/usr/bin/python3").is_file().then(|| "/usr/bin/python3".to_owned());
    std::env::var("PYTHON").ok().or(debian).unwrap_or_else(|| "python3".to_owned())
}

fn trials(client: &str, more: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client.py");
    let line = |what: &str| format!("{} {} {client} {what}", python(), script.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_xero-trials"));
    command.args(["--setup-command", &line("setup"), "--token-command", &line("token"), "--markdown"]);
    command.args(more).output().unwrap()
}

/// The rows of the table, by column.
fn rows(output: &Output) -> Vec<Vec<String>> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let table = text.lines().take_while(|line| !line.is_empty()).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.map(cells).collect()
}

const FAULTS: [&str; 8] =
    ["--mode", "grace", "--only", "server-trouble", "--only", "reply-lost", "--only", "processes-8"];

#[test]
fn a_careful_command_loses_nothing() {
    let output = trials("careful", &FAULTS);
    let rows = rows(&output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    for (row, runs) in rows.iter().zip(["3", "7", "2", "12"]) {
        assert_eq!((row[2].as_str(), row[3].as_str(), row[6].as_str()), (runs, runs, "0"), "{row:?}");
    }
}

#[test]
fn a_careless_command_is_caught() {
    let output = trials("careless", &FAULTS[..6]);
    let (rows, text) = (rows(&output), String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!((rows[0][0].as_str(), rows[0][6].as_str()), ("reply-lost", "3"), "{text}");
    assert_eq!((rows[1][0].as_str(), rows[1][6].as_str()), ("server-trouble", "7"), "{text}");
    assert!(text.contains("alone: --only reply-lost --mode grace --from 0"), "{text}");
}

/// How often the careless one refreshes depends on who comes when; this one does not.
#[test]
fn refreshes_that_nobody_needs_are_counted() {
    let output = trials("spendthrift", &["--only", "processes-8", "--mode", "grace"]);
    let (rows, text) = (rows(&output), String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(
        [rows[0][2].as_str(), &rows[0][6], &rows[0][7], &rows[0][8]],
        ["2", "0", "2", "8 / 1"],
        "{text}"
    );
}

#[test]
fn a_full_disk_finds_who_writes_in_place() {
    let options = ["--only", "disk-full-once", "--mode", "grace", "--runs", "long"];
    let (careful, careless) = (trials("careful", &options), trials("careless", &options));
    assert!(careful.status.success(), "{}", String::from_utf8_lossy(&careful.stdout));
    assert_eq!(careless.status.code(), Some(1), "{}", String::from_utf8_lossy(&careless.stdout));
}

#[test]
fn what_cannot_be_tried_is_said() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_xero-trials")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, said) = run(&["--only", "earthquake"]);
    assert_eq!(
        (status, said.as_str()),
        (Some(2), "error: there is no fault \"earthquake\"; --list names them\n")
    );
    let (status, said) = run(&["--xeroctl", "/nonexistent/xeroctl"]);
    assert_eq!(status, Some(2));
    assert!(said.starts_with("error: cannot find /nonexistent/xeroctl"), "{said}");
    let (status, said) =
        run(&["--setup-command", "echo no >&2; exit 1", "--token-command", "true", "--only", "reply-lost"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("the setup failed: echo no"), "{said}");
    assert_eq!(run(&["--token-command", "true"]).0, Some(2));
    assert_eq!(run(&["--list"]).0, Some(0));
}
