//! Logins that one process begins and another one finishes.

use std::time::SystemTime;

use zeroize::Zeroizing;

use super::{Store, sealed_anew};
use crate::{
    Error, place,
    record::{seconds, system_time},
};

impl Store {
    /// Keeps contents sealed under an id until `expires_at`, in place of what was kept under it. Those of others that
    /// have expired are taken away, and consents that no connection came to use within an hour.
    pub fn keep_pending(&self, id: &str, contents: &[u8], expires_at: SystemTime) -> Result<(), Error> {
        let expires_at = seconds(expires_at);
        sealed_anew(|| {
            let sealed = self.data_key().seal(&place::pending(id, expires_at), contents)?;
            self.db().keep_pending(id, &sealed, expires_at, self.now())
        })
    }

    /// What was kept under the id; `None` where nothing is (any more).
    ///
    /// # Errors
    /// [`Error::PendingExpired`] after its time.
    pub fn pending(&self, id: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let kept = self.db().pending(id)?;
        let Some((sealed, expires_at)) = kept else { return Ok(None) };
        let contents = self.data_key().open(&place::pending(id, expires_at), &sealed)?;
        match system_time(expires_at) {
            Some(end) if end > self.now() => Ok(Some(contents)),
            _ => Err(Error::PendingExpired),
        }
    }

    /// Takes away what was kept under the id, if anything was, and sweeps as [`keep_pending`](Self::keep_pending) does.
    pub fn forget_pending(&self, id: &str) -> Result<(), Error> {
        sealed_anew(|| self.db().forget_pending(id, self.now()))
    }
}
