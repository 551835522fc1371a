//! Tells somebody that a login needs a person: by a command, by a webhook.

use std::{
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, SystemTime},
};

use connection_store::is_loopback;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    task::JoinSet,
    time::timeout,
};
use url::Url;

use super::{login::Login, renewal::Trouble};
use crate::{
    args::Telling,
    failure::{Failure, Outcome},
    keys::private_file::{self, Role},
    secrets,
    show::timestamp,
    ui::SCHEMA,
    xero_api,
};

/// How long a hook may take.
const HOOK: Duration = Duration::from_secs(60);
/// How long a webhook may take.
const WEBHOOK: Duration = Duration::from_secs(10);
/// How many are told of at once.
const AT_ONCE: usize = 8;

/// A login that needs a person.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) connections: Vec<String>,
    reason: String,
    pub(crate) since: SystemTime,
    next: Option<String>,
}

/// Who is told.
#[derive(Debug, Clone)]
pub(crate) struct Messengers {
    hook: Option<String>,
    /// It may hold a secret: it is never shown, nor is anything that names it.
    webhook: Option<Webhook>,
}

#[derive(Clone)]
struct Webhook(Url);

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook(…)")
    }
}

impl Notice {
    pub(crate) fn new(login: &Login, trouble: &Trouble, now: SystemTime) -> Self {
        let mark = login.authorisation().needs_login.as_ref();
        Self {
            connections: login.names(),
            reason: mark.map_or_else(|| trouble.failure.message.clone(), |mark| mark.reason.clone()),
            since: mark.map_or(now, |mark| mark.since),
            next: trouble.failure.hint.clone(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "schema": SCHEMA,
            "event": "needs-person",
            "connections": self.connections,
            "reason": self.reason,
            "since": timestamp(self.since),
            "next": self.next,
        })
    }

    fn name(&self) -> &str {
        self.connections.first().map_or("", String::as_str)
    }
}

impl Messengers {
    /// Reads where the webhook is.
    pub(crate) fn new(telling: &Telling) -> Outcome<Self> {
        let webhook = telling.webhook_file.as_deref().map(Webhook::read).transpose()?;
        Ok(Self { hook: telling.hook.clone(), webhook })
    }

    /// Tells of all notices, some at a time. Gives what failed, in words.
    pub(crate) async fn tell(&self, notices: Vec<Notice>) -> Vec<String> {
        let (mut failures, mut telling) = (Vec::new(), JoinSet::new());
        for notice in notices {
            if telling.len() >= AT_ONCE {
                failures.extend(next(&mut telling).await);
            }
            let messengers = self.clone();
            telling.spawn(async move { messengers.tell_one(&notice).await });
        }
        while !telling.is_empty() {
            failures.extend(next(&mut telling).await);
        }
        failures
    }

    async fn tell_one(&self, notice: &Notice) -> Vec<String> {
        let text = format!("{}\n", notice.json());
        let mut failures = Vec::new();
        if let Some(hook) = &self.hook
            && let Err(why) = run(hook, notice, &text, HOOK).await
        {
            failures.push(format!("the hook for {} {why}", notice.name()));
        }
        if let Some(webhook) = &self.webhook
            && let Err(why) = webhook.post(text).await
        {
            failures.push(format!("the webhook for {} {why}", notice.name()));
        }
        failures
    }
}

async fn next(telling: &mut JoinSet<Vec<String>>) -> Vec<String> {
    match telling.join_next().await {
        Some(Ok(failures)) => failures,
        Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        None => Vec::new(),
    }
}

/// Runs the hook in a shell, with the notice in its environment and on its standard input. What it prints goes to standard
/// error: standard output has our own data.
async fn run(hook: &str, notice: &Notice, text: &str, limit: Duration) -> Result<(), String> {
    let mut child = shell(hook, notice).spawn().map_err(|error| format!("cannot be run: {error}"))?;
    let input = child.stdin.take();
    let work = async {
        if let Some(mut input) = input {
            // A hook need not read.
            drop(input.write_all(text.as_bytes()).await);
        }
        child.wait().await
    };
    match timeout(limit, work).await {
        Ok(ended) => judge(ended),
        Err(_) => {
            end(&mut child).await;
            Err(format!("took longer than {} seconds and was ended", limit.as_secs()))
        }
    }
}

fn shell(hook: &str, notice: &Notice) -> Command {
    let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(shell);
    command
        .args([option, hook])
        .env("XEROCTL_CONNECTION", notice.name())
        .env("XEROCTL_CONNECTIONS", notice.connections.join("\n"))
        .env("XEROCTL_REASON", &notice.reason)
        .env("XEROCTL_SINCE", timestamp(notice.since))
        .stdin(Stdio::piped())
        .stdout(io::stderr())
        .kill_on_drop(true);
    // What the hook starts is ended with it.
    #[cfg(unix)]
    command.process_group(0);
    command
}

fn judge(ended: io::Result<ExitStatus>) -> Result<(), String> {
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => match status.code() {
            Some(code) => Err(format!("ended with status {code}")),
            None => Err("was ended by a signal".to_owned()),
        },
        Err(error) => Err(format!("cannot be waited for: {error}")),
    }
}

async fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
    }
    // It has ended by itself where this fails.
    drop(child.kill().await);
}

impl Webhook {
    fn read(path: &Path) -> Outcome<Self> {
        // The URL is often a secret of its own.
        let bytes = private_file::read(path, Role { what: "webhook file", option: "--webhook-file" })?;
        let line = secrets::first_line(&bytes, &path.display().to_string())?;
        let bad = |why: &str| {
            Failure::usage(format!("the first line of {} {why}", path.display()))
                .hint("write a URL with https://, or with http:// on this machine")
        };
        let url = Url::parse(line.trim()).map_err(|_| bad("is not a URL"))?;
        if url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url) {
            return Ok(Self(url));
        }
        Err(bad("begins neither with https:// nor with http:// on this machine"))
    }

    /// Errors say nothing of the URL, nor of the server: a token may be part of its name.
    async fn post(&self, text: String) -> Result<(), String> {
        let client = xero_api::client(&self.0, WEBHOOK).map_err(|failure| failure.message)?;
        let request = client.post(self.0.clone()).header("content-type", "application/json").body(text);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("answered with status {}", answer.status().as_u16())),
            Err(error) if error.is_timeout() => {
                Err(format!("did not answer within {} seconds", WEBHOOK.as_secs()))
            }
            Err(error) if error.is_connect() => Err("cannot be reached".to_owned()),
            Err(_) => Err("broke the connection off".to_owned()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, thread};

    use super::*;

    #[tokio::test]
    async fn a_hook_that_takes_too_long_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // It is at its end when nobody holds the other end any more.
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        let notice = Notice {
            connections: vec!["maple".to_owned()],
            reason: String::new(),
            since: SystemTime::now(),
            next: None,
        };
        let hook = format!("exec 3> '{}'; echo began >&3; sleep 1000 & wait", pipe.display());
        let why = run(&hook, &notice, "{}\n", Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(why, "took longer than 1 seconds and was ended");
        assert_eq!(reader.join().unwrap(), "began\n");
    }
}
