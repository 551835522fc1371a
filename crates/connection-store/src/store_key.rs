//! The key that opens a store: from a key file, or from a passphrase.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    Error,
    seal::{Place, SealingKey, random_key},
};

const KEY_FILE_LABEL: &str = "xeroctl-store-key-1";

/// The key of a store, as the caller has it. The store never keeps it.
#[derive(Clone)]
pub enum StoreKey {
    /// Thirty-two random bytes from a key file.
    File(KeyBytes),
    /// A passphrase; opening costs about 64 MiB of memory and a fifth of a second (Argon2id).
    Passphrase(Passphrase),
}

/// The content of a key file.
#[derive(Clone)]
pub struct KeyBytes(Zeroizing<[u8; 32]>);

/// A passphrase as typed.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl StoreKey {
    /// A fresh random key, to be written to a key file with [`KeyBytes::to_key_file`].
    pub fn generate() -> Result<KeyBytes, Error> {
        random_key().map(KeyBytes)
    }

    /// Takes a passphrase; nothing is trimmed.
    pub fn passphrase(text: impl Into<String>) -> Self {
        Self::Passphrase(Passphrase(SecretString::from(text.into())))
    }
}

impl KeyBytes {
    /// Reads a key file: one line, a label and 32 bytes in base 64.
    ///
    /// # Errors
    /// [`Error::NotAKeyFile`] for anything else.
    pub fn from_key_file(contents: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(contents).map_err(|_| Error::NotAKeyFile)?;
        let encoded = text.trim().strip_prefix(KEY_FILE_LABEL).ok_or(Error::NotAKeyFile)?;
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim()).map_err(|_| Error::NotAKeyFile)?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| Error::NotAKeyFile)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The content of the key file. Whoever can read it can open the store.
    pub fn to_key_file(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{KEY_FILE_LABEL} {}\n", BASE64_STANDARD.encode(self.0.as_slice())))
    }
}

/// What a store says of the key that opens it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// A key file; the path where it was when the store was made.
    KeyFile(String),
    /// A passphrase.
    Passphrase,
}

/// A data key sealed under a store key, as it stands in the database.
pub(crate) struct WrappedKey {
    pub(crate) id: u32,
    pub(crate) lock: Lock,
    /// Argon2id parameters, `memory in KiB,passes,lanes`; empty for a key file.
    pub(crate) parameters: String,
    pub(crate) salt: Vec<u8>,
    pub(crate) sealed: Vec<u8>,
}

impl WrappedKey {
    const ID: u32 = 1;

    /// Makes a fresh data key and seals it under `key`. `hint` is where the key file is.
    pub(crate) fn create(key: &StoreKey, hint: &str) -> Result<Self, Error> {
        let mut wrapped = match key {
            StoreKey::File(_) => Self::empty(Lock::KeyFile(hint.to_owned()), String::new(), Vec::new()),
            StoreKey::Passphrase(_) => {
                let salt = random_key()?[..16].to_vec();
                Self::empty(Lock::Passphrase, "65536,3,1".to_owned(), salt)
            }
        };
        wrapped.sealed = wrapped.sealing_key(key)?.seal(&wrapped.place(), random_key()?.as_slice())?;
        Ok(wrapped)
    }

    /// The data key, if `key` opens it.
    pub(crate) fn open(&self, key: &StoreKey) -> Result<SealingKey, Error> {
        let wrong = match key {
            StoreKey::File(_) => Error::WrongKey,
            StoreKey::Passphrase(_) => Error::WrongPassphrase,
        };
        let Ok(clear) = self.sealing_key(key)?.open(&self.place(), &self.sealed) else {
            return Err(wrong);
        };
        let Ok(bytes) = clear.as_slice().try_into() else {
            return Err(wrong);
        };
        SealingKey::new(self.id, &Zeroizing::new(bytes))
    }

    fn empty(lock: Lock, parameters: String, salt: Vec<u8>) -> Self {
        Self { id: Self::ID, lock, parameters, salt, sealed: Vec::new() }
    }

    fn place(&self) -> Place<'static> {
        let generation = i64::from(self.id);
        Place { table: "data_keys", column: "sealed", row: "", generation, bound: String::new() }
    }

    fn changed(&self) -> Error {
        Error::Tampered { table: "data_keys", column: "parameters", row: self.id.to_string() }
    }

    fn sealing_key(&self, key: &StoreKey) -> Result<SealingKey, Error> {
        match (key, &self.lock) {
            (StoreKey::File(bytes), Lock::KeyFile(_)) => SealingKey::new(0, &bytes.0),
            (StoreKey::Passphrase(passphrase), Lock::Passphrase) => {
                SealingKey::new(0, &*self.derive(passphrase)?)
            }
            (StoreKey::File(_), Lock::Passphrase) => Err(Error::OtherLock("a passphrase")),
            (StoreKey::Passphrase(_), Lock::KeyFile(_)) => Err(Error::OtherLock("a key file")),
        }
    }

    fn derive(&self, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 32]>, Error> {
        const FAILED: Error = Error::Crypto("derive a key from the passphrase");
        let numbers = self.parameters.split(',').map(str::parse).collect::<Result<Vec<u32>, _>>();
        let Ok(&[memory, passes, lanes]) = numbers.as_deref() else { return Err(self.changed()) };
        // Bounds, so that a changed file costs neither hours nor all memory.
        if memory > 256 * 1024 || passes > 10 || lanes > 4 {
            return Err(self.changed());
        }
        let parameters = Params::new(memory, passes, lanes, Some(32)).map_err(|_| FAILED)?;
        let mut derived = Zeroizing::new([0_u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into(passphrase.0.expose_secret().as_bytes(), &self.salt, derived.as_mut_slice())
            .map_err(|_| FAILED)?;
        Ok(derived)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(bytes) => bytes.fmt(f),
            Self::Passphrase(passphrase) => passphrase.fmt(f),
        }
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes([redacted])")
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase([redacted])")
    }
}
