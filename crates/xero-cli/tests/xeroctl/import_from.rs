//! Logins that other programs kept become this store's: every shape, and what becomes of a token when it goes wrong.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use xero_mock::{ClientApp, Consent, DEMO_COMPANY, Fault, MAPLE_FLORIST, MintedTokens};

use crate::sandbox::{BINARY, Run, Sandbox, transcript};

const SCOPES: &str = "openid profile email accounting.settings.read accounting.invoices.read offline_access";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Sandbox {
    /// A home with a mock, a store and a web app.
    pub(crate) fn with_store() -> (Self, ClientApp) {
        let home = Self::initialised();
        let app = home.web_app();
        (home, app)
    }

    /// What a library of another program got for a consent to Maple Florist Ltd.
    pub(crate) fn minted(&self, app: &ClientApp) -> MintedTokens {
        self.mock().mint_tokens(&app.client_id, SCOPES, &Consent::allow(&[MAPLE_FLORIST.id])).unwrap()
    }

    pub(crate) fn import(&self, source: &str, more: &[&str]) -> Run {
        self.run(&[&["import", "--from", source], more].concat())
    }

    fn json(&self, document: &Value) -> std::path::PathBuf {
        self.write("tokens.json", &document.to_string())
    }
}

/// A token set as RFC 6749 section 5.1 has it.
fn token_set(tokens: &MintedTokens) -> Value {
    json!({
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_in": 1800,
        "token_type": "Bearer",
        "scope": SCOPES,
    })
}

/// What a program keeps that saves all it knows.
fn whole_state(app: &ClientApp, tokens: &MintedTokens) -> Value {
    json!({
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "callback_uri": app.redirect_uris[0],
        "tenant_id": MAPLE_FLORIST.id,
        "scope": ["openid"],
        "token": token_set(tokens),
    })
}

#[test]
fn a_token_set_becomes_a_connection() {
    let (home, app) = Sandbox::with_store();
    let tokens = home.minted(&app);
    let state = home.json(&whole_state(&app, &tokens));
    let before = fs::read(&state).unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["import", "--from", "token-json", "tokens.json", "--dry-run"],
            &["import", "--from", "token-json", "tokens.json", "--as", "maple"],
            &["list"],
            &["show", "maple"],
            &["test", "maple"],
        ]
    ));
    assert!(home.ok(&["log", "maple"]).stdout.contains("xeroctl import, process"));
    assert_eq!(home.mock().refreshes(), 1, "renewed at once, and not once more than that");
    assert_eq!(fs::read(state).unwrap(), before, "the other program's file is left as it is");
    // The chain is the store's own: what the file holds ends with its grace, the connection does not.
    home.mock().advance(2 * DAY);
    home.ok(&["refresh", "maple"]);
}

#[test]
fn every_shape_of_json() {
    type Shape = fn(&MintedTokens) -> Value;
    let (home, app) = Sandbox::with_store();
    let shapes: [(&str, Shape); 9] = [
        ("flat", token_set),
        ("token", |tokens| json!({ "token": token_set(tokens) })),
        ("token-set", |tokens| json!({ "user": "ada", "tokenSet": token_set(tokens) })),
        ("snake", |tokens| json!({ "token_set": token_set(tokens) })),
        ("list", |tokens| json!([token_set(tokens)])),
        ("node", |tokens| {
            json!({ "id_token": "e30.e30.x", "access_token": tokens.access_token, "expires_at": 1_700_000_000,
                "refresh_token": tokens.refresh_token, "scope": SCOPES, "session_state": "x" })
        }),
        ("dotnet", |tokens| {
            json!({ "Tenants": [{ "TenantId": MAPLE_FLORIST.id, "TenantName": "Maple" }],
                "AccessToken": tokens.access_token, "RefreshToken": tokens.refresh_token, "IdToken": null,
                "ExpiresAtUtc": "2024-01-01T00:00:00.1234567Z" })
        }),
        ("php", |tokens| {
            json!({ "token": tokens.access_token, "expires": 1_700_000_000, "tenant_id": MAPLE_FLORIST.id,
                "refresh_token": tokens.refresh_token, "id_token": "" })
        }),
        ("bare", |tokens| json!({ "refresh_token": tokens.refresh_token, "client_id": "CLIENT" })),
    ];
    for (name, shape) in shapes {
        let tokens = home.minted(&app);
        let text = shape(&tokens).to_string().replace("\"CLIENT\"", &format!("{:?}", app.client_id));
        home.write("tokens.json", &text);
        // The first one says the secret; after that the app is stored.
        let secret: &[&str] = if name == "flat" { &["--client-secret-file", "secret"] } else { &[] };
        let run = home.import("token-json", &[&["tokens.json", "--as", name], secret].concat());
        assert_eq!(run.status, 0, "{name}: {}", run.text());
        home.ok(&["test", name]);
    }
    assert_eq!(home.mock().refreshes(), 9);
    assert_eq!(home.ok(&["list", "--json"]).json()["connections"].as_array().unwrap().len(), 9);
}

