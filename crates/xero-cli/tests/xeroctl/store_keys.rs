//! What opens a store: key files, passphrases, commands, age and SSH identities, several of them, and none.

use std::{fs, path::Path, process::Command};

use age::{secrecy::ExposeSecret, x25519};

use crate::{
    sandbox::{BINARY, Run, Sandbox, transcript},
    terminal::{DOWN, ENTER},
};

/// A home with an age identity in the file `test-age`; gives its public key.
fn with_age_identity() -> (Sandbox, String) {
    let home = Sandbox::new();
    let identity = x25519::Identity::generate();
    home.write("test-age", &format!("# made for a test\n{}\n", identity.to_string().expose_secret()));
    (home, identity.to_public().to_string())
}

/// An SSH key pair of that kind in the file of that name.
fn ssh_key(home: &Sandbox, name: &str, kind: &str, passphrase: &str) -> String {
    let mut command = home.command("ssh-keygen");
    let made =
        command.args(["-q", "-t", kind, "-N", passphrase, "-a", "1", "-C", "test", "-f", name]).output();
    let made = made.expect("ssh-keygen of openssh-client is there; `cargo xtask test` installs it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::read_to_string(home.path(&format!("{name}.pub"))).unwrap().trim().to_owned()
}

fn with_variable(home: &Sandbox, name: &str, value: &str, arguments: &[&str]) -> Run {
    let output = home.command(BINARY).env(name, value).args(arguments).output().unwrap();
    home.finish("", &output)
}

#[test]
fn an_age_identity_opens_a_store() {
    let (home, _) = with_age_identity();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["store", "init", "--identity", "test-age"],
            &["list", "--identity", "test-age"],
            &["list"],
            &["store", "key", "list"],
        ]
    ));
    assert_eq!(with_variable(&home, "XEROCTL_IDENTITY", "test-age", &["list"]).status, 0);
    let other = x25519::Identity::generate();
    home.write("test-other", other.to_string().expose_secret());
    let refused = home.run(&["list", "--identity", "test-other"]);
    assert_eq!(refused.status, 9, "{}", refused.text());
    assert!(refused.stderr.contains("no key of the store is for test-other"), "{}", refused.text());
}

#[test]
fn an_identity_or_its_key_that_cannot_be_used() {
    let (home, _) = with_age_identity();
    home.ok(&["store", "init", "--identity", "test-age"]);
    let stranger = x25519::Identity::generate().to_public();
    let sealed = age::encrypt(&stranger, &fs::read(home.path("test-age")).unwrap()).unwrap();
    fs::write(home.path("sealed"), sealed).unwrap();
    fs::set_permissions(home.path("sealed"), fs::metadata(home.path("test-age")).unwrap().permissions())
        .unwrap();
    home.write("armoured", "-----BEGIN AGE ENCRYPTED FILE-----\n");
    let db = rusqlite::Connection::open(home.path("data/xeroctl/connections.db")).unwrap();
    let mut hint: Vec<u8> = db.query_row("SELECT hint FROM key_slots", [], |row| row.get(0)).unwrap();
    *hint.last_mut().unwrap() ^= 1;
    db.execute("UPDATE key_slots SET hint = ?1", [hint]).unwrap();
    drop(db);
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list", "--identity", "sealed"],
            &["list", "--identity", "armoured"],
            &["list", "--identity", "test-age"],
            &["list"]
        ]
    ));
}

#[test]
fn a_store_is_opened_for_somebody_by_their_public_key() {
    let (home, public) = with_age_identity();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let ssh = ssh_key(&home, "test-ssh", "ed25519", "");
    home.ok(&["store", "key", "add", "--new-recipient", &public, "--new-recipient", &ssh]);
    home.ok(&["list", "--identity", "test-age"]);
    home.ok(&["list", "--identity", "test-ssh"]);
    home.ok(&["store", "rekey", "--identity", "test-ssh"]);
    home.ok(&["list", "--identity", "test-age"]);
    home.ok(&["list"]);
}

