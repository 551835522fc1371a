//! What another program wrote, read with care: bounded, and with a warning where others can read it.

use std::{
    io::{self, IsTerminal, Read as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    args::ImportFrom,
    failure::{Failure, Kind, Outcome},
    keys::private_file,
    secrets::{read_small, stdin_unreadable},
    store_access,
    ui::Ui,
};

/// The largest file, in bytes: that of key files.
const MAX: usize = xero_certs::MAX_FILE;

/// The file that was named, or standard input for `-`, and what it is called in messages.
pub(super) fn named(ui: &Ui, args: &ImportFrom) -> Outcome<(Zeroizing<Vec<u8>>, String)> {
    let Some(path) = &args.file else {
        return Err(Failure::usage(format!("nothing was said of the file to read for {}", args.from.word()))
            .hint(format!("xeroctl import --from {} FILE; `-` is standard input", args.from.word())));
    };
    if path.as_os_str() == "-" {
        return Ok((stdin(args)?, "standard input".to_owned()));
    }
    Ok((secret(ui, path)?, path.display().to_string()))
}

/// A file with secrets.
pub(super) fn secret(ui: &Ui, path: &Path) -> Outcome<Zeroizing<Vec<u8>>> {
    let bytes = plain(path)?;
    warn_of_readers(ui, path);
    Ok(bytes)
}

/// A file without secrets.
pub(super) fn plain(path: &Path) -> Outcome<Zeroizing<Vec<u8>>> {
    let bytes = read_small(path)?;
    if bytes.len() > MAX { Err(too_large(&path.display().to_string())) } else { Ok(bytes) }
}

/// A path below the home directory, where other programs keep their files.
pub(super) fn at_home(parts: &[&str]) -> Outcome<PathBuf> {
    use etcetera::BaseStrategy;
    let base = store_access::base()?;
    Ok(parts.iter().fold(base.home_dir().to_owned(), |path, part| path.join(part)))
}

/// Nothing is there at all: the other program was never used here, or by another user.
pub(super) fn missing(path: &Path, what: &str) -> Failure {
    Failure::new(Kind::Other, format!("there is no {what} at {}", path.display()))
        .hint("name the place, if it is elsewhere; the program must have been used by this user")
}

fn stdin(args: &ImportFrom) -> Outcome<Zeroizing<Vec<u8>>> {
    if args.secret.client_secret_stdin || args.passphrase.source_passphrase_stdin {
        return Err(Failure::usage("standard input can be one thing only")
            .hint("give the client secret with --client-secret-file or --client-secret-command"));
    }
    if io::stdin().is_terminal() {
        return Err(Failure::usage("standard input is the terminal, where the tokens would be seen")
            .hint("name a file, or redirect standard input"));
    }
    // Room for all of it from the first: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX + 1));
    let read = io::stdin().take(MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| stdin_unreadable(&error))?;
    if bytes.len() > MAX { Err(too_large("standard input")) } else { Ok(bytes) }
}

fn too_large(place: &str) -> Failure {
    Failure::usage(format!("{place} is larger than {MAX} bytes")).hint("a file with tokens is much smaller")
}

#[cfg(unix)]
fn warn_of_readers(ui: &Ui, path: &Path) {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = path.metadata() else { return };
    let mode = metadata.mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 {
        ui.warn(format!(
            "other users can read {} (mode {mode:04o}), and it holds secrets: chmod 600 {}",
            path.display(),
            private_file::quoted(path)
        ));
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_: &Ui, _: &Path) {}
