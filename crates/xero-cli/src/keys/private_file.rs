//! Files that open a store, or hold another secret: no other user can read them, and no other user can have put them
//! there.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

use crate::failure::{Failure, Kind, Outcome};

/// The largest such file, in bytes.
const MAX_SIZE: u64 = 64 * 1024;

/// What a file is for, and the option that names one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Role {
    pub(crate) what: &'static str,
    pub(crate) option: &'static str,
}

/// Reads a file that no other user can have read or written. It is looked at and read through one handle.
pub(crate) fn read(path: &Path, role: Role) -> Outcome<Zeroizing<Vec<u8>>> {
    let unusable = |error: io::Error| {
        let failure = Failure { kind: Kind::StoreUnusable, ..Failure::unreadable(path, &error) };
        match error.kind() {
            io::ErrorKind::PermissionDenied => failure
                .hint(format!("let this user read it, or name one that he may read, with {}", role.option)),
            _ => failure,
        }
    };
    check_link(path, role)?;
    let file = open(path).map_err(unusable)?;
    let metadata = file.metadata().map_err(unusable)?;
    if !metadata.is_file() {
        let message = format!("the {} {} is not a file", role.what, path.display());
        return Err(Failure::new(Kind::StoreUnusable, message)
            .hint("name a file: a directory, pipe or device is not read"));
    }
    check_private(&metadata, path, role)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_SIZE).read_to_end(&mut bytes).map_err(unusable)?;
    Ok(bytes)
}

/// True for what this user can open; whether it is fit is another question.
pub(super) fn can_be_opened(path: &Path) -> bool {
    // Of a link it is said what it is.
    path.is_symlink() && path.exists() || open(path).is_ok()
}

/// What to say of a file with a secret that others can read; nothing of a pipe or a device, or of what a shell put there.
#[cfg(unix)]
pub(crate) fn readable_by_others(path: &Path, metadata: &fs::Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let of_shell = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    let mode = metadata.mode() & 0o777;
    (metadata.is_file() && !of_shell && mode & 0o044 != 0).then(|| {
        format!("other users can read {} (mode {mode:04o}): chmod 600 {}", path.display(), quoted(path))
    })
}

#[cfg(not(unix))]
pub(crate) fn readable_by_others(_: &Path, _: &fs::Metadata) -> Option<String> {
    None
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Opens without following a link and without waiting for the other end of a pipe.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    fs::OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<fs::File> {
    if path.metadata()?.is_file() { fs::File::open(path) } else { Err(io::ErrorKind::IsADirectory.into()) }
}

/// Whoever owns a link says what it leads to.
fn check_link(path: &Path, role: Role) -> Outcome {
    if !path.is_symlink() {
        return Ok(());
    }
    let message = format!("the {} {} is a symbolic link", role.what, path.display());
    let failure = Failure::new(Kind::StoreUnusable, message);
    Err(match path.canonicalize() {
        Ok(real) => failure.hint(format!("name the file itself: {} {}", role.option, quoted(&real))),
        Err(_) => failure.hint("name the file itself; the link leads nowhere"),
    })
}

#[cfg(unix)]
fn check_private(metadata: &fs::Metadata, path: &Path, role: Role) -> Outcome {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    let (what, path, file) = (role.what, quoted(path), path.display());
    let (message, hint) = match unfit(metadata.uid(), me, metadata.mode() & 0o777) {
        None => return Ok(()),
        Some(Unfit::Owner(owner)) => (
            format!("the {what} {file} belongs to another user (number {owner})"),
            format!("if it is yours: sudo chown \"$(id -un)\" {path}"),
        ),
        Some(Unfit::Mode(mode)) => {
            (format!("other users can read the {what} {file} (mode {mode:04o})"), format!("chmod 600 {path}"))
        }
    };
    Err(Failure::new(Kind::StoreUnusable, message).hint(hint))
}

#[cfg(not(unix))]
fn check_private(_: &fs::Metadata, _: &Path, _: Role) -> Outcome {
    Ok(())
}

/// Why a file is not ours alone.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
enum Unfit {
    /// It belongs to somebody who is neither this user nor the superuser.
    Owner(u32),
    /// Others may do something with it.
    Mode(u32),
}

#[cfg(unix)]
fn unfit(owner: u32, me: u32, mode: u32) -> Option<Unfit> {
    match (owner, mode & 0o077) {
        (owner, _) if owner != me && owner != 0 => Some(Unfit::Owner(owner)),
        (_, 0) => None,
        _ => Some(Unfit::Mode(mode)),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_fit_where_only_its_user_and_the_superuser_can_have_touched_it() {
        for (owner, me, mode, expected) in [
            (1000, 1000, 0o600, None),
            (1000, 1000, 0o400, None),
            (0, 1000, 0o600, None),
            (0, 0, 0o600, None),
            (1000, 0, 0o600, Some(Unfit::Owner(1000))),
            (1001, 1000, 0o600, Some(Unfit::Owner(1001))),
            (1001, 1000, 0o666, Some(Unfit::Owner(1001))),
            (1000, 1000, 0o640, Some(Unfit::Mode(0o640))),
            (1000, 1000, 0o604, Some(Unfit::Mode(0o604))),
            (0, 1000, 0o620, Some(Unfit::Mode(0o620))),
        ] {
            assert_eq!(unfit(owner, me, mode), expected, "{owner} {me} {mode:o}");
        }
    }
}