#[test]
fn an_ssh_key_opens_a_store() {
    let home = Sandbox::new();
    ssh_key(&home, "test-ssh", "ed25519", "");
    home.ok(&["store", "init", "--identity", "test-ssh"]);
    home.ok(&["list", "--identity", "test-ssh"]);
    ssh_key(&home, "test-rsa", "rsa", "");
    ssh_key(&home, "test-ecdsa", "ecdsa", "");
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list", "--identity", "test-rsa"],
            &["list", "--identity", "test-ecdsa"],
            &["list", "--identity", "test-ssh.pub"],
            &["list", "--identity", "nothing"],
            &["store", "init", "--store", "b.db", "--identity", "test-rsa"],
        ]
    ));
}

#[test]
fn an_ssh_key_with_a_passphrase_asks_for_it() {
    let home = Sandbox::new();
    ssh_key(&home, "test-ssh", "ed25519", "open sesame");
    // Its public half is all that is needed to make a store.
    home.ok(&["store", "init", "--identity", "test-ssh"]);
    let unasked = home.run(&["list", "--identity", "test-ssh"]);
    assert_eq!(unasked.status, 9, "{}", unasked.text());
    assert!(unasked.stderr.contains("has a passphrase and no one can be asked"), "{}", unasked.text());
    for (typed, expected) in [("open sesame", 0), ("wrong", 9)] {
        let mut terminal = home.terminal(&["list", "--identity", "test-ssh"]);
        terminal.expect("Passphrase of test-ssh:").line(typed);
        let (status, screen) = terminal.finish();
        assert_eq!((status, screen.contains(typed)), (expected, false), "{screen}");
    }
}

#[test]
fn a_command_opens_a_store() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--store", "a.db", "--key-file", "a.key"]);
    home.write("passphrase", "correct horse\nanother line\n");
    let opened = "cat a.key";
    home.ok(&["list", "--store", "a.db", "--key-command", opened]);
    home.ok(&["store", "init", "--store", "b.db", "--key-command", "cat passphrase"]);
    home.ok(&["store", "init", "--store", "c.db", "--key-command", "cat a.key"]);
    home.ok(&["list", "--store", "c.db", "--key-file", "a.key"]);
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list", "--store", "b.db", "--key-command", "cat passphrase"],
            &["list", "--store", "b.db", "--passphrase-file", "passphrase"],
            &["list", "--store", "b.db", "--key-command", "echo wrong"],
            &["list", "--store", "b.db", "--key-command", "exit 7"],
            &["list", "--store", "b.db"],
            &["store", "key", "list", "--store", "b.db"],
        ]
    ));
    let run = with_variable(&home, "XEROCTL_KEY_COMMAND", "cat passphrase", &["list", "--store", "b.db"]);
    assert_eq!(run.status, 0, "{}", run.text());
    // What is run is never taken from the store.
    for file in ["b.db", "c.db"] {
        let bytes = fs::read(home.path(file)).unwrap();
        assert!(!holds(&bytes, b"cat passphrase") && !holds(&bytes, b"cat a.key"), "{file}");
    }
}

#[test]
fn of_several_keys_the_one_at_hand_opens() {
    let (home, public) = with_age_identity();
    home.ok(&["store", "init", "--key-file", "one.key"]);
    home.ok(&["store", "key", "add", "--new-key-file", "two.key"]);
    home.ok(&["store", "key", "add", "--new-passphrase-file", "password"]);
    home.ok(&["store", "key", "add", "--new-recipient", &public]);
    home.ok(&["store", "key", "add", "--new-key-command", "cat two.key"]);
    fs::remove_file(home.path("one.key")).unwrap();
    home.ok(&["list"]);
    // A key of another store in the place of ours is passed over.
    home.ok(&["store", "init", "--store", "other.db", "--key-file", "one.key"]);
    home.ok(&["list"]);
    fs::rename(home.path("two.key"), home.path("safe.key")).unwrap();
    insta::assert_snapshot!(home.run(&["list"]).text());
    let mut terminal = home.terminal(&["list"]);
    terminal.expect("Passphrase of the store:").line(crate::sandbox::PASSWORD);
    assert_eq!(terminal.finish().0, 0);
    home.ok(&["list", "--key-file", "safe.key"]);
}

