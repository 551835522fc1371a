//! A login with a real browser and the loudest log: no secret is where somebody else could read it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr};

use serde_json::{Value, json};

use crate::browser::{Browser, files};
use crate::consent::{ADA, address_in};
use crate::programs::{Programs, Run, free_port};

/// Where somebody could read, by name.
type Places = Vec<(String, Vec<u8>)>;

/// Secrets, by what they are.
type Secrets = BTreeSet<(&'static str, String)>;

#[test]
fn no_secret_is_left_anywhere() {
    let programs = Programs::start();
    let browser = Browser::start();
    programs.ok(&["store", "init", "--key-file", "store.key"]);
    let redirect_uri = format!("http://localhost:{}/callback", free_port());
    let app = json!({ "kind": "web", "name": "Planted", "redirect_uris": [&redirect_uri] });
    let app = programs.order("apps", &app);
    let client_secret = app["client_secret"].as_str().unwrap();
    programs.write("secret.txt", client_secret);
    let mut places = log_in(&programs, &browser, app["client_id"].as_str().unwrap(), &redirect_uri);
    use_connection(&programs, &mut places);
    places.extend(processes());
    places.extend(files(&programs.path("")).into_iter().filter(|(name, _)| !name.ends_with("/secret.txt")));
    let mut secrets = spent(&programs.journal());
    secrets.insert(("client secret", client_secret.to_owned()));
    assert_complete(&secrets);
    let codes: Secrets = secrets.extract_if(.., |(kind, _)| *kind == "code").collect();
    let profile = browser.end();
    assert_absent(&codes, &places);
    assert_absent(&secrets, &places);
    assert_absent(&secrets, &profile);
    let is_history = |(name, bytes): &(String, Vec<u8>)| {
        let text = String::from_utf8_lossy(bytes);
        name.ends_with("/History") && codes.iter().all(|(_, code)| text.contains(code))
    };
    assert!(profile.iter().any(is_history), "the history was not read: the code itself stands in it");
}

/// Everything up to a connection: what is printed, what the machine shows of all programs meanwhile, the last page.
fn log_in(programs: &Programs, browser: &Browser, client_id: &str, redirect_uri: &str) -> Places {
    let app = ["--kind", "web", "--client-id", client_id, "--client-secret-file", "secret.txt"];
    let more = ["--redirect-uri", redirect_uri, "--no-browser"];
    let connect = [&["-vvv", "connect", "acme"], &app[..], &more].concat();
    let mut child = programs.command(&connect).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let (address, said) = until_address(&mut log);
    browser.open(&address);
    browser.log_in(ADA);
    let mut places = processes();
    browser.allow(&["Maple Florist Ltd"]);
    browser.sees("Xero has let the app in");
    places.push(("the page at the end".to_owned(), browser.source().into_bytes()));
    let run = finish(child, said, log);
    assert_eq!(run.status, Some(0), "{run:?}");
    places.extend(printed("connect", run));
    places
}

fn until_address(log: &mut impl BufRead) -> (String, String) {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "no address was printed:\n{said}");
        said.push_str(&line);
        if let Some(address) = address_in(&line) {
            return (address.to_owned(), said);
        }
    }
}

fn finish(child: Child, mut said: String, mut log: BufReader<ChildStderr>) -> Run {
    std::io::Read::read_to_string(&mut log, &mut said).unwrap();
    Run { stderr: said, ..Run::of(child.wait_with_output().unwrap()) }
}

/// Tokens are used, end, and are renewed twice; all of it with the loudest log.
fn use_connection(programs: &Programs, places: &mut Places) {
    let run = |arguments: &[&str], places: &mut Places| {
        let run = programs.run(&[&["-vvv"], arguments].concat());
        assert_eq!(run.status, Some(0), "{arguments:?}: {run:?}");
        places.extend(printed(&arguments.join(" "), run));
    };
    run(&["request", "-i", "GET", "Organisation"], places);
    programs.order("clock", &json!({ "advance_seconds": 31 * 60 }));
    run(&["test"], places);
    run(&["refresh"], places);
    for arguments in [["orgs", "--json"], ["show", "--json"], ["list", "--json"], ["test", "--json"]] {
        run(&arguments, places);
    }
}

fn printed(what: &str, run: Run) -> Places {
    assert!(run.stderr.contains("DEBUG") || run.stderr.contains("TRACE"), "the log was off: {run:?}");
    vec![(format!("{what}, stdout"), run.stdout.into()), (format!("{what}, stderr"), run.stderr.into())]
}

/// Arguments and surroundings of every program that runs now.
fn processes() -> Places {
    let of = |folder: &str, file: &str| {
        let path = format!("{folder}/{file}");
        fs::read(&path).ok().map(|bytes| (path, bytes))
    };
    let folders = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().display().to_string());
    folders.flat_map(|folder| [of(&folder, "cmdline"), of(&folder, "environ")]).flatten().collect()
}

/// All secrets that the mock has been shown.
fn spent(journal: &Value) -> Secrets {
    let mut secrets = Secrets::new();
    for entry in journal.as_array().unwrap() {
        let pairs =
            |field: &str| -> Vec<(String, String)> { serde_json::from_value(entry[field].clone()).unwrap() };
        for (name, value) in pairs("form") {
            let kinds = ["code", "code_verifier", "refresh_token"];
            secrets.extend(kinds.into_iter().filter(|kind| *kind == name).map(|kind| (kind, value.clone())));
        }
        for (name, value) in pairs("headers") {
            let (scheme, value) = value.split_once(' ').unwrap_or_default();
            let kinds =
                ["Basic", "Bearer"].into_iter().filter(|kind| name == "authorization" && *kind == scheme);
            secrets.extend(kinds.map(|kind| (kind, value.to_owned())));
        }
    }
    secrets
}

fn assert_complete(secrets: &Secrets) {
    let count = |kind| secrets.iter().filter(|(other, _)| *other == kind).count();
    let kinds = ["client secret", "Basic", "code", "code_verifier", "refresh_token", "Bearer"];
    assert_eq!(kinds.map(count), [1, 1, 1, 1, 2, 3], "{secrets:#?}");
}

fn assert_absent(secrets: &Secrets, places: &Places) {
    for (name, bytes) in places {
        let text = String::from_utf8_lossy(bytes);
        for (kind, secret) in secrets {
            assert!(!text.contains(secret), "{kind} in {name}");
        }
    }
}
