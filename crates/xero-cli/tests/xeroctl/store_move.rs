//! `store move`: the store is used in the new place, and the old one says where it is.

use std::fs;

use serde_json::{Value, json};

use crate::{
    many_machines::logged_in,
    sandbox::{BINARY, Sandbox},
};

const STORE: &str = "data/xeroctl/connections.db";

/// Runs one after the other, each with its status; gives all that was said.
fn run_all(home: &Sandbox, runs: &[(&[&str], i32)]) -> String {
    let mut text = String::new();
    for (arguments, status) in runs {
        let run = home.run(arguments);
        assert_eq!(run.status, *status, "{}", run.text());
        text.push_str(&run.text());
        text.push('\n');
    }
    text
}

#[test]
fn a_moved_store_is_used_where_it_is() {
    let (home, _) = Sandbox::logged_in();
    home.ok(&["refresh", "maple"]);
    let text = run_all(
        &home,
        &[
            (&["store", "move", STORE, "new/store.db"], 0),
            (&["refresh", "maple", "--store", "new/store.db"], 0),
            (&["list"], 0),
            (&["token", "maple"], 9),
            (&["refresh", "maple", "--json"], 9),
            (&["rename", "maple", "other"], 9),
            (&["store", "rekey"], 9),
            (&["remove", "maple", "--yes"], 9),
            (&["store", "status"], 0),
            (&["store", "verify"], 0),
            (&["store", "move", STORE, "new/store.db"], 0),
            (&["store", "move", STORE, "elsewhere.db"], 9),
            (&["store", "move", "new/store.db", STORE], 0),
            (&["refresh", "maple"], 0),
        ],
    );
    assert!(!home.path("elsewhere.db").exists());
    insta::assert_snapshot!(text);
}

#[test]
fn a_document_tells_what_was_moved() {
    let (home, _) = Sandbox::logged_in();
    let moved = home.ok(&["store", "move", STORE, "new.db", "--json"]);
    let document: Value = serde_json::from_str(&moved.raw.0).unwrap();
    let to = home.path("new.db").canonicalize().unwrap();
    assert_eq!((&document["from"], &document["to"]), (&json!(STORE), &json!(to.to_str())));
    let rows = document["rows"].as_array().unwrap();
    for table in ["key_slots", "apps", "authorisations", "connections"] {
        assert!(rows.contains(&json!({ "table": table, "count": 1 })), "{rows:?}");
    }
    let again = home.ok(&["store", "move", STORE, "new.db", "--json"]);
    let again: Value = serde_json::from_str(&again.raw.0).unwrap();
    assert_eq!((&again["to"], &again["rows"]), (&document["to"], &json!([])));
}

#[test]
fn from_a_server_to_a_file_and_back() {
    let home = logged_in();
    let server = home.database().address("tester");
    let text = run_all(
        &home,
        &[
            (&["store", "move", &server, "one.db"], 0),
            (&["refresh", "maple", "--store", "one.db"], 0),
            (&["refresh", "maple"], 9),
            (&["list"], 0),
            (&["store", "move", "one.db", &server], 0),
            (&["refresh", "maple"], 0),
            (&["refresh", "maple", "--store", "one.db"], 9),
        ],
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_database_with_another_store_or_without_rights_is_left_alone() {
    let (home, other) = (Sandbox::with_database(), Sandbox::at_server());
    home.ok(&["store", "init", "--key-file", "file.key", "--store", "file.db"]);
    let theirs = other.database().address("tester");
    let [stranger, job, few] = ["stranger", "job", "few"].map(|role| home.database().address(role));
    let text = run_all(
        &home,
        &[
            (&["store", "move", "file.db", &theirs], 1),
            (&["store", "move", "file.db", &job], 9),
            (&["store", "move", "file.db", &few], 5),
            (&["store", "move", "file.db", &stranger], 9),
            (&["store", "verify", "--store", "file.db"], 0),
            (&["store", "status"], 9),
        ],
    );
    insta::assert_snapshot!(other.database().tidy(&text));
}

#[test]
fn what_cannot_be_moved_stays_as_it_is() {
    let (home, _) = Sandbox::logged_in();
    home.ok(&["refresh", "maple"]);
    home.ok(&["store", "init", "--store", "other.db", "--key-file", "other.key"]);
    home.write("foreign.db", "no database, and more than a few bytes of it");
    fs::copy(home.path(STORE), home.path("copy.db")).unwrap();
    fs::create_dir(home.path("folder")).unwrap();
    let text = run_all(
        &home,
        &[
            (&["store", "move"], 2),
            (&["store", "move", STORE], 2),
            (&["store", "move", "nowhere.db", "new.db"], 9),
            (&["store", "move", STORE, STORE], 1),
            (&["store", "move", STORE, "other.db"], 1),
            (&["store", "move", STORE, "foreign.db"], 9),
            (&["store", "move", STORE, "folder"], 9),
            (&["store", "move", STORE, "mysql://localhost/x"], 2),
            (&["store", "move", STORE, "postgres://me:secret@localhost/x"], 2),
            (&["store", "move", STORE, "postgres://me@127.0.0.1:1/x?sslmode=disable"], 5),
            (&["store", "move", "copy.db", "new.db"], 9),
            (&["store", "move", STORE, "new.db", "--key-file", "other.key"], 9),
            (&["store", "move", STORE, "new.db", "--key-file", "nowhere.key"], 9),
        ],
    );
    insta::assert_snapshot!(text);
    assert!(!home.path("new.db").exists());
    home.ok(&["refresh", "maple"]);
}

#[test]
fn one_that_was_moved_by_mistake_is_taken_back_by_whoever_says_so() {
    let (home, _) = Sandbox::logged_in();
    home.ok(&["store", "move", STORE, "new.db"]);
    let text = run_all(
        &home,
        &[(&["store", "adopt"], 2), (&["store", "adopt", "--yes"], 0), (&["refresh", "maple"], 0)],
    );
    insta::assert_snapshot!(text);
}

#[test]
fn the_doctor_says_where_it_is() {
    let (home, _) = Sandbox::logged_in();
    let mut command = home.command(BINARY);
    command.args(["doctor", "--offline"]);
    home.ok(&["store", "move", STORE, "new.db"]);
    let output = command.output().unwrap();
    let doctor = home.finish("doctor --offline", &output);
    assert!(doctor.text().contains("this store was moved to"), "{}", doctor.text());
}
