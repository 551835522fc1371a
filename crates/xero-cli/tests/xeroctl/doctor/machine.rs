//! Faults of the machine: variables, proxies, ports, root certificates, the clock.

use std::{net::TcpListener, time::Duration};

use connection_store::{NewConnection, RedirectUri};

use super::{assert_finds, assert_well, doctor, healthy};
use crate::{
    sandbox::Sandbox,
    seeded::{DAY, connection},
};

#[test]
fn a_clock_that_is_wrong() {
    let seeded = healthy();
    let mock = seeded.home.mock();
    let real = mock.now();
    mock.set_time(real + Duration::from_secs(90));
    assert_finds(&doctor(&seeded.home, &[], &[]), "clock warning", "set-ntp", 1);
    // Signatures are refused then, and the test with them.
    mock.set_time(real + Duration::from_secs(3600));
    assert_finds(&doctor(&seeded.home, &[], &["acme"]), "clock problem", "set-ntp", 6);
    mock.set_time(std::time::SystemTime::now());
    assert_well(&doctor(&seeded.home, &[], &[]));
}

#[test]
fn a_proxy_variable_that_cannot_be_read() {
    let home = healthy().home;
    for value in ["ftp://proxy:3128", "http://[", "socks5://proxy:1080"] {
        let run = doctor(&home, &[("HTTPS_PROXY", value)], &[]);
        assert_finds(&run, "proxy problem", "unset HTTPS_PROXY", 2);
    }
    let odd = doctor(&home, &[("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", "*.xero.com")], &[]);
    assert_finds(&odd, "proxy warning", "without ports", 2);
    assert_well(&doctor(&home, &[("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", ".xero.com")], &[]));
}

#[test]
fn variables_that_contradict() {
    let home = healthy().home;
    let key = home.path("store.key").display().to_string();
    let passphrase = home.path("password").display().to_string();
    let find = |variables: &[(&str, &str)], mend: &str, status: i32| {
        let run = doctor(&home, variables, &["--offline", "--key-file", &key]);
        assert_finds(&run, "settings warning", mend, status);
    };
    find(
        &[("XEROCTL_KEY_FILE", &key), ("XEROCTL_PASSPHRASE_FILE", &passphrase)],
        "unset XEROCTL_KEY_FILE",
        2,
    );
    find(&[("XEROCTL_KEYFILE", "x")], "unset XEROCTL_KEYFILE", 2);
    find(&[("XEROCTL_IDENTITY", "nowhere")], "unset XEROCTL_IDENTITY", 9);
    find(&[("XEROCTL_CONNECTION", "nobody")], "unset XEROCTL_CONNECTION", 3);
    find(&[("XEROCTL_XERO_URL", "http://127.0.0.1:1")], "unset XEROCTL_XERO_URL", 2);
    let bad = doctor(&home, &[("XEROCTL_XERO_URL", "ftp://x")], &["--offline"]);
    assert_finds(&bad, "settings problem", "unset XEROCTL_XERO_URL", 2);
    assert_well(&doctor(&home, &[("XEROCTL_CONNECTION", "maple")], &["--offline", "--key-file", &key]));
}

#[test]
fn a_redirect_port_that_is_taken() {
    let seeded = super::Seeded::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tokens = seeded.minted(DAY, "accounting.settings.read offline_access");
    let store = seeded.store(std::time::SystemTime::now());
    let mut new = seeded.authorisation(&tokens);
    new.app.redirect_uris = vec![RedirectUri::parse(&format!("http://localhost:{port}/callback")).unwrap()];
    let id = store.add_authorisation(&new).unwrap().id;
    store.add_connections(&[NewConnection { make_default: true, ..connection("maple", &id) }]).unwrap();
    let home = &seeded.home;
    let mend = format!("sport = :{port}");
    assert_finds(&doctor(home, &[], &["--offline"]), "redirect port warning", &mend, 1);
    drop(listener);
    assert_well(&doctor(home, &[], &["--offline"]));
}

#[test]
fn no_root_certificates() {
    let home = healthy().home;
    let nowhere = home.path("nowhere").display().to_string();
    let run = doctor(&home, &[("SSL_CERT_FILE", &nowhere), ("SSL_CERT_DIR", &nowhere)], &[]);
    assert_finds(&run, "tls problem", "ca-certificates", 1);
    assert_well(&doctor(&home, &[], &[]));
}

#[test]
fn a_keychain_that_has_the_only_key_and_does_not_answer() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    // As if it had been made with a keychain that is gone.
    let db = rusqlite::Connection::open(home.path(super::STORE)).unwrap();
    db.execute_batch("UPDATE key_slots SET lock = 'keychain', hint = CAST('store key 1' AS BLOB)").unwrap();
    drop(db);
    assert_finds(&doctor(&home, &[], &["--offline"]), "keychain problem", "--key-file FILE", 9);
}

#[test]
fn a_configuration_file_that_cannot_be_used() {
    let home = healthy().home;
    std::fs::create_dir_all(home.path("config/xeroctl")).unwrap();
    for (contents, mend) in [
        ("stor = '/a'\n", "store"),
        ("quiet = quite\n", "key = value"),
        ("timeout = 0\n", "xeroctl help config"),
        ("passphrase = 'marker'\n", "passphrase_file"),
    ] {
        home.write("config/xeroctl/config.toml", contents);
        assert_eq!(home.run(&["list"]).status, 2, "other commands do not begin");
        let run = doctor(&home, &[], &["--offline"]);
        assert_finds(&run, "configuration problem", mend, 2);
        assert!(!run.text().contains("marker"), "{}", run.text());
    }
    let named = doctor(&home, &[("XEROCTL_CONFIG", "nothing.toml")], &["--offline"]);
    assert_finds(&named, "configuration problem", "check the path", 2);
    home.write("config/xeroctl/config.toml", "timeout = 20\n");
    assert_well(&doctor(&home, &[], &[]));
}

#[cfg(unix)]
#[test]
fn a_configuration_file_that_others_can_change() {
    use std::os::unix::fs::PermissionsExt;
    let home = healthy().home;
    std::fs::create_dir_all(home.path("config/xeroctl")).unwrap();
    let path = home.write("config/xeroctl/config.toml", "timeout = 20\n");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let mend = assert_finds(&doctor(&home, &[], &[]), "configuration problem", "chmod go-w", 2);
    super::mended(&home, &mend);
    assert_well(&doctor(&home, &[], &[]));
}
