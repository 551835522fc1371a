//! `xeroctl keepalive --install`: units, agents and tasks as foreign readers take them, and what the system is told to do.

#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Output};

use serde_json::{Value, json};

use crate::{
    sandbox::{BINARY, Run, Sandbox},
    seeded::Seeded,
};

const UNITS: &str = "config/systemd/user/";

/// A home in which the system's program of this name only writes down what it is told, and fails with this status.
fn with_double(program: &str, status: i32) -> Sandbox {
    let home = Seeded::new().home;
    let script = format!(
        "#!/bin/sh\nprintf '{program} %s\\n' \"$*\" >> '{}'\ntest {status} = 0 || echo 'Failed to connect to bus' >&2\nexit {status}\n",
        home.path("told").display()
    );
    let path = home.write(&format!("bin/{program}"), &script);
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    home
}

fn told(home: &Sandbox) -> String {
    home.tidy(&fs::read_to_string(home.path("told")).unwrap_or_default())
}

/// A text without what differs from run to run: the program's path, the time of the day.
fn tidy(text: &str) -> String {
    let text = text.replace(BINARY, "XEROCTL");
    let times = [
        (r"\d\d:\d\d(:00)?\b", "HH:MM"),
        (r"(?s)(Hour|Minute)</key>\s*<integer>\d+<", "$1</key><integer>N<"),
        (r"gui/\d+", "gui/UID"),
    ];
    times.iter().fold(text, |text, (pattern, name)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned()
    })
}

/// What systemd itself says of units.
fn verify(home: &Sandbox, units: &[&str]) -> Output {
    let paths = units.iter().map(|unit| home.path(&format!("{UNITS}{unit}")));
    let mut judge = home.command("systemd-analyze");
    let judged = judge
        .env("XDG_RUNTIME_DIR", home.path(""))
        .args(["verify", "--user", "--man=no"])
        .args(paths)
        .output();
    judged.expect("systemd-analyze is missing (package systemd); `cargo xtask test` installs it")
}

fn assert_good_units(home: &Sandbox, units: &[&str]) {
    let said = verify(home, units);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    // A setting that it does not know is a warning to it.
    assert_eq!(String::from_utf8_lossy(&said.stderr), "");
}

