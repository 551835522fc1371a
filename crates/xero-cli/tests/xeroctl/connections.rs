//! Connections made, listed, shown, tested, chosen and removed, without a terminal.

use xero_mock::Fault;

use crate::sandbox::{Sandbox, fixture, private_options, transcript};

#[test]
fn the_main_job() {
    let home = Sandbox::with_mock();
    let consumer_key = home.app();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list"],
            &["store", "init", "--key-file", "store.key"],
            &[&["connect", "acme"][..], &private_options(&consumer_key, &pfx)].concat(),
            &["list"],
            &["show"],
            &["test"],
            &["remove", "acme", "--yes"],
            &["list"],
        ]
    ));
}

#[test]
fn the_same_as_json() {
    let home = Sandbox::with_mock();
    let consumer_key = home.app();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list", "--json"],
            &["store", "init", "--key-file", "store.key", "--json"],
            &[&["connect", "--json"][..], &private_options(&consumer_key, &pfx)].concat(),
            &["list", "--json"],
            &["show", "--json"],
            &["test", "--json"],
            &["default", "maple-florist-ltd", "--json"],
            &["remove", "maple-florist-ltd", "--yes", "--json"],
        ]
    ));
}

#[test]
fn connect_makes_the_store_where_a_key_file_is_named() {
    let home = Sandbox::with_mock();
    let consumer_key = home.app();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let run = home.run(
        &[&["connect", "acme"][..], &private_options(&consumer_key, &pfx), &["--key-file", "new.key"]]
            .concat(),
    );
    assert_eq!(run.status, 0, "{}", run.text());
    assert!(run.stderr.contains("Key file: HOME/new.key"), "{}", run.stderr);
    home.ok(&["test", "acme"]);
}

#[test]
fn a_private_app_at_xero_itself_is_called_switched_off() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &[
                &["connect", "old"][..],
                &private_options("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123", &pfx),
                &["--no-test"]
            ]
            .concat(),
            &["list"],
            &["show", "old"],
            &["sign", "GET", "Organisation"],
        ]
    ));
}

#[test]
fn one_of_several_is_the_default() {
    let home = Sandbox::connected();
    home.connect("beta");
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["list"],
            &["default", "beta"],
            &["show", "--json"],
            &["test", "--all"],
            &["remove", "acme", "beta", "--yes"],
            &["test", "--all"],
        ]
    ));
}

#[test]
fn a_failing_test_of_many_gives_its_status() {
    let home = Sandbox::connected();
    let beta = home.connect("beta");
    home.mock().revoke(&beta).unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[&["test", "--all"], &["test", "--all", "--json"], &["test", "beta"]]
    ));
}

#[test]
fn another_organisation_is_noticed() {
    let home = Sandbox::connected();
    let other =
        r#"{"Organisations":[{"OrganisationID":"x","Name":"Hexagon Tools Pty Ltd","ShortCode":"!hXg6T"}]}"#;
    home.mock().fault(Fault::Status(200, other.to_owned(), "application/json".to_owned()));
    let run = home.run(&["test", "acme"]);
    insta::assert_snapshot!(run.text());
    assert_eq!(run.status, 8);
    home.ok(&["test", "acme"]);
}

#[test]
fn a_connection_is_replaced_only_when_asked() {
    let home = Sandbox::connected();
    let consumer_key = home.app();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let arguments = [&["connect", "Acme"][..], &private_options(&consumer_key, &pfx)].concat();
    insta::assert_snapshot!(transcript(
        &home,
        &[&arguments, &[&arguments[..], &["--replace"]].concat(), &["list"],]
    ));
}

#[test]
fn a_passphrase_locks_the_store_as_well() {
    let home = Sandbox::with_mock();
    home.write("passphrase", "correct horse battery staple\n");
    home.write("wrong", "correct horse\n");
    home.write("empty", "");
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["store", "init", "--passphrase-file", "empty"],
            &["store", "init", "--passphrase-file", "passphrase"],
            &["list", "--passphrase-file", "passphrase"],
            &["list"],
            &["list", "--passphrase-file", "wrong"],
        ]
    ));
}
