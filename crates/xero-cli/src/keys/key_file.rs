//! Key files: read, written, and where they are.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use connection_store::KeyBytes;
use xero_certs::{Access, Existing, NewFile, write_files};

use super::private_file::{self, Role};
use crate::{
    failure::{Failure, Kind, Outcome},
    store_access::base,
};

const ROLE: Role = Role { what: "key file", option: "--key-file" };

/// Where a key file goes unless told otherwise: the configuration directory, so that a copy of the data directory alone
/// opens nothing.
pub(crate) fn default_path() -> Outcome<PathBuf> {
    use etcetera::BaseStrategy;
    Ok(base()?.config_dir().join("xeroctl").join("store.key"))
}

/// Where the key file is that a store noted: there, or, where a home has moved or that is another user's, where key files are.
pub(crate) fn noted(path: &str) -> PathBuf {
    let noted = PathBuf::from(path);
    usual_instead_of(&noted).unwrap_or(noted)
}

/// This user's own key file, where a noted one cannot be had.
pub(super) fn usual_instead_of(noted: &Path) -> Option<PathBuf> {
    if private_file::can_be_opened(noted) {
        return None;
    }
    default_path().ok().filter(|usual| usual.is_file())
}

pub(crate) fn read(path: &Path) -> Outcome<KeyBytes> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        let message = format!("the key file {} is not there", path.display());
        return Err(Failure::new(Kind::StoreUnusable, message)
            .hint("say where the store's key file is with --key-file or XEROCTL_KEY_FILE"));
    }
    KeyBytes::from_key_file(&private_file::read(path, ROLE)?)
        .map_err(|error| Failure { message: format!("{}: {error}", path.display()), ..error.into() })
}

/// Writes a new key file, its directory (mode 0700) included; never over another.
pub(super) fn write(path: &Path, contents: &str) -> Outcome {
    if let Some(folder) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder).map_err(|error| {
            Failure::new(Kind::Other, format!("{} cannot be made", folder.display())).because(&error)
        })?;
    }
    let file = NewFile { path, contents: contents.as_bytes(), access: Access::Private };
    write_files(&[file], Existing::Keep).map_err(|error| match error {
        xero_certs::Error::Exists(_) => Failure::new(
            Kind::Temporary,
            format!("{} was made in this moment by another process", path.display()),
        )
        .hint("run the command again: it will use that key file"),
        error => Failure::output(&error),
    })
}
