//! Entries of other programs in a real keychain, put there by libsecret's own tool under the names that they use.

#![cfg(target_os = "linux")]

use serde_json::json;
use xero_mock::{Consent, DEMO_COMPANY, MAPLE_FLORIST};

use crate::{
    sandbox::{Run, Sandbox},
    store_keychain::{UNLOCKED, in_session},
};

/// Files a secret as libraries do; `x` runs the program and shows its status.
const SHELL: &str = r#"
put() { secret-tool store --label "$1" service "$2" username "$3" $4 $5 $6 $7 || echo "secret-tool failed"; }
x() { "$XEROCTL" "$@" 2>&1; echo "[$?]"; }
"#;

impl Sandbox {
    fn session(&self, script: &str) -> Run {
        let run = in_session(self, &format!("{UNLOCKED}{SHELL}{script}"));
        let missing =
            run.raw.1.contains("secret-tool: not found") || run.raw.0.contains("secret-tool failed");
        assert!(!missing, "`cargo xtask test` installs libsecret-tools: {}", run.text());
        run
    }
}

#[test]
fn xoauth_keeps_secrets_and_tokens_in_the_keychain() {
    let (home, web) = Sandbox::with_store();
    let desktop = home.mock().create_desktop_app("Desk", &["http://localhost:8080/callback"]).unwrap();
    let client = |id: &str, grant: &str, authority: &str| {
        json!({ "Authority": authority, "Alias": "", "GrantType": grant, "ClientId": id, "ClientSecret": "",
            "CreatedDate": "2020-01-01T00:00:00Z", "Scopes": null })
    };
    let xero = "https://identity.xero.com";
    let clients = json!({
        "a-web": client(&web.client_id, "authorization_code", xero),
        "b-desk": client(&desktop.client_id, "PKCE", "https://identity.xero.com/"),
        "c-custom": client(&web.client_id, "client_credentials", xero),
        "d-other": client("abc", "PKCE", "https://login.example"),
        "e-empty": client(&desktop.client_id, "PKCE", xero),
    });
    std::fs::create_dir(home.path(".xoauth")).unwrap();
    home.write(".xoauth/xoauth.json", &serde_json::to_string_pretty(&clients).unwrap());
    for (name, app) in [("web", &web), ("desk", &desktop)] {
        let tokens = home.minted(app);
        let set = json!({ "access_token": tokens.access_token, "id_token": "", "refresh_token": tokens.refresh_token,
            "token_type": "Bearer", "expires_in": 1800, "expires_at": 1_700_000_000 });
        home.write(&format!("{name}.set"), &serde_json::to_string_pretty(&set).unwrap());
    }
    home.write("client.secret", web.client_secret.as_deref().unwrap());
    let run = home.session(
        r#"put "Password for 'a-web' on 'com.xero.xoauth'" com.xero.xoauth a-web < client.secret
        put tokens com.xero.xoauth a-web:token_set < web.set
        put tokens com.xero.xoauth b-desk:token_set < desk.set
        x import --from xoauth
        x import --from xoauth --profile c-custom
        x import --from xoauth --profile d-other
        x import --from xoauth --profile e-empty
        x import --from xoauth --profile a-web --dry-run
        x import --from xoauth --profile a-web --as web
        x import --from xoauth .xoauth --all-profiles --dry-run --json
        x import --from xoauth .xoauth --profile b-desk --as desk
        x test --all"#,
    );
    insta::assert_snapshot!(run.stdout);
}

#[test]
fn an_old_secret_of_the_second_does_not_replace_that_of_the_first() {
    let (home, web) = Sandbox::with_store();
    let client = json!({ "Authority": "https://identity.xero.com", "GrantType": "authorization_code",
        "ClientId": web.client_id });
    std::fs::create_dir(home.path(".xoauth")).unwrap();
    home.write(".xoauth/xoauth.json", &json!({ "a": client, "b": client }).to_string());
    for (name, organisation) in [("a", MAPLE_FLORIST), ("b", DEMO_COMPANY)] {
        let consent = Consent::allow(&[organisation.id]);
        let scopes = "openid accounting.settings.read offline_access";
        let tokens = home.mock().mint_tokens(&web.client_id, scopes, &consent).unwrap();
        let set = json!({ "access_token": tokens.access_token, "refresh_token": tokens.refresh_token });
        home.write(&format!("{name}.set"), &set.to_string());
    }
    home.write("client.secret", web.client_secret.as_deref().unwrap());
    let run = home.session(
        r#"put secret com.xero.xoauth a < client.secret
        printf old | put secret com.xero.xoauth b
        put tokens com.xero.xoauth a:token_set < a.set
        put tokens com.xero.xoauth b:token_set < b.set
        x import --from xoauth --all-profiles"#,
    );
    assert!(run.stdout.ends_with("[0]\n"), "{}", run.text());
    for name in ["maple-florist-ltd", "demo-company-nz"] {
        home.ok(&["refresh", name]);
    }
}

#[test]
fn the_key_of_the_official_tool_in_the_keychain() {
    let (home, _) = Sandbox::with_store();
    let app = home.cli_app();
    home.seal(&json!({ "maple": home.cli_login(&app, &MAPLE_FLORIST) }), None);
    let key = home.path(".config/xero-command-line/.encryption-key");
    std::fs::rename(key, home.path("key")).unwrap();
    let run = home.session(
        r#"x import --from xero-cli
        printf AAAA | put other xero-command-line encryption-key target other application rust-keyring
        x import --from xero-cli
        secret-tool clear service xero-command-line username encryption-key
        put keyring-rs xero-command-line encryption-key target default application rust-keyring < key
        x import --from xero-cli
        x test"#,
    );
    insta::assert_snapshot!(run.stdout);
    assert!(run.stdout.ends_with("[0]\n"), "{}", run.text());
}

#[test]
fn without_a_keychain_it_is_said_what_helps() {
    let (home, _) = Sandbox::with_store();
    home.seal(&json!({ "maple": home.cli_login(&home.cli_app(), &MAPLE_FLORIST) }), None);
    std::fs::remove_file(home.path(".config/xero-command-line/.encryption-key")).unwrap();
    let cli = home.import("xero-cli", &[]);
    std::fs::create_dir(home.path(".xoauth")).unwrap();
    let client = json!({ "Authority": "https://identity.xero.com", "GrantType": "PKCE", "ClientId": "x" });
    home.write(".xoauth/xoauth.json", &json!({ "maple": client }).to_string());
    let xoauth = home.import("xoauth", &[]);
    for run in [&cli, &xoauth] {
        assert_eq!(run.status, 1, "{}", run.text());
        assert!(run.stderr.contains("this system's keychain cannot be used"), "{}", run.text());
    }
    assert!(
        xoauth.stderr.contains("xoauth token maple | xeroctl import --from token-json -"),
        "{}",
        xoauth.text()
    );
}
