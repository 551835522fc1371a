//! Connections exported, imported on another machine, adopted there, and refused where they came from.

use age::secrecy::ExposeSecret;
use xero_mock::{Consent, MAPLE_FLORIST};

use crate::{
    browser::{ELSEWHERE, web_options},
    sandbox::{Sandbox, transcript},
};

const THERE: &str = "other-machine";

/// Names of connections, as `list --json` has them.
fn names(listed: &serde_json::Value) -> Vec<&str> {
    listed["connections"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

/// A home with the connection `maple`, and a passphrase in the file `bundle`.
fn home() -> Sandbox {
    let (home, _) = Sandbox::logged_in();
    home.write("bundle", "six words that nobody guesses\n");
    home
}

const SEALED: [&str; 2] = ["--bundle-passphrase-file", "bundle"];

fn exported(home: &Sandbox, names: &[&str]) {
    home.ok(&[&["export", "moving.age", "--yes"][..], names, &SEALED].concat());
}

#[test]
fn forty_organisations_of_five_apps_move_to_another_machine() {
    let home = Sandbox::initialised();
    home.write("bundle", "six words that nobody guesses\n");
    let clients = home.mock().client_organisations(40);
    for (number, eight) in clients.chunks(8).enumerate() {
        let app = home.mock().create_web_app(&format!("Books {number}"), &[ELSEWHERE]).unwrap();
        home.write("secret", app.client_secret.as_deref().unwrap());
        home.mock().bulk_connections(&app.client_id, true).unwrap();
        let ids: Vec<_> = eight.iter().map(|client| client.id).collect();
        let run = home.connect_web(&app, &["--organisation", "all", "--no-test"], &Consent::allow(&ids));
        assert_eq!(run.status, 0, "{}", run.text());
        let name = format!("Books {number}");
        home.ok(&["apps", "edit", &app.client_id, "--app-name", &name]);
    }
    let listed = home.ok(&["list", "--json"]).json();
    assert_eq!(names(&listed).len(), 40);
    let apps = home.ok(&["apps", "list", "--json"]).json();
    assert_eq!(apps["apps"].as_array().unwrap().len(), 5);

    home.ok(&[&["export", "moving.age", "--all", "--yes"][..], &SEALED].concat());
    let import = ["import", "moving.age", "--key-file", "other.key"];
    home.ok_at(THERE, &[&import[..], &SEALED].concat());
    let before = home.run_at(THERE, &["refresh", "client-001-ltd"]);
    assert_eq!(before.status, 4, "{}", before.text());
    home.ok_at(THERE, &["adopt", "--all", "--yes"]);
    home.ok_at(THERE, &["test", "--all"]);
    home.ok_at(THERE, &["refresh", "client-001-ltd"]);
    assert_eq!(names(&home.ok_at(THERE, &["list", "--json"]).json()), names(&listed));

    insta::assert_snapshot!(transcript(
        &home,
        &[&["refresh", "client-001-ltd"], &["refresh", "client-040-ltd", "--json"], &["store", "verify"]]
    ));
    assert_eq!(home.mock().refreshes(), 1, "the machine that they left spent nothing");
}

#[test]
fn one_connection_there_and_back() {
    let home = home();
    let mut text = home.run(&[&["export", "moving.age", "maple", "--yes"][..], &SEALED].concat()).text();
    let import = ["import", "moving.age", "--key-file", "other.key"];
    for arguments in [
        &[&["import", "moving.age", "--list"][..], &SEALED].concat()[..],
        &[&import[..], &SEALED].concat(),
        &["list"],
        &["token", "maple"],
        &["adopt", "maple", "--yes"],
        &["adopt", "maple", "--yes"],
        &["refresh", "maple"],
        &["test", "maple"],
    ] {
        text.push_str(&format!("\n(there) {}", home.run_at(THERE, arguments).text()));
    }
    text.push_str(&format!(
        "\n{}",
        transcript(&home, &[&["list"], &["refresh", "maple"], &["log", "maple"]])
    ));
    home.ok_at(THERE, &[&["export", "back.age", "maple", "--yes"][..], &SEALED].concat());
    let back = [&["import", "back.age", "--existing", "replace", "--adopt"][..], &SEALED].concat();
    text.push_str(&format!("\n{}", transcript(&home, &[&back, &["refresh", "maple"], &["test"]])));
    let text = regex::Regex::new("eyJ[\\w.-]+").unwrap().replace_all(&text, "TOKEN");
    let text =
        regex::Regex::new("process \\d+, user \\S+").unwrap().replace_all(&text, "process N, user USER");
    insta::assert_snapshot!(text);
}

#[test]
fn an_export_that_nobody_imported_is_taken_back() {
    let home = home();
    exported(&home, &["maple"]);
    assert_eq!(home.run(&["refresh", "maple"]).status, 4);
    home.ok(&["adopt", "maple", "--yes"]);
    home.ok(&["refresh", "maple"]);
}

#[test]
fn an_older_file_takes_nothing_back_that_was_handed_over_since() {
    let home = home();
    exported(&home, &["maple"]);
    home.ok(&["adopt", "maple", "--yes"]);
    home.ok(&["refresh", "maple"]);
    home.ok(&[&["export", "newer.age", "maple", "--yes"][..], &SEALED].concat());
    let older = [&["import", "moving.age", "--existing", "replace", "--adopt"][..], &SEALED].concat();
    insta::assert_snapshot!(transcript(
        &home,
        &[&older, &["refresh", "maple"], &["copy", "maple", "--organisation", "all"]]
    ));
}

#[test]
fn sealed_to_a_public_key() {
    let home = home();
    let identity = age::x25519::Identity::generate();
    home.write("age.key", identity.to_string().expose_secret());
    let recipient = identity.to_public().to_string();
    home.ok(&["export", "moving.age", "maple", "--yes", "--recipient", &recipient]);
    let import = ["import", "moving.age", "--key-file", "other.key", "--adopt"];
    let unsaid = home.run_at(THERE, &import);
    assert_eq!(unsaid.status, 2, "{}", unsaid.text());
    home.ok_at(THERE, &[&import[..], &["--bundle-identity", "age.key"]].concat());
    home.ok_at(THERE, &["refresh", "maple"]);
}

#[test]
fn misuse_of_export() {
    let home = home();
    home.write("taken.age", "something");
    home.write("empty", "\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = home.write("open", "for all to read\n");
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let sealed = |arguments: &[&'static str]| [arguments, &SEALED].concat();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["export"],
            &["export", "x.age"],
            &["export", "x.age", "maple"],
            &["export", "x.age", "maple", "--yes"],
            &["export", "x.age", "maple", "--all"],
            &["export", "x.age", "nobody", "--yes"],
            &sealed(&["export", "taken.age", "maple", "--yes"]),
            &sealed(&["export", "no/such/folder/x.age", "maple", "--yes"]),
            &["export", "x.age", "maple", "--yes", "--recipient", "ssh-rsa AAAA"],
            &["export", "x.age", "maple", "--yes", "--bundle-passphrase-file", "empty"],
            &sealed(&["export", "x.age", "maple", "--yes", "--recipient", "age1"]),
            &["export", "x.age", "maple", "--yes", "--bundle-passphrase-file", "open"],
            &["refresh", "maple"],
        ]
    ));
    assert!(
        !home.files().iter().any(|file| file.contains("x.age") || file.contains("export")),
        "{:?}",
        home.files()
    );
}

#[test]
fn misuse_of_import() {
    let home = home();
    home.write("wrong", "another passphrase\n");
    home.write("text.age", "not sealed");
    home.write("torn.age", "age-encryption.org/v1\n-> ");
    exported(&home, &["maple"]);
    let sealed = |arguments: &[&'static str]| [arguments, &SEALED].concat();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["import"],
            &["import", "none.age"],
            &["import", "text.age"],
            &["import", "torn.age"],
            &["import", "moving.age"],
            &["import", "moving.age", "--bundle-passphrase-file", "wrong"],
            &["import", "moving.age", "--bundle-identity", "age.key"],
            &sealed(&["import", "moving.age"]),
            &sealed(&["import", "moving.age", "nobody"]),
            &sealed(&["import", "moving.age", "--existing", "skip"]),
            &sealed(&["import", "moving.age", "--existing", "other"]),
            &["adopt"],
            &["adopt", "maple"],
            &["adopt", "nobody", "--yes"],
            &["adopt", "--all", "--yes"],
            &["adopt", "--all", "--yes"],
        ]
    ));
}

