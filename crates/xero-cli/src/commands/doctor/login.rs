//! How long each login still lasts.

use std::time::{Duration, SystemTime};

use connection_store::Connection;

use super::finding::Finding;
use crate::{
    commands::keepalive::{
        login::{Login, logins},
        plan::{LoginEnd, Row},
    },
    failure::Kind,
    half_way, show,
};

const CHECK: &str = "login";
const DAY: u64 = 24 * 60 * 60;
/// A login that is used or kept alive has more left than this.
const SOON: Duration = Duration::from_secs(14 * DAY);

/// The logins of connections, each once.
pub(super) fn of(connections: &[Connection]) -> Vec<Login> {
    logins(connections.to_vec())
}

pub(super) fn check(login: &Login, now: SystemTime) -> Finding {
    let reason = login.authorisation().needs_login.as_ref().map(|mark| mark.reason.as_str());
    let finding = judge(&login.row(), reason, now, &show::quoted(&login.connection().name));
    let finding = match half_way::or_reauth(login.connection()).filter(|_| reason.is_some()) {
        Some(mend) => finding.mend(mend),
        None => finding,
    };
    finding.about(login.names().join(", "))
}

fn judge(row: &Row, reason: Option<&str>, now: SystemTime, name: &str) -> Finding {
    if let Some(reason) = reason {
        let dead = Finding::problem(CHECK, Kind::NeedsPerson, "a person must log in again");
        return dead.because(reason).mend(format!("xeroctl reauth {name}"));
    }
    match row.login {
        LoginEnd::Never => {
            Finding::ok(CHECK, "the app itself asks for access; there is no login that could end")
        }
        LoginEnd::At(end) => by_end(end, now, name),
        LoginEnd::WithAccess => without_refresh_token(row.access_ends, now, name),
    }
}

fn by_end(end: SystemTime, now: SystemTime, name: &str) -> Finding {
    let date = show::date(end);
    match end.duration_since(now) {
        Ok(left) if left > SOON => {
            Finding::ok(CHECK, format!("{} days left unless it is used before", left.as_secs().div_ceil(DAY)))
        }
        Ok(_) => Finding::warning(CHECK, Kind::EndsSoon, format!("ends on {date}"))
            .because("Xero ends a login that is not used for 60 days")
            .mend(format!("xeroctl refresh {name}")),
        Err(_) => Finding::problem(CHECK, Kind::NeedsPerson, format!("ended on {date}"))
            .because("Xero ends a login that is not used for 60 days")
            .mend(format!("xeroctl reauth {name}")),
    }
}

fn without_refresh_token(end: Option<SystemTime>, now: SystemTime, name: &str) -> Finding {
    let finding = match end.filter(|end| *end > now) {
        Some(end) => Finding::warning(CHECK, Kind::EndsSoon, format!("ends at {}", show::clock_time(end))),
        None => Finding::problem(CHECK, Kind::NeedsPerson, "has ended"),
    };
    finding
        .because("no refresh token was granted: the scope offline_access was not asked for")
        .mend(format!("xeroctl reauth {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Mark;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(20_000 * DAY)
    }

    fn row(login: LoginEnd) -> Row {
        Row { access_ends: Some(now()), refreshed_at: now(), login, marked: false, half_way: false }
    }

    #[test]
    fn the_sixty_day_clock() {
        let ends_in = |days: u64| row(LoginEnd::At(now() + Duration::from_secs(days * DAY)));
        let over = row(LoginEnd::At(now() - Duration::from_secs(1)));
        let alive = Row { access_ends: Some(now() + Duration::from_secs(1)), ..row(LoginEnd::WithAccess) };
        for (name, row, mark, mend) in [
            ("fresh", ends_in(60), Mark::Ok, None),
            ("15 days", ends_in(15), Mark::Ok, None),
            ("14 days", ends_in(14), Mark::Warning, Some("xeroctl refresh x")),
            ("over", over, Mark::Problem, Some("xeroctl reauth x")),
            ("custom", row(LoginEnd::Never), Mark::Ok, None),
            ("no refresh token", alive, Mark::Warning, Some("xeroctl reauth x")),
            ("no token at all", row(LoginEnd::WithAccess), Mark::Problem, Some("xeroctl reauth x")),
        ] {
            let finding = judge(&row, None, now(), "x");
            assert_eq!((finding.mark, finding.mend.as_deref()), (mark, mend), "{name}");
        }
        let dead = judge(&ends_in(60), Some("it was revoked"), now(), "x");
        assert_eq!(dead.mark, Mark::Problem);
        assert!(dead.text().contains("because: it was revoked"));
    }
}
