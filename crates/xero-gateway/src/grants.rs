//! Grants that are in use, each with its way: looked up once for many requests, renewed once for all whom Xero refused.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard},
    time::Instant,
};

use crate::{
    authority::{Authority, Means, Trouble},
    way::{Way, Ways},
};

/// A token that was renewed because Xero refused the one before, and is refused too, is not renewed again sooner.
const IN_VAIN: Duration = Duration::from_secs(30);

pub(crate) struct Grants {
    authority: Arc<dyn Authority>,
    ways: Ways,
    /// How long a grant is used before it is looked at again.
    trust: Duration,
    /// Of the connection that is meant where none is named.
    unnamed: Arc<Slot>,
    slots: Mutex<HashMap<Arc<str>, Arc<Slot>>>,
}

/// One name.
#[derive(Default)]
struct Slot {
    /// What was found, and when; nothing while it is looked at anew.
    found: Mutex<Option<(Arc<Way>, Instant)>>,
    /// Whoever holds it looks, and the others use what was found.
    looking: AsyncMutex<Looks>,
    /// How many looks have failed.
    failures: AtomicU64,
}

/// What came of the looks so far.
#[derive(Default)]
struct Looks {
    /// The token that was had in place of one that Xero refused, and when.
    instead: Option<(i64, Instant)>,
    /// Of the last look, where it failed.
    failed: Option<Trouble>,
}

impl Grants {
    pub(crate) fn new(authority: Arc<dyn Authority>, ways: Ways, trust: Duration) -> Self {
        Self { authority, ways, trust, unnamed: Arc::default(), slots: Mutex::default() }
    }

    /// How requests of the connection are made now.
    pub(crate) async fn of(&self, name: Option<&Arc<str>>) -> Result<Arc<Way>, Trouble> {
        let slot = self.slot(name);
        if let Some(way) = slot.trusted(self.trust) {
            return Ok(way);
        }
        let mut looks = slot.waited().await?;
        match slot.trusted(self.trust) {
            Some(way) => Ok(way),
            None => self.look(name, None, &slot, &mut looks).await,
        }
    }

    /// The next request looks anew.
    pub(crate) fn forget(&self, name: Option<&Arc<str>>) {
        *self.slot(name).found() = None;
    }

    /// The same after Xero refused the token of this generation: a newer one, had now if nobody has had it meanwhile.
    /// `None`: it was renewed for the same reason a moment ago, and that did not help.
    pub(crate) async fn instead_of(
        &self,
        name: Option<&Arc<str>>,
        refused: i64,
    ) -> Result<Option<Arc<Way>>, Trouble> {
        let slot = self.slot(name);
        let mut looks = slot.waited().await?;
        let newer = |way: &Arc<Way>| matches!(way.grant.means, Means::Bearer { generation, .. } if generation > refused);
        if let Some(way) = slot.found().as_ref().map(|(way, _)| Arc::clone(way)).filter(newer) {
            return Ok(Some(way));
        }
        if looks.instead.is_some_and(|(instead, at)| instead == refused && at.elapsed() < IN_VAIN) {
            return Ok(None);
        }
        let way = self.look(name, Some(refused), &slot, &mut looks).await?;
        if let Means::Bearer { generation, .. } = way.grant.means {
            looks.instead = Some((generation, Instant::now()));
        }
        Ok(Some(way))
    }

    async fn look(
        &self,
        name: Option<&Arc<str>>,
        instead_of: Option<i64>,
        slot: &Slot,
        looks: &mut Looks,
    ) -> Result<Arc<Way>, Trouble> {
        // Nobody sends what was refused or is not trusted any more: all wait for what is found.
        *slot.found() = None;
        match self.authority.grant(name.map(|name| &**name), instead_of).await {
            Ok(grant) => {
                let way = Arc::new(self.ways.of(grant)?);
                *slot.found() = Some((Arc::clone(&way), Instant::now()));
                looks.failed = None;
                Ok(way)
            }
            Err(trouble) => {
                // Names that are none are not kept.
                if let (404, Some(name)) = (trouble.status, name) {
                    self.slots
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .remove(&*name.to_ascii_lowercase());
                }
                looks.failed = Some(trouble.clone());
                slot.failures.fetch_add(1, Ordering::Relaxed);
                Err(trouble)
            }
        }
    }

    fn slot(&self, name: Option<&Arc<str>>) -> Arc<Slot> {
        // A connection has one, however its name is written.
        let name = name.map(|name| Arc::from(name.to_ascii_lowercase()));
        let Some(name) = name else { return Arc::clone(&self.unnamed) };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name).or_default())
    }
}

