//! `--json`: what each command's document holds is what `docs/json.md` says, no more and no less.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use serde_json::Value;
use xero_mock::{Consent, DEMO_COMPANY, Fault, MAPLE_FLORIST, RateLimit};

use crate::{
    browser::{ELSEWHERE, web_options},
    sandbox::{Run, Sandbox, fixture, private_options},
};

/// Fields below these are Xero's or the server's own.
const FOREIGN: [&str; 3] = ["headers", "body", "error.body"];
/// Pages of the manual of what is no command by itself.
/// `exec` prints what the program prints that it starts.
const GROUPS: [&str; 9] = [
    "xeroctl-exec",
    "xeroctl-apps",
    "xeroctl-apps-secret",
    "xeroctl-cert",
    "xeroctl-gateway-token",
    "xeroctl-scopes",
    "xeroctl-store",
    "xeroctl-store-key",
    "xeroctl-connect",
];

type Fields = BTreeMap<String, BTreeSet<String>>;

/// What the page says: the fields of each command, and of each object that several documents hold.
struct Page {
    commands: Fields,
    objects: Fields,
}

impl Page {
    fn read() -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
        let (mut commands, mut objects) = (Fields::new(), Fields::new());
        let text = fs::read_to_string(path).unwrap();
        let mut fields = &mut BTreeSet::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("## `xeroctl").and_then(|rest| rest.strip_suffix('`')) {
                fields = commands.entry(name.trim().to_owned()).or_default();
            } else if let Some(name) = line.strip_prefix("## The object ") {
                fields = objects.entry(name.to_owned()).or_default();
            } else if let Some(row) = line.strip_prefix("| `") {
                let (name, meaning) = row.split_once("` |").unwrap();
                let object = meaning
                    .split("the object ")
                    .nth(1)
                    .map(|rest| rest.split([',', ';', ' ', '|']).next().unwrap());
                let object = object.map(|object| format!("{name}: {object}"));
                assert!(fields.insert(object.unwrap_or(name.to_owned())), "twice: {line}");
            }
        }
        Self { commands, objects }
    }

    /// The fields of a command, with those of the objects in it in full.
    fn expanded(&self, fields: &BTreeSet<String>) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for field in fields {
            let Some((name, object)) = field.split_once(": ") else {
                all.insert(field.clone());
                continue;
            };
            all.insert(name.to_owned());
            let below = self.objects.get(object).unwrap_or_else(|| panic!("no object {object}"));
            all.extend(self.expanded(below).iter().map(|one| format!("{name}.{one}")));
        }
        all
    }
}

/// The fields of a document, as paths; `[]` stands for each of a list.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    if FOREIGN.contains(&path) {
        return;
    }
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                found.insert(path.clone());
                fields(value, &path, found);
            }
        }
        Value::Array(all) => {
            let path = format!("{path}[]");
            for one in all.iter().filter(|one| one.is_object()) {
                found.insert(path.clone());
                fields(one, &path, found);
            }
        }
        _ => {}
    }
}

/// Runs commands and notes what their documents hold.
#[derive(Default)]
struct Seen(Fields);

impl Seen {
    fn note(&mut self, command: &str, run: &Run) -> Value {
        let document = run.json();
        assert_eq!(document["schema"], 1, "{}", run.text());
        let mut found = BTreeSet::new();
        fields(&document, "", &mut found);
        found.remove("schema");
        let known = self.0.entry(command.to_owned()).or_default();
        known.extend(found);
        document
    }

    fn run(&mut self, home: &Sandbox, command: &str, arguments: &[&str]) -> Value {
        let words: Vec<_> = command.split_whitespace().collect();
        let run = home.run(&[&words[..], arguments, &["--json"]].concat());
        assert_eq!(run.status, 0, "{}", run.text());
        self.note(command, &run)
    }

    /// A gateway's first document; it ends when this returns.
    #[cfg(unix)]
    fn started(&mut self, home: &Sandbox, command: &str, arguments: &[&str]) {
        let gateway = crate::gateway::Gateway::start(home, arguments);
        assert_eq!(gateway.started["schema"], 1);
        let known = self.0.entry(command.to_owned()).or_default();
        fields(&gateway.started, "", known);
        known.remove("schema");
    }

