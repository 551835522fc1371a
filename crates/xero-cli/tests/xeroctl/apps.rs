//! Connections and apps changed: names, secrets, keys; half of it misuse.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

use xero_mock::{Consent, DEMO_COMPANY, MAPLE_FLORIST};

use crate::sandbox::{Sandbox, fixture, private_options, transcript};

/// A home with the web app's connection `maple`; gives the client id too.
fn home() -> (Sandbox, String) {
    let (home, app) = Sandbox::logged_in();
    (home, app.client_id)
}

#[test]
fn names_of_connections_and_apps() {
    let (home, id) = home();
    home.ok(&["apps", "show", &id[..6].to_lowercase()]);
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["rename", "maple", "Maple Florist"],
            &["rename", "maple", "x"],
            &["rename", "Maple Florist", "-x"],
            &["apps", "list"],
            &["apps", "edit", &id, "--app-name", "Nightly books"],
            &["apps", "show", "nightly BOOKS"],
            &["edit", "--rename", "maple", "--app-name", "Books", "--default"],
            &["edit"],
            &["edit", "nobody", "--rename", "x"],
            &["apps", "show", "no"],
            &["apps", "show", "--json", "Books"],
            &["test"],
        ]
    ));
}

#[test]
fn a_new_secret_is_tried_and_the_old_one_kept() {
    let (home, id) = home();
    home.write("wrong", "not the secret\n");
    let set = |file: &'static str| ["apps", "secret", "set", "Books", "--client-secret-file", file];
    home.ok(&["apps", "edit", &id, "--app-name", "Books"]);
    let mut text =
        transcript(&home, &[&set("wrong"), &set("secret"), &["apps", "secret", "remove", "Books", "--yes"]]);
    // The portal has another one from now on; the old one is refused.
    let new = home.mock().generate_secret(&id).unwrap();
    home.write("new", &format!("{new}\n"));
    text.push_str(&transcript(
        &home,
        &[
            &set("new"),
            &["apps", "show", "Books"],
            &["refresh", "maple"],
            &["apps", "secret", "remove", "Books"],
            &["apps", "secret", "remove", "Books", "--yes"],
            &["refresh", "maple"],
        ],
    ));
    insta::assert_snapshot!(text);
}

#[test]
fn a_secret_kept_before_the_portal_has_it_waits_its_turn() {
    let (home, id) = home();
    home.write("early", "a secret that the portal does not have\n");
    let set = ["apps", "secret", "set", &id, "--client-secret-file", "early", "--no-test"];
    home.ok(&set);
    home.ok(&["refresh", "maple"]);
    let app = home.ok(&["apps", "show", &id, "--json"]).json();
    assert!(app["app"]["second_secret"].is_object(), "{app}");
}

#[test]
fn the_secret_that_xero_takes_is_not_forgotten() {
    let (home, id) = home();
    home.write("early", "a secret that the portal does not have\n");
    home.ok(&["apps", "secret", "set", &id, "--client-secret-file", "early", "--no-test"]);
    insta::assert_snapshot!(transcript(
        &home,
        &[&["apps", "secret", "remove", &id, "--yes"], &["refresh", "maple"], &["apps", "show", &id]]
    ));
    let early = ["apps", "secret", "set", &id, "--client-secret-file", "early", "--no-test"];
    home.ok(&early);
    home.mock().generate_secret(&id).unwrap();
    insta::assert_snapshot!(
        "neither_of_the_two",
        transcript(
            &home,
            &[
                &["apps", "secret", "remove", &id, "--yes"],
                &["apps", "secret", "remove", &id, "--yes", "--no-test"]
            ]
        )
    );
}

#[test]
fn misuse_of_apps() {
    let (home, id) = home();
    home.connect("old");
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let key =
        home.ok(&["show", "old", "--json"]).json()["connection"]["consumer_key"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["apps"],
            &["apps", "show"],
            &["apps", "edit", &id],
            &["apps", "edit", &id, "--consumer-key", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123"],
            &["apps", "edit", &id, "--certificate", &pfx],
            &["apps", "edit", &id, "--redirect-uri", "ftp://x"],
            &["apps", "edit", &key, "--redirect-uri", "http://localhost:1/x"],
            &["apps", "edit", &key, "--consumer-key", "short"],
            &["apps", "edit", &key, "--consumer-key", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123"],
            &["apps", "secret", "set", &id],
            &["apps", "secret", "set", &id, "--client-secret", "in-the-open"],
            &["apps", "secret", "set", &key, "--client-secret-file", "secret"],
            &["apps", "secret", "remove", &id, "--yes"],
            &["apps", "remove", &id],
            &["apps", "remove", &id, "--yes"],
            &["apps", "remove", &id, "--yes"],
            &["list"],
        ]
    ));
}

