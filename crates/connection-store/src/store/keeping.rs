//! While somebody has the right to refresh, his link to a server is made anew when it was cut: without it others take him for
//! dead.

use std::time::Duration;

use tokio::{sync::watch, task::JoinHandle};

use super::Store;
use crate::Error;
#[cfg(feature = "postgres")]
use crate::backend::Backend;

/// How long after a try in vain comes the next.
const PAUSE: Duration = Duration::from_millis(250);

/// Keeps the link for as long as it is there.
pub(super) struct Keeper(Option<JoinHandle<()>>);

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Store {
    /// Keeps the link to the store's server, where it is at one.
    pub(super) fn keeper(&self) -> Keeper {
        let ended = self.db().link_ended();
        Keeper(ended.map(|ended| tokio::spawn(keep(self.clone(), ended))))
    }

    #[cfg(feature = "postgres")]
    fn keep_link(&self) -> Result<(), Error> {
        Backend::keep_link(|| self.db())
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "only a server has a link")]
    fn keep_link(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Makes the link anew, however long that takes. Not on a thread of the event loop: Xero's answer may come meanwhile.
    async fn make_link(&self) {
        loop {
            let store = self.clone();
            let made = tokio::task::spawn_blocking(move || store.keep_link()).await;
            match made {
                Ok(Err(error)) => tracing::debug!(%error, "no link to the database"),
                Ok(Ok(())) | Err(_) => return,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn keep(store: Store, mut ended: watch::Receiver<u64>) {
    while ended.changed().await.is_ok() {
        store.make_link().await;
    }
}