#[test]
fn tokens_on_standard_input_make_the_store_too() {
    let home = Sandbox::with_mock();
    let app = home.web_app();
    let input = whole_state(&app, &home.minted(&app)).to_string();
    let run = home.run_with(
        &["import", "--from", "token-json", "-", "--as", "maple", "--json", "--key-file", "store.key"],
        &format!("\u{feff}{input}\n"),
    );
    assert_eq!(run.status, 0, "{}", run.text());
    let document = run.json();
    assert_eq!(document["connection"]["name"], "maple");
    assert_eq!(document["connections"].as_array().unwrap().len(), 1);
    home.ok(&["test"]);
}

#[test]
fn a_desktop_app_has_no_secret() {
    let (home, _) = Sandbox::with_store();
    let app = home.mock().create_desktop_app("Desk", &["http://localhost:8742/callback"]).unwrap();
    home.json(&token_set(&home.minted(&app)));
    home.mock().clear_journal();
    let run = home.import("token-json", &["tokens.json"]);
    assert_eq!(run.status, 0, "{}", run.text());
    let journal = home.mock().journal();
    let renewal = journal.iter().find(|entry| entry.path == "/connect/token").unwrap();
    assert_eq!(renewal.header("authorization"), None);
    assert_eq!(home.ok(&["show", "maple-florist-ltd", "--json"]).json()["connection"]["kind"], "desktop");
}

#[test]
fn environment_files() {
    let (home, app) = Sandbox::with_store();
    let (id, secret) = (app.client_id.as_str(), app.client_secret.as_deref().unwrap());
    let shapes: [(&str, &str); 4] = [
        (
            "xero",
            "# Xero\nXERO_CLIENT_ID=ID\nXERO_CLIENT_SECRET='SECRET'\nXERO_REDIRECT_URI=https://zynk.com/\n\
             XERO_REFRESH_TOKEN=TOKEN # ends in 60 days\nXERO_TENANT_ID=TENANT\nXERO_SCOPES=\"openid files\"\n",
        ),
        (
            "plain",
            "CLIENT_ID=\"ID\"\r\nCLIENT_SECRET='SECRET'\r\nREDIRECT_URI=\"https://zynk.com/\"\r\nREFRESH_TOKEN=TOKEN\r\n",
        ),
        (
            "export",
            "export XERO_OAUTH_CLIENT_ID=ID\nexport XERO_OAUTH_REFRESH_TOKEN='TOKEN'\nexport CLIENT_ID=other\nDB=\"a\nb\"\n",
        ),
        (
            "twice",
            "XERO_REFRESH_TOKEN=old\nXERO_CLIENT_ID=ID\nXERO_REFRESH_TOKEN=TOKEN\nNOT A LINE\nSTRIPE_CLIENT_ID=x\n\
             XERO_REDIRECT_URI=${APP_URL}/back\n",
        ),
    ];
    for (name, shape) in shapes {
        let token = home.minted(&app).refresh_token.unwrap();
        let text = shape.replace("SECRET'", &format!("{secret}'")).replace("TOKEN'", &format!("{token}'"));
        let text = text.replace("=TOKEN", &format!("={token}")).replace("=ID", &format!("={id}"));
        let text =
            text.replace("\"ID\"", &format!("{id:?}")).replace("=TENANT", &format!("={}", MAPLE_FLORIST.id));
        home.write(".env", &text);
        let run = home.import("env", &[".env", "--as", name]);
        assert_eq!(run.status, 0, "{name}: {}", run.text());
        home.ok(&["test", name]);
        let odd = name == "twice";
        assert_eq!(run.stderr.contains("was passed over (1 times)"), odd, "{}", run.text());
        assert_eq!(run.stderr.contains("/back is left out"), odd, "{}", run.text());
    }
    insta::assert_snapshot!(home.import("env", &[".env", "--dry-run", "--json"]).text());
}