impl Slot {
    /// The right to look, once whoever looks has ended.
    ///
    /// # Errors
    /// Where that look has failed: who waited for it has waited long enough.
    async fn waited(&self) -> Result<AsyncMutexGuard<'_, Looks>, Trouble> {
        let before = self.failures.load(Ordering::Relaxed);
        let looks = self.looking.lock().await;
        match &looks.failed {
            Some(trouble) if self.failures.load(Ordering::Relaxed) != before => Err(trouble.clone()),
            _ => Ok(looks),
        }
    }

    fn trusted(&self, trust: Duration) -> Option<Arc<Way>> {
        let found = self.found();
        let (way, since) = found.as_ref()?;
        (since.elapsed() < trust).then(|| Arc::clone(way))
    }

    fn found(&self) -> MutexGuard<'_, Option<(Arc<Way>, Instant)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use hyper::header::HeaderValue;
    use tokio::sync::Notify;

    use super::*;
    use crate::{
        authority::{Answer, Counted, Grant, Key, Signable},
        metrics::Metrics,
    };

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

        fn sign(&self, _: &str, _: Signable, _: &Key) -> Answer<'_, HeaderValue> {
            Box::pin(async { Ok(HeaderValue::from_static("OAuth")) })
        }

        fn admit(&self, _: &str, _: Duration) -> Answer<'_, Box<dyn Counted>> {
            unreachable!("no request is sent here")
        }

        fn prefer(&self, _: &str, _: &Key) -> Answer<'_, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    fn grants(authority: &Arc<Counting>) -> Grants {
        let ways = Ways::new(Metrics::new(), 5);
        Grants::new(Arc::new(Arc::clone(authority)), ways, Duration::from_secs(2))
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_is_looked_at_again_after_its_time() {
        let authority = Arc::new(Counting::default());
        let grants = grants(&authority);
        let acme: Arc<str> = "acme".into();
        let looks = || authority.looks.load(Ordering::Relaxed);
        for _ in 0..10 {
            grants.of(Some(&acme)).await.unwrap();
        }
        assert_eq!(looks(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        grants.of(Some(&acme)).await.unwrap();
        assert_eq!(looks(), 2);
        assert_eq!(grants.of(Some(&"none".into())).await.unwrap_err().status, 404);
        assert_eq!(grants.slots.lock().unwrap().len(), 1, "names that are none are not kept");
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_were_refused_share_one_renewal_and_one_in_vain_is_not_repeated() {
        let authority = Arc::new(Counting::default());
        let grants = grants(&authority);
        grants.of(None).await.unwrap();
        for _ in 0..32 {
            let way = grants.instead_of(None, 0).await.unwrap().unwrap();
            assert!(matches!(way.grant.means, Means::Bearer { generation: 1, .. }));
        }
        assert_eq!(authority.generation.load(Ordering::Relaxed), 1);
        assert!(grants.instead_of(None, 1).await.unwrap().is_none(), "the new one is refused too");
        tokio::time::advance(IN_VAIN).await;
        assert!(grants.instead_of(None, 1).await.unwrap().is_some());
        assert_eq!(authority.generation.load(Ordering::Relaxed), 2);
    }

    /// Fails each time, once it is told to.
    #[derive(Default)]
    struct Failing {
        looks: AtomicI64,
        told: Notify,
    }

    impl Authority for Arc<Failing> {
        fn grant(&self, _: Option<&str>, _: Option<i64>) -> Answer<'_, Grant> {
            self.looks.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                self.told.notified().await;
                let error = "the identity server is away".to_owned();
                Err(Trouble { status: 503, error, next: None, retry_after: None })
            })
        }

        fn sign(&self, _: &str, _: Signable, _: &Key) -> Answer<'_, HeaderValue> {
            unreachable!("nothing is signed here")
        }

        fn admit(&self, _: &str, _: Duration) -> Answer<'_, Box<dyn Counted>> {
            unreachable!("no request is sent here")
        }

        fn prefer(&self, _: &str, _: &Key) -> Answer<'_, ()> {
            unreachable!("nothing is signed here")
        }
    }

    #[tokio::test]
    async fn an_outage_is_waited_for_once() {
        let authority = Arc::new(Failing::default());
        let grants =
            Grants::new(Arc::new(Arc::clone(&authority)), Ways::new(Metrics::new(), 5), Duration::ZERO);
        let grants = Arc::new(grants);
        let ask = |refused: Option<i64>| {
            let grants = Arc::clone(&grants);
            tokio::spawn(async move {
                match refused {
                    None => grants.of(None).await.map(drop),
                    Some(refused) => grants.instead_of(None, refused).await.map(drop),
                }
            })
        };
        let asking: Vec<_> = (0..20).map(|one| ask((one % 2 == 0).then_some(7))).collect();
        // One thread: each of them runs until it waits.
        tokio::task::yield_now().await;
        authority.told.notify_one();
        for asked in asking {
            assert_eq!(asked.await.unwrap().unwrap_err().status, 503);
        }
        assert_eq!(authority.looks.load(Ordering::Relaxed), 1);
        authority.told.notify_one();
        assert_eq!(ask(Some(7)).await.unwrap().unwrap_err().status, 503, "which is no renewal in vain");
        assert_eq!(authority.looks.load(Ordering::Relaxed), 2, "who comes later looks himself");
    }

    #[tokio::test]
    async fn who_goes_away_while_it_is_renewed_leaves_no_renewal_in_vain() {
        let authority = Arc::new(Failing::default());
        let grants =
            Grants::new(Arc::new(Arc::clone(&authority)), Ways::new(Metrics::new(), 5), Duration::ZERO);
        let gone = grants.instead_of(None, 7);
        assert!(tokio::time::timeout(Duration::ZERO, gone).await.is_err());
        authority.told.notify_one();
        assert_eq!(grants.instead_of(None, 7).await.unwrap_err().status, 503);
        assert_eq!(authority.looks.load(Ordering::Relaxed), 2);
    }
}
