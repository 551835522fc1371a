//! A passphrase that is given once: what is made of it is kept in the kernel's memory.

use crate::sandbox::{Run, Sandbox};

const PASSPHRASE: &str = "correct horse battery staple";

/// A home whose store has a passphrase, which is in a file that must be named. What was kept ends with it.
struct Locked(Sandbox);

impl Locked {
    fn new() -> Self {
        let home = Sandbox::new();
        home.write("phrase", &format!("{PASSPHRASE}\n"));
        home.ok(&["store", "init", "--passphrase-file", "phrase"]);
        Self(home)
    }

    fn unlock(&self) -> Run {
        self.0.run(&["store", "unlock", "--passphrase-file", "phrase", "--for", "5"])
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.run(&["store", "lock"]);
    }
}

/// Where the system keeps no keys it must say so, and nothing else can be looked at.
fn kept(run: &Run) -> bool {
    if run.status == 0 {
        return true;
    }
    let refused = "error: no key can be kept in the system's memory";
    assert!(run.status == 1 && run.stderr.starts_with(refused), "{}", run.text());
    false
}

#[test]
fn a_store_is_unlocked_for_a_while_and_locked_again() {
    let locked = Locked::new();
    let home = &locked.0;
    let refused = home.run(&["list"]);
    assert_eq!(refused.status, 9, "{}", refused.text());
    let unlocked = locked.unlock();
    if !kept(&unlocked) {
        return;
    }
    assert!(unlocked.stderr.starts_with("The store needs no passphrase until "), "{}", unlocked.text());
    assert!(!unlocked.text().contains(PASSPHRASE));
    home.ok(&["list"]);
    home.ok(&["store", "rekey"]);
    home.ok(&["list"]);
    let locked_again = home.run(&["--json", "store", "lock"]);
    assert_eq!((locked_again.status, locked_again.json()["forgotten"][0].as_i64()), (0, Some(1)));
    assert_eq!(home.run(&["list"]).status, 9);
    let nothing = home.run(&["store", "lock"]);
    assert_eq!((nothing.status, nothing.stderr.as_str()), (0, "No key of the store was kept.\n"));
}

#[test]
fn what_is_kept_is_of_no_use_without_its_slot() {
    let locked = Locked::new();
    let home = &locked.0;
    if !kept(&locked.unlock()) {
        return;
    }
    home.ok(&["store", "key", "add", "--new-key-file", "file.key"]);
    home.ok(&["store", "key", "remove", "1", "--yes", "--key-file", "file.key"]);
    home.write("other", "another passphrase, as long\n");
    home.ok(&["store", "key", "add", "--new-passphrase-file", "other", "--key-file", "file.key"]);
    home.ok(&["store", "key", "remove", "2", "--yes", "--passphrase-file", "other"]);
    let refused = home.run(&["list"]);
    assert_eq!(refused.status, 9, "{}", refused.text());
    home.ok(&["list", "--passphrase-file", "other"]);
}

#[test]
fn a_named_passphrase_is_the_one_that_counts() {
    let locked = Locked::new();
    if !kept(&locked.unlock()) {
        return;
    }
    locked.0.write("wrong", "not the passphrase at all\n");
    assert_eq!(locked.0.run(&["list", "--passphrase-file", "wrong"]).status, 9);
}

#[test]
fn there_must_be_a_passphrase_and_a_time() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let refused = home.run(&["store", "unlock"]);
    assert_eq!(refused.status, 2, "{}", refused.text());
    assert!(refused.stderr.contains("the store was opened without a passphrase"), "{}", refused.text());
    for minutes in ["0", "43201", "8h"] {
        assert_eq!(home.run(&["store", "unlock", "--for", minutes]).status, 2, "{minutes}");
    }
    let none = Sandbox::new();
    assert_eq!(none.run(&["store", "lock"]).status, 9);
}

#[test]
fn what_a_command_prints_is_not_kept() {
    let home = Sandbox::new();
    home.write("phrase", &format!("{PASSPHRASE}\n"));
    home.ok(&["store", "init", "--key-command", "cat phrase"]);
    let refused = home.run(&["store", "unlock", "--key-command", "cat phrase"]);
    assert_eq!(refused.status, 2, "{}", refused.text());
    assert!(!refused.stderr.contains("needs no passphrase until"), "{}", refused.text());
    assert!(refused.stderr.contains("with the passphrase that a command prints"), "{}", refused.text());
    assert_eq!(home.ok(&["store", "lock"]).stderr, "No key of the store was kept.\n");
}
