//! The store's files, its key files and their directories: who may do what with them, and whether there is room.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use connection_store::{Error, KeySlot, Lock};

use super::finding::Finding;
use crate::{
    Context,
    failure::{Kind, Outcome},
    keys::{self, private_file::quoted},
};

const CHECK: &str = "files";
const DISK: &str = "disk";
const MIB: u64 = 1024 * 1024;
/// With less room than this nothing is renewed for long.
const LITTLE: u64 = 20 * MIB;

/// Looks at the store as it lies there, before it is opened.
pub(super) fn check(context: &Context) -> Outcome<Vec<Finding>> {
    let (place, mut findings) = (context.store_place()?, Vec::new());
    let path = place.local().to_owned();
    // Why they cannot be read is told where the store is opened.
    let slots = place.key_slots();
    let keys = key_files(context, slots.as_deref().unwrap_or_default());
    let folders: Vec<_> = [&path].into_iter().chain(keys.iter().map(|key| &key.path)).collect();
    findings.extend(permissions(place.file(), &folders));
    findings.extend(keys.iter().map(KeyFile::judge));
    findings.extend(disk(&path));
    if findings.iter().all(|one| one.check != CHECK) {
        let why = match slots {
            Err(Error::NotFound(_)) => "there is no store yet",
            _ => "the store does not say what its key files are",
        };
        findings.insert(0, Finding::not_checked(CHECK, why));
    }
    Ok(findings)
}

/// A key file of the store.
struct KeyFile {
    path: PathBuf,
    /// Something else opens the store where this one is not there.
    has_others: bool,
}

/// The key file that is named, or else those that the store notes.
fn key_files(context: &Context, slots: &[KeySlot]) -> Vec<KeyFile> {
    let opened_by = &context.global.opened_by;
    if let Some(path) = &opened_by.key_file {
        return vec![KeyFile { path: path.clone(), has_others: false }];
    }
    let has_others = slots.len() > 1 || opened_by.source(&[]).is_some();
    let of_slot = |slot: &KeySlot| match &slot.lock {
        Lock::KeyFile(path) => Some(KeyFile { path: keys::noted(path), has_others }),
        _ => None,
    };
    slots.iter().filter_map(of_slot).collect()
}

impl KeyFile {
    fn judge(&self) -> Finding {
        let shown = self.path.display();
        match keys::read_key_file(&self.path) {
            Ok(_) => Finding::ok(CHECK, format!("the key file {shown} is this user's alone")),
            Err(_) if self.has_others && !self.path.exists() => {
                Finding::note(CHECK, format!("the key file {shown} is not there; other keys open the store"))
            }
            Err(failure) => Finding::of_failure(CHECK, failure),
        }
    }
}

/// What the operating system says of a file or directory.
#[cfg(unix)]
#[derive(Debug, Clone, Copy)]
struct Seen {
    owner: u32,
    mode: u32,
}

#[cfg(unix)]
impl Seen {
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = path.metadata().ok()?;
        Some(Self { owner: metadata.uid(), mode: metadata.mode() & 0o7777 })
    }
}

#[cfg(unix)]
fn permissions(store: Option<&Path>, of_folders: &[&PathBuf]) -> Vec<Finding> {
    let me = rustix::process::geteuid().as_raw();
    let mut folders: Vec<PathBuf> = of_folders.iter().filter_map(|path| folder_of(path)).collect();
    folders.dedup();
    let folders = folders.iter().filter_map(|path| Some(of_folder(path, Seen::of(path)?, me)));
    let store = store.and_then(|path| Some(of_store(path, Seen::of(path)?, me)));
    store.into_iter().chain(folders.flatten()).collect()
}

#[cfg(not(unix))]
fn permissions(_: Option<&Path>, _: &[&PathBuf]) -> Vec<Finding> {
    vec![Finding::not_checked(CHECK, "who may read the store is not known on this system")]
}

/// The directory in which a file really lies, where there is one.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().or_else(|_| std::path::absolute(path)).ok()?;
    path.parent().filter(|folder| folder.is_dir()).map(Path::to_owned)
}

#[cfg(unix)]
fn of_store(path: &Path, seen: Seen, me: u32) -> Finding {
    let shown = path.display();
    if seen.owner != me && me != 0 {
        let what = format!("{shown} belongs to another user (number {})", seen.owner);
        return Finding::problem(CHECK, Kind::StoreUnusable, what)
            .mend(format!("if it is yours: sudo chown \"$(id -un)\" {}", quoted(path)));
    }
    if seen.mode & 0o077 == 0 {
        return Finding::ok(CHECK, format!("{shown} is this user's alone"));
    }
    let mode = seen.mode & 0o777;
    let finding = match mode & 0o022 {
        0 => {
            Finding::warning(CHECK, Kind::StoreUnusable, format!("others can read {shown} (mode {mode:04o})"))
                .because("secrets in it are sealed; names, users and organisations are not")
        }
        _ => Finding::problem(
            CHECK,
            Kind::StoreUnusable,
            format!("others can write {shown} (mode {mode:04o})"),
        ),
    };
    finding.mend(format!("chmod 600 {}", quoted(path)))
}