/// What a Python program prints as JSON.
fn python(home: &Sandbox, program: &str, argument: &Path) -> Value {
    let debian = "/usr/bin/python3";
    let python = std::env::var("PYTHON").unwrap_or_else(|_| {
        if Path::new(debian).is_file() { debian.to_owned() } else { "python3".to_owned() }
    });
    let output = home.command(&python).args(["-c", program]).arg(argument).output();
    let output = output.expect("Python is missing; `cargo xtask test` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn files(home: &Sandbox) -> Vec<String> {
    home.files().into_iter().filter(|file| file.contains("keepalive")).collect()
}

fn install(home: &Sandbox, arguments: &[&str]) -> Run {
    home.run(&[&["keepalive", "--install"], arguments].concat())
}

#[test]
fn a_timer_and_its_end() {
    let home = with_double("systemctl", 0);
    let options = [
        "systemd",
        "--key-file",
        "store.key",
        "--warn-days",
        "7",
        "--webhook-file",
        "webhook",
        "--logins-only",
    ];
    let run = install(&home, &options);
    assert_eq!(run.status, 0, "{}", run.text());
    assert_good_units(&home, &["xeroctl-keepalive.service", "xeroctl-keepalive.timer"]);
    let units = ["service", "timer"].map(|kind| home.path(&format!("{UNITS}xeroctl-keepalive.{kind}")));
    let units = units.map(|path| home.tidy(&fs::read_to_string(path).unwrap())).join("\n");
    let installed = told(&home);
    let removed = home.run(&["keepalive", "--uninstall", "systemd"]);
    assert_eq!((removed.status, files(&home)), (0, vec![]), "{}", removed.text());
    let again = home.run(&["keepalive", "--uninstall", "systemd"]);
    let texts = [run.text(), units, installed, removed.text(), again.text(), told(&home)];
    insta::assert_snapshot!(tidy(&texts.join("\n")));
}

#[test]
fn a_service_that_stays() {
    let home = with_double("systemctl", 0);
    let run =
        install(&home, &["systemd", "--daemon", "--hook", "mail -s \"xero: $XEROCTL_CONNECTION 100%\" ops"]);
    assert_eq!(run.status, 0, "{}", run.text());
    assert_good_units(&home, &["xeroctl-keepalive-daemon.service"]);
    let unit = home
        .tidy(&fs::read_to_string(home.path(&format!("{UNITS}xeroctl-keepalive-daemon.service"))).unwrap());
    let both = install(&home, &["systemd"]);
    assert_eq!(both.status, 2, "{}", both.text());
    let removed = home.run(&["keepalive", "--uninstall", "systemd"]);
    assert_eq!((removed.status, files(&home)), (0, vec![]), "{}", removed.text());
    insta::assert_snapshot!(tidy(&[run.text(), unit, both.text(), removed.text(), told(&home)].join("\n")));
}

#[test]
fn files_are_whole_where_the_system_refuses() {
    let home = with_double("systemctl", 1);
    let run = install(&home, &["systemd"]);
    assert_eq!(run.status, 1, "{}", run.text());
    assert_good_units(&home, &["xeroctl-keepalive.service", "xeroctl-keepalive.timer"]);
    let removed = home.run(&["keepalive", "--uninstall", "systemd"]);
    assert_eq!((removed.status, files(&home)), (0, vec![]), "{}", removed.text());
    insta::assert_snapshot!(tidy(&format!("{}\n{}", run.text(), removed.text())));
}

#[test]
fn nothing_is_installed_that_would_not_open_the_store() {
    let home = with_double("systemctl", 0);
    home.write("passphrase", "correct horse\n");
    home.ok(&["store", "init", "--store", "other.db", "--passphrase-file", "passphrase"]);
    let run = install(&home, &["systemd", "--store", "other.db"]);
    assert_eq!((run.status, told(&home).as_str(), files(&home)), (9, "", vec![]), "{}", run.text());
    let good = install(&home, &["systemd", "--store", "other.db", "--passphrase-file", "passphrase"]);
    assert_eq!(good.status, 0, "{}", good.text());
    insta::assert_snapshot!(run.text());
}

#[test]
fn words_come_through_the_units_as_they_were() {
    let home = with_double("systemctl", 0);
    let odd = "it's 100% \"$HOME\" \\ x.db";
    home.ok(&["store", "init", "--store", odd, "--key-file", "odd.key"]);
    let run = install(&home, &["systemd", "--store", odd]);
    assert_eq!(run.status, 0, "{}", run.text());
    assert_good_units(&home, &["xeroctl-keepalive.service"]);
    let unit = fs::read_to_string(home.path(&format!("{UNITS}xeroctl-keepalive.service"))).unwrap();
    assert!(unit.contains(r#"/it's 100%% \"$$HOME\" \\ x.db""#), "{unit}");
    let lines = install(&home, &["systemd", "--hook", "true\nfalse"]);
    assert_eq!(lines.status, 2, "{}", lines.text());
}

#[test]
fn nothing_is_installed_for_a_copy() {
    let home = with_double("systemctl", 0);
    home.ok(&["store", "adopt", "--yes"]);
    let run = home.run(&["keepalive", "--install", "systemd", "--machine", "another"]);
    assert_eq!((run.status, files(&home)), (9, vec![]), "{}", run.text());
}

#[test]
fn a_launch_agent() {
    let home = with_double("launchctl", 0);
    let run = install(&home, &["launchd", "--hook", "echo \"<&>\"", "maple"]);
    assert_eq!(run.status, 0, "{}", run.text());
    let path = home.path("Library/LaunchAgents/xeroctl.keepalive.plist");
    let read = "import plistlib, json, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let agent = python(&home, read, &path);
    assert_eq!(agent["Label"], "xeroctl.keepalive");
    let store = home.path("data/xeroctl/connections.db");
    let machine = "--machine=test-machine";
    let hook = "--hook=echo \"<&>\"";
    let words = json!([BINARY, "keepalive", "--no-input", "--store", store, machine, hook, "--", "maple"]);
    assert_eq!(agent["ProgramArguments"], words);
    let time = &agent["StartCalendarInterval"];
    assert!(time["Hour"].as_u64().unwrap() < 24 && time["Minute"].as_u64().unwrap() < 60, "{agent}");
    let stays = install(&home, &["launchd", "--daemon"]);
    assert_eq!(stays.status, 0, "{}", stays.text());
    let agent = python(&home, read, &path);
    assert_eq!(
        (&agent["RunAtLoad"], &agent["KeepAlive"]),
        (&true.into(), &json!({ "SuccessfulExit": false }))
    );
    let removed = home.run(&["keepalive", "--uninstall", "launchd"]);
    assert_eq!((removed.status, files(&home)), (0, vec![]), "{}", removed.text());
    insta::assert_snapshot!(tidy(&told(&home)));
}

#[test]
fn a_scheduled_task() {
    let home = with_double("schtasks", 0);
    let hook = r#"notify "C:\a b\" <&> \"#;
    let run = install(&home, &["task-scheduler", "--hook", hook]);
    assert_eq!(run.status, 0, "{}", run.text());
    let path = home.path("data/xeroctl/keepalive-task.xml");
    let read = "import json, subprocess, sys, xml.etree.ElementTree as E\n\
                t = E.parse(sys.argv[1]).getroot()\n\
                n = {'t': 'http://schemas.microsoft.com/windows/2004/02/mit/task'}\n\
                e = t.find('t:Actions/t:Exec', n)\n\
                words = ['keepalive', '--no-input', '--store', sys.argv[1].replace('keepalive-task.xml', 'connections.db'), '--machine=test-machine', '--hook=notify \"C:\\\\a b\\\\\" <&> \\\\']\n\
                print(json.dumps([e.find('t:Command', n).text, e.find('t:Arguments', n).text == subprocess.list2cmdline(words), \
                t.find('t:Triggers/t:CalendarTrigger/t:ScheduleByDay/t:DaysInterval', n).text, \
                t.find('t:Settings/t:StartWhenAvailable', n).text]))";
    assert_eq!(python(&home, read, &path), json!([BINARY, true, "1", "true"]));
    assert_eq!(&fs::read(&path).unwrap()[..2], b"\xff\xfe", "as Windows writes it");
    let stays = install(&home, &["task-scheduler", "--daemon"]);
    assert_eq!(stays.status, 0, "{}", stays.text());
    let removed = home.run(&["keepalive", "--uninstall", "task-scheduler"]);
    assert_eq!((removed.status, files(&home)), (0, vec![]), "{}", removed.text());
    insta::assert_snapshot!(tidy(&told(&home)));
}

#[test]
fn printing_does_nothing() {
    let home = with_double("systemctl", 1);
    let mut texts = Vec::new();
    for manager in ["systemd", "launchd", "task-scheduler"] {
        texts.push(home.ok(&["keepalive", "--install", manager, "--print"]).text());
        texts.push(home.ok(&["keepalive", "--uninstall", manager, "--print"]).text());
    }
    texts.push(home.ok(&["keepalive", "--install", "systemd", "--daemon", "--print"]).text());
    assert_eq!((told(&home).as_str(), files(&home)), ("", vec![]));
    let document = home.ok(&["keepalive", "--install", "systemd", "--print", "--json"]).json();
    assert_eq!(document["commands"][0], "systemctl --user daemon-reload");
    insta::assert_snapshot!(tidy(&texts.join("\n")));
}
