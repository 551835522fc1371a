//! The configuration file: what it may say, what counts before it, and what is refused.

use std::fs;

use crate::{
    sandbox::{Sandbox, transcript},
    seeded::{DAY, Seeded},
};

fn configure(home: &Sandbox, text: &str) {
    fs::create_dir_all(home.path("config/xeroctl")).unwrap();
    home.write("config/xeroctl/config.toml", text);
}

#[test]
fn the_command_line_counts_before_the_environment_and_that_before_the_file() {
    let home = Sandbox::new();
    configure(&home, "store = '/from-the-file/c.db'\n");
    let store = |more: &[&str], variable: Option<&str>| {
        let mut command = home.command(crate::sandbox::BINARY);
        command.args(["help", "files"]).args(more);
        command.envs(variable.map(|value| ("XEROCTL_STORE", value)));
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        text.lines().find(|line| line.ends_with(".db")).unwrap().trim().to_owned()
    };
    assert_eq!(store(&[], None), "/from-the-file/c.db");
    assert_eq!(store(&[], Some("")), "/from-the-file/c.db", "an empty variable is not set");
    assert_eq!(store(&[], Some("/from-the-environment/e.db")), "/from-the-environment/e.db");
    assert_eq!(store(&["--store", "/said/s.db"], Some("/from-the-environment/e.db")), "/said/s.db");
    configure(&home, "");
    assert_eq!(store(&[], None), home.path("data/xeroctl/connections.db").display().to_string());
}

#[test]
fn a_key_that_is_named_elsewhere_counts_alone() {
    let home = Sandbox::connected();
    home.write("wrong.key", "no key");
    configure(&home, &format!("key_file = {:?}\n", home.path("wrong.key")));
    assert_eq!(home.run(&["list"]).status, 9);
    home.ok(&["list", "--key-file", "store.key"]);
    let with_variable =
        home.command(crate::sandbox::BINARY).arg("list").env("XEROCTL_KEY_FILE", "store.key").output();
    assert!(with_variable.unwrap().status.success());
    configure(&home, &format!("passphrase_file = {:?}\n", home.path("password")));
    home.ok(&["list", "--key-file", "store.key"]);
}

#[test]
fn options_of_commands_have_their_defaults_from_it() {
    let seeded = Seeded::new();
    let home = &seeded.home;
    seeded.login("maple", 55 * DAY);
    seeded.login("birch", DAY);
    configure(
        home,
        "quiet = true\n[keepalive]\nwarn_days = 7\nlogin_days = 1\nmin_ttl = 0\n[list]\nsort = 'left'\n",
    );
    home.mock().fault(xero_mock::Fault::Maintenance.times(9).on("/connect/token"));
    let run = home.run(&["keepalive"]);
    assert_eq!(run.status, 11, "warn_days: {}", run.text());
    assert!(!run.stderr.contains("2 logins"), "quiet: {}", run.text());
    let run = home.run(&["keepalive", "-v"]);
    assert!(run.stderr.contains("2 logins"), "-v counts before quiet: {}", run.text());
    let names = |more: &[&str]| {
        let document = home.ok(&[&["list", "--json"][..], more].concat()).json();
        let names = document["connections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["maple", "birch"]);
    assert_eq!(names(&["--sort", "name"]), ["birch", "maple"]);
}

#[test]
fn the_connection_of_requests() {
    let home = Sandbox::connected();
    home.connect("beta");
    configure(&home, "connection = 'nobody'\n");
    assert_eq!(home.run(&["request", "GET", "Organisation"]).status, 3);
    home.ok(&["request", "-c", "beta", "GET", "Organisation"]);
    let mut command = home.command(crate::sandbox::BINARY);
    command.args(["request", "GET", "Organisation"]).env("XEROCTL_CONNECTION", "beta");
    assert!(command.output().unwrap().status.success());
}

#[test]
fn what_it_may_not_say() {
    let home = Sandbox::new();
    let mut text = String::new();
    for contents in [
        "stor = '/a'\n",
        "# a comment\n\ntimeout = '30'\n",
        "timeout = 3601\n",
        "[keepalive]\nwarn_dais = 3\n",
        "client_secret = 'marker-of-a-secret'\n",
        "passphrase = 'marker-of-a-secret'\n",
        "[keepalive]\nwebhook_token = 'marker-of-a-secret'\n",
        "quiet = marker-of-a-secret\n",
        "key_file = '/a'\nkey_command = 'cat /b'\n",
        "store = 'connections.db'\n",
        "quiet = true\nquiet = true\n",
        "json = true\n",
    ] {
        configure(&home, contents);
        let run = home.run(&["list"]);
        text.push_str(&format!("{contents}{}\n", run.text()));
    }
    assert!(
        !text.replace("'marker-of-a-secret'", "").replace("= marker-of-a-secret", "").contains("marker"),
        "{text}"
    );
    let document = home.run(&["list", "--json"]).json();
    assert_eq!(document["error"]["exit_code"], 2);
    insta::assert_snapshot!(text);
}

#[cfg(unix)]
#[test]
fn files_that_are_not_taken() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = Sandbox::new();
    let path = home.write("c.toml", "quiet = true\n");
    let mut text = String::new();
    for mode in [0o664, 0o602, 0o644, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        text.push_str(&format!(
            "{mode:o}\n{}\n",
            home.run(&["help", "exit-codes", "--quiet", "--config", "c.toml"]).stderr
        ));
    }
    symlink(&path, home.path("link.toml")).unwrap();
    fs::create_dir(home.path("folder")).unwrap();
    let runs = [
        &["list", "--config", "nothing.toml"][..],
        &["list", "--config", "folder"],
        &["list", "--config", "link.toml"],
        &["list", "--config", "/dev/null"],
    ];
    text.push_str(&transcript(&home, &runs));
    insta::assert_snapshot!(text);
}

/// Where this user may not give a file away, the superuser's files look like somebody else's in a user namespace.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_another_user_is_refused() {
    let home = Sandbox::new();
    let theirs = home.write("their.toml", "quiet = true\n");
    let (output, file) = if std::os::unix::fs::chown(&theirs, Some(12345), None).is_ok() {
        let command = ["list", "--config", "their.toml"];
        (home.command(crate::sandbox::BINARY).args(command).output().unwrap(), "their.toml")
    } else {
        let command = ["--map-root-user", crate::sandbox::BINARY, "list", "--config", "/etc/passwd"];
        let output = home.command("unshare").args(command).output();
        (output.expect("unshare of util-linux is there"), "/etc/passwd")
    };
    let run = home.finish("list", &output);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{}", run.text());
    let begin = format!("error: the configuration file {file} belongs to another user (number ");
    assert!(run.stderr.starts_with(&begin), "{}", run.text());
    let end = format!(")\n  next: if it is yours: sudo chown \"$(id -un)\" {file}\n");
    assert!(run.stderr.ends_with(&end), "{}", run.text());
}

#[test]
fn an_installed_job_is_told_of_the_file_that_was_named() {
    let home = Sandbox::connected();
    home.write("c.toml", "timeout = 60\n");
    let run = home.ok(&[
        "keepalive",
        "--install",
        "systemd",
        "--print",
        "--config",
        "c.toml",
        "--log-file",
        "k.log",
    ]);
    assert!(run.stdout.contains("\"--config=HOME/c.toml\" \"--log-file=HOME/k.log\""), "{}", run.text());
    assert!(run.stdout.contains("--timeout=60"), "{}", run.text());
}

#[test]
fn it_is_explained() {
    let home = Sandbox::new();
    insta::assert_snapshot!(home.ok(&["help", "config"]).text());
}
