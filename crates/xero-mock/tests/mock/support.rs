//! A mock with one app, keys made by OpenSSL, and requests signed by requests-oauthlib.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::blocking::{Client, Response};
use reqwest::{Method, redirect};
use serde_json::{Value, json};
use xero_mock::{DEMO_COMPANY, Mock, PrivateApp};

pub(crate) const SIGNATURE_INVALID: &str =
    "oauth_problem=signature_invalid&oauth_problem_advice=Failed%20to%20validate%20signature";

/// A private key and its certificate, both PEM.
pub(crate) struct KeyPair {
    pub(crate) key: String,
    pub(crate) certificate: String,
}

/// The key pair that apps of these tests have; RSA 2048, valid for 30 days.
pub(crate) fn key_pair() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| make_key_pair("rsa:2048"))
}

/// Another pair of the same kind.
pub(crate) fn other_key_pair() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| make_key_pair("rsa:1024"))
}

pub(crate) fn make_key_pair(algorithm: &str) -> KeyPair {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let subject = ["-subj", "/CN=Test of the mock"];
    openssl(
        folder.path(),
        &[
            "req", "-x509", "-nodes", "-newkey", algorithm, "-keyout", "k", "-out", "c", "-days", "30",
            subject[0], subject[1],
        ],
    );
    let read = |name: &str| std::fs::read_to_string(file(name)).unwrap();
    KeyPair { key: read("k"), certificate: read("c") }
}

pub(crate) fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("openssl is missing: `cargo xtask test` installs it");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A running mock with one app.
pub(crate) struct Bench {
    pub(crate) mock: Mock,
    pub(crate) app: PrivateApp,
    client: Client,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The body as JSON, or null where it is something else.
    pub(crate) fn json_or_null(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// That the answer is an OAuth problem, in Xero's form.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body));
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8");
    }

    pub(crate) fn read(response: Response) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
        let (status, headers) = (response.status().as_u16(), headers.collect());
        Self { status, headers, body: response.text().unwrap() }
    }
}

/// A signed request, ready to be sent or tampered with.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let mock = Mock::start_blocking().unwrap();
        let app = mock.create_private_app("Bench", DEMO_COMPANY.id, &key_pair().certificate).unwrap();
        Self { mock, app, client: client() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.mock.url())
    }

    /// The fields that `sign.py` needs for a request of this app; add to them what the test is about.
    pub(crate) fn order(&self, method: &str, path: &str) -> Value {
        let key = &self.app.consumer_key;
        let now = self.mock.now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        let accept = json!({"Accept": "application/json"});
        json!({"method": method, "url": self.url(path), "consumer_key": key, "token": key, "headers": accept, "timestamp": now})
    }

    pub(crate) fn sign(&self, order: &Value) -> Wire {
        sign(key_pair(), std::slice::from_ref(order)).remove(0)
    }

    pub(crate) fn send(&self, wire: &Wire) -> Answer {
        Answer::read(self.try_send(wire).unwrap())
    }

    pub(crate) fn try_send(&self, wire: &Wire) -> reqwest::Result<Response> {
        let method = Method::from_bytes(wire.method.as_bytes()).unwrap();
        let mut request = self.client.request(method, &wire.url).body(wire.body.clone());
        for (name, value) in wire.headers.iter().filter(|(name, _)| *name != "Content-Length") {
            request = request.header(name, value);
        }
        request.send()
    }

    /// Signs and sends.
    pub(crate) fn call(&self, order: &Value) -> Answer {
        self.send(&self.sign(order))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call(&self.order("GET", path))
    }

    /// Sends without a signature, for the portal and the controls.
    pub(crate) fn plain(&self, method: Method, path: &str) -> reqwest::blocking::RequestBuilder {
        self.client.request(method, self.url(path))
    }
}

pub(crate) trait Answered {
    fn answered(self) -> Answer;
}

impl Answered for reqwest::blocking::RequestBuilder {
    fn answered(self) -> Answer {
        Answer::read(self.send().unwrap())
    }
}

/// `order` with one more field.
pub(crate) fn with(mut order: Value, field: &str, value: impl Into<Value>) -> Value {
    order[field] = value.into();
    order
}

/// Signs all orders.
pub(crate) fn sign(pair: &KeyPair, orders: &[Value]) -> Vec<Wire> {
    static SIGNER: OnceLock<Mutex<Signer>> = OnceLock::new();
    let signer = SIGNER.get_or_init(|| Mutex::new(Signer::start()));
    let answer = signer.lock().unwrap().ask(&json!({"key": pair.key, "requests": orders}));
    answer.as_array().unwrap().iter().map(wire).collect()
}

/// `sign.py`, running until the tests end and with them its standard input.
struct Signer {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Signer {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mock/sign.py");
        let (stdin, stdout) = (Stdio::piped(), Stdio::piped());
        let started = Command::new(python()).arg(script).stdin(stdin).stdout(stdout).spawn();
        let mut child = started.expect("python3 is missing: `cargo xtask test` installs it");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    fn ask(&mut self, order: &Value) -> Value {
        let mut line = String::new();
        let sent = writeln!(self.child.stdin.as_mut().unwrap(), "{order}");
        let read = sent.and_then(|()| self.stdout.read_line(&mut line));
        let missing = "sign.py ended; `cargo xtask test` installs python3-requests-oauthlib";
        assert!(read.is_ok_and(|length| length > 0), "{missing}");
        serde_json::from_str(&line).unwrap()
    }
}

fn wire(signed: &Value) -> Wire {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = signed["headers"].as_object().unwrap().iter();
    Wire {
        method: text(&signed["method"]),
        url: text(&signed["url"]),
        headers: headers.map(|(name, value)| (name.clone(), text(value))).collect(),
        body: STANDARD.decode(text(&signed["body"])).unwrap(),
    }
}

pub(crate) fn python() -> String {
    let debian = "/usr/bin/python3";
    let fallback = if Path::new(debian).exists() { debian } else { "python3" };
    env::var("PYTHON").unwrap_or_else(|_| fallback.to_owned())
}

pub(crate) fn client() -> Client {
    Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap()
}

pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}