#[test]
fn a_passphrase_is_changed_on_a_terminal() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--passphrase-file", "password"]);
    let mut terminal = home.terminal(&["store", "key", "add"]);
    terminal.expect("Passphrase of the store:").line(crate::sandbox::PASSWORD);
    terminal.expect("What else shall open the store?").keys(DOWN).keys(ENTER);
    terminal.expect("It cannot be recovered.").line("new one").expect("The same again:").line("new one");
    let (status, screen) = terminal.finish();
    assert_eq!((status, screen.contains("new one")), (0, false), "{screen}");
    home.ok(&["store", "key", "remove", "1", "--yes", "--passphrase-file", "password"]);
    home.write("new", "new one\n");
    home.ok(&["list", "--passphrase-file", "new"]);
    assert_eq!(home.run(&["list", "--passphrase-file", "password"]).status, 9);
}

#[cfg(unix)]
#[test]
fn key_files_that_others_could_have_made_are_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = Sandbox::connected();
    symlink(home.path("store.key"), home.path("link.key")).unwrap();
    symlink(home.path("nowhere"), home.path("dead.key")).unwrap();
    fs::copy(home.path("store.key"), home.path("it's open.key")).unwrap();
    fs::set_permissions(home.path("it's open.key"), fs::Permissions::from_mode(0o620)).unwrap();
    let pipe = Command::new("mkfifo").arg(home.path("pipe.key")).status().unwrap();
    assert!(pipe.success());
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list", "--key-file", "link.key"],
            &["list", "--key-file", "dead.key"],
            &["list", "--key-file", "it's open.key"],
            &["list", "--key-file", "pipe.key"],
            &["list", "--passphrase-file", "link.key"],
            &["list", "--identity", "link.key"],
            &["store", "init", "--store", "new.db", "--key-file", "link.key"],
            &["store", "key", "add", "--new-key-file", "dead.key"],
        ]
    ));
    // The command that is advised helps.
    let advised = home.run(&["list", "--key-file", "it's open.key"]).raw.1;
    let fix = advised.split("next: ").nth(1).unwrap();
    assert!(home.command("sh").args(["-c", fix]).status().unwrap().success());
    home.ok(&["list", "--key-file", "it's open.key"]);
}

/// Where this user may not give a file away, the superuser's files look like somebody else's in a user namespace.
#[cfg(target_os = "linux")]
#[test]
fn a_key_file_of_another_user_is_refused() {
    let home = Sandbox::connected();
    let file = home.path("their.key");
    fs::copy(home.path("store.key"), &file).unwrap();
    let output = if std::os::unix::fs::chown(&file, Some(12345), None).is_ok() {
        home.command(BINARY).args(["list", "--key-file", "their.key"]).output().unwrap()
    } else {
        let theirs = ["--map-root-user", BINARY, "list", "--key-file", "/etc/passwd"];
        home.command("unshare").args(theirs).output().expect("unshare of util-linux is there")
    };
    let run = home.finish("list --key-file their.key", &output);
    assert_eq!(run.status, 9, "{}", run.text());
    assert!(run.stderr.contains("belongs to another user (number "), "{}", run.text());
    assert!(run.stderr.contains("sudo chown \"$(id -un)\" '"), "{}", run.text());
}

