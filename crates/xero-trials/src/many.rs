//! Measures a store in PostgreSQL with many connections: `token` beside a small store, `keepalive` beside the ideal.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use xero_mock::{ClientApp, Consent, Fault, Mock};

use crate::error::{Error, Outcome};
use crate::faults::private;
use crate::hosts::{Cluster, Grounds, local_server};
use crate::process::run;
use crate::subject::Subject;

/// A store of its own.
struct Store {
    name: &'static str,
    logins: usize,
    folder: TempDir,
    server: Cluster,
    mock: Mock,
    app: ClientApp,
}

/// The key of stores that are thrown away.
const KEY: &str = include_str!("../../../fixtures/store/test-format-1.key");
const ORGANISATIONS: usize = 5;
const LOGINS: usize = 2000;
const SMALL: usize = 2;
/// How often `token` is run on each store, in turns.
const TURNS: usize = 60;
/// How long the server that stands in for Xero takes for a renewal, and how many are asked for at once.
const PROVIDER: Duration = Duration::from_millis(200);
const AT_ONCE: usize = 8;
const REDIRECT_URI: &str = "https://elsewhere.example/callback";
const SCOPES: &str = "offline_access accounting.settings";

/// Prints a table of both as Markdown.
pub(crate) fn measured(subject: &Subject, fill: Option<&Path>) -> Outcome<()> {
    let fill = fill.map_or_else(beside, |given| Ok(given.to_owned()))?;
    let grounds = Grounds::default();
    let [small, large] = [("10 connections", SMALL), ("10,000 connections", LOGINS)].map(|(name, logins)| {
        let store = Store::new(&grounds, name, logins)?;
        store.fill(&fill)?;
        Ok(store)
    });
    let (small, large) = (small?, large?);
    let kept_alive = large.keep_alive(subject)?;
    small.keep_alive(subject)?;
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..TURNS {
        for (store, times) in [&small, &large].into_iter().zip(&mut times) {
            times.push(store.token(subject, turn)?);
        }
    }
    let [small_time, large_time] = times.map(median);
    println!("| | 10 connections | 10,000 connections | ratio |\n|---|---:|---:|---:|");
    let ratio = large_time.as_secs_f64() / small_time.as_secs_f64();
    println!(
        "| `token`, ms (median of {TURNS} runs in turns) | {} | {} | {ratio:.2} |",
        ms(small_time),
        ms(large_time)
    );
    let ideal = PROVIDER * u32::try_from(LOGINS / AT_ONCE).unwrap_or(u32::MAX);
    let (took, ratio) = (kept_alive.as_secs_f64(), kept_alive.as_secs_f64() / ideal.as_secs_f64());
    println!("\n| | ideal | measured | ratio |\n|---|---:|---:|---:|");
    println!(
        "| `keepalive` of {LOGINS} logins, s ({} ms each at Xero, {AT_ONCE} at once) | {:.1} | {took:.1} | {ratio:.2} |",
        PROVIDER.as_millis(),
        ideal.as_secs_f64()
    );
    Ok(())
}

impl Store {
    fn new(grounds: &Grounds, name: &'static str, logins: usize) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("xero-trials-").tempdir();
        let folder = folder.map_err(Error::io("make a folder"))?;
        let mock = Mock::start_blocking().map_err(Error::io("start the mock"))?;
        let app = mock.create_web_app("Many", &[REDIRECT_URI]);
        let app = app.map_err(|error| Error::NotWorking(error.to_string()))?;
        drop(mock.bulk_connections(&app.client_id, true));
        let server = local_server(grounds)?;
        Ok(Self { name, logins, folder, server, mock, app })
    }

    /// Its logins, each of which reaches some organisations.
    fn fill(&self, program: &Path) -> Outcome<()> {
        let begun = Instant::now();
        let organisations = self.mock.client_organisations(200);
        let mut lines = format!("{}\n", self.app.client_secret.as_deref().unwrap_or_default());
        for login in 0..self.logins {
            let reached = (0..ORGANISATIONS).map(|at| organisations[(login * ORGANISATIONS + at) % 200].id);
            let reached: Vec<&str> = reached.collect();
            let minted = self.mock.mint_tokens(&self.app.client_id, SCOPES, &Consent::allow(&reached));
            let token = minted.map_err(Error::NotWorking)?.refresh_token.unwrap_or_default();
            lines += &format!("{token} {}\n", reached.join(" "));
        }
        private(&self.folder.path().join("store.key"), KEY.as_bytes())?;
        let mut command = Command::new(program);
        command.arg(self.address()).args(["machine", "store.key", self.mock.url(), &self.app.client_id]);
        command.current_dir(self.folder.path()).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().map_err(Error::io(format!("start {}", program.display())))?;
        let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(lines.as_bytes()));
        let ended = written.and_then(|()| child.wait()).map_err(Error::io("fill a store"))?;
        eprintln!("{}: filled in {:.1} s", self.name, begun.elapsed().as_secs_f64());
        if ended.success() {
            Ok(())
        } else {
            Err(Error::NotWorking("the store could not be filled".to_owned()))
        }
    }

    fn address(&self) -> String {
        format!("postgres://xeroctl@{}/xeroctl?sslmode=disable", self.server.site().address)
    }

    fn command(&self, subject: &Subject, arguments: &[&str]) -> Command {
        let line = subject.xeroctl(arguments);
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).env_clear().current_dir(self.folder.path());
        command.env("PATH", env::var("PATH").unwrap_or_default()).env("HOME", self.folder.path());
        command.env("XEROCTL_STORE", self.address()).env("XEROCTL_KEY_FILE", "store.key");
        command.env("XEROCTL_XERO_URL", self.mock.url()).env("XEROCTL_MACHINE", "many");
        command
    }

    /// All logins are due; how long their renewal takes.
    fn keep_alive(&self, subject: &Subject) -> Outcome<Duration> {
        self.mock.fault(Fault::DelayReply(PROVIDER).times(u32::MAX).on("/connect/token"));
        let at_once = AT_ONCE.to_string();
        let took = self.timed(subject, &["keepalive", "--at-once", &at_once, "--quiet"])?;
        self.mock.clear_faults();
        self.mock.clear_journal();
        eprintln!("{}: kept alive in {:.1} s", self.name, took.as_secs_f64());
        match self.mock.refreshes() {
            count if count == self.logins as u64 => Ok(took),
            count => Err(Error::NotWorking(format!("{count} of {} logins were renewed", self.logins))),
        }
    }

    /// A token that is there, of another connection each time.
    fn token(&self, subject: &Subject, turn: usize) -> Outcome<Duration> {
        let name = format!("{}-{}", turn * 37 % self.logins, turn % ORGANISATIONS);
        self.timed(subject, &["token", &name])
    }

    fn timed(&self, subject: &Subject, arguments: &[&str]) -> Outcome<Duration> {
        let mut command = self.command(subject, arguments);
        let begun = Instant::now();
        let ended = run(&mut command)?;
        let took = begun.elapsed();
        if ended.well() { Ok(took) } else { Err(Error::NotWorking(ended.in_words())) }
    }
}

fn beside() -> Outcome<PathBuf> {
    let own = env::current_exe().map_err(Error::io("find the program that fills a store"))?;
    Ok(own.with_file_name("examples").join("fill"))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
