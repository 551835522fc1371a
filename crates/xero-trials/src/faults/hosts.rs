//! Three hosts with one store in PostgreSQL: one of them dies, is cut off, or has another clock; or the server does.

mod clocks;
mod jobs;
mod kills;
mod links;
mod secrets;
mod servers;

pub(super) use self::clocks::apart;
pub(super) use self::jobs::crowd;
pub(super) use self::kills::killed;
pub(super) use self::links::{cut, cut_off, silent};
pub(super) use self::secrets::searched;
pub(super) use self::servers::{crashed, failed_over, full, restarted};

use crate::bench::{Bench, Disturbed};
use crate::error::Outcome;
use crate::home::{Ground, Home};
use crate::hosts::Setting;
use crate::subject::Subject;
use crate::verdict::Allowed;

/// Homes of this bench are on three hosts.
fn on_hosts(bench: &mut Bench<'_>, settings: &[Setting]) {
    bench.ground = Ground::Hosts(settings.to_vec());
}

/// One trial; the fault strikes the first host, and the next command is run on the one with the number `next`.
///
/// What the server keeps excuses no loss, but for a token that another host has sent again: that is what the grace is for.
fn tried(
    bench: &mut Bench<'_>,
    trial: usize,
    allowed: &Allowed,
    next: usize,
    disturb: impl FnOnce(&Home, &Subject) -> Outcome<Disturbed>,
) -> Outcome<()> {
    bench.trial(trial, allowed, |home, subject| {
        let hosts = home.hosts();
        hosts.sit_at(0);
        let before = hosts.generation()?;
        let disturbed = disturb(home, subject)?;
        home.calm()?;
        hosts.sit_at(next);
        let requests = disturbed.requests.unwrap_or_else(|| home.requests());
        let kept = (disturbed.kept || hosts.generation()? > before) && requests <= 1;
        Ok(Disturbed { kept, requests: Some(requests), ..disturbed })
    })
}

/// The first host or the second one, in turn.
fn turn(trial: usize) -> usize {
    trial % 2
}
