//! The program: its first line, its mode flag, its end.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// The running program and the address from its first line.
fn start(arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xero-mock"))
        .args(["--port", "0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.strip_prefix("xero-mock listening on ").unwrap_or_else(|| panic!("{line:?}")).trim_end();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    (child, url.to_owned())
}

fn mode(url: &str) -> String {
    reqwest::blocking::get(format!("{url}/_mock/mode")).unwrap().text().unwrap()
}

#[cfg(unix)]
#[test]
fn ends_cleanly_when_asked() {
    for signal in ["-INT", "-TERM"] {
        let (mut child, url) = start(&[]);
        assert_eq!(mode(&url), "{\"private_apps_off\":false}");
        let command = format!("kill {signal} {}", child.id());
        let sent = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(sent.success());
        assert!(child.wait().unwrap().success(), "{signal}");
    }
}

#[test]
fn starts_in_the_mode_asked_for() {
    let (mut child, url) = start(&["--after-shutdown"]);
    let mode = mode(&url);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(mode, "{\"private_apps_off\":true}");
}

#[test]
fn a_taken_port_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_xero-mock")).args(["--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("cannot listen on 127.0.0.1:{port}")));
    assert!(output.stdout.is_empty());
}
