//! A home with a login in it, and the mock Xero that gave it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use xero_mock::{ClientApp, Consent, DEMO_COMPANY, MAPLE_FLORIST, Mock, Rotation};

use crate::args::Mode;
use crate::bench::Plan;
use crate::disk::Disk;
use crate::error::{Error, Outcome};
use crate::hosts::{Hosts, NAMES, Setting};
use crate::process::{DEADLINE, Ended, run};
use crate::subject::{Line, Subject};

const REDIRECT_URI: &str = "https://elsewhere.example/callback";
const SCOPES: &str = "offline_access accounting.settings accounting.contacts.read";
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Where homes are.
#[derive(Clone, Debug, Default)]
pub(crate) enum Ground {
    /// In a folder of this machine.
    #[default]
    Folder,
    /// On a small file system of their own.
    SmallDisk,
    /// On three hosts that share a PostgreSQL with these settings.
    Hosts(Vec<Setting>),
}

/// Where a command lives for some trials. Dropped, it is gone.
pub(crate) struct Home {
    /// Before the folder, in which their homes are.
    hosts: Option<Hosts>,
    folder: TempDir,
    /// The folder without symbolic links; where there are hosts, the home of the first.
    path: PathBuf,
    /// What is mounted over it.
    disk: Option<Disk>,
    pub(crate) mock: Mock,
    app: ClientApp,
    subject: Subject,
    expired: Duration,
}

impl Home {
    /// A login whose access token has ended, as near as the command can tell.
    pub(crate) fn set_up(plan: &Plan, mode: Mode, ground: &Ground) -> Outcome<Self> {
        let (subject, expired) = (&plan.subject, plan.expired);
        let folder = tempfile::Builder::new().prefix("xero-trials-").tempdir();
        let folder = folder.map_err(Error::io("make a folder"))?;
        let mut path = folder.path().canonicalize().map_err(Error::io("find the folder"))?;
        let disk = if matches!(ground, Ground::SmallDisk) { Some(Disk::over(&path)?) } else { None };
        let mock = Mock::start_blocking().map_err(Error::io("start the mock"))?;
        mock.set_access_lifetime(expired);
        mock.rotation(match mode {
            Mode::Grace => Rotation::Grace,
            Mode::Strict => Rotation::Strict,
        });
        let app = mock
            .create_web_app("Trials", &[REDIRECT_URI])
            .map_err(|error| Error::NotWorking(error.to_string()))?;
        // One consent to two organisations.
        drop(mock.bulk_connections(&app.client_id, true));
        let mut hosts = None;
        if let Ground::Hosts(settings) = ground {
            let made = Hosts::set_up(&plan.grounds, &path, address(&mock)?, settings)?;
            path = made.home(0);
            hosts = Some(made);
        }
        let home = Self { hosts, folder, path, disk, mock, app, subject: subject.clone(), expired };
        fs::create_dir_all(home.seen("tmp")).map_err(Error::io("make a folder"))?;
        match subject {
            Subject::Xeroctl(_) => home.log_in()?,
            Subject::Other { setup, .. } => home.prepare(setup)?,
        }
        home.mock.clear_journal();
        Ok(home)
    }

