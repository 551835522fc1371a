//! Faults of the store: who may read it, whose it is, what was changed in it, what was left beside it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use rusqlite::Connection as Db;

use super::{STORE, assert_finds, assert_well, doctor, healthy, mended};
use crate::sandbox::Sandbox;

fn set_mode(home: &Sandbox, path: &str, mode: u32) {
    fs::set_permissions(home.path(path), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_store_that_others_can_read_or_write() {
    let home = healthy().home;
    for (mode, trouble) in [(0o644, "files warning"), (0o666, "files problem")] {
        set_mode(&home, STORE, mode);
        let mend = assert_finds(&doctor(&home, &[], &["--offline"]), trouble, "chmod 600", 9);
        set_mode(&home, STORE, mode);
        mended(&home, &mend);
        assert_well(&doctor(&home, &[], &["--offline"]));
    }
}

#[test]
fn a_key_file_that_others_can_read() {
    let home = healthy().home;
    set_mode(&home, "store.key", 0o640);
    let run = doctor(&home, &[], &["--offline"]);
    let mend = assert_finds(&run, "files problem", "chmod 600", 9);
    assert!(run.stdout.contains("not checked: the store does not open"), "{}", run.text());
    mended(&home, &mend);
    assert_well(&doctor(&home, &[], &["--offline"]));
}

#[test]
fn a_directory_that_others_can_write() {
    let home = healthy().home;
    set_mode(&home, "data/xeroctl", 0o777);
    let mend = assert_finds(&doctor(&home, &[], &["--offline"]), "files problem", "chmod go-w", 9);
    mended(&home, &mend);
    assert_well(&doctor(&home, &[], &["--offline"]));
}

#[test]
fn a_key_that_does_not_open_it() {
    let home = healthy().home;
    home.ok(&["store", "init", "--store", "other.db", "--key-file", "other.key"]);
    let run = doctor(&home, &[], &["--offline", "--key-file", "other.key"]);
    assert_finds(&run, "store problem", "xeroctl store key list", 9);
    fs::remove_file(home.path("store.key")).unwrap();
    assert_finds(&doctor(&home, &[], &["--offline"]), "files problem", "--key-file", 9);
}

#[test]
fn a_rescue_file_that_nobody_takes_up() {
    let home = healthy().home;
    let status = home.ok(&["store", "status", "--json"]).json();
    let id = status["id"].as_str().unwrap();
    home.write(&format!("data/xeroctl/xeroctl-rescue-{id}-{}-7", "0".repeat(32)), "sealed");
    let mend = assert_finds(&doctor(&home, &[], &["--offline"]), "rescue file warning", "rm ", 1);
    mended(&home, &mend);
    assert_well(&doctor(&home, &[], &["--offline"]));
}

#[test]
fn a_rescue_file_of_a_login() {
    let home = healthy().home;
    let status = home.ok(&["store", "status", "--json"]).json();
    let db = Db::open(home.path(STORE)).unwrap();
    let login: String = db.query_row("SELECT id FROM authorisations", [], |row| row.get(0)).unwrap();
    home.write(
        &format!("data/xeroctl/xeroctl-rescue-{}-{login}-7", status["id"].as_str().unwrap()),
        "damaged",
    );
    let mend =
        assert_finds(&doctor(&home, &[], &["--offline"]), "rescue file warning", "xeroctl refresh maple", 10);
    // It was damaged: the renewal works, and the file stays until it is taken away.
    let (refresh, remove) =
        mend.split_once("; once that has succeeded a file that is still there is of no use: ").unwrap();
    mended(&home, refresh);
    mended(&home, remove);
    assert_well(&doctor(&home, &[], &["--offline"]));
}

#[test]
fn a_row_that_was_changed() {
    let home = healthy().home;
    home.ok(&["store", "backup", "backup.db"]);
    let db = Db::open(home.path(STORE)).unwrap();
    db.execute_batch("UPDATE connections SET organisation_id = 'other' WHERE name = 'maple'").unwrap();
    drop(db);
    assert_finds(&doctor(&home, &[], &["--offline"]), "store problem", "xeroctl store restore FILE", 9);
    mended(&home, "xeroctl store restore backup.db --force");
    assert_well(&doctor(&home, &[], &["--offline"]));
}

#[test]
fn a_store_that_was_copied() {
    let home = healthy().home;
    home.ok(&["refresh", "maple"]);
    fs::copy(home.path(STORE), home.path("copy.db")).unwrap();
    let look = || doctor(&home, &[], &["--offline", "--store", "copy.db"]);
    assert_finds(&look(), "ownership problem", "xeroctl store adopt", 9);
    mended(&home, "xeroctl store adopt --yes --store copy.db");
    assert_well(&look());
}

#[test]
fn files_that_are_no_store() {
    let home = healthy().home;
    home.write("notes.db", &"Just notes.\n".repeat(400));
    let run = doctor(&home, &[], &["--offline", "--store", "notes.db"]);
    assert_finds(&run, "store problem", "check --store", 9);
}
