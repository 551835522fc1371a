//! Stores that cannot be used: each with its exact message and status, and left as it is.

use std::fs;

use rusqlite::Connection as Db;

use crate::sandbox::{Sandbox, transcript};

const STORE: &str = "data/xeroctl/connections.db";

#[test]
fn files_that_are_no_store() {
    let home = Sandbox::new();
    home.write("notes.db", &"Just notes.\n".repeat(400));
    Db::open(home.path("books.db")).unwrap().execute_batch("CREATE TABLE books (title TEXT)").unwrap();
    fs::create_dir(home.path("folder.db")).unwrap();
    let before = (fs::read(home.path("notes.db")).unwrap(), fs::read(home.path("books.db")).unwrap());
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list", "--store", "notes.db"],
            &["list", "--store", "books.db"],
            &["list", "--store", "folder.db"],
            &["store", "init", "--store", "books.db", "--key-file", "new.key"],
            &["store", "init", "--store", "folder.db", "--key-file", "new.key"],
            &["show", "acme", "--store", "nothing.db"],
            &["list", "--store", "nothing.db"],
            &["status", "--store", "nothing.db"],
        ]
    ));
    assert_eq!(before, (fs::read(home.path("notes.db")).unwrap(), fs::read(home.path("books.db")).unwrap()));
    assert!(!home.path("new.key").exists(), "the key of a store that was not made is taken away");
}

#[test]
fn a_damaged_and_a_newer_store() {
    let home = Sandbox::connected();
    let path = home.path(STORE);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[200..].fill(0xA5);
    fs::write(&path, &bad).unwrap();
    let damaged = home.run(&["list"]);
    assert_eq!(fs::read(&path).unwrap(), bad, "it is left as it is");
    fs::write(&path, &good).unwrap();
    Db::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let newer = home.run(&["list"]);
    insta::assert_snapshot!(format!("{}\n{}", damaged.text(), newer.text()));
}

#[test]
fn keys_that_do_not_open_it() {
    let home = Sandbox::connected();
    home.ok(&["store", "init", "--store", "other.db", "--key-file", "other.key"]);
    home.write("bad.key", "hello\n");
    fs::copy(home.path("store.key"), home.path("open.key")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(home.path("open.key"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::copy(home.path("password"), home.path("open.passphrase")).unwrap();
        fs::set_permissions(home.path("open.passphrase"), fs::Permissions::from_mode(0o640)).unwrap();
    }
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list", "--key-file", "other.key"],
            &["list", "--key-file", "bad.key"],
            &["list", "--key-file", "nothing.key"],
            &["list", "--key-file", "open.key"],
            &["list", "--key-file", "."],
            &["list", "--passphrase-file", "open.passphrase"],
            &["list", "--passphrase-file", "password"],
            &["list", "--passphrase-file", "password", "--key-file", "store.key"],
            &["store", "init", "--key-file", "other.key"],
            &["list", "--key-file", "store.key", "--quiet"],
        ]
    ));
    fs::remove_file(home.path("store.key")).unwrap();
    let lost = home.run(&["test", "acme"]);
    insta::assert_snapshot!("the_key_file_is_gone", lost.text());
}

#[test]
fn variables_count_when_they_say_something_and_no_option_does() {
    let home = Sandbox::connected();
    let list = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = home.command(crate::sandbox::BINARY);
        command.envs(variables.iter().copied()).args(arguments);
        home.finish("", &command.output().unwrap()).status
    };
    assert_eq!(
        list(&[("XEROCTL_KEY_FILE", ""), ("XEROCTL_STORE", ""), ("XEROCTL_XERO_URL", "")], &["list"]),
        0
    );
    assert_eq!(list(&[("XEROCTL_PASSPHRASE_FILE", "password")], &["list"]), 9);
    assert_eq!(list(&[("XEROCTL_PASSPHRASE_FILE", "password")], &["list", "--key-file", "store.key"]), 0);
    assert_eq!(list(&[("XEROCTL_STORE", "nothing.db")], &["show"]), 9);
    assert_eq!(list(&[("XEROCTL_CONNECTION", "nothing")], &["sign", "GET", "Organisation"]), 3);
    assert_eq!(list(&[("XEROCTL_CONNECTION", "nothing")], &["sign", "-c", "acme", "GET", "Organisation"]), 0);
}

#[test]
fn of_many_that_make_a_store_with_one_key_file_it_opens_afterwards() {
    for _ in 0..10 {
        let home = Sandbox::new();
        let start = || {
            let mut command = home.command(crate::sandbox::BINARY);
            command.args(["store", "init", "--key-file", "store.key"]);
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
        };
        let mut all: Vec<_> = (0..8).map(|_| start()).collect();
        let made = all.iter_mut().map(|child| child.wait().unwrap()).filter(|status| status.success());
        assert_eq!(made.count(), 1);
        home.ok(&["list"]);
    }
}

#[test]
fn a_key_moved_to_another_row_is_refused() {
    let home = Sandbox::connected();
    home.connect("beta");
    let db = Db::open(home.path(STORE)).unwrap();
    db.execute_batch(
        "UPDATE apps SET secret = (SELECT secret FROM apps a JOIN connections c ON c.app = a.id WHERE c.name = 'beta') \
         WHERE id = (SELECT app FROM connections WHERE name = 'acme')",
    )
    .unwrap();
    let refused = home.run(&["test", "acme"]);
    assert_eq!(refused.status, 9, "{}", refused.text());
    assert!(refused.stderr.contains("was changed, moved or put back; it is not used"), "{}", refused.stderr);
    home.ok(&["test", "beta"]);
}