#[test]
fn another_organisation_in_one_step() {
    let (home, _) = home();
    let begun = home.ok(&[
        "connect",
        "begin",
        "--json",
        "--kind",
        "web",
        "--client-id",
        home.ok(&["list", "--json"]).json()["connections"][0]["client_id"].as_str().unwrap(),
    ]);
    let address = begun.json()["login"]["address"].as_str().unwrap().to_owned();
    home.mock().consent(&address, &Consent::allow(&[DEMO_COMPANY.id])).unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["copy", "maple"],
            &["copy", "maple", "--organisation", "Nobody Ltd"],
            &["copy", "maple", "--organisation", "Demo Company (NZ)", "--as", "demo"],
            &["copy", "maple", "--organisation", "all"],
            &["test", "demo"],
            &["disconnect", "demo", "maple"],
            &["disconnect", "demo", "nobody", "--yes"],
            &["disconnect", "demo", "maple", "--yes", "--json"],
            &["list"],
        ]
    ));
    assert!(MAPLE_FLORIST.name != DEMO_COMPANY.name);
}

#[test]
fn a_key_pair_is_renewed_while_jobs_run() {
    let home = Sandbox::connected();
    let key = home.ok(&["show", "--json"]).json()["connection"]["consumer_key"].as_str().unwrap().to_owned();
    let mut text = transcript(
        &home,
        &[
            &["cert", "renew", "--finish"],
            &["cert", "renew", "--cancel"],
            &["cert", "renew"],
            &["cert", "renew"],
            &["cert", "renew", "--cer", "again.cer"],
            &["cert", "renew", "--cer", "third.cer", "--pfx", "third.pfx", "--no-new-password"],
            &["cert", "renew", "--finish"],
            &["test"],
        ],
    );
    let uploaded = std::fs::read_to_string(home.path("acme-renewed.cer")).unwrap();
    assert_eq!(uploaded, std::fs::read_to_string(home.path("again.cer")).unwrap());
    home.mock().replace_certificate(&key, &uploaded).unwrap();
    // A job that knows nothing of all this goes on.
    text.push_str(&transcript(&home, &[&["test"], &["cert", "renew", "--finish"], &["show"], &["test"]]));
    insta::assert_snapshot!(text);
}

/// Answers one request, after something else was done.
fn answer(listener: &TcpListener, status: &str, body: &str, before: impl FnOnce()) {
    let (mut stream, _) = listener.accept().unwrap();
    let head = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    assert!(head.last().is_some(), "a request came");
    before();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
}

/// What the server has done is told, whatever becomes of the key that it took.
#[test]
fn a_request_that_was_done_with_the_second_key_is_no_failure() {
    let home = Sandbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let pfx = fixture("kinds/test-openssl-3.pfx");
    let app = private_options("ABCDEFGHIJKLMNOPQRSTUVWXYZ2345", pfx.to_str().unwrap());
    home.ok(&[&["connect", "old", "--xero-url", &address, "--no-test"][..], &app].concat());
    home.ok(&["cert", "renew", "old"]);
    let request = std::thread::scope(|scope| {
        scope.spawn(|| {
            answer(&listener, "401 Unauthorized", "oauth_problem=signature_invalid", || ());
            // The second key is taken away while its request is at the server.
            answer(&listener, "200 OK", "done", || drop(home.ok(&["cert", "renew", "old", "--cancel"])));
        });
        let request = home.run(&["request", "GET", "Contacts", "--log-file", "log"]);
        // Whoever waits for a request that does not come waits no longer.
        drop(TcpStream::connect(listener.local_addr().unwrap()));
        request
    });
    assert_eq!((request.status, request.raw.0.trim()), (0, "done"), "{}", request.text());
    let log = std::fs::read_to_string(home.path("log")).unwrap();
    assert!(log.contains("cannot be kept as the first"), "{log}");
}

