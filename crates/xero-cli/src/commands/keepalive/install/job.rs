//! The command line that the system runs: paths in their absolute form, and no secret.

use std::{
    env,
    process::{Command, Stdio},
    time::SystemTime,
};

use connection_store::Error as StoreError;
use serde_json::Value;

use crate::{
    args::{Global, Keepalive, OpenedBy, Renewing, Telling},
    failure::{Failure, Kind, Outcome},
    store_place::{StorePlace, absolute},
};

/// What is run, and when.
#[derive(Debug)]
pub(super) struct Job {
    /// Of the program.
    pub(super) path: String,
    pub(super) arguments: Vec<String>,
    /// It stays; otherwise it is run each day.
    pub(super) daemon: bool,
    /// Programs of the user are started by it.
    pub(super) starts_programs: bool,
    /// The minute of the day at which it is run: a random one, so that not all the world comes at midnight.
    minute: u32,
    /// The arguments that say which store it is and what opens it.
    store: Vec<String>,
}

impl Job {
    pub(super) fn new(global: &Global, args: &Keepalive) -> Outcome<Self> {
        let store = store_arguments(global)?;
        let mut arguments = vec!["keepalive".to_owned(), "--no-input".to_owned()];
        arguments.extend(store.iter().cloned());
        option(&mut arguments, "--timeout", (global.timeout != 30).then_some(global.timeout));
        arguments.extend(renewing_arguments(&args.renewing));
        arguments.extend(telling_arguments(&args.telling)?);
        if args.daemon {
            arguments.push("--daemon".to_owned());
        }
        if !args.names.is_empty() {
            arguments.push("--".to_owned());
            arguments.extend(args.names.iter().cloned());
        }
        let program = env::current_exe();
        let program = program.map_err(|error| {
            Failure::new(Kind::Other, "the path of this program is not known")
                .because(&error)
                .hint("on Linux /proc must be there; otherwise start the program by its whole path")
        })?;
        let path = absolute(&program)?;
        let starts_programs = args.telling.hook.is_some() || global.opened_by.key_command.is_some();
        let minute = fastrand::u32(..24 * 60);
        let job = Self { path, arguments, daemon: args.daemon, starts_programs, minute, store };
        job.refuse_control_characters()?;
        Ok(job)
    }

    /// One whose files and names matter, and not what it runs.
    pub(super) fn nameless(daemon: bool) -> Self {
        let (path, starts_programs) = (String::new(), false);
        Self { path, arguments: Vec::new(), daemon, starts_programs, minute: 0, store: Vec::new() }
    }

    /// Program and arguments.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.path.as_str()).chain(self.arguments.iter().map(String::as_str))
    }

    pub(super) fn hour_and_minute(&self) -> (u32, u32) {
        (self.minute / 60, self.minute % 60)
    }

    /// What it does, in a sentence.
    pub(super) fn description(&self) -> String {
        let (hour, minute) = self.hour_and_minute();
        match self.daemon {
            true => "Keepalive runs from now on, and after each login.".to_owned(),
            false => {
                format!("Keepalive runs each day at {hour:02}:{minute:02}, or as soon as it can after that.")
            }
        }
    }

    /// Opens the store as the job will: without a person, and without this shell's variables.
    pub(super) fn check(&self) -> Outcome {
        let mut command = Command::new(&self.path);
        command.args(["store", "status", "--no-input", "--json"]).args(&self.store).stdin(Stdio::null());
        for (name, _) in env::vars_os().filter(|(name, _)| is_of_shell(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        let cannot = || {
            Failure::new(
                Kind::StoreUnusable,
                "the store does not open without a person; nothing was installed",
            )
        };
        let output = command.output().map_err(|error| cannot().because(&error))?;
        if output.status.success() {
            return refuse_copy(&output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Err(Failure { causes: vec![said], ..cannot() }
            .hint("name what opens it, such as --key-file or --passphrase-file, and try again"))
    }

    fn refuse_control_characters(&self) -> Outcome {
        match self.words().find(|word| word.contains(char::is_control)) {
            Some(word) => Err(Failure::usage(format!("{word:?} has a control character"))
                .hint("put a command of several lines into a file, and name that")),
            None => Ok(()),
        }
    }
}

/// Always said: the system's surroundings are not those of this shell.
fn store_arguments(global: &Global) -> Outcome<Vec<String>> {
    let OpenedBy { key_file, passphrase_file, key_command, identity, keychain } = &global.opened_by;
    let mut arguments = StorePlace::of(global)?.job_arguments()?;
    for (name, path) in
        [("--key-file", key_file), ("--passphrase-file", passphrase_file), ("--identity", identity)]
    {
        option(&mut arguments, name, path.as_deref().map(absolute).transpose()?);
    }
    option(&mut arguments, "--key-command", key_command.as_ref());
    if *keychain {
        arguments.push("--keychain".to_owned());
    }
    option(&mut arguments, "--machine", global.machine.as_ref());
    for (name, path) in [("--config", &global.config), ("--log-file", &global.log_file)] {
        option(&mut arguments, name, path.as_deref().map(absolute).transpose()?);
    }
    Ok(arguments)
}

/// True for variables that the job will not have: this program's own, and those that complete an address.
fn is_of_shell(name: &str) -> bool {
    ["XEROCTL_", "PG"].iter().any(|prefix| name.starts_with(prefix))
}

/// A copy of a store renews nothing: the job would fail each time.
fn refuse_copy(status: &[u8]) -> Outcome {
    let status: Value = serde_json::from_slice(status).unwrap_or_default();
    if status["ownership"]["state"] != "copied" {
        return Ok(());
    }
    let owner = status["ownership"]["owner"].as_str().unwrap_or_default().to_owned();
    Err(Failure::from(StoreError::Copied { owner, since: SystemTime::UNIX_EPOCH }))
}

fn renewing_arguments(renewing: &Renewing) -> Vec<String> {
    let Renewing { login_days, min_ttl, logins_only, at_once, warn_days } = renewing;
    let mut arguments = Vec::new();
    option(&mut arguments, "--login-days", Some(login_days).filter(|days| **days != 30));
    option(&mut arguments, "--min-ttl", Some(min_ttl).filter(|seconds| **seconds != 300));
    option(&mut arguments, "--at-once", Some(at_once).filter(|number| **number != 8));
    option(&mut arguments, "--warn-days", warn_days.as_ref());
    if *logins_only {
        arguments.push("--logins-only".to_owned());
    }
    arguments
}

fn telling_arguments(telling: &Telling) -> Outcome<Vec<String>> {
    let mut arguments = Vec::new();
    option(&mut arguments, "--hook", telling.hook.as_ref());
    let file = telling.webhook_file.as_deref().map(absolute).transpose()?;
    option(&mut arguments, "--webhook-file", file);
    Ok(arguments)
}

fn option(arguments: &mut Vec<String>, name: &str, value: Option<impl ToString>) {
    arguments.extend(value.map(|value| format!("{name}={}", value.to_string())));
}
