//! A person's browser without a browser: consents at the mock, and comes back to the program.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
};

use xero_mock::{ClientApp, Consent, DEMO_COMPANY, MAPLE_FLORIST};

use crate::sandbox::{BINARY, Run, Sandbox};

/// A redirect URI on another host, as the manual has it.
pub(crate) const ELSEWHERE: &str = "https://zynk.com/";
const LOGIN: &str = "/identity/connect/authorize?";

/// What says which web app it is, with the secret in the file `secret` and the redirect URI on another host.
pub(crate) fn web_options(app: &ClientApp) -> [&str; 8] {
    let id = app.client_id.as_str();
    ["--kind", "web", "--client-id", id, "--client-secret-file", "secret", "--redirect-uri", ELSEWHERE]
}

/// `xeroctl` while it waits for a consent.
pub(crate) struct Waiting<'a> {
    home: &'a Sandbox,
    child: Child,
    said: String,
    errors: BufReader<std::process::ChildStderr>,
    shown: String,
    /// The address that a person is to open.
    pub(crate) address: String,
}

impl Sandbox {
    /// A web app with a redirect URI on another host, its secret in the file `secret`.
    pub(crate) fn web_app(&self) -> ClientApp {
        let app = self.mock().create_web_app("Nightly web", &[ELSEWHERE]).unwrap();
        self.write("secret", &format!("{}\n", app.client_secret.as_deref().unwrap()));
        app
    }

    /// A home with a mock, a store and the connection `maple` of a web app to Maple Florist Ltd.
    pub(crate) fn logged_in() -> (Self, ClientApp) {
        let home = Self::initialised();
        let app = home.web_app();
        let run = home.connect_web(&app, &["maple"], &Consent::allow(&["Maple Florist Ltd"]));
        assert_eq!(run.status, 0, "{}", run.text());
        (home, app)
    }

    /// The same with the connections `demo-company-nz` and `maple-florist-ltd` of one login.
    pub(crate) fn logged_in_to_two() -> (Self, ClientApp) {
        let home = Self::initialised();
        let app = home.web_app();
        home.mock().bulk_connections(&app.client_id, true).unwrap();
        let both = Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]);
        let run = home.connect_web(&app, &["--organisation", "all"], &both);
        assert_eq!(run.status, 0, "{}", run.text());
        (home, app)
    }

    /// `connect --kind web --paste` with a person who consents.
    pub(crate) fn connect_web(&self, app: &ClientApp, more: &[&str], consent: &Consent) -> Run {
        let arguments = [&["connect", "--paste"], &web_options(app)[..], more];
        self.waiting(&arguments.concat()).paste(consent)
    }

    /// Starts a command that waits for a consent, and reads the address that it prints.
    pub(crate) fn waiting(&self, arguments: &[&str]) -> Waiting<'_> {
        let mut child = self
            .command(BINARY)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let (mut said, mut address) = (String::new(), None);
        while address.is_none() {
            let mut line = String::new();
            if errors.read_line(&mut line).unwrap() == 0 {
                let mut out = String::new();
                child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
                panic!("no address was printed:\n{said}\n{out}");
            }
            if line.contains(LOGIN) {
                address = Some(line.trim().to_owned());
            }
            said.push_str(&line);
        }
        let shown = arguments.iter().map(|one| self.tidy(one)).collect::<Vec<_>>().join(" ");
        Waiting { home: self, child, said, errors, shown, address: address.unwrap() }
    }
}

impl Waiting<'_> {
    /// The process's id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// A person consents, or not, and pastes where the browser ended.
    pub(crate) fn paste(self, consent: &Consent) -> Run {
        let location = self.home.mock().consent(&self.address, consent).expect("the mock redirects");
        self.paste_text(&location)
    }

    /// A person pastes a text.
    pub(crate) fn paste_text(mut self, text: &str) -> Run {
        let mut input = self.child.stdin.take().unwrap();
        // The program may end without reading; that is its right.
        drop(input.write_all(format!("{text}\n").as_bytes()));
        drop(input);
        self.finish()
    }

    /// The browser follows the redirect to the program's own listener; gives the page that it shows and the run.
    pub(crate) fn follow(self, consent: &Consent) -> (String, Run) {
        let location = self.home.mock().consent(&self.address, consent).expect("the mock redirects");
        let page = fetch(&location);
        (page, self.finish())
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Run {
        drop(self.child.stdin.take());
        let (mut rest, mut out) = (String::new(), Vec::new());
        // What is printed there is little: a pipe holds it while the other one is read.
        self.errors.read_to_string(&mut rest).unwrap();
        self.child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        let status = self.child.wait().unwrap();
        let stderr = format!("{}{rest}", self.said).into_bytes();
        self.home.finish(&self.shown, &std::process::Output { status, stdout: out, stderr })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // A test that failed half-way leaves nothing running.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The answer to a GET of an address on this machine, head and all.
pub(crate) fn fetch(address: &str) -> String {
    let (authority, path) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    send(authority, &format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"))
}

/// What a listener answers to these bytes.
pub(crate) fn send(authority: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A port of this machine that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Sandbox {
    /// The address on a screen, where it fills several lines.
    pub(crate) fn address_on(&self, screen: &str) -> String {
        let start = screen.find(self.mock().url()).expect("an address is on the screen");
        let mut address = String::new();
        for line in screen[start..].lines() {
            address.push_str(line.trim());
            if line.trim().is_empty() {
                break;
            }
        }
        address
    }
}
