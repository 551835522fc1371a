//! A full life of a store in PostgreSQL, all of it in the server's log; then secrets are looked for.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use xero_mock::MAPLE_FLORIST;

use super::{on_hosts, tried, turn};
use crate::bench::{Bench, Disturbed};
use crate::error::{Error, Outcome};
use crate::faults::private;
use crate::home::Home;
use crate::hosts::Setting;
use crate::planted::{Needle, files, found};
use crate::process::Ended;
use crate::subject::Subject;
use crate::verdict::Allowed;

const PASSPHRASE: &str = "planted passphrase: naïve café + 7/8";
const PASSWORD: &str = "planted password of the certificate";

/// What ends otherwise here: there is no such connection, and the doctor sees that the way to the server has no TLS.
const NOT_WELL: [&str; 2] = ["no-such-connection", "--offline"];

/// All that a server can be told to write down of statements and of what they are given.
const TALKATIVE: [(&str, &str); 9] = [
    ("log_statement", "all"),
    ("log_duration", "on"),
    ("log_min_duration_statement", "0"),
    ("log_parameter_max_length", "-1"),
    ("log_parameter_max_length_on_error", "-1"),
    ("log_min_error_statement", "debug5"),
    ("log_min_messages", "debug2"),
    ("log_error_verbosity", "verbose"),
    ("log_connections", "on"),
];

/// What is done besides the logins and renewals of every trial. `{key}` is that of the private app.
const LIFE: [&[&str]; 22] = [
    &["cert", "new", "planted", "--password-file", "password"],
    &[
        "connect",
        "books",
        "--no-test",
        "--kind",
        "private",
        "--consumer-key",
        "{key}",
        "--certificate",
        "planted.pfx",
        "--password-file",
        "password",
    ],
    &["list"],
    &["status"],
    &["test", "--all"],
    &["refresh", "maple-florist-ltd"],
    &["token", "maple-florist-ltd"],
    &["request", "-c", "maple-florist-ltd", "GET", "Organisation"],
    &["sign", "-c", "books", "GET", "Organisation"],
    &["keepalive", "--min-ttl", "1500"],
    &["rename", "books", "ledger"],
    &["store", "key", "add", "--new-passphrase-file", "passphrase"],
    &["list", "--passphrase-file", "passphrase"],
    &["store", "rekey"],
    &["export", "all.age", "--all", "--bundle-passphrase-file", "passphrase", "--yes"],
    &["adopt", "--all", "--yes"],
    &["store", "verify"],
    &["log", "maple-florist-ltd"],
    &["doctor", "--offline"],
    &["token", "no-such-connection"],
    &["remove", "ledger", "--yes"],
    &["refresh", "maple-florist-ltd"],
];

pub(in crate::faults) fn searched(bench: &mut Bench<'_>) -> Outcome<()> {
    let settings = TALKATIVE.map(|(name, value)| (name, value.to_owned()));
    on_hosts(bench, &settings as &[Setting]);
    for trial in bench.trials(1, 1) {
        let allowed = Allowed::one(false).during(2..=8);
        tried(bench, trial, &allowed, turn(trial), one)?;
    }
    Ok(())
}

fn one(home: &Home, subject: &Subject) -> Outcome<Disturbed> {
    private(&home.path().join("password"), PASSWORD.as_bytes())?;
    private(&home.path().join("passphrase"), PASSPHRASE.as_bytes())?;
    let (mut needles, mut count) = (Vec::new(), 0);
    let mut consumer_key = String::new();
    for words in LIFE {
        let key = consumer_key.clone();
        let line: Vec<&str> = words.iter().map(|word| if *word == "{key}" { &key } else { *word }).collect();
        let ended = home.run(&subject.xeroctl(&line))?;
        if !ended.well() && !NOT_WELL.contains(&line[1]) {
            return Err(Error::Setup { what: format!("xeroctl {}", line.join(" ")), said: ended.in_words() });
        }
        if line[0] == "cert" {
            consumer_key = private_app(home)?;
        }
        count += usize::from(ended.well());
        needles.extend(secrets_of(&line, &ended));
    }
    needles.extend(planted(home)?);
    let hay = hay(home)?;
    let broken = found(&needles, &hay)?;
    let broken = (!broken.is_empty()).then(|| broken.join(", "));
    let broken = broken.or(control(home, &hay)?);
    let said = format!("{count} commands, {} secrets, {} files", needles.len(), hay.len());
    Ok(Disturbed { said, broken, jobs: (LIFE.len() - NOT_WELL.len(), count), ..Disturbed::default() })
}