#[test]
fn no_key_is_printed_or_kept_in_clear() {
    let (home, public) = with_age_identity();
    home.write("passphrase", "correct-horse-battery\n");
    ssh_key(&home, "test-ssh", "ed25519", "ssh-passphrase");
    let runs = [
        &["store", "init", "--key-file", "store.key"][..],
        &["store", "key", "add", "--new-passphrase-file", "passphrase"],
        &["store", "key", "add", "--new-identity", "test-age", "--new-recipient", &public],
        &["store", "key", "add", "--new-key-command", "cat other.key; echo more-of-it >&2"],
        &["store", "key", "list", "--json"],
        &["store", "status", "--json"],
        &["store", "status"],
        &["list", "--identity", "test-ssh"],
        &["list", "--identity", "store.key"],
        &["list", "--key-file", "test-age"],
        &["list", "--key-file", "passphrase"],
        &["list", "--passphrase-file", "store.key"],
        &["list", "--key-command", "cat passphrase"],
        &["list", "--key-command", "cat test-age"],
        &["store", "rekey"],
        &["store", "verify"],
        &["store", "backup", "backup.db"],
    ];
    home.ok(&["store", "init", "--store", "other.db", "--key-file", "other.key"]);
    let mut seen = String::new();
    for arguments in runs {
        let output = home.command(BINARY).args(arguments).arg("-vvv").output().unwrap();
        seen.push_str(&String::from_utf8_lossy(&output.stdout));
        seen.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    assert!(seen.contains("opening the store"), "the log was on");
    let word = |file: &str, at: usize| {
        let text = fs::read_to_string(home.path(file)).unwrap();
        text.split_whitespace().nth(at).unwrap().to_owned()
    };
    let age = fs::read_to_string(home.path("test-age")).unwrap().lines().last().unwrap().to_owned();
    let ssh = fs::read_to_string(home.path("test-ssh")).unwrap().lines().nth(3).unwrap().to_owned();
    for secret in [word("store.key", 1), word("other.key", 1), word("passphrase", 0), age, ssh] {
        assert!(!seen.contains(&secret), "a secret was printed");
        for file in home.files().iter().filter(|name| name.contains(".db")) {
            let bytes = fs::read(home.path(file)).unwrap();
            assert!(!holds(&bytes, secret.as_bytes()), "a secret is in {file}");
        }
    }
    assert!(Path::new(&home.path("backup.db")).exists());
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

/// Without what lets the superuser read everything.
#[cfg(target_os = "linux")]
fn as_anybody(home: &Sandbox, arguments: &[&str]) -> Run {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = home.command("setpriv");
        command.args(["--bounding-set", "-dac_override,-dac_read_search", BINARY]);
        command
    } else {
        home.command(BINARY)
    };
    let output = command.args(arguments).output().expect("setpriv of util-linux is there");
    home.finish(&arguments.join(" "), &output)
}

/// As where one machine's user has noted his path, and another machine's may not look there.
#[cfg(target_os = "linux")]
#[test]
fn a_key_file_that_another_user_has_gives_way_to_ones_own() {
    use std::os::unix::fs::PermissionsExt;
    let home = Sandbox::new();
    home.ok(&["store", "init", "--key-file", "theirs/store.key"]);
    home.ok(&["store", "init", "--store", "other.db", "--key-file", "other.key"]);
    fs::create_dir_all(home.path("config/xeroctl")).unwrap();
    let own = home.path("config/xeroctl/store.key");
    let set =
        |path: &str, mode| fs::set_permissions(home.path(path), fs::Permissions::from_mode(mode)).unwrap();
    for closed in ["theirs", "theirs/store.key"] {
        set(closed, 0o000);
        let refused = as_anybody(&home, &["store", "status"]);
        assert_eq!(refused.status, 9, "{}", refused.text());
        let told =
            refused.stderr.contains("because: Permission denied") && refused.stderr.contains("--key-file");
        assert!(told, "{}", refused.text());
        fs::copy(home.path("other.key"), &own).unwrap();
        let of_another = as_anybody(&home, &["store", "status"]);
        assert_eq!(of_another.stderr, refused.stderr, "a file of no use is not the reason");
        set(closed, 0o700);
        fs::copy(home.path("theirs/store.key"), &own).unwrap();
        set("theirs/store.key", 0o600);
        set(closed, 0o000);
        let opened = as_anybody(&home, &["store", "status"]);
        assert_eq!(opened.status, 0, "{}", opened.text());
        let doctor = as_anybody(&home, &["doctor", "--offline"]);
        assert!(
            doctor.stdout.contains("HOME/config/xeroctl/store.key is this user's alone"),
            "{}",
            doctor.text()
        );
        set(closed, 0o700);
        fs::remove_file(&own).unwrap();
        set("theirs/store.key", 0o600);
    }
}