/// Whoever may write in a directory can put other files in the place of those in it, unless it is as `/tmp` is.
#[cfg(unix)]
fn of_folder(path: &Path, seen: Seen, me: u32) -> Option<Finding> {
    const STICKY: u32 = 0o1000;
    let (shown, mode) = (path.display(), seen.mode & 0o777);
    if seen.mode & 0o022 != 0 && seen.mode & STICKY == 0 {
        let what = format!("others can write in {shown} (mode {mode:04o})");
        return Some(
            Finding::problem(CHECK, Kind::StoreUnusable, what)
                .because("they can put other files in the place of the store or its key")
                .mend(format!("chmod go-w {}", quoted(path))),
        );
    }
    let of_another = seen.owner != me && seen.owner != 0 && seen.mode & STICKY == 0;
    of_another.then(|| {
        let what = format!("{shown} belongs to another user (number {})", seen.owner);
        Finding::warning(CHECK, Kind::StoreUnusable, what)
            .mend(format!("if it is yours: sudo chown \"$(id -un)\" {}", quoted(path)))
    })
}

/// Whether something can be written beside the store, and how much.
fn disk(store: &Path) -> Vec<Finding> {
    let Some(folder) = folder_of(store) else { return Vec::new() };
    if let Err(error) = try_to_write(&folder) {
        return vec![unwritable(&folder, &error)];
    }
    vec![match room(&folder) {
        Some(bytes) => of_room(&folder, bytes),
        None => Finding::not_checked(DISK, "this system does not say how much room there is"),
    }]
}

fn try_to_write(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".xeroctl-doctor-").tempfile_in(folder)?;
    file.write_all(&[0; 4096])?;
    file.as_file().sync_all()
}

fn unwritable(folder: &Path, error: &io::Error) -> Finding {
    let full = error.kind() == io::ErrorKind::StorageFull;
    let (kind, mend) = match full {
        true => (Kind::NotSaved, "free some space".to_owned()),
        false => {
            (Kind::StoreUnusable, format!("make it writable for this user: chmod u+rwx {}", quoted(folder)))
        }
    };
    Finding::problem(DISK, kind, format!("{} cannot be written", folder.display()))
        .because(error.to_string())
        .mend(mend)
}

fn of_room(folder: &Path, bytes: u64) -> Finding {
    let what = format!("{} MiB are free at {}", bytes / MIB, folder.display());
    match bytes {
        ..MIB => Finding::problem(DISK, Kind::NotSaved, what).mend("free some space"),
        MIB..LITTLE => Finding::warning(DISK, Kind::NotSaved, what).mend("free some space"),
        _ => Finding::ok(DISK, format!("{} can be written and has room", folder.display())),
    }
}

#[cfg(unix)]
fn room(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn room(_: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Mark;

    #[test]
    fn the_store_is_its_users_alone() {
        for (owner, me, mode, mark) in [
            (1000, 1000, 0o600, Mark::Ok),
            (1000, 1000, 0o400, Mark::Ok),
            (1000, 1000, 0o644, Mark::Warning),
            (1000, 1000, 0o660, Mark::Problem),
            (1001, 1000, 0o600, Mark::Problem),
            (1001, 0, 0o600, Mark::Ok),
        ] {
            let finding = of_store(Path::new("/x"), Seen { owner, mode }, me);
            assert_eq!(finding.mark, mark, "{owner} {me} {mode:o}");
            assert_eq!(finding.mend.is_some(), finding.is_trouble(), "{owner} {me} {mode:o}");
        }
    }

    #[test]
    fn nobody_else_writes_in_its_directory() {
        for (owner, mode, mark) in [
            (1000, 0o700, None),
            (1000, 0o755, None),
            (0, 0o755, None),
            (0, 0o1777, None),
            (1000, 0o770, Some(Mark::Problem)),
            (1000, 0o707, Some(Mark::Problem)),
            (1001, 0o755, Some(Mark::Warning)),
        ] {
            let finding = of_folder(Path::new("/x"), Seen { owner, mode }, 1000);
            assert_eq!(finding.map(|one| one.mark), mark, "{owner} {mode:o}");
        }
    }

    #[test]
    fn room() {
        let mark = |bytes| of_room(Path::new("/x"), bytes).mark;
        assert_eq!(
            [0, MIB - 1, MIB, LITTLE - 1, LITTLE].map(mark),
            [Mark::Problem, Mark::Problem, Mark::Warning, Mark::Warning, Mark::Ok]
        );
        let full = unwritable(Path::new("/x"), &io::ErrorKind::StorageFull.into());
        assert_eq!(full.mend.as_deref(), Some("free some space"));
        let denied = unwritable(Path::new("/x"), &io::ErrorKind::PermissionDenied.into());
        assert!(denied.text().contains("chmod u+rwx '/x'"), "{}", denied.text());
    }
}