    /// What fails has the same document everywhere.
    fn fails(&mut self, home: &Sandbox, arguments: &[&str]) {
        let run = home.run(&[arguments, &["--json"]].concat());
        assert_ne!(run.status, 0, "{}", run.text());
        self.note("errors", &run);
    }
}

#[test]
fn the_page_and_the_documents_say_the_same() {
    let (home, mut seen) = (Sandbox::with_mock(), Seen::default());
    without_a_login(&home, &mut seen);
    with_a_login(&home, &mut seen);
    looked_after(&mut seen);
    the_store(&home, &mut seen);
    let page = Page::read();
    let mut wrong = Vec::new();
    let errors = seen.0.remove("errors").unwrap();
    compare(&page, "error", &page.objects["error"], &strip(&errors, "error"), &mut wrong);
    for (command, found) in &seen.0 {
        match page.commands.get(command) {
            Some(fields) => compare(&page, command, fields, found, &mut wrong),
            None => wrong.push(format!("`xeroctl {command}` is not there: {found:#?}")),
        }
    }
    for command in commands(&home) {
        if !page.commands.contains_key(&command) || !seen.0.contains_key(&command) {
            wrong.push(format!("`xeroctl {command}` has no section, or was not run"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn strip(fields: &BTreeSet<String>, name: &str) -> BTreeSet<String> {
    fields.iter().filter_map(|field| field.strip_prefix(&format!("{name}."))).map(str::to_owned).collect()
}

/// A field that is found is on the page. One that is on the page by itself is found; of an object some may be missing,
/// since not every connection has all.
fn compare(
    page: &Page,
    what: &str,
    said: &BTreeSet<String>,
    found: &BTreeSet<String>,
    wrong: &mut Vec<String>,
) {
    let all = page.expanded(said);
    wrong.extend(found.difference(&all).map(|field| format!("{what}: `{field}` is not on the page")));
    let own = said.iter().map(|field| field.split(':').next().unwrap());
    wrong.extend(
        own.filter(|field| !found.contains(*field)).map(|field| format!("{what}: `{field}` was not seen")),
    );
}

/// All commands that there are, by the pages of the manual.
fn commands(home: &Sandbox) -> Vec<String> {
    let pages = home.ok(&["man", "manual", "--json"]).json();
    let names = pages["pages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|page| page.as_str().unwrap().trim_end_matches(".1").to_owned());
    let names = names.filter(|name| !GROUPS.contains(&name.as_str()) || name == "xeroctl-connect");
    names.map(|name| name.trim_start_matches("xeroctl").replace('-', " ").trim().to_owned()).collect()
}

fn without_a_login(home: &Sandbox, seen: &mut Seen) {
    seen.run(home, "", &[]);
    seen.run(home, "help", &["exit-codes"]);
    seen.run(home, "completions", &["bash"]);
    seen.run(home, "man", &["manual"]);
    seen.run(home, "man", &[]);
    seen.run(home, "cert new", &["acme", "--no-password"]);
    seen.run(home, "cert show", &["acme.pfx"]);
    seen.run(home, "cert show", &[fixture("test-key.pem").to_str().unwrap()]);
    seen.run(home, "cert verify", &["acme.pfx"]);
    seen.run(home, "cert convert", &["acme.pfx", "acme-2.pfx", "--no-new-password"]);
    seen.run(home, "list", &[]);
    seen.run(home, "store init", &["--key-file", "store.key"]);
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let app = home.app();
    seen.run(home, "connect", &[&["private"][..], &private_options(&app, &pfx)].concat());
    seen.run(home, "show", &["private"]);
    seen.run(home, "sign", &["-c", "private", "GET", "Organisation"]);
    seen.fails(home, &["show", "nobody"]);
    seen.fails(home, &["request", "-c", "private", "GET", "Nonsense"]);
    seen.fails(home, &["lsit"]);
}

fn with_a_login(home: &Sandbox, seen: &mut Seen) {
    let app = home.web_app();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let begun = seen.run(home, "connect begin", &web_options(&app));
    let location = home
        .mock()
        .consent(
            begun["login"]["address"].as_str().unwrap(),
            &Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]),
        )
        .unwrap();
    home.write("address", &location);
    let id = begun["login"]["id"].as_str().unwrap();
    seen.run(
        home,
        "connect finish",
        &[id, "maple", "--organisation", MAPLE_FLORIST.id, "--address-file", "address"],
    );
    seen.run(home, "orgs", &["maple"]);
    seen.run(home, "orgs", &["maple", "--add", DEMO_COMPANY.name, "--as", "demo"]);
    seen.run(home, "orgs", &["maple", "--add", "all"]);
    seen.run(home, "remove", &["demo", "--yes"]);
    seen.run(home, "copy", &["maple", "--organisation", DEMO_COMPANY.name, "--as", "demo"]);
    seen.run(home, "list", &["--check"]);
    seen.run(home, "show", &["maple"]);
    seen.run(home, "test", &["--all"]);
    seen.run(home, "token", &["maple"]);
    seen.run(home, "limits", &["maple"]);
    seen.run(home, "refresh", &["maple"]);
    seen.run(home, "log", &["maple"]);
    seen.run(home, "keepalive", &[]);
    seen.run(home, "keepalive", &["--install", "systemd", "--print"]);
    seen.run(home, "keepalive", &["--uninstall", "systemd", "--print"]);
    seen.run(home, "keepalive", &["--uninstall", "systemd"]);
    seen.run(home, "gateway token new", &["nightly", "--clients", "clients.toml"]);
    seen.run(home, "gateway token new", &["reports", "--clients", "clients.toml", "--token-file", "reports"]);
    seen.started(home, "gateway", &["--clients", "clients.toml"]);
    seen.run(home, "request", &["-c", "maple", "GET", "Organisation"]);
    seen.run(home, "request", &["-c", "maple", "GET", "Organisation", "--output", "answer.json"]);
    logged_in_again(home, seen);
    seen.run(home, "default", &["maple"]);
    seen.run(home, "disconnect", &["demo", "--yes"]);
    let wait = Some(std::time::Duration::from_secs(600));
    home.mock().fault(Fault::TooManyRequests { problem: RateLimit::Day, retry_after: wait });
    seen.fails(home, &["request", "-c", "maple", "GET", "Organisation"]);
    seen.run(home, "limits", &["maple"]);
    home.mock().kill_refresh_tokens(&app.client_id);
    home.mock().disconnect(&app.client_id, MAPLE_FLORIST.id).unwrap();
    let run = home.run(&["test", "--all", "--json"]);
    seen.note("test", &run);
    let run = home.run(&["list", "--check", "--json"]);
    seen.note("list", &run);
    let run = home.run(&["keepalive", "--min-ttl", "1500", "--json"]);
    seen.note("keepalive", &run);
}

fn logged_in_again(home: &Sandbox, seen: &mut Seen) {
    let run =
        home.waiting(&["reauth", "maple", "--paste", "--json"]).paste(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(run.status, 0, "{} {ELSEWHERE}", run.text());
    seen.note("reauth", &run);
    let begun = seen.run(home, "reauth begin", &["maple"]);
    let address = begun["login"]["address"].as_str().unwrap();
    home.write("address", &home.mock().consent(address, &Consent::allow(&[MAPLE_FLORIST.id])).unwrap());
    let id = begun["login"]["id"].as_str().unwrap();
    seen.run(home, "reauth finish", &[id, "--address-file", "address"]);
}

/// In a home of its own: what is renamed, moved and removed there is missed nowhere else.
fn left_half_way(home: &Sandbox, seen: &mut Seen) {
    home.mock().fault(Fault::Cut.on("/connect/token"));
    assert_eq!(home.run(&["refresh", "books"]).status, 5);
    seen.note("status", &home.run(&["status", "--json"]));
    home.ok(&["refresh", "books"]);
}

fn looked_after(seen: &mut Seen) {
    let (home, app) = Sandbox::logged_in();
    let (home, id) = (&home, app.client_id.as_str());
    home.connect("old");
    home.write("bundle", "six words that nobody guesses\n");
    let sealed = ["--bundle-passphrase-file", "bundle"];
    seen.run(home, "rename", &["maple", "books"]);
    seen.run(home, "edit", &["books", "--app-name", "Nightly"]);
    seen.run(home, "test", &["books"]);
    seen.run(home, "status", &[]);
    left_half_way(home, seen);
    seen.run(home, "apps list", &[]);
    seen.run(home, "apps edit", &[id, "--app-name", "Books"]);
    let secret = home.mock().generate_secret(id).unwrap();
    home.write("new", &secret);
    seen.run(home, "apps secret set", &["Books", "--client-secret-file", "new"]);
    seen.run(home, "apps show", &["Books"]);
    seen.run(home, "apps secret remove", &["Books", "--yes"]);
    seen.run(home, "cert renew", &["old", "--pfx", "new.pfx", "--no-new-password"]);
    seen.run(home, "cert renew", &["old", "--cancel"]);
    seen.run(home, "doctor", &["--offline"]);
    seen.run(home, "scopes list", &[]);
    seen.run(home, "scopes show", &["books"]);
    seen.run(home, "scopes explain", &["Invoices"]);
    home.mock().created_before_march_2026(id, true).unwrap();
    let broad = ["reauth", "books", "--paste", "--scopes", "@read accounting.transactions"];
    let run = home.waiting(&broad).paste(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    let plan = home.run(&["scopes", "upgrade", "books", "--json"]);
    seen.note("scopes upgrade", &plan);
    ends_soon(home);
    kept_elsewhere(home, id, seen);
    seen.run(home, "export", &[&["moving.age", "books", "--yes"][..], &sealed].concat());
    seen.run(home, "import", &[&["moving.age", "--list"][..], &sealed].concat());
    seen.run(home, "import", &[&["moving.age", "--existing", "replace"][..], &sealed].concat());
    let waiting = home.run(&["status", "--json"]);
    seen.note("status", &waiting);
    seen.run(home, "adopt", &["books", "--yes"]);
    seen.run(home, "apps remove", &["Books", "--yes"]);
}

/// A private app whose certificate ends in a month.
fn ends_soon(home: &Sandbox) {
    home.ok(&["cert", "new", "short", "--days", "30", "--no-password"]);
    let pem = fs::read_to_string(home.path("short.cer")).unwrap();
    let key = home.mock().create_private_app("Short", MAPLE_FLORIST.id, &pem).unwrap().consumer_key;
    let options =
        ["--kind", "private", "--consumer-key", &key, "--certificate", "short.pfx", "--no-password"];
    home.ok(&[&["connect", "short"][..], &options].concat());
}

/// A login that another program kept.
fn kept_elsewhere(home: &Sandbox, id: &str, seen: &mut Seen) {
    let scopes = "openid accounting.settings.read offline_access";
    let tokens = home.mock().mint_tokens(id, scopes, &Consent::allow(&[DEMO_COMPANY.id])).unwrap();
    let refresh = tokens.refresh_token.unwrap();
    home.write("tokens.json", &format!("{{\"refresh_token\":\"{refresh}\"}}"));
    let import = ["--from", "token-json", "tokens.json", "--client-id", id];
    seen.run(home, "import", &[&import[..], &["--dry-run"]].concat());
    let named = ["--organisation", DEMO_COMPANY.id, "--as", "elsewhere"];
    seen.run(home, "import", &[&import[..], &named].concat());
}

fn the_store(home: &Sandbox, seen: &mut Seen) {
    home.write("passphrase", "correct horse battery staple\n");
    seen.run(home, "store status", &[]);
    seen.run(home, "store verify", &[]);
    seen.run(home, "store key list", &[]);
    seen.run(home, "store key add", &["--new-passphrase-file", "passphrase"]);
    unlocked(home, seen);
    seen.run(home, "store key remove", &["2", "--yes"]);
    seen.run(home, "store rekey", &[]);
    seen.run(home, "store backup", &["backup.db"]);
    seen.run(home, "store restore", &["backup.db", "--force"]);
    seen.run(home, "store move", &["data/xeroctl/connections.db", "moved.db"]);
    seen.run(home, "store move", &["moved.db", "data/xeroctl/connections.db"]);
    seen.run(home, "store adopt", &["--yes"]);
    seen.run(home, "remove", &["private", "--yes"]);
}

fn unlocked(home: &Sandbox, seen: &mut Seen) {
    if home.run(&["store", "unlock", "--passphrase-file", "passphrase", "--for", "1"]).status == 0 {
        seen.run(home, "store unlock", &["--passphrase-file", "passphrase", "--for", "1"]);
        seen.run(home, "store lock", &[]);
        return;
    }
    // Where the kernel keeps no keys there is nothing to see but that it says so.
    seen.fails(home, &["store", "unlock", "--passphrase-file", "passphrase"]);
    for (command, fields) in [("store unlock", &["key", "until"][..]), ("store lock", &["forgotten"])] {
        seen.0.insert(command.to_owned(), fields.iter().map(|&field| field.to_owned()).collect());
    }
}