#[test]
fn a_dry_run_sends_nothing_and_needs_no_store() {
    let home = Sandbox::with_mock();
    let app = home.web_app();
    home.json(&json!({ "refresh_token": home.minted(&app).refresh_token }));
    home.mock().clear_journal();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["import", "--from", "token-json", "tokens.json", "--dry-run"],
            &["import", "--from", "token-json", "tokens.json", "--dry-run", "--json"],
        ]
    ));
    assert_eq!(home.mock().journal().len(), 0);
    assert!(!home.path("data/xeroctl/connections.db").exists());
}

#[test]
fn a_dead_token_leaves_nothing() {
    let (home, app) = Sandbox::with_store();
    let tokens = home.minted(&app);
    home.json(&whole_state(&app, &tokens));
    home.mock().kill_refresh_tokens(&app.client_id);
    let run = home.import("token-json", &["tokens.json"]);
    insta::assert_snapshot!(run.text());
    assert_eq!(run.status, 4);
    // No half-made login is left, nor its app: with another token it is a new one again.
    let id = run.raw.1.split("xeroctl connect finish ").nth(1).unwrap()[..12].to_owned();
    assert_eq!(home.run(&["connect", "finish", &id]).status, 3);
    home.json(&json!({ "client_id": app.client_id, "refresh_token": home.minted(&app).refresh_token }));
    let again = home.import("token-json", &["tokens.json"]);
    assert!(!again.stderr.contains("Using the stored app"), "{}", again.text());
}

#[test]
fn a_wrong_secret_costs_no_token() {
    let (home, app) = Sandbox::with_store();
    let tokens = home.minted(&app);
    let token = tokens.refresh_token.as_deref().unwrap();
    home.json(&token_set(&tokens));
    home.write("wrong", "not the secret\n");
    let none = home.import("token-json", &["tokens.json"]);
    let wrong = home.import("token-json", &["tokens.json", "--client-secret-file", "wrong"]);
    insta::assert_snapshot!(format!("{}\n{}", none.text(), wrong.text()));
    assert_eq!((none.status, wrong.status), (6, 6));
    assert!(home.mock().is_refresh_token_alive(token) && home.mock().refreshes() == 0);
    let run = home.import("token-json", &["tokens.json", "--client-secret-file", "secret"]);
    assert_eq!(run.status, 0, "{}", run.text());
}

#[test]
fn a_stored_secret_is_not_replaced_by_an_old_one() {
    let (home, app) = Sandbox::logged_in();
    let mut state = whole_state(&app, &home.minted(&app));
    state["client_secret"] = "an old secret".into();
    home.json(&state);
    let run = home.import("token-json", &["tokens.json", "--as", "imported"]);
    assert_eq!(run.status, 0, "{}", run.text());
    assert!(run.stderr.contains("Using the stored app"), "{}", run.text());
    home.ok(&["refresh", "maple"]);
    home.ok(&["refresh", "imported"]);
    let given = home.import("token-json", &["tokens.json", "--as", "x", "--client-secret-file", "secret"]);
    assert_eq!(given.status, 2, "{}", given.text());
}

#[test]
fn a_lost_answer_is_made_good_by_the_next_step() {
    let (home, app) = Sandbox::with_store();
    home.json(&whole_state(&app, &home.minted(&app)));
    home.mock().fault(Fault::LoseReply.times(9).on("/connect/token"));
    let run = home.import("token-json", &["tokens.json"]);
    assert_eq!(run.status, 5, "{}", run.text());
    assert!(home.mock().refreshes() > 0, "the token was spent");
    home.mock().clear_faults();
    home.ok(&["connect", "finish", &run.login(), "maple"]);
    home.ok(&["test", "maple"]);
}