#[test]
fn a_renewal_with_a_file_to_keep_is_cancelled() {
    let home = Sandbox::connected();
    let web = Sandbox::logged_in().0;
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["cert", "renew", "--pfx", "new.pfx"],
            &["cert", "renew", "--pfx", "new.pfx", "--no-new-password"],
            &["cert", "verify", "new.pfx", "--no-password"],
            &["cert", "renew", "--cancel"],
            &["test"],
        ]
    ));
    insta::assert_snapshot!("only_private_apps", transcript(&web, &[&["cert", "renew", "maple"]]));
}

#[test]
fn another_key_and_consumer_key_by_hand() {
    let home = Sandbox::connected();
    let other = std::fs::read_to_string(fixture("other.cer")).unwrap();
    let app = home.mock().create_private_app("Other", MAPLE_FLORIST.id, &other).unwrap();
    home.ok(&["cert", "new", "wrong", "--no-password"]);
    home.command("openssl")
        .args(["pkcs12", "-export", "-out", "other.pfx", "-passout", "pass:", "-inkey"])
        .arg(fixture("test-other-key.pem"))
        .arg("-in")
        .arg(fixture("other.cer"))
        .status()
        .unwrap();
    let edit = |pfx: &'static str| ["edit", "acme", "--certificate", pfx, "--no-password", "--consumer-key"];
    let key = app.consumer_key.as_str();
    insta::assert_snapshot!(transcript(
        &home,
        &[&[&edit("wrong.pfx")[..], &[key]].concat(), &[&edit("other.pfx")[..], &[key]].concat(), &["test"]]
    ));
}

#[test]
fn names_that_a_screen_cannot_give_back_are_refused() {
    let (home, id) = home();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["rename", "maple", "a\u{202e}b"],
            &["rename", "maple", "a\u{200b}"],
            &["edit", "maple", "--rename", "\u{feff}a"],
            &["apps", "edit", &id, "--app-name", "\u{202e}abc"],
            &["apps", "edit", &id, "--app-name", "-x"],
            &["rename", "maple", "maple"],
            &["rename", "maple", "Maple"],
            &["rename", "Maple", "nobody\u{301}"],
        ]
    ));
}

#[test]
fn an_app_is_named_by_its_name_or_by_enough_of_its_client_id() {
    let (home, id) = home();
    home.ok(&["apps", "edit", &id, "--app-name", "Books"]);
    let uri = "http://localhost:8742/callback";
    let twice = ["apps", "edit", "Books", "--redirect-uri", uri, "--redirect-uri", uri, "--json"];
    let edited = home.ok(&twice).json();
    assert_eq!(edited["app"]["redirect_uris"].as_array().unwrap().len(), 1);
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["apps", "show", "x"],
            &["connect", "second", "--kind", "web", "--app", "nothing", "--paste"],
            &["connect", "second", "--kind", "desktop", "--app", "Books", "--paste"],
            &["connect", "second", "--kind", "private", "--app", "Books"],
            &["connect", "second", "--kind", "web", "--app", "Books", "--client-id", &id],
            &[
                "connect",
                "second",
                "--kind",
                "web",
                "--app",
                "Books",
                "--paste",
                "--xero-url",
                "http://127.0.0.1:9"
            ],
        ]
    ));
    let begun = home.ok(&["connect", "begin", "--kind", "web", "--app", "books", "--json"]).json();
    assert!(begun["login"]["address"].as_str().unwrap().contains(&id), "{begun}");
    let fresh = Sandbox::with_mock();
    let none = ["connect", "--kind", "web", "--app", "Books", "--paste", "--key-file", "store.key"];
    insta::assert_snapshot!("no_store_and_no_app", transcript(&fresh, &[&none]));
}

#[test]
fn a_wrong_secret_is_mended_without_a_consent() {
    let (home, id) = home();
    let new = home.mock().generate_secret(&id).unwrap();
    home.write("new", &format!("{new}\n"));
    home.ok(&["apps", "edit", &id, "--app-name", "Nightly books"]);
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["refresh", "maple"],
            &["apps", "secret", "set", "Nightly books", "--client-secret-file", "new"],
            &["refresh", "maple"],
        ]
    ));
}
