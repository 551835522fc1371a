//! The faults, one table of them; each makes its trials on a bench.

mod clocks;
mod consents;
mod crowds;
mod disks;
mod gateways;
mod handing;
mod hosts;
mod logs;
mod replies;
mod signals;
mod sleepers;
mod stores;

pub(crate) use self::stores::private;
use crate::bench::Bench;
use crate::error::{Error, Outcome};

/// One way to disturb a command.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Commands are timed or stopped: nothing else runs beside it.
    pub(crate) alone: bool,
    /// It needs what only `xeroctl` has.
    pub(crate) own: bool,
    /// Makes all its trials in one mode.
    pub(crate) trials: fn(&mut Bench<'_>) -> Outcome<()>,
}

const fn fault(name: &'static str, about: &'static str, trials: fn(&mut Bench<'_>) -> Outcome<()>) -> Fault {
    Fault { name, about, alone: false, own: false, trials }
}

const fn alone(fault: Fault) -> Fault {
    Fault { alone: true, ..fault }
}

const fn own(fault: Fault) -> Fault {
    Fault { own: true, ..fault }
}

pub(crate) const FAULTS: [Fault; 47] = [
    fault("kill-refresh", "SIGKILL before each system call of a renewal", signals::kill_refresh),
    fault(
        "kill-token",
        "SIGKILL before each system call of a command that finds its token expired",
        signals::kill_token,
    ),
    fault("terminate", "SIGTERM before each system call", signals::terminate),
    fault("interrupt", "SIGINT before each system call", signals::interrupt),
    fault("reply-lost", "the reply is lost after the token was rotated", replies::lost),
    fault("reply-late", "the reply comes after the command has given up", replies::late),
    fault("server-trouble", "500, 502, 503 and 429, with and without Retry-After", replies::trouble),
    fault("cut-reply", "the connection is cut after each byte of the reply", replies::cut),
    fault("cut-request", "the connection is closed after each byte of the request", replies::hang_up),
    fault("disk-full-once", "ENOSPC at each call that changes a file", disks::full_once),
    fault("disk-read-only-once", "EROFS at each call that changes a file", disks::read_only_once),
    fault("disk-broken-once", "EIO at each call that changes or reads a file", disks::broken_once),
    fault("disk-gone", "every such call fails from the moment the token was rotated", disks::gone),
    own(fault("store-gone", "the same for the store's folder alone", disks::store_gone)),
    fault("small-disk", "a real disk with less and less room", disks::small),
    fault("read-only-disk", "a file system that is mounted read-only", disks::read_only),
    fault("closed-folder", "folders that nobody may write to", disks::closed),
    fault(
        "clock",
        "the clock an hour or a year ahead or behind, with and without a lost reply",
        clocks::shifted,
    ),
    own(fault("torn-log", "what was written after the rotation is torn from the database's log", logs::torn)),
    own(fault("two-connections", "two connections of one consent at once", consents::two)),
    alone(fault("processes-2", "2 processes at one expired token, the server takes 200 ms", crowds::two)),
    alone(fault("processes-8", "8 processes", crowds::eight)),
    alone(fault("processes-32", "32 processes", crowds::thirty_two)),
    alone(fault("processes-64", "64 processes", crowds::sixty_four)),
    own(fault(
        "stopped-leader",
        "the one that renews is stopped, another takes over, then it wakes",
        sleepers::leader,
    )),
    own(fault(
        "held-leader",
        "the one that renews is held at a call after the rotation, another takes over, then it goes on",
        sleepers::held,
    )),
    own(fault(
        "sleep",
        "all processes are stopped for eight hours while the reply is under way",
        sleepers::laptop,
    )),
    own(fault("kill-gateway", "SIGKILL of a gateway that clients use, around its renewal", gateways::killed)),
    own(fault("kill-rekey", "SIGKILL before each system call of `store rekey`", stores::rekey)),
    own(fault("kill-key-add", "SIGKILL before each system call of `store key add`", stores::key_add)),
    own(fault("kill-restore", "SIGKILL before each system call of `store restore`", stores::restore)),
    own(fault(
        "kill-migration",
        "SIGKILL before each system call of the first command on an older store",
        stores::migration,
    )),
    own(fault("kill-backup", "SIGKILL before each system call of `store backup`", stores::backup)),
    own(fault("kill-move", "SIGKILL before each system call of `store move`", stores::moving)),
    own(fault("kill-export", "SIGKILL before each system call of `export`", handing::export)),
    own(fault("kill-import", "SIGKILL before each system call of `import`", handing::import)),
    own(fault(
        "hosts-kill",
        "three hosts, one PostgreSQL: SIGKILL before the system calls of a renewal on one of them",
        hosts::killed,
    )),
    own(fault(
        "hosts-cut",
        "the link to the database is reset at each exchange, the next one is whole",
        hosts::cut,
    )),
    own(fault(
        "hosts-cut-off",
        "the host reaches the database no more from each exchange on; another host goes on",
        hosts::cut_off,
    )),
    own(fault(
        "hosts-silent",
        "the cable is out at chosen exchanges, for a moment and for good",
        hosts::silent,
    )),
    own(fault("hosts-full", "others have all sessions of the server", hosts::full)),
    own(fault("hosts-clocks", "the clocks of the hosts are ten minutes apart", hosts::apart)),
    own(fault(
        "hosts-secrets",
        "a full life: no secret is in the server's log, in a dump or in its files",
        hosts::searched,
    )),
    alone(own(fault("hosts-24", "24 processes on three hosts at one expired token", hosts::crowd))),
    own(fault("hosts-restart", "PostgreSQL is restarted under jobs of all hosts", hosts::restarted)),
    own(fault("hosts-crash", "PostgreSQL is killed under jobs of all hosts", hosts::crashed)),
    own(fault(
        "hosts-failover",
        "PostgreSQL is killed under jobs, and its synchronous standby takes its place",
        hosts::failed_over,
    )),
];

/// The faults with these names, in the order of the table; all of them where none is named.
pub(crate) fn chosen(names: &[String]) -> Outcome<Vec<&'static Fault>> {
    static TABLE: [Fault; FAULTS.len()] = FAULTS;
    if let Some(unknown) = names.iter().find(|name| TABLE.iter().all(|fault| fault.name != name.as_str())) {
        return Err(Error::NoSuchFault(unknown.clone()));
    }
    let wanted = |fault: &&Fault| names.is_empty() || names.iter().any(|name| name == fault.name);
    Ok(TABLE.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_found() {
        let all = chosen(&[]).unwrap();
        let names: std::collections::HashSet<_> = all.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(chosen(&["clock".to_owned()]).unwrap().len(), 1);
        assert!(matches!(chosen(&["earthquake".to_owned()]), Err(Error::NoSuchFault(_))));
    }
}
