//! Runs a command from system call to system call over all its threads, and strikes at one of them.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::error::{Error, Outcome};
use crate::process::{DEADLINE, Ended};
use crate::registers;

/// What is done to the command.
#[derive(Clone, Debug)]
pub(crate) enum Blow {
    /// Nothing: its calls are counted.
    None,
    /// A signal before its system call of this number, which a deadly one prevents.
    Signal(Signal, usize),
    /// The call of this number that changes a file below the folder fails; it is not done.
    Disk { error: Errno, folder: PathBuf, at: usize },
    /// It is held for a while before the call of this number after the refresh token was taken.
    Hold(usize),
    /// From the moment on when the refresh token was taken, all of them fail.
    DiskGone { error: Errno, folder: PathBuf },
}

/// What was seen on the way.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) ended: Ended,
    /// Whether there was such a call.
    pub(crate) struck: bool,
    /// How many calls there were.
    pub(crate) calls: usize,
    /// The first call after the server took the refresh token.
    pub(crate) taken_at: Option<usize>,
    /// Something was made to last after that, and the kernel said that it does.
    pub(crate) kept: bool,
}

/// The command with what is to be done to it, and how to see that the server took the refresh token.
pub(crate) struct Stepper<'a> {
    blow: &'a Blow,
    taken: &'a dyn Fn() -> bool,
    /// What is done while the command is held.
    meanwhile: &'a mut dyn FnMut(),
    leader: Pid,
    counting: bool,
    disk_calls: usize,
    /// By thread: the call that it is in, and the error that this one is to end with.
    inside: HashMap<Pid, Inside>,
    steps: Steps,
}

#[derive(Clone, Copy, Debug)]
struct Inside {
    syncs: bool,
    spoilt: Option<((usize, u64), u64, Errno)>,
}

/// Stops itself, so that it can be seized before it becomes the command.
const WAITING: &str = "kill -STOP $$; exec \"$@\"";
/// `op` of a stop before a system call, and after one (ptrace(2), PTRACE_GET_SYSCALL_INFO).
const ENTRY: u8 = 1;
const EXIT: u8 = 2;

impl<'a> Stepper<'a> {
    /// Runs the command to its end.
    ///
    /// # Errors
    /// [`Error::Ptrace`] where processes may not be traced.
    pub(crate) fn run(command: &Command, blow: &Blow, taken: &dyn Fn() -> bool) -> Outcome<Steps> {
        Stepper::run_holding(command, blow, taken, &mut || ())
    }

    /// The same; something else is done while the command is held.
    pub(crate) fn run_holding(
        command: &Command,
        blow: &'a Blow,
        taken: &'a dyn Fn() -> bool,
        meanwhile: &'a mut dyn FnMut(),
    ) -> Outcome<Steps> {
        let begun = Instant::now();
        let mut child = stopped(command)?;
        let leader = Pid::from_raw(child.id().cast_signed());
        let steps = Steps { ended: Ended::default(), struck: false, calls: 0, taken_at: None, kept: false };
        let inside = HashMap::new();
        let mut stepper =
            Stepper { blow, taken, meanwhile, leader, counting: false, disk_calls: 0, inside, steps };
        let (_in_time, late) = channel::<()>();
        thread::spawn(move || {
            if late.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
                let _ = killpg(leader, Signal::SIGKILL);
            }
        });
        let ended = stepper.seize().and_then(|()| stepper.follow());
        if ended.is_err() {
            let _ = kill(leader, Signal::SIGKILL);
        }
        let (status, signal) = ended.map_err(Error::Ptrace)?;
        let mut steps = stepper.steps;
        let (stdout, stderr) = printed(&mut child);
        let hung = begun.elapsed() >= DEADLINE;
        steps.ended = Ended { status, signal, stdout, stderr, hung };
        Ok(steps)
    }

    fn seize(&self) -> Result<(), Errno> {
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        waitpid(self.leader, Some(WaitPidFlag::WUNTRACED))?;
        ptrace::seize(self.leader, options)?;
        kill(self.leader, Signal::SIGCONT)
    }

    /// Lets all threads go on from stop to stop until the command has ended.
    fn follow(&mut self) -> Result<(Option<i32>, Option<i32>), Errno> {
        loop {
            match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
                Ok(WaitStatus::Exited(pid, status)) if pid == self.leader => return Ok((Some(status), None)),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.leader => {
                    return Ok((None, Some(signal as i32)));
                }
                Ok(WaitStatus::PtraceSyscall(pid)) => {
                    self.at_call(pid);
                    self.resume(pid, None);
                }
                Ok(WaitStatus::PtraceEvent(pid, _, event)) => {
                    self.counting |= event == nix::libc::PTRACE_EVENT_EXEC;
                    self.resume(pid, None);
                }
                Ok(WaitStatus::Stopped(pid, signal)) => self.resume(pid, Some(signal)),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A thread that was killed meanwhile cannot go on, and need not.
    fn resume(&self, pid: Pid, signal: Option<Signal>) {
        let struck_for_good = self.steps.struck && matches!(self.blow, Blow::Signal(..));
        // Until the command itself runs, and after the blow, nothing is counted.
        let counts = self.counting && !struck_for_good;
        let _ = if counts { ptrace::syscall(pid, signal) } else { ptrace::cont(pid, signal) };
    }

    fn at_call(&mut self, pid: Pid) {
        match ptrace::syscall_info(pid).map(|info| info.op) {
            Ok(ENTRY) => self.enter(pid),
            Ok(EXIT) => self.leave(pid),
            // It was killed.
            _ => {}
        }
    }

    fn enter(&mut self, pid: Pid) {
        let number = self.steps.calls;
        self.steps.calls += 1;
        if self.steps.taken_at.is_none() && (self.taken)() {
            self.steps.taken_at = Some(number);
        }
        let Ok(call) = registers::call(pid) else { return };
        let mut inside = Inside { syncs: self.steps.taken_at.is_some() && call.syncs(), spoilt: None };
        match self.blow {
            Blow::Signal(signal, at) if *at == number => {
                self.steps.struck = true;
                let _ = kill(self.leader, *signal);
            }
            Blow::Hold(after) if self.steps.taken_at.is_some_and(|at| at + after == number) => {
                self.steps.struck = true;
                (self.meanwhile)();
            }
            Blow::Disk { error, folder, at } => {
                if let Some(spoilt) = call.on_disk(pid, folder, *error) {
                    if self.disk_calls == *at {
                        inside.spoilt = Some((spoilt, call.arguments[spoilt.0], *error));
                    }
                    self.disk_calls += 1;
                }
            }
            Blow::DiskGone { error, folder } if self.steps.taken_at.is_some() => {
                let spoilt = call.on_disk(pid, folder, *error);
                inside.spoilt = spoilt.map(|spoilt| (spoilt, call.arguments[spoilt.0], *error));
            }
            _ => {}
        }
        if let Some(((argument, value), ..)) = inside.spoilt {
            self.steps.struck = true;
            let _ = registers::spoil(pid, argument, value);
        }
        self.inside.insert(pid, inside);
    }

    fn leave(&mut self, pid: Pid) {
        match self.inside.remove(&pid) {
            Some(Inside { spoilt: Some(((argument, _), was, error)), .. }) => {
                let _ = registers::fail(pid, (argument, was), error);
            }
            Some(Inside { syncs: true, .. }) => self.steps.kept = true,
            _ => {}
        }
    }
}

/// The command as a shell that has stopped itself and is about to become it.
fn stopped(command: &Command) -> Outcome<Child> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", WAITING, "sh"]).arg(command.get_program()).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell.spawn().map_err(Error::io("start /bin/sh"))
}

