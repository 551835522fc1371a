//! A command that runs: waited for with a deadline, signalled with all that it started, gone when it is dropped.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::{Error, Outcome};

/// No command takes this long unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// How a command ended, and what it printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    /// None: a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// It did not end by itself.
    pub(crate) hung: bool,
}

/// A command under way, in a process group of its own.
#[derive(Debug)]
pub(crate) struct Running {
    group: Pid,
    output: Receiver<Output>,
    done: bool,
}

impl Ended {
    pub(crate) fn well(&self) -> bool {
        self.status == Some(0)
    }

    pub(crate) fn in_words(&self) -> String {
        let how = match (self.hung, self.status, self.signal) {
            (true, ..) => "it hung".to_owned(),
            (_, Some(status), _) => format!("status {status}"),
            (_, _, Some(signal)) => format!("signal {signal}"),
            _ => "no status".to_owned(),
        };
        format!("{how}: {}", self.stderr.trim().replace('\n', " / "))
    }

    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            status: output.status.code(),
            signal: output.status.signal(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            hung: false,
        }
    }
}

impl Running {
    /// Starts the command with both outputs in pipes and nothing on standard input.
    pub(crate) fn start(command: &mut Command) -> Outcome<Self> {
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(Error::io(format!("start {:?}", command.get_program())))?;
        let group = Pid::from_raw(child.id().cast_signed());
        let (sender, output) = channel();
        thread::spawn(move || {
            if let Ok(output) = child.wait_with_output() {
                // Nobody waits any more where the trial was broken off.
                let _ = sender.send(output);
            }
        });
        Ok(Self { group, output, done: false })
    }

    /// Signals the command and all that it started. One that has ended hears nothing.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.done {
            let _ = killpg(self.group, signal);
        }
    }

    /// Waits for the end; at the deadline the command is killed.
    pub(crate) fn end(mut self) -> Ended {
        let output = self.output.recv_timeout(DEADLINE);
        let hung = matches!(output, Err(RecvTimeoutError::Timeout));
        if hung {
            self.signal(Signal::SIGKILL);
        }
        let output = output.ok().or_else(|| self.output.recv().ok());
        self.done = true;
        Ended { hung, ..output.map_or_else(Ended::default, |output| Ended::of(&output)) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Outcome<Ended> {
    Ok(Running::start(command)?.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_it_printed_and_how_it_ended() {
        let ended = run(&mut shell("echo out; echo err >&2; exit 3")).unwrap();
        assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(3), "out\n", "err\n"));
        assert_eq!(ended.in_words(), "status 3: err");
        assert_eq!(run(&mut shell("kill -9 $$")).unwrap().in_words(), "signal 9: ");
    }

    #[test]
    fn a_signal_reaches_what_the_command_started() {
        let running = Running::start(&mut shell("cat /dev/zero > /dev/null & wait")).unwrap();
        running.signal(Signal::SIGKILL);
        assert_eq!(running.end().signal, Some(9));
    }
}
