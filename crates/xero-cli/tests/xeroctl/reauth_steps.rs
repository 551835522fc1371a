//! `xeroctl reauth begin` and `reauth finish`: a new login without a terminal, for a connection that there is.

use serde_json::Value;
use xero_mock::{Consent, MAPLE_FLORIST};

use crate::{
    browser::ELSEWHERE,
    sandbox::{Sandbox, fixture, private_options, transcript},
};

/// Begins a login and consents; the address is in the file `address`. Gives the login's name.
fn begun(home: &Sandbox, command: &[&str]) -> (String, Value) {
    let document = home.ok(&[command, &["--json"]].concat()).json();
    let login = &document["login"];
    let address = login["address"].as_str().unwrap();
    home.write("address", &home.mock().consent(address, &Consent::allow(&[MAPLE_FLORIST.id])).unwrap());
    (login["id"].as_str().unwrap().to_owned(), document)
}

#[test]
fn a_connection_is_logged_in_again_in_two_steps() {
    let (home, app) = Sandbox::logged_in();
    home.mock().kill_refresh_tokens(&app.client_id);
    assert_eq!(home.run(&["refresh", "maple"]).status, 4);
    insta::assert_snapshot!("what_begins_says", home.ok(&["reauth", "begin", "maple"]).text());
    let scopes = "accounting.settings.read files.read";
    let (login, document) = begun(&home, &["reauth", "begin", "maple", "--scopes", scopes]);
    assert_eq!(document["login"]["next_step"], format!("xeroctl reauth finish {login} --address-stdin"));
    assert_eq!(document["login"]["redirect_uri"], ELSEWHERE);
    let run = home.ok(&["reauth", "finish", &login, "--address-file", "address"]);
    insta::assert_snapshot!(run.text().replace(&login, "LOGIN"));
    home.ok(&["refresh", "maple"]);
    let granted = home.ok(&["scopes", "show", "maple"]).stdout;
    assert!(granted.contains("files.read "), "{granted}");
}

#[test]
fn misuse_of_the_two_steps() {
    let (home, app) = Sandbox::logged_in();
    home.connect("signed");
    let (other, _) = begun(&home, &["connect", "begin", "--kind", "web", "--client-id", &app.client_id]);
    let (login, _) = begun(&home, &["reauth", "begin"]);
    home.write("elsewhere", "https://zynk.com/?code=x&state=y\n");
    let text = transcript(
        &home,
        &[
            &["reauth", "begin", "nobody"],
            &["reauth", "begin", "signed"],
            &["reauth", "begin", "maple", "--client-secret", "x"],
            &["reauth", "maple", "finish"],
            &["reauth", "finish"],
            &["reauth", "finish", "nobodys", "--address-file", "address"],
            &["reauth", "finish", &other, "--address-file", "address"],
            &["connect", "finish", &login, "--address-file", "address"],
            &["reauth", "finish", &login],
            &["reauth", "finish", &login, "--address-file", "elsewhere"],
            &["rename", "maple", "moved"],
            &["reauth", "finish", &login, "--address-file", "address"],
            &["rename", "moved", "maple"],
        ],
    );
    let key = home.app();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    home.ok(&[&["connect", "maple", "--replace"][..], &private_options(&key, &pfx)].concat());
    let replaced = home.run(&["reauth", "finish", &login, "--address-file", "address"]);
    let text = format!("{text}\n{}", replaced.text());
    insta::assert_snapshot!(text.replace(&login, "LOGIN").replace(&other, "OTHER"));
}

#[test]
fn a_code_that_is_too_old_and_a_secret_that_changed() {
    let (home, app) = Sandbox::logged_in();
    let (late, _) = begun(&home, &["reauth", "begin", "maple"]);
    home.mock().advance(std::time::Duration::from_secs(6 * 60));
    let too_late = home.run(&["reauth", "finish", &late, "--address-file", "address"]);
    home.write("secret", &home.mock().generate_secret(&app.client_id).unwrap());
    let (login, _) = begun(&home, &["reauth", "begin", "maple"]);
    let finish = ["reauth", "finish", &login, "--address-file", "address"];
    let refused = home.run(&finish);
    home.ok(&["apps", "secret", "set", &app.client_id, "--client-secret-file", "secret"]);
    let texts = [too_late, refused, home.run(&finish)].map(|run| run.text());
    insta::assert_snapshot!(texts.join("\n").replace(&login, "LOGIN").replace(&late, "LATE"));
}
