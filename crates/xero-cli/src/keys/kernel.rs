//! What was made of a store's passphrase, kept for a while in the memory of the system's kernel, in the user's keyring there
//! (Linux, keyrings(7)). It is in no file, and is gone when its time is over or the machine starts anew.

use std::{error::Error, fmt, time::Duration};

use connection_store::DerivedKey;

/// Why nothing is kept there: this system has no such keyrings, or lets nobody use them, as many containers do; or the kernel
/// refused.
#[derive(Debug)]
pub(crate) struct Trouble(String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Trouble {}

/// The name of a slot's key: without a store's id it would be another store's too.
fn name(store: &str, slot: i64) -> String {
    format!("xeroctl:{store}:{slot}")
}

/// The key of a slot that is kept, and is whole.
pub(crate) fn find(store: &str, slot: i64) -> Option<DerivedKey> {
    let bytes = keyring::read(&name(store, slot)).ok()?;
    DerivedKey::from_bytes(&bytes)
}

/// Keeps a slot's key for so long.
pub(crate) fn keep(store: &str, slot: i64, key: &DerivedKey, lasts: Duration) -> Result<(), Trouble> {
    keyring::write(&name(store, slot), key.expose(), lasts)
}

/// Takes a slot's key away. False: there was none.
pub(crate) fn forget(store: &str, slot: i64) -> Result<bool, Trouble> {
    keyring::remove(&name(store, slot))
}

#[cfg(target_os = "linux")]
mod keyring {
    use std::time::Duration;

    use linux_keyutils::{Key, KeyError, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};
    use zeroize::Zeroizing;

    use super::Trouble;

    /// Longer than any key that belongs there.
    const LONGEST: usize = 64;

    impl From<KeyError> for Trouble {
        fn from(error: KeyError) -> Self {
            Self(match error {
                KeyError::AccessDenied | KeyError::OperationNotSupported | KeyError::PermissionDenied => {
                    "this system lets no one keep keys in its kernel, as many containers do not".to_owned()
                }
                other => other.to_string(),
            })
        }
    }

    pub(super) fn read(name: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let mut bytes = Zeroizing::new(vec![0; LONGEST]);
        let length = ring()?.search(name)?.read(&mut *bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    pub(super) fn write(name: &str, bytes: &[u8], lasts: Duration) -> Result<(), Trouble> {
        // Until it has its end it is seen by this process alone, and goes with it.
        let own_ring = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
        let (ring, key) = (ring()?, own_ring.add_key(name, bytes)?);
        // A job that no session belongs to is the same user, and no more.
        let own = Permission::VIEW
            | Permission::READ
            | Permission::SEARCH
            | Permission::WRITE
            | Permission::SETATTR;
        let kept = key
            .set_perms(KeyPermissionsBuilder::builder().posessor(Permission::ALL).user(own).build())
            .and_then(|()| key.set_timeout(usize::try_from(lasts.as_secs()).unwrap_or(usize::MAX)))
            .and_then(|()| ring.link_key(key))
            .and_then(|()| own_ring.unlink_key(key));
        kept.map_err(|error| {
            let _gone_or_not = key.invalidate();
            error.into()
        })
    }

    pub(super) fn remove(name: &str) -> Result<bool, Trouble> {
        let ring = ring()?;
        match ring.search(name) {
            Ok(key) => Ok(take(&ring, key).map(|()| true)?),
            Err(KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Nobody reads a key that was revoked, whoever holds it still.
    fn take(ring: &KeyRing, key: Key) -> Result<(), KeyError> {
        key.revoke()?;
        ring.unlink_key(key)
    }

    fn ring() -> Result<KeyRing, KeyError> {
        KeyRing::from_special_id(KeyRingIdentifier::User, true)
    }
}

#[cfg(not(target_os = "linux"))]
mod keyring {
    use std::time::Duration;

    use zeroize::Zeroizing;

    use super::Trouble;

    fn none() -> Trouble {
        Trouble("only Linux keeps keys in its kernel".to_owned())
    }

    pub(super) fn read(_: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        Err(none())
    }

    pub(super) fn write(_: &str, _: &[u8], _: Duration) -> Result<(), Trouble> {
        Err(none())
    }

    pub(super) fn remove(_: &str) -> Result<bool, Trouble> {
        Err(none())
    }
}
