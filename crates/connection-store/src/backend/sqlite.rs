//! What only a store in an SQLite file has: how it is made and opened, and its copies.

mod copies;
mod opening;

pub(crate) use self::{
    copies::{BEGUN, Taken, folder_of, sweep_leftovers, sync_folder, unwritable},
    opening::{FORMAT, make_folder},
};

use std::path::Path;

use rusqlite::Connection;

use super::Session;
use crate::Error;

impl Session {
    /// The file's database.
    ///
    /// # Errors
    /// [`Error::InServer`] for a store that is in no file.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, clippy::unnecessary_wraps, reason = "there are only files")
    )]
    fn sqlite(&self, path: &Path) -> Result<&Connection, Error> {
        match self {
            Self::Sqlite(db) => Ok(db),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Err(Error::InServer(path.to_owned())),
        }
    }

    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, clippy::unnecessary_wraps, reason = "there are only files")
    )]
    fn sqlite_mut(&mut self, path: &Path) -> Result<&mut Connection, Error> {
        match self {
            Self::Sqlite(db) => Ok(db),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Err(Error::InServer(path.to_owned())),
        }
    }
}
