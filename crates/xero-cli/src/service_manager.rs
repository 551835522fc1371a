//! What a service manager is told of a program that stays: that it is ready, that it stops.

/// It is up. Where nobody listens nobody waits for it.
#[cfg(target_os = "linux")]
pub(crate) fn notify_ready() {
    drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
}

/// It has begun to stop.
#[cfg(target_os = "linux")]
pub(crate) fn notify_stopping() {
    drop(sd_notify::notify(&[sd_notify::NotifyState::Stopping]));
}

/// Nobody wants to know.
#[cfg(not(target_os = "linux"))]
pub(crate) fn notify_ready() {}

/// Nobody wants to know.
#[cfg(not(target_os = "linux"))]
pub(crate) fn notify_stopping() {}
