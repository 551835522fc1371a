//! The keys that open a store, and the slots in which each has the data key sealed.

use std::{fmt, time::SystemTime};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    Error,
    seal::{Place, SealingKey, bound, mark_of, random_key},
};

const KEY_FILE_LABEL: &str = "xeroctl-store-key-1";
/// Memory in KiB, passes, lanes.
const ARGON2ID: &str = "65536,3,1";

/// The key of a store, as the caller has it. The store never keeps it.
#[derive(Clone)]
pub enum StoreKey {
    /// Thirty-two random bytes from a key file.
    File(KeyBytes),
    /// A passphrase; opening costs about 64 MiB of memory and a fifth of a second (Argon2id).
    Passphrase(Passphrase),
    /// What was made of a passphrase, for the one slot that it was made for; opening costs next to nothing.
    Derived(DerivedKey),
}

/// What Argon2id made of a passphrase for one slot. As good as the passphrase, for as long as that slot is there: it belongs in
/// memory that goes, and in no file.
#[derive(Clone)]
pub struct DerivedKey(SlotKey);

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

impl DerivedKey {
    /// A key that [`expose`](Self::expose) gave; `None` for what cannot be one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        SlotKey::from_bytes(bytes).map(Self)
    }

    /// Its bytes, to be kept by what forgets them.
    pub fn expose(&self) -> &[u8] {
        self.0.0.as_slice()
    }

    pub(crate) fn of(key: &SlotKey) -> Self {
        Self(key.clone())
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

/// A key, and what the store is to remember of it.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The key.
    pub key: StoreKey,
    /// Where it comes from. [`Lock::Passphrase`] and, where the command prints a passphrase, [`Lock::Command`] go with
    /// [`StoreKey::Passphrase`]; all others with [`StoreKey::File`].
    pub lock: Lock,
}

/// What a store says of a key that opens it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// A key file; the path where it was when it was added.
    KeyFile(String),
    /// A passphrase.
    Passphrase,
    /// An entry of the operating system's keychain, by its name.
    Keychain(String),
    /// What an external command prints. Which command is not kept: whoever can write the file could have it run.
    Command,
    /// An age file that holds the key file's text, for somebody's age or SSH identity.
    Identity(Vec<u8>),
}

impl Lock {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::KeyFile(_) => "key-file",
            Self::Passphrase => "passphrase",
            Self::Keychain(_) => "keychain",
            Self::Command => "command",
            Self::Identity(_) => "identity",
        }
    }

    /// What is stored beside the word.
    pub(crate) fn hint(&self) -> &[u8] {
        match self {
            Self::KeyFile(text) | Self::Keychain(text) => text.as_bytes(),
            Self::Identity(bytes) => bytes,
            Self::Passphrase | Self::Command => &[],
        }
    }

    /// A lock as stored; `None` where this version knows no such word.
    pub(crate) fn read(word: &str, hint: Vec<u8>) -> Option<Self> {
        let text = |hint: &[u8]| String::from_utf8_lossy(hint).into_owned();
        Some(match word {
            "key-file" => Self::KeyFile(text(&hint)),
            "passphrase" => Self::Passphrase,
            "keychain" => Self::Keychain(text(&hint)),
            "command" => Self::Command,
            "identity" => Self::Identity(hint),
            _ => return None,
        })
    }
}

/// A key that opens a store, without the key. Its number is never given to another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySlot {
    /// Its number.
    pub id: i64,
    /// Where the key comes from.
    pub lock: Lock,
    /// When it was added.
    pub created_at: SystemTime,
}

/// What the data key is sealed under in one slot: the random bytes of a key file, or what Argon2id makes of a passphrase.
#[derive(Clone)]
pub(crate) struct SlotKey(Zeroizing<[u8; 32]>);

/// The store and the data key that a slot's sealed values belong to.
#[derive(Debug, Clone)]
pub(crate) struct DataKeyOf {
    pub(crate) store: String,
    pub(crate) data_key: u32,
}

/// A slot as it stands in the database.
pub(crate) struct StoredSlot {
    pub(crate) slot: KeySlot,
    /// Argon2id parameters, `memory in KiB,passes,lanes`; empty where the key is random bytes.
    pub(crate) parameters: String,
    pub(crate) salt: Vec<u8>,
    /// The data key, sealed under the slot's key.
    pub(crate) sealed: Vec<u8>,
    /// The slot's key, sealed under the data key; none in a store of format 2 that was not opened since.
    pub(crate) slot_key: Option<Vec<u8>>,
}

