//! Disks that are full, read-only, broken or closed: at one call, from a moment on, and real ones.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::signals::stepped;
use crate::bench::{Bench, Disturbed};
use crate::error::{Error, Outcome};
use crate::home::{Ground, Home};
use crate::process::Ended;
use crate::stepper::Blow;
use crate::subject::Line;
use crate::verdict::Allowed;

pub(super) fn full_once(bench: &mut Bench<'_>) -> Outcome<()> {
    once(bench, Errno::ENOSPC)
}

pub(super) fn read_only_once(bench: &mut Bench<'_>) -> Outcome<()> {
    once(bench, Errno::EROFS)
}

pub(super) fn broken_once(bench: &mut Bench<'_>) -> Outcome<()> {
    once(bench, Errno::EIO)
}

/// Each call that changes a file of the home fails once, until the command comes through unharmed.
fn once(bench: &mut Bench<'_>, error: Errno) -> Outcome<()> {
    let (first, step) = (bench.plan.from, if bench.long() { 1 } else { 7 });
    let mut at = first.unwrap_or(0);
    while bench.goes_on()? {
        let folder = bench.home()?.path().to_owned();
        let blow = Blow::Disk { error, folder, at };
        let struck = struck(bench, at, &rescued(false), &blow)?;
        if !struck || first.is_some() {
            break;
        }
        at += step;
    }
    Ok(())
}

/// The whole home fails from the rotation on: what came cannot be kept anywhere.
pub(super) fn gone(bench: &mut Bench<'_>) -> Outcome<()> {
    gone_below(bench, "", true)
}

/// Only the store's folder fails: another place is left.
pub(super) fn store_gone(bench: &mut Bench<'_>) -> Outcome<()> {
    gone_below(bench, "data", false)
}

fn gone_below(bench: &mut Bench<'_>, below: &str, reply_lost: bool) -> Outcome<()> {
    let errors = [Errno::ENOSPC, Errno::EROFS, Errno::EIO];
    for trial in bench.trials(1, 3 * errors.len()) {
        if !bench.goes_on()? {
            break;
        }
        let folder = bench.home()?.path().join(below);
        let blow = Blow::DiskGone { error: errors[trial % errors.len()], folder };
        struck(bench, trial, &rescued(reply_lost), &blow)?;
    }
    Ok(())
}

/// What was kept elsewhere is found by the next command, which then need not ask.
fn rescued(reply_lost: bool) -> Allowed {
    Allowed::one(reply_lost).after(0..=1)
}

/// One trial with one blow; whether it struck.
fn struck(bench: &mut Bench<'_>, trial: usize, allowed: &Allowed, blow: &Blow) -> Outcome<bool> {
    let mut struck = false;
    bench.trial(trial, allowed, |home, subject| {
        let steps = stepped(home, &subject.refresh(), blow)?;
        struck = steps.struck;
        Ok(Disturbed::by(&steps.ended))
    })?;
    Ok(struck)
}

/// Leaves so many kilobytes of the home's own file system.
const FILL: &str = r#"
room=$1; shift
left=$(df -k --output=avail . | tail -1)
head -c $(( (left - room) * 1024 )) /dev/zero > filler 2>/dev/null
"$@"; status=$?
rm -f filler
exit $status
"#;
const READ_ONLY: &str = r#"
mount --bind "$HOME" "$HOME" && mount -o remount,ro,bind "$HOME" || exit 99
cd "$HOME"; exec "$@"
"#;
const NOT_MOUNTED: i32 = 99;

pub(super) fn small(bench: &mut Bench<'_>) -> Outcome<()> {
    bench.ground = Ground::SmallDisk;
    for trial in bench.trials(6, 60) {
        if !bench.goes_on()? {
            break;
        }
        let room = if bench.long() { trial * 10 } else { trial * 100 };
        bench.trial(trial, &rescued(false), |home, subject| {
            let words = ["/bin/sh", "-c", FILL, "sh", &room.to_string()].map(OsString::from);
            let line: Line = words.into_iter().chain(subject.refresh()).collect();
            Ok(Disturbed::by(&home.run(&line)?))
        })?;
    }
    Ok(())
}

pub(super) fn read_only(bench: &mut Bench<'_>) -> Outcome<()> {
    // Whoever asks before it has looked whether the answer can be kept will lose it.
    let asked = if bench.plan.subject.is_xeroctl() { 0 } else { 1 };
    let allowed = Allowed::one(false).during(0..=asked);
    for trial in bench.trials(1, 10) {
        bench.trial(trial, &allowed, |home, subject| {
            Ok(Disturbed::by(&read_only_home(home, &subject.refresh())?))
        })?;
    }
    Ok(())
}

/// Runs the line in a mount namespace in which the home is read-only.
fn read_only_home(home: &Home, line: &Line) -> Outcome<Ended> {
    let words =
        ["unshare", "--map-root-user", "--mount", "/bin/sh", "-c", READ_ONLY, "sh"].map(OsString::from);
    let ended = home.run(&words.into_iter().chain(line.iter().cloned()).collect())?;
    if ended.status == Some(NOT_MOUNTED) || ended.stderr.starts_with("unshare:") {
        return Err(Error::Mount(ended.stderr.trim().to_owned()));
    }
    Ok(ended)
}

pub(super) fn closed(bench: &mut Bench<'_>) -> Outcome<()> {
    for trial in bench.trials(1, 10) {
        bench.trial(trial, &Allowed::one(false), |home, subject| {
            let folders = folders(home.path())?;
            set_modes(&folders, 0o500)?;
            let ended = home.run(&without_privileges(subject.refresh())?);
            set_modes(&folders, 0o700)?;
            Ok(Disturbed::by(&ended?))
        })?;
    }
    Ok(())
}

/// The superuser may write everywhere; without its capabilities it is a user like others.
fn without_privileges(line: Line) -> Outcome<Line> {
    let root = fs::metadata("/proc/self").map_err(Error::io("look at /proc/self"))?.uid() == 0;
    let setpriv = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"].map(OsString::from);
    Ok(if root { setpriv.into_iter().chain(line).collect() } else { line })
}

fn folders(below: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = vec![below.to_owned()];
    let mut index = 0;
    while index < found.len() {
        let entries = fs::read_dir(&found[index]).map_err(Error::io("read a folder"))?;
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let deeper: Vec<_> = paths.filter(|path| path.is_dir() && !path.is_symlink()).collect();
        found.extend(deeper);
        index += 1;
    }
    Ok(found)
}

fn set_modes(folders: &[PathBuf], mode: u32) -> Outcome<()> {
    // The deepest first: what is closed above hides what is below.
    for folder in folders.iter().rev().filter(|folder| folder.exists()) {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).map_err(Error::io("close a folder"))?;
    }
    Ok(())
}
