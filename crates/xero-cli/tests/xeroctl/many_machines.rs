//! One store at a database server for several machines: the daily commands, one renewal for all, and what stays on each.

#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt, thread};

use xero_mock::{Consent, MAPLE_FLORIST};

use crate::{
    sandbox::{Sandbox, transcript},
    seeded::{DAY, Seeded},
};

/// A home whose store is at a server, with the connection `maple`.
pub(crate) fn logged_in() -> Sandbox {
    let home = Sandbox::at_server();
    let app = home.web_app();
    let run = home.connect_web(&app, &["--no-test"], &Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    home.ok(&["rename", "maple-florist-ltd", "maple"]);
    home
}

#[test]
fn a_store_at_a_server_is_made_looked_at_and_looked_after() {
    let home = Sandbox::with_database();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list"],
            &["store", "init", "--key-file", "store.key"],
            &["store", "init", "--key-file", "store.key"],
            &["store", "status"],
            &["store", "key", "add", "--new-key-file", "other.key"],
            &["store", "key", "list"],
            &["store", "key", "remove", "1", "--yes"],
            &["store", "rekey"],
            &["store", "verify"],
            &["store", "adopt"],
            &["store", "status", "--json"],
            &["doctor", "--offline"],
            &["help", "files"],
        ]
    ));
    home.connect("acme");
    home.ok(&["test", "acme"]);
    let files: Vec<_> = home.files().iter().map(|file| home.tidy(file)).collect();
    assert_eq!(files, ["other.key", "store.key"], "all that this machine keeps");
}

#[test]
fn a_backup_is_a_file_that_renews_nothing_and_goes_back_to_a_server() {
    let home = logged_in();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["store", "backup", "copy.db"],
            &["store", "backup", "copy.db"],
            &["store", "verify", "copy.db"],
            &["list", "--store", "copy.db"],
            &["refresh", "maple", "--store", "copy.db"],
            &["store", "restore", "copy.db"],
            &["store", "restore", "copy.db", "--force", "--json"],
        ]
    ));
    let again = Sandbox::with_database();
    home.ok(&["store", "adopt", "--yes", "--store", "copy.db"]);
    home.ok(&["store", "move", "copy.db", &again.database().address("tester")]);
    let address = again.database().address("tester");
    let run = home.run_in(&[("XEROCTL_STORE", &address)], &["refresh", "maple"]);
    assert_eq!(run.status, 0, "{}", run.text());
}

#[test]
fn a_role_is_given_what_a_job_needs() {
    let home = logged_in();
    let as_job = home.database().address("job");
    let listed = |home: &Sandbox| home.run_in(&[("XEROCTL_STORE", &as_job)], &["list"]);
    let before = listed(&home);
    let grants = home.ok(&["store", "init", "--grants", "job"]);
    home.database().sql(&grants.raw.0);
    let run = |arguments: &[&str]| home.run_in(&[("XEROCTL_STORE", &as_job)], arguments).text();
    let after = [run(&["refresh", "maple"]), run(&["test", "maple"]), run(&["keepalive", "--quiet"])];
    let misuse = home.run_in(&[("XEROCTL_STORE", "some.db")], &["store", "init", "--grants", "job"]);
    let json = home.run(&["store", "init", "--grants", "job", "--grants", "a\"b", "--json"]);
    insta::assert_snapshot!(
        [&[before.text(), grants.text()][..], &after, &[misuse.text(), json.text()]].concat().join("\n")
    );
}

#[test]
fn the_daily_commands_are_those_of_a_file() {
    let home = logged_in();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list"],
            &["test", "maple"],
            &["show", "maple"],
            &["refresh", "maple"],
            &["keepalive"],
            &["status"],
            &["request", "-c", "maple", "GET", "Organisation", "--output", "organisation.json"],
            &["limits", "maple"],
            &["token", "nobody"],
        ]
    ));
    let token = home.ok(&["token", "maple"]).raw.0;
    assert_eq!(home.ok_at("other", &["token", "maple"]).raw.0, token, "the same on another machine");
}

#[test]
fn a_machine_without_the_key_gets_nothing() {
    let home = logged_in();
    home.ok(&["store", "init", "--store", "other.db", "--key-file", "other.key"]);
    home.write("passphrase", "six words that nobody guesses\n");
    fs::remove_file(home.path("store.key")).unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["token", "maple"],
            &["token", "maple", "--key-file", "other.key"],
            &["token", "maple", "--passphrase-file", "passphrase", "--json"],
            &["store", "key", "list"],
        ]
    ));
}

