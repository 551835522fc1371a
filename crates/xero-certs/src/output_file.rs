//! Files for keys and certificates: whole or not at all, private from the first byte, never over another unasked.

use std::{
    fmt, fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::Error;

/// Who may read a new file, besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody (mode 0600): keys.
    Private,
    /// Everybody (mode 0644): certificates.
    Public,
}

/// What to do where the path is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse with [`Error::Exists`].
    Keep,
    /// Replace it in one step.
    Replace,
}

/// A file to be written. `Debug` prints where, and nothing of the content.
#[derive(Clone, Copy)]
pub struct NewFile<'a> {
    /// Where it goes.
    pub path: &'a Path,
    /// All of its content.
    pub contents: &'a [u8],
    /// Who may read it.
    pub access: Access,
}

impl fmt::Debug for NewFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewFile({}, {} bytes, {:?})", self.path.display(), self.contents.len(), self.access)
    }
}

/// Writes files so that each is there whole and with its final mode, or not at all, and durable when this returns.
/// All are written under other names first, so that a full disk or a missing permission leaves every path as it was;
/// where one of several cannot be put in its place, those before it are taken back.
///
/// # Errors
/// [`Error::Exists`], [`Error::IsDirectory`], [`Error::NotAFile`] and [`Error::Write`]; in each case no path has changed.
pub fn write_files(files: &[NewFile<'_>], existing: Existing) -> Result<(), Error> {
    let prepared = files.iter().map(|file| prepare(file, existing)).collect::<Result<Vec<_>, _>>()?;
    let mut done = Vec::new();
    for (file, part) in files.iter().zip(prepared) {
        match replace(file, part, existing) {
            Ok(earlier) => done.push(earlier),
            Err(error) => {
                done.iter().rev().for_each(Earlier::put_back);
                return Err(error);
            }
        }
    }
    for (file, earlier) in files.iter().zip(&done) {
        earlier.forget();
        sync_folder(folder_of(file.path))
            .map_err(|source| Error::Write { path: file.path.to_owned(), source })?;
    }
    Ok(())
}

fn replace<'a>(file: &NewFile<'a>, part: NamedTempFile, existing: Existing) -> Result<Earlier<'a>, Error> {
    let earlier =
        Earlier::of(file.path).map_err(|source| Error::Write { path: file.path.to_owned(), source })?;
    match place(file, part, existing) {
        Ok(()) => Ok(earlier),
        Err(error) => {
            earlier.forget();
            Err(error)
        }
    }
}

/// What was at a path before it was written to.
struct Earlier<'a> {
    path: &'a Path,
    /// A second name of the file that was there.
    kept: Option<PathBuf>,
}

impl<'a> Earlier<'a> {
    /// Gives what is there a second name; a copy where the file system has no such names.
    fn of(path: &'a Path) -> io::Result<Self> {
        if path.symlink_metadata().is_err() {
            return Ok(Self { path, kept: None });
        }
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.before", std::process::id()));
        let kept = PathBuf::from(name);
        fs::hard_link(path, &kept).or_else(|_| fs::copy(path, &kept).map(drop))?;
        Ok(Self { path, kept: Some(kept) })
    }

    fn put_back(&self) {
        match &self.kept {
            Some(kept) => drop(fs::rename(kept, self.path)),
            None => drop(fs::remove_file(self.path)),
        }
    }

    fn forget(&self) {
        if let Some(kept) = &self.kept {
            drop(fs::remove_file(kept));
        }
    }
}

/// Refuses a path that is taken, so that no work is done in vain.
///
/// # Errors
/// As [`write_files`].
pub fn check_path(path: &Path, existing: Existing) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::IsDirectory(path.to_owned()));
    }
    if path.exists() && !path.is_file() {
        return Err(Error::NotAFile(path.to_owned()));
    }
    if existing == Existing::Keep && path.symlink_metadata().is_ok() {
        return Err(Error::Exists(path.to_owned()));
    }
    Ok(())
}

fn prepare(file: &NewFile<'_>, existing: Existing) -> Result<NamedTempFile, Error> {
    check_path(file.path, existing)?;
    let failed = |source| Error::Write { path: file.path.to_owned(), source };
    let mut part = new_file(folder_of(file.path), file.access).map_err(failed)?;
    part.write_all(file.contents).and_then(|()| part.as_file().sync_all()).map_err(failed)?;
    Ok(part)
}

fn place(file: &NewFile<'_>, part: NamedTempFile, existing: Existing) -> Result<(), Error> {
    let failed = |source| Error::Write { path: file.path.to_owned(), source };
    let placed = match existing {
        Existing::Keep => part.persist_noclobber(file.path),
        Existing::Replace => part.persist(file.path),
    };
    match placed {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::Exists(file.path.to_owned()))
        }
        Err(refused) => Err(failed(refused.error)),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn new_file(folder: &Path, access: Access) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".xero-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if access == Access::Private { 0o600 } else { 0o644 };
        let file = builder.permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        Ok(file)
    }
    #[cfg(not(unix))]
    {
        let _ = access;
        builder.tempfile_in(folder)
    }
}

/// A rename lasts once its directory is on disk.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