impl SlotKey {
    /// The data key of a slot, in the format of now.
    pub(crate) fn seal_data_key(
        &self,
        of: &DataKeyOf,
        lock: &Lock,
        data_key: &[u8; 32],
    ) -> Result<Vec<u8>, Error> {
        SealingKey::new(0, &self.0)?.seal(&data_key_place(of, lock), data_key)
    }

    /// This key, for a time when the data key is replaced.
    pub(crate) fn seal_under(
        &self,
        data: &SealingKey,
        of: &DataKeyOf,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        data.seal(&slot_key_place(of, &mark_of(sealed).to_string()), self.0.as_slice())
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_slice(), other.0.as_slice()).is_ok()
    }

    fn open_at(&self, place: &Place<'_>, sealed: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let clear = SealingKey::new(0, &self.0).ok()?.open(place, sealed).ok()?;
        clear.as_slice().try_into().ok().map(Zeroizing::new)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }
}

impl StoredSlot {
    /// A slot for a key, before the data key is sealed in it; with the key as it is used.
    pub(crate) fn new(key: &NewKey, now: SystemTime) -> Result<(Self, SlotKey), Error> {
        let slot = KeySlot { id: 0, lock: key.lock.clone(), created_at: now };
        let (parameters, salt) = match key.key {
            StoreKey::File(_) => (String::new(), Vec::new()),
            StoreKey::Passphrase(_) => (ARGON2ID.to_owned(), random_key()?[..16].to_vec()),
            // It is another slot's own.
            StoreKey::Derived(_) => return Err(Error::OtherLock("a passphrase")),
        };
        let stored = Self { slot, parameters, salt, sealed: Vec::new(), slot_key: None };
        let slot_key = stored.key(&key.key)?;
        Ok((stored, slot_key))
    }

    /// The slot's key from what a caller has.
    ///
    /// # Errors
    /// [`Error::OtherLock`] where it is of the other sort.
    pub(crate) fn key(&self, key: &StoreKey) -> Result<SlotKey, Error> {
        match (key, self.parameters.is_empty()) {
            (StoreKey::File(bytes), true) => Ok(SlotKey(bytes.0.clone())),
            (StoreKey::Passphrase(passphrase), false) => Ok(SlotKey(self.derive(passphrase)?)),
            (StoreKey::Derived(derived), false) => Ok(derived.0.clone()),
            (StoreKey::File(_), false) => Err(Error::OtherLock("a passphrase")),
            (StoreKey::Derived(_), true) => Err(Error::OtherLock("a key file")),
            (StoreKey::Passphrase(_), true) if self.slot.lock == Lock::Passphrase => Err(self.changed()),
            (StoreKey::Passphrase(_), true) => Err(Error::OtherLock("a key file")),
        }
    }

    /// The data key, if the slot's key opens it.
    pub(crate) fn open(&self, key: &SlotKey, of: &DataKeyOf) -> Option<Zeroizing<[u8; 32]>> {
        if self.slot_key.is_none() {
            let generation = i64::from(of.data_key);
            let format_2 =
                Place { table: "data_keys", column: "sealed", row: "", generation, bound: String::new() };
            return key.open_at(&format_2, &self.sealed);
        }
        key.open_at(&data_key_place(of, &self.slot.lock), &self.sealed)
    }

    /// The slot's key, from a store whose data key is at hand. `None`: it was not kept yet.
    pub(crate) fn kept_key(&self, data: &SealingKey, of: &DataKeyOf) -> Result<Option<SlotKey>, Error> {
        let Some(sealed) = &self.slot_key else { return Ok(None) };
        let mark = mark_of(&self.sealed).to_string();
        let place = slot_key_place(of, &mark);
        let clear = data.open(&place, sealed)?;
        SlotKey::from_bytes(&clear).map(Some).ok_or_else(|| place.tampered())
    }

    fn changed(&self) -> Error {
        Error::Tampered { table: "key_slots", column: "parameters", row: self.slot.id.to_string() }
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

fn data_key_place<'a>(of: &'a DataKeyOf, lock: &Lock) -> Place<'a> {
    let generation = i64::from(of.data_key);
    Place { table: "key_slots", column: "sealed", row: &of.store, generation, bound: bound(&[lock.as_str()]) }
}

fn slot_key_place<'a>(of: &'a DataKeyOf, mark: &str) -> Place<'a> {
    let generation = i64::from(of.data_key);
    Place { table: "key_slots", column: "slot_key", row: &of.store, generation, bound: bound(&[mark]) }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(bytes) => bytes.fmt(f),
            Self::Passphrase(passphrase) => passphrase.fmt(f),
            Self::Derived(derived) => derived.fmt(f),
        }
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey([redacted])")
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
