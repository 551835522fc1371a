//! What is said of a store at a server that is not there, is not to be used or was changed; and commands that can be run as
//! they are shown.

#![cfg(unix)]

use std::{fs, process::Command};

use xero_mock::{Consent, Fault, MAPLE_FLORIST};

use crate::{
    database::{PASSWORD, authority},
    many_machines::logged_in,
    sandbox::{BINARY, Run, Sandbox, transcript},
};

/// The role `locked`'s password as a line of libpq's file has it.
const PGPASS: &str = "*:*:*:locked:p\\:w\\\\ orange-lantern\n";

/// Runs with a store at another address.
fn at(home: &Sandbox, address: &str, arguments: &[&str]) -> Run {
    home.run_in(&[("XEROCTL_STORE", address)], arguments)
}

/// The words of the shell after these, where they are shown.
fn shown_after(run: &Run, words: &str) -> String {
    let all = format!("{}{}", run.raw.0, run.raw.1);
    let rest = all.split(words).nth(1).unwrap_or_else(|| panic!("{}", run.text()));
    rest.lines().next().unwrap().trim_end_matches('.').to_owned()
}

#[test]
fn a_named_database_without_a_store_is_not_all_well() {
    let home = Sandbox::with_database();
    let never = transcript(&home, &[&["list"], &["status"], &["doctor", "--offline", "--quiet"]]);
    home.ok(&["store", "init", "--key-file", "store.key"]);
    home.database().sql("DROP SCHEMA xeroctl CASCADE");
    let gone = ["list", "status", "doctor"].map(|command| home.run(&[command, "--json"]).status);
    assert_eq!(gone, [9, 9, 9]);
    insta::assert_snapshot!(never);
}

#[test]
fn a_role_without_rights_is_told_so_by_every_command() {
    let home = logged_in();
    let job = home.database().address("job");
    let schema = "GRANT USAGE ON SCHEMA xeroctl TO job";
    let some = "GRANT SELECT ON xeroctl.store_format, xeroctl.key_slots TO job";
    for rights in ["", schema, some] {
        home.database().sql(rights);
        for arguments in [
            &["refresh", "maple"][..],
            &["token", "maple"],
            &["list"],
            &["status"],
            &["keepalive"],
            &["store", "status"],
            &["store", "unlock"],
            &["store", "lock"],
            &["store", "backup", "copy.db"],
        ] {
            let run = at(&home, &job, arguments);
            let told = run.stderr.contains("the role of this address may not use the store at")
                && run.stderr.contains("`xeroctl store init --grants ROLE`");
            assert!(run.status == 9 && told, "{rights} {}", run.text());
        }
        let doctor = at(&home, &job, &["doctor", "--offline"]);
        assert!(doctor.stdout.contains("`xeroctl store init --grants ROLE`"), "{}", doctor.text());
        assert_eq!(doctor.status, 9, "{}", doctor.text());
    }
}

