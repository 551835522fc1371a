//! The bar that stands on the terminal now, so that lines go above it and not into it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;

static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// From now on this one stands there.
pub(crate) fn set(bar: &ProgressBar) {
    *shown() = Some(bar.clone());
}

/// Takes it away. There is one at a time.
pub(crate) fn clear(bar: &ProgressBar) {
    shown().take();
    bar.finish_and_clear();
}

/// True while something stands there that tells how it goes on.
pub(crate) fn is_any() -> bool {
    shown().is_some()
}

/// Writes a line, above the bar where there is one.
pub(crate) fn above(write: impl FnOnce()) {
    match &*shown() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
