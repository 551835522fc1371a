//! Xero's limits as its answers tell them.

use std::time::SystemTime;

/// How many calls Xero last said are left; `None` where it did not say. Other programs that use the same app count too, so
/// it is only true for the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// When it said so.
    pub seen_at: SystemTime,
    /// Of the organisation's calls a day (`X-DayLimit-Remaining`).
    pub day_left: Option<u32>,
    /// Of the organisation's calls a minute (`X-MinLimit-Remaining`).
    pub minute_left: Option<u32>,
    /// Of the app's calls a minute, to all organisations (`X-AppMinLimit-Remaining`).
    pub app_minute_left: Option<u32>,
}
