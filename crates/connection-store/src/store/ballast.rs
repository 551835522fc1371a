//! Room on the disk for what an answer will bring, held while the answer is waited for.

use std::{fs::File, io::Write, path::Path};

use crate::{
    Error,
    backend::{folder_of, unwritable},
};

/// More than a commit of two long tokens takes in the log and in the database, in bytes.
const SIZE: usize = 256 * 1024;

/// A file without a name beside the store. Dropped, it leaves its room to the commit; a kill leaves nothing behind.
pub(super) struct Ballast {
    _file: File,
}

impl Ballast {
    /// Takes the room.
    ///
    /// # Errors
    /// [`Error::DiskFull`] where there is none, [`Error::NotWritable`]: then nothing must be asked for that cannot be kept.
    pub(super) fn take(store: &Path) -> Result<Self, Error> {
        let file = tempfile::tempfile_in(folder_of(&super::owner::real(store)));
        let filled = file.and_then(|mut file| file.write_all(&vec![0; SIZE]).map(|()| file));
        filled.map(|_file| Self { _file }).map_err(|source| unwritable(store, source))
    }
}
