//! One client's connection: what is under way on it, and when anything last moved.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::settings::Settings;

#[derive(Debug)]
pub(crate) struct Lane {
    began: Instant,
    busy: AtomicUsize,
    /// Milliseconds after `began`.
    moved: AtomicU64,
}

impl Lane {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), busy: AtomicUsize::new(0), moved: AtomicU64::new(0) })
    }

    /// Something of a request or an answer has moved.
    pub(crate) fn touch(&self) {
        self.touch_at(Instant::now());
    }

    /// The same, by somebody who knows the time.
    pub(crate) fn touch_at(&self, now: Instant) {
        let since = now.saturating_duration_since(self.began);
        self.moved.store(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// A request begins; it is under way until what is given is dropped.
    pub(crate) fn enter(self: &Arc<Self>, now: Instant) -> UnderWay {
        self.touch_at(now);
        self.busy.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Ends when nothing has moved for longer than it may take.
    pub(crate) async fn given_up(&self, settings: &Settings) {
        loop {
            let limit = if self.busy.load(Ordering::Relaxed) == 0 { settings.idle } else { settings.stall };
            let end = self.began + Duration::from_millis(self.moved.load(Ordering::Relaxed)) + limit;
            if end <= Instant::now() {
                return;
            }
            // A request may begin or end meanwhile: the shorter limit is when to look again.
            sleep_until(end.min(Instant::now() + settings.idle.min(settings.stall))).await;
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Lane>);

impl UnderWay {
    pub(crate) fn lane(&self) -> &Arc<Lane> {
        &self.0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
