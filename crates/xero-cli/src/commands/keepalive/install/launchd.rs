//! launchd (macOS): a launch agent of the user (launchd.plist(5), launchctl(1)).

use etcetera::BaseStrategy;
use quick_xml::escape::escape;

use super::{File, Setup, Step, job::Job};
use crate::{failure::Outcome, store_access::base};

const LABEL: &str = "xeroctl.keepalive";

pub(super) fn setup(job: &Job) -> Outcome<Setup> {
    let library = base()?.home_dir().join("Library");
    let path = library.join("LaunchAgents").join(format!("{LABEL}.plist"));
    let log = library.join("Logs").join("xeroctl-keepalive.log").display().to_string();
    let domain = format!("gui/{}", user());
    let bootout = Step::new(&["launchctl", "bootout", &format!("{domain}/{LABEL}")]).that_may_fail();
    let bootstrap = Step::new(&["launchctl", "bootstrap", &domain, &path.display().to_string()]);
    Ok(Setup {
        files: vec![File { path, text: plist(job, &log), utf16: false }],
        start: vec![bootout.clone(), bootstrap],
        stop: vec![bootout],
        ..Setup::default()
    })
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

/// There is no launchd.
#[cfg(not(unix))]
fn user() -> u32 {
    0
}

fn plist(job: &Job, log: &str) -> String {
    let words: String = job.words().map(|word| format!("    <string>{}</string>\n", escape(word))).collect();
    let log = escape(log);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Made by `xeroctl keepalive`; its option for uninstalling takes it away. -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>
{words}  </array>
{}  <key>ProcessType</key>
  <string>Background</string>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardOutPath</key>
  <string>{log}</string>
  <key>StandardErrorPath</key>
  <string>{log}</string>
</dict>
</plist>
"#,
        when(job)
    )
}

/// A run that was slept over is made up for when the machine wakes.
fn when(job: &Job) -> String {
    let (hour, minute) = job.hour_and_minute();
    if job.daemon {
        return "  <key>RunAtLoad</key>\n  <true/>\n  <key>KeepAlive</key>\n  <dict>\n    \
                <key>SuccessfulExit</key>\n    <false/>\n  </dict>\n  \
                <key>ThrottleInterval</key>\n  <integer>60</integer>\n"
            .to_owned();
    }
    format!(
        "  <key>StartCalendarInterval</key>\n  <dict>\n    <key>Hour</key>\n    <integer>{hour}</integer>\n    \
         <key>Minute</key>\n    <integer>{minute}</integer>\n  </dict>\n"
    )
}
