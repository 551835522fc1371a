//! A store at a server: how it is reached from here, and where this machine keeps what is its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use connection_store::{Destination, Error, KeySlot, LockedStore, NewKey, PostgresAddress, Store};

use super::{
    Way, absolute,
    address::{Address, Surroundings},
    folder, password,
};
use crate::{
    args::Global,
    failure::{Failure, Kind, Outcome},
};

/// A store at a server.
pub(crate) struct ServerPlace {
    address: PostgresAddress,
    /// All that says where it is, whatever variables there are later.
    whole: String,
    path: PathBuf,
    folder: PathBuf,
    local: PathBuf,
    password_file: Option<PathBuf>,
    way: Way,
}

impl ServerPlace {
    /// Reads the address, and what it leaves out from where libpq looks for it.
    pub(super) fn of(address: &str, global: &Global) -> Outcome<Self> {
        let around = surroundings();
        let complete = Address::parse(address)?.completed(&around);
        let whole = complete.to_string();
        let file = global.store_password_file.clone();
        check_certificates(&complete)?;
        let reached = PostgresAddress::parse(&whole)?;
        let address = match password::find(&complete, file.as_deref(), &around)? {
            Some(password) => reached.with_password(&password),
            None => reached,
        };
        let (path, folder) = (PathBuf::from(whole.split('?').next().unwrap_or_default()), folder()?);
        let local = folder.join(complete.file_name());
        Ok(Self { address, whole, path, folder, local, password_file: file, way: complete.way() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn local(&self) -> &Path {
        &self.local
    }

    pub(super) fn way(&self) -> Way {
        self.way
    }

    pub(super) fn key_slots(&self) -> Result<Vec<KeySlot>, Error> {
        Store::key_slots_at(&self.address, &self.folder)
    }

    pub(super) fn find(&self) -> Result<LockedStore, Error> {
        LockedStore::find_at(&self.address, &self.folder)
    }

    pub(super) fn create(&self, key: &NewKey) -> Result<Store, Error> {
        Store::create_at(&self.address, &self.folder, key)
    }

    pub(super) fn destination(&self) -> Destination<'_> {
        Destination::Server { address: &self.address, folder: &self.folder }
    }

    pub(super) fn job_arguments(&self) -> Outcome<Vec<String>> {
        let mut arguments = vec!["--store".to_owned(), self.whole.clone()];
        if let Some(file) = &self.password_file {
            arguments.push(format!("--store-password-file={}", absolute(file)?));
        }
        Ok(arguments)
    }
}

/// The certificates that are to be trusted must be there.
fn check_certificates(address: &Address) -> Outcome {
    let Some(file) = address.value("sslrootcert").filter(|file| *file != "system") else { return Ok(()) };
    let file = Path::new(file);
    match fs::File::open(file) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure { kind: Kind::StoreUnusable, ..Failure::unreadable(file, &error) }
            .hint("sslrootcert, or PGSSLROOTCERT, names a file of certificates (PEM); `system` for those of this system")),
    }
}

fn surroundings() -> Surroundings {
    Surroundings {
        variable: Box::new(|name| env::var(name).ok().filter(|value| !value.is_empty())),
        home: etcetera::home_dir().ok(),
        user: whoami::username().ok(),
    }
}