/// The private app of the mock with the certificate that was just made.
fn private_app(home: &Home) -> Outcome<String> {
    let certificate =
        fs::read_to_string(home.path().join("planted.cer")).map_err(Error::io("read a certificate"))?;
    let app = home.mock.create_private_app("Planted", MAPLE_FLORIST.id, &certificate);
    app.map(|app| app.consumer_key).map_err(|error| Error::NotWorking(error.to_string()))
}

/// An access token that was printed: all of it, and its signature.
fn secrets_of(line: &[&str], ended: &Ended) -> Vec<Needle> {
    let token = ended.stdout.trim();
    if line[0] != "token" || token.is_empty() {
        return Vec::new();
    }
    let signature = token.rsplit('.').next().unwrap_or(token);
    vec![Needle::new("an access token", token), Needle::new("the signature of an access token", signature)]
}

fn planted(home: &Home) -> Outcome<Vec<Needle>> {
    let key_file =
        fs::read_to_string(home.path().join("store.key")).map_err(Error::io("read the key file"))?;
    let key_text = key_file.trim().rsplit(' ').next().unwrap_or_default();
    let key = BASE64_STANDARD
        .decode(key_text)
        .map_err(|_| Error::NotWorking("the key file has no key".to_owned()))?;
    let mut needles = vec![
        Needle::new("the client secret", home.client_secret()),
        Needle::new("the passphrase", PASSPHRASE),
        Needle::new("the password of the certificate", PASSWORD),
        Needle::new("the key file", key_text),
        Needle::new("the store's key", key),
    ];
    for entry in home.mock.journal() {
        let sent = |name| entry.form_value(name).map(str::to_owned);
        needles.extend(sent("refresh_token").map(|token| Needle::new("a refresh token", token)));
        needles.extend(sent("client_secret").map(|secret| Needle::new("a client secret", secret)));
        let bearer = entry.header("authorization").and_then(|value| value.split_once(' '));
        needles.extend(bearer.map(|(_, credentials)| Needle::new("an authorization", credentials)));
    }
    needles.extend(private_key(home)?);
    Ok(needles)
}

/// Parts of the private key, from its secret half: the whole is encoded in several ways.
fn private_key(home: &Home) -> Outcome<Vec<Needle>> {
    let line = ["openssl", "pkcs12", "-in", "planted.pfx", "-passin", "file:password", "-nocerts", "-nodes"];
    let ended = home.run(&line.map(Into::into).to_vec())?;
    let body = ended.stdout.split("-----").nth(2).unwrap_or_default().split_whitespace().collect::<String>();
    let key = BASE64_STANDARD.decode(body).unwrap_or_default();
    if key.len() < 1000 {
        return Err(Error::Setup { what: "openssl pkcs12".to_owned(), said: ended.in_words() });
    }
    // From the private exponent to the coefficient.
    let parts = (320..key.len() - 32).step_by(96).map(|at| Needle::new("the private key", &key[at..at + 32]));
    Ok(parts.collect())
}

/// The log, a dump, and all files of the server.
fn hay(home: &Home) -> Outcome<Vec<PathBuf>> {
    let server = home.hosts().server();
    server.sql("CHECKPOINT")?;
    let mut dump = server.client("pg_dump");
    let dumped = server.site().run(&mut dump)?;
    if !dumped.well() {
        return Err(Error::Setup { what: "pg_dump".to_owned(), said: dumped.in_words() });
    }
    let file = home.write("dump.sql", &dumped.stdout)?;
    let mut hay = files(&server.data())?;
    hay.extend([file, server.log_file()]);
    Ok(hay)
}

/// What is no secret must be found, or nothing would be.
fn control(home: &Home, hay: &[PathBuf]) -> Outcome<Option<String>> {
    let open = [Needle::new("a name", MAPLE_FLORIST.id)];
    let found = found(&open, &hay[hay.len() - 2..])?;
    let statements = fs::read_to_string(home.hosts().server().log_file()).unwrap_or_default();
    let complete = found.len() == 2
        && statements.contains("commit_refresh") | statements.contains("UPDATE authorisations");
    Ok((!complete).then(|| format!("the log or the dump is not what it should be: {found:?}")))
}