#[test]
fn two_machines_renew_a_login_once() {
    let seeded = Seeded::at(Sandbox::at_server());
    seeded.login("maple", DAY);
    let home = &seeded.home;
    let tokens: Vec<_> = thread::scope(|scope| {
        let ask = |machine: &'static str| move || home.ok_at(machine, &["token", "maple"]).raw.0;
        let asked = ["one", "two", "one", "two"].map(|machine| scope.spawn(ask(machine)));
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(home.mock().refreshes(), 1);
    home.ok_at("one", &["refresh", "maple"]);
    home.ok_at("two", &["refresh", "maple"]);
    assert_eq!(home.mock().refreshes(), 3, "none is a copy of the other");
    insta::assert_snapshot!(transcript(home, &[&["status"], &["status", "--json"]]));
}

#[test]
fn connections_come_from_a_file_and_go_into_one() {
    let (home, server) = (Sandbox::logged_in().0, Sandbox::with_database());
    let passphrase = ["--bundle-passphrase-file", "bundle"];
    home.write("bundle", "six words that nobody guesses\n");
    home.ok(&[&["export", "moving.age", "maple", "--yes"][..], &passphrase].concat());
    let address = server.database().address("tester");
    let there = [("XEROCTL_STORE", address.as_str())];
    let import = ["import", "moving.age", "--key-file", "server.key"];
    let run = |arguments: &[&str]| {
        let run = home.run_in(&there, arguments);
        assert_eq!(run.status, 0, "{}", run.text());
        run
    };
    run(&[&import[..], &passphrase].concat());
    run(&["adopt", "maple", "--yes"]);
    run(&["refresh", "maple"]);
    run(&[&["export", "back.age", "maple", "--yes"][..], &passphrase].concat());
    home.ok(&[&["import", "back.age", "--existing", "replace"][..], &passphrase].concat());
    home.ok(&["adopt", "maple", "--yes"]);
    home.ok(&["refresh", "maple"]);
    assert_eq!(home.run_in(&there, &["refresh", "maple"]).status, 4, "it is renewed by one store");
}

#[test]
fn a_job_is_installed_with_all_that_says_where_the_store_is() {
    let home = logged_in();
    let double = home.write("bin/systemctl", "#!/bin/sh\n");
    fs::set_permissions(double, fs::Permissions::from_mode(0o700)).unwrap();
    let port = crate::database::port().to_string();
    let name = home.database().name().to_owned();
    home.write("db-password", "not wanted\n");
    let variables = [
        ("XEROCTL_STORE", "postgres://"),
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", &port),
        ("PGUSER", "tester"),
        ("PGDATABASE", &name),
        ("PGSSLMODE", "disable"),
        ("XEROCTL_STORE_PASSWORD_FILE", "db-password"),
    ];
    let run = home.run_in(&variables, &["keepalive", "--install", "systemd"]);
    assert_eq!(run.status, 0, "{}", run.text());
    let unit = fs::read_to_string(home.path("config/systemd/user/xeroctl-keepalive.service")).unwrap();
    let line = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert!(line.contains("?sslmode=disable") && line.contains("--store-password-file"), "{line}");
}

#[test]
fn the_configuration_file_may_name_the_server() {
    let home = Sandbox::at_server();
    let address = home.database().address("tester");
    home.write("own.toml", &format!("store = '{address}'\n"));
    let run = home.run_in(&[("XEROCTL_STORE", ""), ("XEROCTL_CONFIG", "own.toml")], &["store", "status"]);
    assert!(run.stdout.contains("postgres://tester@SERVER/books\n"), "{}", run.text());
}

#[test]
fn a_program_behind_a_gateway_and_names_at_the_cursor() {
    let home = logged_in();
    let script = "test -n \"$XERO_BASE_URL\" && echo reached";
    assert_eq!(home.ok(&["exec", "--gateway", "maple", "--", "sh", "-c", script]).stdout, "reached\n");
    let found = home.ok(&["__complete", "zsh", "--", "xeroctl", "show", "m"]);
    assert!(found.stdout.starts_with("maple"), "{}", found.text());
}