/// What the command left in its pipes, which hold more than any message is long.
fn printed(child: &mut Child) -> (String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let _ = child.stdout.take().map(|mut pipe| pipe.read_to_end(&mut stdout));
    let _ = child.stderr.take().map(|mut pipe| pipe.read_to_end(&mut stderr));
    (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(script: &str, blow: &Blow) -> Steps {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env("PATH", "/usr/bin:/bin");
        Stepper::run(&command, blow, &|| true).unwrap()
    }

    #[test]
    fn it_counts_and_changes_nothing() {
        let steps = step("echo out; echo err >&2; exit 3", &Blow::None);
        assert_eq!((steps.ended.status, steps.struck, steps.kept), (Some(3), false, false));
        assert_eq!((steps.ended.stdout.as_str(), steps.ended.stderr.as_str()), ("out\n", "err\n"));
        assert!(steps.calls > 10 && steps.taken_at == Some(0), "{steps:?}");
    }

    #[test]
    fn a_kill_prevents_the_call_that_it_comes_before() {
        let calls = step("echo out", &Blow::None).calls;
        let out = |at| step("echo out", &Blow::Signal(Signal::SIGKILL, at));
        let (first, last, past) = (out(0), out(calls - 1), out(calls));
        assert_eq!((first.ended.signal, first.ended.stdout.as_str(), first.struck), (Some(9), "", true));
        assert_eq!((last.ended.stdout.as_str(), last.struck), ("out\n", true));
        assert_eq!((past.ended.status, past.struck), (Some(0), false));
    }

    #[test]
    fn a_signal_that_is_caught_lets_it_go_on() {
        let steps = step("trap 'echo caught' TERM; :; :; exit 5", &Blow::Signal(Signal::SIGTERM, 0));
        assert_eq!(steps.ended.signal, Some(15));
        let calls = step("trap 'echo caught' TERM; cat /dev/null; exit 5", &Blow::None).calls;
        let caught =
            step("trap 'echo caught' TERM; cat /dev/null; exit 5", &Blow::Signal(Signal::SIGTERM, calls - 8));
        assert_eq!((caught.ended.status, caught.ended.stdout.as_str()), (Some(5), "caught\n"));
    }

    #[test]
    fn the_disk_fails_below_the_folder_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().canonicalize().unwrap();
        let file = folder.join("file");
        let script = format!("cat /proc/version > /dev/null; cat /proc/version > {}", file.display());
        let blow = |at| Blow::Disk { error: Errno::ENOSPC, folder: folder.clone(), at };
        let opening = step(&script, &blow(0));
        assert!(opening.struck && !opening.ended.well() && !file.exists(), "{opening:?}");
        let writing = step(&script, &blow(1));
        assert!(writing.struck && writing.ended.stderr.contains("No space left"), "{writing:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"");
        let past = step(&script, &blow(2));
        assert!(!past.struck && past.ended.well(), "{past:?}");
        assert!(!std::fs::read(&file).unwrap().is_empty());
        let gone = step(&script, &Blow::DiskGone { error: Errno::EROFS, folder });
        assert!(gone.struck && gone.ended.stderr.contains("Read-only file system"), "{gone:?}");
    }
}