#[test]
fn a_login_with_two_connections_goes_whole_or_not_at_all() {
    let (home, _) = Sandbox::logged_in_to_two();
    home.write("bundle", "six words that nobody guesses\n");
    let sealed = |arguments: &[&'static str]| [arguments, &SEALED].concat();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &sealed(&["export", "x.age", "maple-florist-ltd", "--yes"]),
            &sealed(&["export", "alone.age", "maple-florist-ltd", "--without-logins"]),
            &sealed(&["export", "both.age", "maple-florist-ltd", "--yes", "--with-shared", "--json"]),
            &["list"],
        ]
    ));
    let import = [&["import", "alone.age", "--key-file", "other.key"][..], &SEALED].concat();
    let alone = home.ok_at(THERE, &import);
    assert!(alone.stderr.contains("xeroctl reauth maple-florist-ltd"), "{}", alone.text());
    assert_eq!(home.run_at(THERE, &["test"]).status, 4);
}

#[test]
fn no_secret_is_readable_on_the_way() {
    let home = home();
    let secret = std::fs::read_to_string(home.path("secret")).unwrap();
    let export = home.run(&[&["export", "moving.age", "maple", "--yes", "-vvv"][..], &SEALED].concat());
    let import = ["import", "moving.age", "--key-file", "other.key", "-vvv"];
    let import = home.ok_at(THERE, &[&import[..], &SEALED].concat());
    for run in [export, import] {
        for text in [&run.raw.0, &run.raw.1] {
            assert!(!text.contains(secret.trim()) && !text.contains("six words"), "{text}");
        }
    }
    let bytes = std::fs::read(home.path("moving.age")).unwrap();
    for clear in [secret.trim(), "refresh", "maple"] {
        assert!(!bytes.windows(clear.len()).any(|window| window == clear.as_bytes()), "{clear}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(home.path("moving.age")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn another_login_takes_the_place_of_one_that_was_handed_over() {
    let home = home();
    let app =
        home.ok(&["show", "maple", "--json"]).json()["connection"]["client_id"].as_str().unwrap().to_owned();
    exported(&home, &["maple"]);
    let app = home.mock().client_app(&app).unwrap();
    let again = ["connect", "--paste", "maple", "--replace"];
    let run =
        home.waiting(&[&again[..], &web_options(&app)].concat()).paste(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    home.ok(&["refresh", "maple"]);
}