    /// As a person does on a machine without a browser.
    fn log_in(&self) -> Outcome<()> {
        self.write("secret", self.app.client_secret.as_deref().unwrap_or_default())?;
        self.step(&["store", "init", "--key-file", "store.key"])?;
        let id = self.app.client_id.as_str();
        let begin = ["connect", "begin", "--json", "--kind", "web", "--client-id", id];
        let rest = ["--client-secret-file", "secret", "--redirect-uri", REDIRECT_URI];
        let begun = self.step(&[&begin[..], &rest].concat())?;
        let begun: serde_json::Value = serde_json::from_str(&begun.stdout).unwrap_or_default();
        let text = |name: &str| begun["login"][name].as_str().unwrap_or_default().to_owned();
        let consent = Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]);
        let location = self.mock.consent(&text("address"), &consent).map_err(Error::NotWorking)?;
        self.write("address", &location)?;
        let (login, maple, demo) = (text("id"), MAPLE_FLORIST.id, DEMO_COMPANY.id);
        let finish = ["connect", "finish", &login, "--address-file", "address", "--no-test"];
        let all = [&finish[..], &["--organisation", maple, "--organisation", demo]].concat();
        self.step(&all)?;
        self.hosts.as_ref().map_or(Ok(()), |hosts| self.give_key_to(hosts))
    }

    /// The other hosts open the store with the same key.
    fn give_key_to(&self, hosts: &Hosts) -> Outcome<()> {
        (1..NAMES.len()).try_for_each(|host| {
            let copied = fs::copy(self.seen("store.key"), hosts.home(host).join("store.key"));
            copied.map(drop).map_err(Error::io("copy the key file"))
        })
    }

    fn step(&self, arguments: &[&str]) -> Outcome<Ended> {
        let ended = self.run(&self.subject.xeroctl(arguments))?;
        if ended.well() {
            return Ok(ended);
        }
        Err(Error::Setup { what: format!("xeroctl {}", arguments.join(" ")), said: ended.in_words() })
    }

    fn prepare(&self, setup: &str) -> Outcome<()> {
        let consent = Consent::allow(&[MAPLE_FLORIST.id]);
        let minted =
            self.mock.mint_tokens(&self.app.client_id, SCOPES, &consent).map_err(Error::NotWorking)?;
        let mut command = self.command(&vec!["/bin/sh".into(), "-c".into(), setup.into()]);
        command.env("TRIAL_ACCESS_TOKEN", &minted.access_token);
        command.env("TRIAL_REFRESH_TOKEN", minted.refresh_token.as_deref().unwrap_or_default());
        let ended = run(&mut command)?;
        if ended.well() {
            return Ok(());
        }
        Err(Error::Setup { what: setup.to_owned(), said: ended.in_words() })
    }

    /// The command with nothing of the surroundings but what is its own.
    pub(crate) fn command(&self, line: &Line) -> Command {
        self.command_on(self.hosts.as_ref().map_or(0, Hosts::seat), line)
    }

    /// The same on one of the hosts.
    pub(crate) fn command_on(&self, host: usize, line: &Line) -> Command {
        let inside = self.disk.as_ref().map(|disk| disk.inside(line));
        let line = inside.as_ref().unwrap_or(line);
        let home = self.hosts.as_ref().map_or_else(|| self.path.clone(), |hosts| hosts.home(host));
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).env_clear().current_dir(&home);
        for (name, value) in self.environment(&home) {
            command.env(name, value);
        }
        if let Some(hosts) = &self.hosts {
            command.envs(hosts.environment(host));
        }
        command
    }

    pub(crate) fn run(&self, line: &Line) -> Outcome<Ended> {
        self.run_on(self.hosts.as_ref().map_or(0, Hosts::seat), line)
    }

    pub(crate) fn run_on(&self, host: usize, line: &Line) -> Outcome<Ended> {
        let mut command = self.command_on(host, line);
        match &self.hosts {
            Some(hosts) => hosts.on(host, || run(&mut command)),
            None => run(&mut command),
        }
    }

    fn environment(&self, home: &Path) -> Vec<(&'static str, String)> {
        let (home, url) = (home.display().to_string(), self.mock.url().to_owned());
        vec![
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("XDG_DATA_HOME", format!("{home}/data")),
            ("XDG_CONFIG_HOME", format!("{home}/config")),
            ("XDG_STATE_HOME", format!("{home}/state")),
            ("TMPDIR", format!("{home}/tmp")),
            ("HOME", home),
            ("NO_COLOR", "1".to_owned()),
            ("XEROCTL_XERO_URL", url.clone()),
            ("XEROCTL_MACHINE", "trials".to_owned()),
            ("TRIAL_TOKEN_URL", format!("{url}/connect/token")),
            ("TRIAL_URL", url),
            ("TRIAL_CLIENT_ID", self.app.client_id.clone()),
            ("TRIAL_CLIENT_SECRET", self.app.client_secret.clone().unwrap_or_default()),
            ("TRIAL_REDIRECT_URI", REDIRECT_URI.to_owned()),
            ("TRIAL_TENANT_ID", MAPLE_FLORIST.id.to_owned()),
        ]
    }

    /// Waits for what was sent by commands that are gone, and takes every fault away.
    pub(crate) fn calm(&self) -> Outcome<()> {
        if let Some(hosts) = &self.hosts {
            hosts.mend()?;
            hosts.settle()?;
        }
        self.mock.settle(DEADLINE);
        self.mock.clear_faults();
        Ok(())
    }

    /// The hosts of a home on [`Ground::Hosts`].
    pub(crate) fn hosts(&self) -> &Hosts {
        self.hosts.as_ref().expect("faults of hosts are tried on hosts")
    }

    /// The secret that the app was connected with.
    pub(crate) fn client_secret(&self) -> &str {
        self.app.client_secret.as_deref().unwrap_or_default()
    }

    /// How many requests with a refresh token came since the last call or the setup.
    pub(crate) fn requests(&self) -> u64 {
        let journal = self.mock.journal();
        let refreshes =
            journal.iter().filter(|entry| entry.form_value("grant_type") == Some("refresh_token"));
        let count = refreshes.count() as u64;
        self.mock.clear_journal();
        count
    }

    /// From now on access tokens last as Xero's do, or end at once.
    pub(crate) fn tokens_last(&self, last: bool) {
        self.mock.set_access_lifetime(if last { LIFETIME } else { self.expired });
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let file = self.seen(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(Error::io("make a folder"))?;
        }
        fs::write(&file, format!("{text}\n")).map_err(Error::io(format!("write {}", file.display())))?;
        Ok(file)
    }

    /// A file of the home, as this process sees it.
    fn seen(&self, name: &str) -> PathBuf {
        let file = self.path.join(name);
        self.disk.as_ref().map_or(file.clone(), |disk| disk.outside(&file))
    }

    /// Leaves the folder where it is, for a person to look at.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// Where the mock listens.
fn address(mock: &Mock) -> Outcome<SocketAddr> {
    let address = mock.url().trim_start_matches("http://").parse();
    address.map_err(|_| Error::NotWorking(format!("the mock is at {}", mock.url())))
}
