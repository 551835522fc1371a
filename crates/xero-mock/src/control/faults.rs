//! Orders faults.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::fault::{Fault, FaultRule};
use crate::limits::RateLimit;
use crate::world::Shared;

/// A [`FaultRule`] on the wire.
#[derive(Deserialize)]
pub(super) struct FaultOrder {
    #[serde(flatten)]
    fault: FaultName,
    #[serde(default = "once")]
    times: u32,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
enum FaultName {
    Slow { milliseconds: u64 },
    DelayReply { milliseconds: u64 },
    LoseReply,
    Cut,
    CutAfterBytes { bytes: usize },
    CutAfterWireBytes { bytes: usize },
    HangUpAfterBytes { bytes: usize },
    Status { status: u16, body: String, content_type: String },
    Halt { body: String, bytes: usize, milliseconds: u64 },
    Html { status: u16 },
    OrganisationOffline,
    Maintenance,
    RateLimited { problem: LimitName, retry_after: Option<u64> },
    TooManyRequests { problem: LimitName, retry_after: Option<u64> },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum LimitName {
    Minute,
    Day,
    Concurrent,
    AppMinute,
}

fn once() -> u32 {
    1
}

impl From<FaultName> for Fault {
    fn from(name: FaultName) -> Self {
        match name {
            FaultName::Slow { milliseconds } => Self::Slow(Duration::from_millis(milliseconds)),
            FaultName::DelayReply { milliseconds } => Self::DelayReply(Duration::from_millis(milliseconds)),
            FaultName::LoseReply => Self::LoseReply,
            FaultName::Cut => Self::Cut,
            FaultName::CutAfterBytes { bytes } => Self::CutAfterBytes(bytes),
            FaultName::CutAfterWireBytes { bytes } => Self::CutAfterWireBytes(bytes),
            FaultName::HangUpAfterBytes { bytes } => Self::HangUpAfterBytes(bytes),
            FaultName::Status { status, body, content_type } => Self::Status(status, body, content_type),
            FaultName::Halt { body, bytes, milliseconds } => {
                Self::Halt(body, bytes, Duration::from_millis(milliseconds))
            }
            FaultName::Html { status } => Self::Html(status),
            FaultName::OrganisationOffline => Self::OrganisationOffline,
            FaultName::Maintenance => Self::Maintenance,
            FaultName::RateLimited { problem, retry_after } => Self::RateLimited {
                problem: problem.into(),
                retry_after: retry_after.map(Duration::from_secs),
            },
            FaultName::TooManyRequests { problem, retry_after } => Self::TooManyRequests {
                problem: problem.into(),
                retry_after: retry_after.map(Duration::from_secs),
            },
        }
    }
}

impl From<LimitName> for RateLimit {
    fn from(name: LimitName) -> Self {
        match name {
            LimitName::Minute => Self::Minute,
            LimitName::Day => Self::Day,
            LimitName::Concurrent => Self::Concurrent,
            LimitName::AppMinute => Self::AppMinute,
        }
    }
}

impl From<FaultOrder> for FaultRule {
    fn from(order: FaultOrder) -> Self {
        let rule = Fault::from(order.fault).times(order.times);
        match order.path {
            Some(path) => rule.on(&path),
            None => rule,
        }
    }
}

pub(super) async fn add(State(shared): State<Shared>, Json(order): Json<FaultOrder>) -> StatusCode {
    shared.lock().faults.add(order.into());
    StatusCode::NO_CONTENT
}

pub(super) async fn clear(State(shared): State<Shared>) -> StatusCode {
    shared.lock().faults.clear();
    StatusCode::NO_CONTENT
}