#[test]
fn a_killed_import_goes_on() {
    let (home, app) = Sandbox::with_store();
    home.json(&whole_state(&app, &home.minted(&app)));
    home.mock().fault(Fault::DelayReply(Duration::from_secs(60)).on("/connect/token"));
    let mut child = home
        .command(BINARY)
        .args(["import", "--from", "token-json", "tokens.json"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let id = line.split("connect finish ").nth(1).expect("how to go on").trim().to_owned();
    assert!(home.mock().wait_for_refreshes(1, Duration::from_secs(30)), "the token is spent");
    child.kill().unwrap();
    child.wait().unwrap();
    home.ok(&["connect", "finish", &id, "maple"]);
    home.ok(&["test", "maple"]);
}

#[test]
fn several_organisations() {
    let (home, app) = Sandbox::with_store();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let both = Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]);
    let mint = || home.mock().mint_tokens(&app.client_id, SCOPES, &both).unwrap();
    let secret = ["--client-secret-file", "secret"];
    home.json(&json!({ "access_token": mint().access_token, "refresh_token": mint().refresh_token }));
    let all = home.import("token-json", &[&["tokens.json", "--organisation", "all"], &secret[..]].concat());
    assert_eq!(all.status, 0, "{}", all.text());
    home.ok(&["test", "--all"]);
    home.ok(&["remove", "demo-company-nz", "maple-florist-ltd", "--yes"]);

    // The one that the source was used for.
    home.json(&json!({ "client_id": app.client_id, "tenantId": DEMO_COMPANY.id, "refresh_token": mint().refresh_token }));
    let named = home.import("token-json", &[&["tokens.json"], &secret[..]].concat());
    assert_eq!(named.status, 0, "{}", named.text());
    assert_eq!(
        home.ok(&["list", "--json"]).json()["connections"][0]["organisation"]["name"],
        DEMO_COMPANY.name
    );

    // Not chosen, and one that the consent does not reach: the login is kept, and no other consent is needed.
    for more in [&["--no-test"][..], &["--organisation", "Nobody Ltd"]] {
        home.json(&json!({ "client_id": app.client_id, "refresh_token": mint().refresh_token }));
        let unsaid = home.import("token-json", &[&["tokens.json"], more].concat());
        assert_eq!(unsaid.status, 2, "{}", unsaid.text());
        let again = home.import("token-json", &[&["tokens.json"], more].concat());
        assert!(again.stderr.contains("imported already; no connection uses it yet"), "{}", again.text());
        assert_eq!(again.login(), unsaid.login());
        home.ok(&["connect", "finish", &unsaid.login(), "--organisation", "Maple Florist Ltd", "--replace"]);
    }
}

#[test]
fn no_secret_of_an_import_is_printed_or_stored_in_clear() {
    let (home, app) = Sandbox::with_store();
    let tokens = home.minted(&app);
    let secrets = [
        tokens.access_token.clone(),
        tokens.refresh_token.clone().unwrap(),
        app.client_secret.clone().unwrap(),
    ];
    let state = whole_state(&app, &tokens);
    home.json(&state);
    home.write(
        ".env",
        &format!(
            "A B\nXERO_CLIENT_ID={}\nXERO_CLIENT_SECRET='{}'\nXERO_REFRESH_TOKEN={}\n",
            app.client_id, secrets[2], secrets[1]
        ),
    );
    home.write(
        "broken.json",
        &format!("{{\"refresh_token\": {}, \"client_secret\": \"{}\"", secrets[1], secrets[2]),
    );
    home.write("broken.env", &format!("XERO_REFRESH_TOKEN={} {}\n", secrets[1], secrets[2]));
    home.write("odd.json", &json!({ "client_id": secrets[2], "refresh_token": secrets[1] }).to_string());
    let commands: [&[&str]; 8] = [
        &["token-json", "broken.json"],
        &["token-json", "odd.json"],
        &["token-json", "tokens.json", "--dry-run", "--json"],
        &["token-json", "tokens.json", "--dry-run"],
        &["env", "broken.env"],
        &["env", ".env", "--dry-run"],
        &["env", ".env", "--as", "env"],
        &["token-json", "tokens.json", "--as", "twice"],
    ];
    let mut seen = Vec::new();
    for more in commands {
        let run = home.import(more[0], &[&more[1..], &["-vvv"]].concat());
        assert_eq!(
            run.status == 0,
            !more[1].starts_with("broken") && more[1] != "odd.json" && more.last() != Some(&"twice"),
            "{}",
            run.text()
        );
        seen.push((format!("{more:?}"), format!("{}{}", run.raw.0, run.raw.1).into_bytes()));
    }
    let sources = ["tokens.json", ".env", "broken.json", "broken.env", "odd.json", "secret"];
    let stored = home.files().into_iter().filter(|name| !sources.contains(&name.as_str()));
    seen.extend(stored.map(|name| (name.clone(), fs::read(home.path(&name)).unwrap())));
    assert!(seen.iter().any(|(name, _)| name.ends_with("connections.db")));
    for (name, text) in &seen {
        for (at, secret) in secrets.iter().enumerate() {
            assert!(
                !text.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "secret {at} in {name}"
            );
        }
    }
}
