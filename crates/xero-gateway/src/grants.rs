//! Grants that are in use: looked up once for many requests, renewed once for all whom Xero refused.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::authority::{Authority, Grant, Means, Trouble};

/// A token that was renewed because Xero refused the one before, and is refused too, is not renewed again sooner.
const IN_VAIN: Duration = Duration::from_secs(30);

pub(crate) struct Grants {
    authority: Arc<dyn Authority>,
    /// How long a grant is used before it is looked at again.
    trust: Duration,
    slots: Mutex<HashMap<Option<String>, Arc<Slot>>>,
}

/// One name. Whoever holds the lock looks, and the others use what was found.
#[derive(Default)]
struct Slot(AsyncMutex<Held>);

#[derive(Default)]
struct Held {
    grant: Option<(Arc<Grant>, Instant)>,
    renewed: Option<Instant>,
}

impl Grants {
    pub(crate) fn new(authority: Arc<dyn Authority>, trust: Duration) -> Self {
        Self { authority, trust, slots: Mutex::default() }
    }

    /// How requests of the connection are made now.
    pub(crate) async fn of(&self, name: Option<&str>) -> Result<Arc<Grant>, Trouble> {
        let slot = self.slot(name);
        let mut held = slot.0.lock().await;
        if let Some((grant, since)) = &held.grant
            && since.elapsed() < self.trust
        {
            return Ok(Arc::clone(grant));
        }
        held.grant = None;
        self.look(name, None, &mut held).await
    }

    /// The same after Xero refused the token of this generation: a newer one, had now if nobody has had it meanwhile.
    /// `None`: it was renewed for the same reason a moment ago, and that did not help.
    pub(crate) async fn instead_of(
        &self,
        name: Option<&str>,
        refused: i64,
    ) -> Result<Option<Arc<Grant>>, Trouble> {
        let slot = self.slot(name);
        let mut held = slot.0.lock().await;
        if let Some((grant, _)) = &held.grant
            && matches!(grant.means, Means::Bearer { generation, .. } if generation > refused)
        {
            return Ok(Some(Arc::clone(grant)));
        }
        if held.renewed.is_some_and(|at| at.elapsed() < IN_VAIN) {
            return Ok(None);
        }
        held.renewed = Some(Instant::now());
        self.look(name, Some(refused), &mut held).await.map(Some)
    }

    async fn look(
        &self,
        name: Option<&str>,
        instead_of: Option<i64>,
        held: &mut Held,
    ) -> Result<Arc<Grant>, Trouble> {
        match self.authority.grant(name, instead_of).await {
            Ok(grant) => {
                let grant = Arc::new(grant);
                held.grant = Some((Arc::clone(&grant), Instant::now()));
                Ok(grant)
            }
            Err(trouble) => {
                // Names that are none are not kept.
                if trouble.status == 404 {
                    self.slots
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .remove(&name.map(str::to_owned));
                }
                Err(trouble)
            }
        }
    }

    fn slot(&self, name: Option<&str>) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name.map(str::to_owned)).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use hyper::header::HeaderValue;

    use super::*;
    use crate::authority::{Answer, Counted, Key, Signable};

    /// Gives a token of the next generation each time that it is told of a refused one.
    #[derive(Default)]
    struct Counting {
        looks: AtomicI64,
        generation: AtomicI64,
    }

    impl Authority for Arc<Counting> {
        fn grant(&self, connection: Option<&str>, instead_of: Option<i64>) -> Answer<'_, Grant> {
            self.looks.fetch_add(1, Ordering::Relaxed);
            let name = connection.unwrap_or("default").to_owned();
            let renewed = instead_of.map(|_| self.generation.fetch_add(1, Ordering::Relaxed));
            Box::pin(async move {
                if name == "none" {
                    return Err(Trouble { status: 404, error: name, next: None, retry_after: None });
                }
                let generation = renewed.map_or(self.generation.load(Ordering::Relaxed), |before| before + 1);
                let authorization = HeaderValue::from_static("Bearer x");
                let means = Means::Bearer { authorization, generation, custom: false };
                let api = "http://127.0.0.1:1/".parse().unwrap();
                Ok(Grant { connection: name, api, tenant: None, means })
            })
        }

        fn sign(&self, _: &str, _: Signable, _: Key) -> Answer<'_, HeaderValue> {
            Box::pin(async { Ok(HeaderValue::from_static("OAuth")) })
        }

        fn admit(&self, _: &str, _: Duration) -> Answer<'_, Box<dyn Counted>> {
            unreachable!("no request is sent here")
        }

        fn swap_keys(&self, _: &str) -> Answer<'_, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_is_looked_at_again_after_its_time() {
        let authority = Arc::new(Counting::default());
        let grants = Grants::new(Arc::new(Arc::clone(&authority)), Duration::from_secs(2));
        let looks = || authority.looks.load(Ordering::Relaxed);
        for _ in 0..10 {
            grants.of(Some("acme")).await.unwrap();
        }
        assert_eq!(looks(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        grants.of(Some("acme")).await.unwrap();
        assert_eq!(looks(), 2);
        assert_eq!(grants.of(Some("none")).await.unwrap_err().status, 404);
        assert_eq!(grants.slots.lock().unwrap().len(), 1, "names that are none are not kept");
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_were_refused_share_one_renewal_and_one_in_vain_is_not_repeated() {
        let authority = Arc::new(Counting::default());
        let grants = Grants::new(Arc::new(Arc::clone(&authority)), Duration::from_secs(2));
        grants.of(None).await.unwrap();
        for _ in 0..32 {
            let grant = grants.instead_of(None, 0).await.unwrap().unwrap();
            assert!(matches!(grant.means, Means::Bearer { generation: 1, .. }));
        }
        assert_eq!(authority.generation.load(Ordering::Relaxed), 1);
        assert!(grants.instead_of(None, 1).await.unwrap().is_none(), "the new one is refused too");
        tokio::time::advance(IN_VAIN).await;
        assert!(grants.instead_of(None, 1).await.unwrap().is_some());
        assert_eq!(authority.generation.load(Ordering::Relaxed), 2);
    }
}
