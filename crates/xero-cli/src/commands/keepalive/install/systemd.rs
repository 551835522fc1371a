//! systemd (Linux): a user service, with a timer unless it stays (systemd.service(5), systemd.timer(5)).

use etcetera::BaseStrategy;

use super::{File, Setup, Step, job::Job};
use crate::{failure::Outcome, store_access::base};

const HEAD: &str =
    "# Made by `xeroctl keepalive --install`; `xeroctl keepalive --uninstall` takes it away.\n";
const SERVICE: &str = "xeroctl-keepalive.service";
const TIMER: &str = "xeroctl-keepalive.timer";
const DAEMON: &str = "xeroctl-keepalive-daemon.service";
const LINGER: &str = "It runs while you are logged in; `loginctl enable-linger` lets it run always.";

/// What a user's own service may be denied, and xeroctl does not need.
const HARDENING: &str = "\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
";

/// A hook inherits what its parent is denied, and mail programs need their group.
const NO_HARDENING: &str = "# Not hardened: the commands that it starts would inherit that.\n";

pub(super) fn setup(job: &Job) -> Outcome<Setup> {
    let folder = base()?.config_dir().join("systemd").join("user");
    let file = |name: &str, text| File { path: folder.join(name), text, utf16: false };
    let reload = Step::new(&["systemctl", "--user", "daemon-reload"]);
    let advice = Some(LINGER);
    let after = vec![reload.clone()];
    Ok(if job.daemon {
        let enable = Step::new(&["systemctl", "--user", "enable", DAEMON]);
        // Unlike `enable --now`, it gives one that runs its new command line.
        let restart = Step::new(&["systemctl", "--user", "restart", DAEMON]);
        Setup {
            files: vec![file(DAEMON, daemon(job))],
            start: vec![reload, enable, restart],
            stop: vec![disable(DAEMON)],
            other: Some(folder.join(TIMER)),
            after,
            advice,
        }
    } else {
        let enable = Step::new(&["systemctl", "--user", "enable", "--now", TIMER]);
        Setup {
            files: vec![file(SERVICE, service(job)), file(TIMER, timer(job))],
            start: vec![reload, enable],
            stop: vec![disable(TIMER)],
            other: Some(folder.join(DAEMON)),
            after,
            advice,
        }
    })
}

fn disable(unit: &str) -> Step {
    Step::new(&["systemctl", "--user", "disable", "--now", unit])
}

fn service(job: &Job) -> String {
    format!(
        "{HEAD}[Unit]\nDescription=Keep the logins of xeroctl alive\n\n\
         [Service]\nType=oneshot\nExecStart={}\nUMask=0077\n{}",
        command_line(job),
        hardening(job)
    )
}

fn timer(job: &Job) -> String {
    let (hour, minute) = job.hour_and_minute();
    format!(
        "{HEAD}[Unit]\nDescription=Keep the logins of xeroctl alive, each day\n\n\
         [Timer]\nOnCalendar=*-*-* {hour:02}:{minute:02}:00\nPersistent=true\n\n\
         [Install]\nWantedBy=timers.target\n"
    )
}

fn daemon(job: &Job) -> String {
    format!(
        "{HEAD}[Unit]\nDescription=Keep the logins of xeroctl alive, all the time\n\n\
         [Service]\nType=notify\nExecStart={}\nRestart=on-failure\nRestartSec=60\nUMask=0077\n{}\n\
         [Install]\nWantedBy=default.target\n",
        command_line(job),
        hardening(job)
    )
}

fn hardening(job: &Job) -> &'static str {
    if job.starts_programs { NO_HARDENING } else { HARDENING }
}

/// systemd.service(5), "Command lines": each word in quotes, and nothing in it expanded.
fn command_line(job: &Job) -> String {
    let words = job.words().enumerate().map(|(at, word)| {
        let word = word.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%");
        // Variables are not expanded in the name of the program.
        let word = if at > 0 { word.replace('$', "$$") } else { word };
        format!("\"{word}\"")
    });
    words.collect::<Vec<_>>().join(" ")
}
