//! Looking after a store: what each command says, and what it refuses.

use std::fs;

use rusqlite::Connection as Db;

use crate::sandbox::{Sandbox, transcript};

const STORE: &str = "data/xeroctl/connections.db";

#[test]
fn a_store_is_looked_after() {
    let home = Sandbox::connected();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["store", "status"],
            &["store", "key", "list"],
            &["store", "key", "add", "--new-passphrase-file", "password"],
            &["store", "key", "add", "--new-key-file", "jobs/jobs.key"],
            &["store", "key", "list"],
            &["list", "--passphrase-file", "password", "--quiet"],
            &["list", "--key-file", "jobs/jobs.key", "--quiet"],
            &["store", "backup", "backup.db"],
            &["store", "rekey"],
            &["test", "acme"],
            &["store", "key", "remove", "3", "--yes"],
            &["list", "--key-file", "jobs/jobs.key"],
            &["store", "verify"],
            &["store", "verify", "backup.db"],
            &["store", "adopt"],
            &["store", "adopt"],
            &["store", "status"],
        ]
    ));
}

#[test]
fn the_same_as_json() {
    let home = Sandbox::connected();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["store", "init", "--store", "other.db", "--key-file", "other.key", "--json"],
            &["store", "key", "add", "--new-passphrase-file", "password", "--json"],
            &["store", "key", "list", "--json"],
            &["store", "key", "remove", "2", "--yes", "--json"],
            &["store", "rekey", "--json"],
            &["store", "backup", "backup.db", "--json"],
            &["store", "verify", "--json"],
            &["store", "restore", "backup.db", "--force", "--json"],
            &["store", "adopt", "--json"],
            &["store", "status", "--json"],
        ]
    ));
}

#[test]
fn what_is_refused() {
    let home = Sandbox::connected();
    home.ok(&["store", "backup", "backup.db"]);
    home.write("notes.txt", "no store\n");
    // A store that was looked into may have its log beside it.
    let files =
        || home.files().into_iter().filter(|name| !name.contains("connections.db-")).collect::<Vec<_>>();
    let before = files();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["store", "init", "--store", "new.db"],
            &["store", "init", "--store", "new.db", "--key-command", "false"],
            &["store", "init", "--store", "new.db", "--key-command", "echo"],
            &["store", "init", "--store", "new.db", "--key-command", "echo xeroctl-store-key-1 nonsense"],
            &["store", "init", "--store", "new.db", "--identity", "notes.txt"],
            &["store", "init", "--store", "new.db", "--recipient", "age1nobody"],
            &["store", "init", "--store", "new.db", "--key-file", "a", "--keychain"],
            &["store", "key", "add"],
            &["store", "key", "add", "--new-recipient", "age1nobody"],
            &["store", "key", "add", "--new-key-file", "notes.txt"],
            &["store", "key", "add", "--new-key-file", "a", "--new-passphrase-file", "password"],
            &["store", "key", "remove", "1", "--yes"],
            &["store", "key", "remove", "7", "--yes"],
            &["store", "backup", "backup.db"],
            &["store", "backup", "no/such/folder.db"],
            &["store", "restore", "backup.db"],
            &["store", "restore", "notes.txt", "--force"],
            &["store", "restore", "nothing.db", "--force"],
            &["store", "verify", "notes.txt"],
            &["store", "verify", "nothing.db"],
            &["store", "status", "--store", "nothing.db"],
            &["store", "key", "list", "--store", "nothing.db"],
        ]
    ));
    assert_eq!(files(), before, "nothing was made");
    home.ok(&["test", "acme"]);
}

#[test]
fn a_key_is_removed_only_when_it_is_meant() {
    let home = Sandbox::connected();
    home.ok(&["store", "key", "add", "--new-passphrase-file", "password"]);
    let unsaid = home.run(&["store", "key", "remove", "2"]);
    assert_eq!((unsaid.status, unsaid.stderr.contains("give --yes")), (2, true), "{}", unsaid.text());
    let mut terminal = home.terminal(&["store", "key", "remove", "2"]);
    terminal.expect("Remove key 2, passphrase?").line("n");
    let (status, screen) = terminal.finish();
    assert_eq!((status, screen.contains("nothing was removed")), (130, true), "{screen}");
    home.ok(&["list", "--passphrase-file", "password"]);
    let mut terminal = home.terminal(&["store", "key", "remove", "2"]);
    terminal.expect("Remove key 2, passphrase?").line("y").expect("Removed key 2");
    assert_eq!(terminal.finish().0, 0);
    assert_eq!(home.run(&["list", "--passphrase-file", "password"]).status, 9);
}

#[test]
fn all_that_was_changed_is_named_and_nothing_else_is_harmed() {
    let home = Sandbox::connected();
    home.connect("beta");
    home.ok(&["store", "backup", "backup.db"]);
    for file in [STORE, "backup.db"] {
        let db = Db::open(home.path(file)).unwrap();
        db.execute_batch(
            "UPDATE apps SET secret = (SELECT secret FROM apps a JOIN connections c ON c.app = a.id WHERE c.name = 'beta') \
             WHERE id = (SELECT app FROM connections WHERE name = 'acme'); \
             UPDATE connections SET name = 'delta' WHERE name = 'acme'",
        )
        .unwrap();
    }
    for arguments in [&["store", "verify"][..], &["store", "verify", "backup.db"]] {
        let found = home.run(arguments);
        assert_eq!(found.status, 9, "{}", found.text());
        let named = |what: &str| found.stdout.lines().filter(|line| line.starts_with(what)).count();
        assert!(named("apps ") >= 1 && named("connections delta") >= 1, "{}", found.text());
        assert!(!found.stdout.contains("beta"), "{}", found.text());
        assert!(found.stderr.contains("are not as they should be"), "{}", found.text());
    }
    home.ok(&["test", "beta"]);
    let refused = home.run(&["store", "restore", "backup.db", "--force"]);
    assert_eq!(refused.status, 9, "a backup that is not whole is not put back: {}", refused.text());
}

#[test]
fn looking_at_a_backup_does_not_change_it() {
    let home = Sandbox::connected();
    home.ok(&["store", "backup", "backup.db"]);
    let old = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/store");
    fs::copy(old.join("test-format-1.db"), home.path("old.db")).unwrap();
    fs::copy(old.join("test-format-1.key"), home.path("old.key")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in ["backup.db", "old.db"] {
            fs::set_permissions(home.path(file), fs::Permissions::from_mode(0o400)).unwrap();
        }
        fs::set_permissions(home.path("old.key"), fs::Permissions::from_mode(0o400)).unwrap();
    }
    let read = |name: &str| fs::read(home.path(name)).unwrap();
    let before = (read("backup.db"), read("old.db"));
    home.ok(&["store", "verify", "backup.db"]);
    home.ok(&["store", "verify", "old.db", "--key-file", "old.key"]);
    home.ok(&["store", "restore", "backup.db", "--force"]);
    home.ok(&["store", "restore", "old.db", "--store", "new.db", "--key-file", "old.key"]);
    assert_eq!((read("backup.db"), read("old.db")), before);
    home.ok(&["list", "--store", "new.db", "--key-file", "old.key"]);
    let beside: Vec<_> = home.files().into_iter().filter(|name| name.starts_with("backup.db-")).collect();
    assert_eq!(beside, Vec::<String>::new());
}
