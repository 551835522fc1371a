//! The password at a database server, by each way; and that it comes out by none.

use std::fs;

use crate::{
    database::{PASSWORD, authority, port},
    sandbox::Sandbox,
};

/// The role's password as a line of libpq's file has it.
const ESCAPED: &str = r"p\:w\\ orange-lantern";

/// A home with a store that the role `locked` may use, and a file `db-password` with its password.
fn home() -> Sandbox {
    let home = Sandbox::with_database();
    home.database().sql(&format!("GRANT CREATE ON DATABASE {} TO locked", home.database().name()));
    home.write("db-password", &format!("{PASSWORD}\n"));
    let init = ["store", "init", "--key-file", "store.key", "--store-password-file", "db-password"];
    let made = home.run_in(&[("XEROCTL_STORE", &home.database().address("locked"))], &init);
    assert_eq!(made.status, 0, "{}", made.text());
    home
}

fn opens(home: &Sandbox, variables: &[(&str, &str)], options: &[&str]) {
    let address = home.database().address("locked");
    let all = [&[("XEROCTL_STORE", address.as_str())][..], variables].concat();
    let run = home.run_in(&all, &[&["store", "status"][..], options].concat());
    assert_eq!(run.status, 0, "{variables:?} {options:?} {}", run.text());
}

#[test]
fn a_password_comes_from_a_file_a_variable_or_libpqs_file() {
    let home = home();
    opens(&home, &[], &["--store-password-file", "db-password"]);
    opens(&home, &[("XEROCTL_STORE_PASSWORD_FILE", "db-password")], &[]);
    opens(&home, &[("PGPASSWORD", PASSWORD)], &[]);
    let file = home.path("db-password").display().to_string();
    home.write("own.toml", &format!("store_password_file = '{file}'\n"));
    opens(&home, &[("XEROCTL_CONFIG", "own.toml")], &[]);
    home.write("pass", &format!("*:*:*:somebody:no\n127.0.0.1:{}:*:locked:{ESCAPED}\n", port()));
    opens(&home, &[("PGPASSFILE", "pass")], &[]);
    home.write(".pgpass", &format!("127.0.0.1:*:{}:locked:{ESCAPED}\n", home.database().name()));
    opens(&home, &[], &[]);
}

#[test]
fn what_is_nearer_counts() {
    let home = home();
    home.write("wrong", "not it\n");
    home.write(".pgpass", &format!("*:*:*:*:{ESCAPED}\n"));
    let refused = |variables: &[(&str, &str)], options: &[&str]| {
        let address = home.database().address("locked");
        let all = [&[("XEROCTL_STORE", address.as_str())][..], variables].concat();
        home.run_in(&all, &[&["store", "status"][..], options].concat()).status
    };
    assert_eq!(refused(&[("PGPASSWORD", "not it")], &[]), 9);
    assert_eq!(refused(&[("PGPASSWORD", PASSWORD)], &["--store-password-file", "wrong"]), 9);
    home.write("pass", "*:*:*:*:not it\n");
    assert_eq!(refused(&[("PGPASSFILE", "pass")], &[]), 9);
    assert_eq!(refused(&[], &[]), 0);
}

#[test]
fn an_address_may_leave_everything_to_libpqs_variables() {
    let home = home();
    let (port, name) = (port().to_string(), home.database().name().to_owned());
    let variables = [
        ("XEROCTL_STORE", "postgres://"),
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", port.as_str()),
        ("PGUSER", "locked"),
        ("PGDATABASE", name.as_str()),
        ("PGSSLMODE", "disable"),
        ("PGPASSWORD", PASSWORD),
    ];
    let run = home.run_in(&variables, &["store", "status"]);
    assert!(run.stdout.contains("postgres://locked@SERVER/books\n"), "{}", run.text());
}

#[test]
fn the_server_is_verified_by_the_certificates_that_are_named() {
    let home = Sandbox::at_server();
    home.write("ca.pem", authority());
    let address = home.database().address_with_tls("tester");
    let named = format!("{address}?sslrootcert=ca.pem");
    let ends = |variables: &[(&str, &str)]| home.run_in(variables, &["list"]).status;
    assert_eq!(ends(&[("XEROCTL_STORE", &named)]), 0);
    assert_eq!(ends(&[("XEROCTL_STORE", &address), ("PGSSLROOTCERT", "ca.pem")]), 0);
    assert_eq!(ends(&[("XEROCTL_STORE", &address)]), 9, "nobody trusts it");
    fs::create_dir(home.path(".postgresql")).unwrap();
    home.write(".postgresql/root.crt", authority());
    assert_eq!(ends(&[("XEROCTL_STORE", &address)]), 0, "as libpq does");
    assert_eq!(ends(&[("XEROCTL_STORE", &address), ("PGSSLROOTCERT", "system")]), 9);
}

#[test]
fn files_with_passwords_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let (file, open) = (home.path("db-password"), fs::Permissions::from_mode(0o644));
    fs::set_permissions(&file, open.clone()).unwrap();
    std::os::unix::fs::symlink("db-password", home.path("link")).unwrap();
    home.write("empty", "\nnot the first line\n");
    let address = home.database().address("locked");
    let run = |options: &[&str]| {
        let run = home.run_in(&[("XEROCTL_STORE", &address)], &[&["list"][..], options].concat());
        run.text()
    };
    let file = |name| run(&["--store-password-file", name]);
    let mut text = [file("db-password"), file("link"), file("empty"), file("nowhere"), file(".")].join("\n");
    home.write(".pgpass", &format!("*:*:*:*:{ESCAPED}\n"));
    fs::set_permissions(home.path(".pgpass"), open).unwrap();
    text.push_str(&run(&[]));
    insta::assert_snapshot!(text);
}

#[test]
fn a_password_is_never_printed_whatever_fails_and_however_much_is_said() {
    let home = home();
    home.ok(&["store", "adopt"]);
    let address = home.database().address("locked");
    let wrong = address.replace("books", "nowhere");
    let mut printed = String::new();
    for store in [&address, &wrong, &format!("postgres://locked:{PASSWORD}@127.0.0.1/x")] {
        for arguments in
            [&["store", "status"][..], &["doctor", "--offline"], &["list", "--json"], &["store", "init"]]
        {
            let told = ["-vvv", "--log-file", "log", "--store-password-file", "db-password"];
            let run = home.run_in(&[("XEROCTL_STORE", store)], &[arguments, &told].concat());
            printed.push_str(&run.raw.0);
            printed.push_str(&run.raw.1);
        }
    }
    printed.push_str(&fs::read_to_string(home.path("log")).unwrap());
    assert!(printed.contains("opening the store"), "it was told of");
    for secret in [PASSWORD, "orange-lantern"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
