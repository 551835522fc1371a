//! Sealed values: AES-256-GCM in a versioned envelope, bound to the place where they stand.
//!
//! An envelope is `version (1 byte, 1) ‖ data key id (4, big endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. The
//! associated data is `xero-store/v1|table|column|row id|generation|bound`, so that a value does not open in another
//! row, column or generation, nor beside other values than those it was sealed with (`bound`).

use std::{
    fmt,
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use crate::Error;

const VERSION: u8 = 1;
const HEADER: usize = 5;
const NONCE: usize = 12;

/// The place of a sealed value.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) row: &'a str,
    pub(crate) generation: i64,
    /// What stands in clear beside the value and must not change without it, each part with its length before it.
    pub(crate) bound: String,
}

/// Values as one text from which no other values give the same.
pub(crate) fn bound(parts: &[&str]) -> String {
    parts.iter().map(|part| format!("{}:{part};", part.len())).collect()
}

impl Place<'_> {
    fn associated_data(&self) -> Aad<Vec<u8>> {
        let Self { table, column, row, generation, bound } = self;
        Aad::from(
            format!("xero-store/v1|{table}|{column}|{}:{row}|{generation}|{bound}", row.len()).into_bytes(),
        )
    }

    pub(crate) fn tampered(&self) -> Error {
        Error::Tampered { table: self.table, column: self.column, row: self.row.to_owned() }
    }
}

/// Thirty-two random bytes that seal other things: a data key, or the key that seals a data key. A data key may be
/// replaced while it is in use: what was read just before still opens.
pub(crate) struct SealingKey(RwLock<Keys>);

struct Keys {
    current: Key,
    before: Option<Key>,
}

struct Key {
    id: u32,
    key: RandomizedNonceKey,
}

impl SealingKey {
    pub(crate) fn new(id: u32, bytes: &[u8; 32]) -> Result<Self, Error> {
        Ok(Self(RwLock::new(Keys { current: Key::new(id, bytes)?, before: None })))
    }

    /// Its number, by which a sealed value names it.
    pub(crate) fn id(&self) -> u32 {
        self.keys().current.id
    }

    /// Seals with another key from now on.
    pub(crate) fn replace(&self, id: u32, bytes: &[u8; 32]) -> Result<(), Error> {
        let key = Key::new(id, bytes)?;
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.before = Some(std::mem::replace(&mut keys.current, key));
        Ok(())
    }

    pub(crate) fn seal(&self, place: &Place<'_>, clear: &[u8]) -> Result<Vec<u8>, Error> {
        let mut body = Zeroizing::new(clear.to_vec());
        let keys = self.keys();
        let nonce = keys
            .current
            .key
            .seal_in_place_append_tag(place.associated_data(), &mut *body)
            .map_err(|_| Error::Crypto("seal a value"))?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&keys.current.id.to_be_bytes());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    pub(crate) fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.try_open(place, sealed).ok_or_else(|| place.tampered())
    }

    fn try_open(&self, place: &Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (header, rest) = sealed.split_at_checked(HEADER)?;
        let (nonce, body) = rest.split_at_checked(NONCE)?;
        let (version, id) = header.split_first()?;
        let keys = self.keys();
        let key = [Some(&keys.current), keys.before.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| *id == key.id.to_be_bytes() && *version == VERSION)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = key.key.open_in_place(nonce, place.associated_data(), &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    fn new(id: u32, bytes: &[u8; 32]) -> Result<Self, Error> {
        let key =
            RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_| Error::Crypto("use a sealing key"))?;
        Ok(Self { id, key })
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id())
    }
}

/// The number of the key that a value is sealed under; `None` for what is no sealed value.
pub(crate) fn key_of(sealed: &[u8]) -> Option<u32> {
    sealed.get(1..HEADER).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
}

/// The random part of a sealed value, which no other value has: tells one sealing from another.
pub(crate) fn mark_of(sealed: &[u8]) -> i64 {
    sealed.get(HEADER..HEADER + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes)
}

/// Thirty-two fresh random bytes.
pub(crate) fn random_key() -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| Error::Crypto("make random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: Place<'static> =
        Place { table: "apps", column: "secret", row: "a", generation: 1, bound: String::new() };

    fn key() -> SealingKey {
        SealingKey::new(7, &[9; 32]).unwrap()
    }

    #[test]
    fn a_value_opens_where_it_was_sealed() {
        let sealed = key().seal(&PLACE, b"secret").unwrap();
        assert_eq!(key().open(&PLACE, &sealed).unwrap().as_slice(), b"secret");
        assert_ne!(sealed, key().seal(&PLACE, b"secret").unwrap(), "each sealing has its own nonce");
    }

    #[test]
    fn a_value_opens_nowhere_else() {
        let sealed = key().seal(&PLACE, b"secret").unwrap();
        let elsewhere = [
            Place { table: "connections", ..PLACE },
            Place { column: "certificate", ..PLACE },
            Place { row: "b", ..PLACE },
            Place { generation: 2, ..PLACE },
            Place { bound: "1:a;".to_owned(), ..PLACE },
        ];
        for place in elsewhere {
            assert!(matches!(key().open(&place, &sealed), Err(Error::Tampered { .. })), "{place:?}");
        }
        assert!(SealingKey::new(7, &[8; 32]).unwrap().open(&PLACE, &sealed).is_err());
        assert!(SealingKey::new(8, &[9; 32]).unwrap().open(&PLACE, &sealed).is_err());
    }

    #[test]
    fn bound_values_cannot_run_into_each_other() {
        assert_ne!(bound(&["a", "bc"]), bound(&["ab", "c"]));
        assert_ne!(bound(&["a;1:b"]), bound(&["a", "b"]));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealed = key().seal(&PLACE, b"secret").unwrap();
        for at in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(key().open(&PLACE, &changed).is_err(), "bit {at}");
        }
        for length in 0..sealed.len() {
            assert!(key().open(&PLACE, &sealed[..length]).is_err(), "cut to {length}");
        }
    }

    proptest! {
        #[test]
        fn any_value_comes_back(clear in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let sealed = key().seal(&PLACE, &clear).unwrap();
            let opened = key().open(&PLACE, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), clear.as_slice());
        }

        #[test]
        fn arbitrary_bytes_never_open(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(key().open(&PLACE, &bytes).is_err());
        }
    }
}
