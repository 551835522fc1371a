//! The files of Xero's own command line, sealed by Node.js as it does: key file, passphrase, profiles.

use std::{
    fs,
    io::Write,
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use xero_mock::{ClientApp, Consent, DEMO_COMPANY, MAPLE_FLORIST};

use crate::sandbox::{Sandbox, transcript};

const FOLDER: &str = ".config/xero-command-line";
const SCOPES: &str = "openid profile email accounting.settings.read offline_access";
pub(crate) const PASSPHRASE: &str = "planted correct horse";

/// Seals each profile's tokens and writes the three files. The key is random, or made of a passphrase and a salt.
const SEAL: &str = r"
const c = require('crypto'), fs = require('fs');
const {folder, passphrase, profiles} = JSON.parse(fs.readFileSync(0));
const salt = c.randomBytes(16);
const key = passphrase ? c.scryptSync(passphrase, salt, 32) : c.randomBytes(32);
const seal = text => {
  const iv = c.randomBytes(12), cipher = c.createCipheriv('aes-256-gcm', key, iv, {authTagLength: 16});
  const sealed = Buffer.concat([cipher.update(text, 'utf-8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
};
const config = {defaultProfile: Object.keys(profiles)[0], profiles: {}}, tokens = {};
for (const [name, one] of Object.entries(profiles)) {
  config.profiles[name] = {clientId: one.clientId};
  if (one.refreshToken) tokens[name] = {...one, clientId: undefined,
    accessToken: seal(one.accessToken), refreshToken: seal(one.refreshToken)};
}
const write = (name, text) => fs.writeFileSync(`${folder}/${name}`, text, {mode: 0o600});
fs.mkdirSync(folder, {recursive: true});
write('config.json', JSON.stringify(config, null, 2));
write('tokens.json', JSON.stringify(tokens, null, 2));
if (passphrase) write('.encryption-key.salt', salt.toString('base64'));
else write('.encryption-key', key.toString('base64'));
";

impl Sandbox {
    /// A desktop app as Xero's own command line wants it.
    pub(crate) fn cli_app(&self) -> ClientApp {
        static APPS: AtomicUsize = AtomicUsize::new(1);
        let name = format!("Official {}", APPS.fetch_add(1, Ordering::Relaxed));
        self.mock().create_desktop_app(&name, &["http://localhost:8742/callback"]).unwrap()
    }

    /// What it keeps of a login to an organisation.
    pub(crate) fn cli_login(&self, app: &ClientApp, organisation: &xero_mock::Organisation) -> Value {
        let tokens =
            self.mock().mint_tokens(&app.client_id, SCOPES, &Consent::allow(&[organisation.id])).unwrap();
        json!({
            "clientId": app.client_id,
            "accessToken": tokens.access_token,
            "refreshToken": tokens.refresh_token,
            "expiresAt": 1_700_000_000_000_u64,
            "tenantId": organisation.id,
            "tenantName": organisation.name,
        })
    }

    /// Writes its folder.
    pub(crate) fn seal(&self, profiles: &Value, passphrase: Option<&str>) {
        let wanted = json!({ "folder": self.path(FOLDER), "passphrase": passphrase, "profiles": profiles });
        let mut node = self.command("node").args(["-e", SEAL]).stdin(Stdio::piped()).spawn();
        let node = node.as_mut().expect("node is there; `cargo xtask test` installs it");
        node.stdin.take().unwrap().write_all(wanted.to_string().as_bytes()).unwrap();
        assert!(node.wait().unwrap().success());
    }

    /// Two profiles that are logged in, one that is not, and one without its app.
    fn four_profiles(&self, passphrase: Option<&str>) {
        let app = self.cli_app();
        let mut profiles = json!({
            "maple": self.cli_login(&app, &MAPLE_FLORIST),
            "the demo": self.cli_login(&app, &DEMO_COMPANY),
            "fresh": { "clientId": app.client_id },
            "gone": self.cli_login(&app, &MAPLE_FLORIST),
        });
        self.seal(&profiles, passphrase);
        // A profile that was removed there leaves its tokens behind; they name their app themselves.
        profiles.as_object_mut().unwrap().remove("gone");
        let path = self.path(FOLDER).join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config["profiles"].as_object_mut().unwrap().remove("gone");
        fs::write(path, config.to_string()).unwrap();
    }
}

#[test]
fn profiles_under_a_key_file() {
    let (home, _) = Sandbox::with_store();
    home.four_profiles(None);
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["import", "--from", "xero-cli"],
            &["import", "--from", "xero-cli", "--profile", "nobody"],
            &["import", "--from", "xero-cli", "--profile", "fresh"],
            &["import", "--from", "xero-cli", "--dry-run"],
            &["import", "--from", "xero-cli", "--profile", "maple"],
            &["import", "--from", "xero-cli", "--profile", "the demo", "--profile", "gone", "--as", "x"],
            &["import", "--from", "xero-cli", "--profile", "the demo", "--as", "demo", "--default"],
            &["list"],
            &["test", "--all"],
        ]
    ));
}

#[test]
fn a_profile_under_another_key_is_left_out() {
    let (home, _) = Sandbox::with_store();
    let app = home.cli_app();
    let of = |organisation| json!({ "one": home.cli_login(&app, organisation) });
    home.seal(&of(&DEMO_COMPANY), None);
    let path = home.path(FOLDER).join("tokens.json");
    let earlier: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    home.seal(&of(&MAPLE_FLORIST), None);
    let mut tokens: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    tokens["earlier"] = earlier["one"].clone();
    fs::write(&path, tokens.to_string()).unwrap();
    let run = home.run(&["import", "--from", "xero-cli", "--all-profiles"]);
    insta::assert_snapshot!(run.text());
    home.ok(&["test", "--all"]);
}

#[test]
fn all_profiles_and_one_of_them_dead() {
    let (home, _) = Sandbox::with_store();
    let (dead, app) = (home.cli_app(), home.cli_app());
    let profiles = json!({
        "a dead one": home.cli_login(&dead, &MAPLE_FLORIST),
        "maple": home.cli_login(&app, &MAPLE_FLORIST),
        "demo": home.cli_login(&app, &DEMO_COMPANY),
    });
    home.seal(&profiles, None);
    home.mock().kill_refresh_tokens(&dead.client_id);
    let run = home.import("xero-cli", &["--all-profiles"]);
    insta::assert_snapshot!(run.text());
    assert_eq!(run.status, 4);
    home.ok(&["test", "--all"]);
    assert_eq!(home.ok(&["list", "--json"]).json()["connections"].as_array().unwrap().len(), 2);
    // All dead: one JSON document still.
    home.mock().kill_refresh_tokens(&app.client_id);
    let none = home.import("xero-cli", &["--all-profiles", "--json"]);
    assert_eq!((none.status, &none.json()["error"]["kind"]), (4, &json!("needs-person")), "{}", none.text());
}

#[test]
fn a_passphrase_by_file_or_standard_input() {
    let (home, _) = Sandbox::with_store();
    home.four_profiles(Some(PASSPHRASE));
    home.write("phrase", PASSPHRASE);
    let with = |more: &[&str], input: &str| {
        home.run_with(&[&["import", "--from", "xero-cli"], more].concat(), &format!("{input}\n"))
    };
    let file = with(&["--profile", "maple", "--source-passphrase-file", "phrase"], "");
    assert_eq!(file.status, 0, "{}", file.text());
    let stdin = with(&["--profile", "the demo", "--source-passphrase-stdin"], PASSPHRASE);
    assert_eq!(stdin.status, 0, "{}", stdin.text());
    let (wrong, none) =
        (with(&["--all-profiles", "--source-passphrase-stdin"], "planted"), with(&["--all-profiles"], ""));
    assert_eq!((wrong.status, none.status), (1, 1));
    insta::assert_snapshot!(format!("{}\n{}", wrong.text(), none.text()));
    home.ok(&["test", "--all"]);
}

#[test]
fn a_passphrase_is_asked_for_hidden() {
    let (home, _) = Sandbox::with_store();
    home.seal(&json!({ "maple": home.cli_login(&home.cli_app(), &MAPLE_FLORIST) }), Some(PASSPHRASE));
    let mut terminal = home.terminal(&["import", "--from", "xero-cli"]);
    terminal
        .expect("Passphrase of xero-cli")
        .line("planted wrong")
        .expect("The passphrase is wrong. Try again.");
    terminal
        .expect_times("Passphrase of xero-cli", 2)
        .line(PASSPHRASE)
        .expect("It works: Maple Florist Ltd.");
    let (status, screen) = terminal.finish();
    assert_eq!((status, screen.contains("planted")), (0, false), "{screen}");
    home.ok(&["test", "maple"]);
}

#[test]
fn damaged_and_missing_files() {
    let (home, _) = Sandbox::with_store();
    let folder = home.path(FOLDER);
    let mut text = home.import("xero-cli", &[]).text();
    let damage = |name: &str, contents: &str| {
        home.four_profiles(None);
        home.write(&format!("{FOLDER}/{name}"), contents);
        let run = home.import("xero-cli", &["--all-profiles"]);
        assert_ne!(run.status, 0, "{name}: {}", run.text());
        format!("# {name}: {contents:?}\n{}\n", run.text())
    };
    for (name, contents) in [
        (".encryption-key", ""),
        (".encryption-key", "bm90IDMyIGJ5dGVz"),
        (".encryption-key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("tokens.json", ""),
        ("tokens.json", "{}"),
        ("tokens.json", "{\"maple\": {\"accessToken\": \"planted"),
        ("tokens.json", "{\"maple\": {\"accessToken\": \"\", \"refreshToken\": \"planted\"}}"),
        ("config.json", "[1]"),
    ] {
        text.push_str(&damage(name, contents));
    }
    assert!(!text.replace("\"planted", "").replace("planted\\\"", "").contains("planted"), "{text}");
    insta::assert_snapshot!(text);
    // One that is damaged does not keep the others back.
    home.four_profiles(None);
    let path = folder.join("tokens.json");
    let mut tokens: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    tokens["maple"]["refreshToken"] = "bm90IHNlYWxlZCB3aXRoIHRoaXMga2V5IGF0IGFsbA==".into();
    fs::write(path, tokens.to_string()).unwrap();
    let others = home.import("xero-cli", &["--all-profiles", "--dry-run", "--json"]);
    assert_eq!(
        (others.status, others.json()["logins"].as_array().unwrap().len()),
        (1, 2),
        "{}",
        others.text()
    );
    assert!(
        others.stderr.contains("profile maple: the tokens were sealed with another key"),
        "{}",
        others.text()
    );
    // Without a key nothing is had.
    home.four_profiles(None);
    fs::remove_file(folder.join(".encryption-key")).unwrap();
    assert_eq!(home.import("xero-cli", &["--profile", "maple"]).status, 1);
    assert_eq!(home.mock().refreshes(), 0, "nothing was spent");
    assert!(home.ok(&["list"]).stderr.contains("No connections"));
}

#[cfg(unix)]
#[test]
fn files_that_others_can_read_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let (home, _) = Sandbox::with_store();
    home.seal(&json!({ "maple": home.cli_login(&home.cli_app(), &MAPLE_FLORIST) }), None);
    for name in ["tokens.json", ".encryption-key", "config.json"] {
        fs::set_permissions(home.path(FOLDER).join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let run = home.import("xero-cli", &[home.path(FOLDER).to_str().unwrap(), "--as", "maple"]);
    assert_eq!(run.status, 0, "{}", run.text());
    let warned: Vec<_> =
        run.stderr.lines().filter(|line| line.starts_with("warning: other users can read")).collect();
    assert_eq!(warned.len(), 2, "{warned:?}");
    assert!(warned.iter().all(|line| line.contains("chmod 600 '")), "{warned:?}");
}

#[test]
fn a_salt_that_is_none_and_a_secret_that_is_no_desktop_apps() {
    let (home, _) = Sandbox::with_store();
    let login = json!({ "maple": home.cli_login(&home.cli_app(), &MAPLE_FLORIST) });
    home.seal(&login, None);
    home.write("other", "a secret of another app\n");
    let secret = home.import("xero-cli", &["--client-secret-file", "other"]);
    home.seal(&login, Some(PASSPHRASE));
    fs::remove_file(home.path(FOLDER).join(".encryption-key")).unwrap();
    home.write(&format!("{FOLDER}/.encryption-key.salt"), "?");
    home.write("phrase", PASSPHRASE);
    let salt = home.import("xero-cli", &["--source-passphrase-file", "phrase"]);
    assert_eq!((secret.status, salt.status), (2, 1));
    insta::assert_snapshot!(format!("{}\n{}", secret.text(), salt.text()));
    assert_eq!(home.mock().refreshes(), 0, "nothing was spent");
}