#[test]
fn rows_that_were_changed_are_not_put_back_by_a_command_that_refuses() {
    let home = logged_in();
    home.database().sql("UPDATE xeroctl.connections SET organisation_id = 'other'");
    let text =
        transcript(&home, &[&["test", "maple"], &["store", "verify"], &["doctor", "--offline", "--quiet"]]);
    assert!(!text.contains("store restore"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_copy_that_is_damaged_is_warned_of() {
    let home = logged_in();
    home.database().sql("UPDATE xeroctl.connections SET organisation_id = 'other'");
    let server = home.database().address("tester");
    insta::assert_snapshot!(transcript(
        &home,
        &[&["store", "backup", "copy.db"], &["store", "move", &server, "moved.db"]]
    ));
    let moved = home.run(&["store", "verify", "--store", "moved.db"]);
    assert_eq!(moved.status, 9, "{}", moved.text());
}

#[test]
fn a_copy_of_a_store_that_is_whole_is_made_without_a_word() {
    let home = logged_in();
    home.mock().fault(Fault::Cut.on("/connect/token"));
    home.run(&["refresh", "maple"]);
    let run = home.ok(&["store", "backup", "copy.db"]);
    assert!(!run.stderr.contains("warning"), "{}", run.text());
}

#[test]
fn the_address_after_a_move_can_be_used_as_it_is_shown() {
    let home = Sandbox::logged_in().0;
    let to = Sandbox::with_database();
    let address = format!("{}&options=-c%20work_mem%3D8MB", to.database().address("tester"));
    let moved = home.ok(&["store", "move", "data/xeroctl/connections.db", &address]);
    let shown = shown_after(&moved, "--store ");
    let refused = home.run(&["refresh", "maple"]);
    assert_eq!(shown_after(&refused, "--store "), format!("{shown}, or XEROCTL_STORE"));
    assert!(shown.contains("sslmode=disable&options=-c%20work_mem%3D8MB"), "{shown}");
    let script = format!("{BINARY:?} refresh maple --store {shown}");
    let mut command: Command = home.command("sh");
    let output = command.args(["-c", &script]).output().unwrap();
    let run = home.finish("refresh", &output);
    assert_eq!(run.status, 0, "{}", run.text());
    // The same place in other words: it is the one that the store was moved to.
    let again = home.run(&["store", "move", "data/xeroctl/connections.db", &to.database().address("tester")]);
    assert!(again.status == 0 && again.stderr.contains("All of it was there already."), "{}", again.text());
}

#[test]
fn an_address_in_another_form_is_refused_without_its_password() {
    let home = Sandbox::at_server();
    let bare = home.database().address_with_tls("tester");
    home.write("empty.pem", "no certificate\n");
    fs::create_dir(home.path("folder.pem")).unwrap();
    let runs = [
        home.run(&["list", "--store", "host=127.0.0.1 user=tester password=geheim"]),
        at(&home, "password = 'geheim' dbname=books", &["list"]),
        at(&home, "host=127.0.0.1 password=geheim", &["help", "files"]),
        at(&home, "postgres://tester@127.0.0.1:99999/books", &["list"]),
        at(&home, "postgres://tester@127.0.0.1/books?sslmode=maybe", &["list"]),
        at(&home, "postgres://tes%00ter@127.0.0.1/books", &["list"]),
        at(&home, &format!("{bare}?sslrootcert=empty.pem"), &["list"]),
        at(&home, &format!("{bare}?sslrootcert=folder.pem"), &["list"]),
    ];
    let text = runs.map(|run| run.text().replace("password=geheim", "password=…").replace("'geheim'", "…"));
    let outputs = text.iter().flat_map(|text| text.lines().skip(1)).collect::<Vec<_>>().join("\n");
    assert!(!outputs.contains("geheim"), "{outputs}");
    insta::assert_snapshot!(text.join("\n"));
    home.write("ca.pem", authority());
    let own = at(&home, &format!("{bare}?sslrootcert=~/ca.pem"), &["list"]);
    assert_eq!(own.status, 0, "{}", own.text());
}

#[test]
fn a_password_is_shown_to_its_own_server_alone() {
    let [from, to, third] = [(); 3].map(|()| Sandbox::with_database());
    for home in [&from, &to, &third] {
        home.database().sql(&format!("GRANT CREATE ON DATABASE {} TO locked", home.database().name()));
    }
    let open_from = from.database().address("tester");
    let [locked_to, locked_third] = [&to, &third].map(|home| home.database().address("locked"));
    from.write("wrong", "not it\n");
    from.write("right", &format!("{PASSWORD}\n"));
    from.ok(&["store", "init", "--key-file", "store.key"]);
    let moved = |variables: &[(&str, &str)], arguments: &[&str]| {
        from.run_in(variables, &[&["store", "move"], arguments].concat()).status
    };
    let wrong = ("XEROCTL_STORE_PASSWORD_FILE", "wrong");
    let elsewhere = ("XEROCTL_STORE", "some.db");
    // The file is FROM's, who lets everybody in; TO is shown neither that nor the variable, and has no other.
    assert_eq!(moved(&[elsewhere, ("PGPASSWORD", PASSWORD)], &[&open_from, &locked_to]), 9);
    let with_file = ["--to-password-file", "right", &open_from, &locked_to];
    assert_eq!(moved(&[elsewhere, wrong], &with_file), 0);
    from.write(".pgpass", PGPASS);
    assert_eq!(moved(&[elsewhere, wrong], &[&locked_to, &open_from]), 9, "now it is the one that is locked");
    assert_eq!(moved(&[("XEROCTL_STORE", &open_from), wrong], &[&locked_to, &open_from]), 0, "it is TO's");
    assert_eq!(moved(&[elsewhere, wrong], &[&open_from, &locked_to]), 0, "TO's is in libpq's file");
    // Of one server there is no question whose it is.
    fs::remove_file(from.path(".pgpass")).unwrap();
    let right = ("XEROCTL_STORE_PASSWORD_FILE", "right");
    assert_eq!(moved(&[elsewhere, right], &[&locked_to, "one.db"]), 0);
    assert_eq!(moved(&[elsewhere, right], &["one.db", &locked_third]), 0);
}

#[test]
fn the_doctor_tells_what_is_the_matter_with_a_server_that_is_away() {
    let home = Sandbox::at_server();
    let nobody = "postgres://ada@127.0.0.1:1/books?sslmode=disable";
    let run = at(&home, nobody, &["doctor", "--offline"]);
    assert_eq!(run.status, 5, "{}", run.text());
    assert!(!run.text().contains("there is no store yet"), "{}", run.text());
    insta::assert_snapshot!(run.text());
}

#[test]
fn a_table_that_is_missing_is_no_store_that_is_missing() {
    let home = logged_in();
    home.database().sql("DROP TABLE xeroctl.limits");
    let run = home.run(&["status"]);
    assert_eq!(run.status, 0, "{}", run.text());
    assert!(run.stderr.contains("warning: Xero's limits are not shown"), "{}", run.text());
    assert!(run.stdout.contains("1 of 1 connections need nothing."), "{}", run.text());
}

#[test]
fn what_is_said_of_changed_rows_can_be_done() {
    let home = logged_in();
    let consent = Consent::allow(&[MAPLE_FLORIST.id]);
    home.database().sql("UPDATE xeroctl.authorisations SET generation = generation - 1");
    assert_eq!(home.run(&["refresh", "maple"]).status, 9);
    let again = home.waiting(&["reauth", "maple", "--paste"]).paste(&consent);
    assert_eq!(again.status, 0, "{}", again.text());
    home.ok(&["refresh", "maple"]);
    home.database().sql("UPDATE xeroctl.connections SET organisation_id = 'other'");
    assert_eq!(home.run(&["refresh", "maple"]).status, 9);
    home.ok(&["remove", "maple", "--yes"]);
    home.ok(&["store", "verify"]);
    let home = Sandbox::at_server();
    let app = home.web_app();
    assert_eq!(home.connect_web(&app, &["maple"], &consent).status, 0);
    home.database().sql("UPDATE xeroctl.apps SET secret = decode(repeat('00', 60), 'hex')");
    assert_eq!(home.run(&["refresh", "maple"]).status, 9);
    home.ok(&["remove", "maple", "--yes"]);
    home.ok(&["store", "verify"]);
    let connected = home.connect_web(&app, &["maple"], &consent);
    assert_eq!(connected.status, 0, "{}", connected.text());
}
