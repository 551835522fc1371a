//! A store at a server: how it is reached from here, and where this machine keeps what is its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use connection_store::{Destination, Error, KeySlot, LockedStore, NewKey, PostgresAddress, Store};

use super::{
    Password, Way, absolute,
    address::{Address, Surroundings},
    folder, password,
};
use crate::failure::{Failure, Kind, Outcome};

/// How a certificate begins (RFC 7468).
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

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
    pub(super) fn of(address: &str, password: Password<'_>) -> Outcome<Self> {
        let around = surroundings();
        let complete = Address::parse(address)?.completed(&around);
        let whole = complete.to_string();
        check_certificates(&complete)?;
        let reached = PostgresAddress::parse(&whole)?;
        let address = match password::find(&complete, password, &around)? {
            Some(found) => reached.with_password(&found),
            None => reached,
        };
        let password_file = password.file.map(Path::to_owned);
        let (path, folder) = (PathBuf::from(whole.split('?').next().unwrap_or_default()), folder()?);
        let local = folder.join(complete.file_name());
        Ok(Self { address, whole, path, folder, local, password_file, way: complete.way() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// True for the address of the same database, by the same user.
    pub(super) fn is_at(&self, address: &str) -> Outcome<bool> {
        let other = Address::parse(address)?.completed(&surroundings()).to_string();
        Ok(Some(self.path.as_path()) == other.split('?').next().map(Path::new))
    }

    /// The address as the next command is given it.
    pub(super) fn spelled(&self) -> &str {
        self.address.spelled()
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
    let failure = match fs::read(file) {
        Ok(bytes) if bytes.windows(BEGIN.len()).any(|part| part == BEGIN) => return Ok(()),
        Ok(_) => Failure::usage(format!("there is no certificate in {}", file.display())),
        Err(error) => Failure { kind: Kind::StoreUnusable, ..Failure::unreadable(file, &error) },
    };
    Err(failure
        .hint("sslrootcert, or PGSSLROOTCERT, names a file of certificates (PEM); `system` for those of this system"))
}

fn surroundings() -> Surroundings {
    Surroundings {
        variable: Box::new(|name| env::var(name).ok().filter(|value| !value.is_empty())),
        home: etcetera::home_dir().ok(),
        user: whoami::username().ok(),
    }
}
