//! What a login was granted: whether `test` can read the organisation with it, and what of it ends.

use std::time::{Duration, SystemTime};

use connection_store::{AppKind, Scopes};
use xero_auth_oauth2::needed_for;

use super::finding::Finding;
use crate::{commands::keepalive::login::Login, failure::Kind, show};

const CHECK: &str = "scopes";
/// 1 September 2027: Xero names the month, and several days of it.
const BROAD_END: Duration = Duration::from_secs(1_819_756_800);
const PORTAL: &str = "tick it in the portal (Configuration) and have the app's user authorise the app again";

pub(super) fn check(login: &Login, now: SystemTime) -> Vec<Finding> {
    let (connection, granted) = (login.connection(), &login.authorisation().scopes);
    let (name, custom) = (show::quoted(&connection.name), connection.app.kind == AppKind::Custom);
    let mut findings: Vec<_> =
        missing(granted, &name, custom).into_iter().chain(broad(granted, &name, custom, now)).collect();
    if findings.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            "they cover what `xeroctl test` reads, and the end of broad ones takes nothing",
        ));
    }
    findings.into_iter().map(|one| one.about(login.names().join(", "))).collect()
}

/// Without it `test` goes by the list of connections.
fn missing(granted: &Scopes, name: &str, custom: bool) -> Option<Finding> {
    let needed = needed_for("GET", "/api.xro/2.0/Organisation");
    if needed.iter().any(|scope| granted.contains(scope)) {
        return None;
    }
    let wanted = needed.first()?;
    let scopes = format!("{} {wanted}", granted.without_openid());
    let mend = match custom {
        true => PORTAL.to_owned(),
        false => format!("xeroctl reauth {name} --scopes '{}'", scopes.trim()),
    };
    let what = format!("{wanted} is missing: `xeroctl test` cannot read the organisation");
    Some(Finding::warning(CHECK, Kind::NeedsPerson, what).mend(mend))
}

fn broad(granted: &Scopes, name: &str, custom: bool, now: SystemTime) -> Option<Finding> {
    let broad = granted.not_replaced();
    let over = now >= SystemTime::UNIX_EPOCH + BROAD_END;
    let what = format!("broad, and switched off by Xero in September 2027: {broad}");
    let finding = match over {
        true => Finding::problem(CHECK, Kind::NeedsPerson, what),
        false => Finding::warning(CHECK, Kind::EndsSoon, what),
    };
    let upgrade = format!("xeroctl scopes upgrade {name}");
    let mend = if custom { format!("`{upgrade}` says what to tick in the portal") } else { upgrade };
    (!broad.is_empty()).then(|| finding.mend(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Mark;

    fn granted(text: &str) -> Scopes {
        Scopes::granted(text.split(' '))
    }

    #[test]
    fn what_test_reads_is_covered_or_not() {
        for good in ["accounting.settings", "accounting.settings.read openid"] {
            assert_eq!(missing(&granted(good), "x", false), None, "{good}");
        }
        let lacking = missing(&granted("openid accounting.contacts offline_access"), "x", false).unwrap();
        let mend = "xeroctl reauth x --scopes 'accounting.contacts accounting.settings.read'";
        assert_eq!(lacking.mend.as_deref(), Some(mend));
        assert_eq!(missing(&granted("files"), "x", true).unwrap().mend.as_deref(), Some(PORTAL));
    }

    #[test]
    fn broad_scopes_end_in_a_month() {
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let old = granted("accounting.transactions accounting.settings");
        let mark = |seconds| broad(&old, "x", false, at(seconds)).unwrap().mark;
        assert_eq!(show::date(at(BROAD_END.as_secs())), "2027-09-01");
        assert_eq!([mark(1_819_756_799), mark(1_819_756_800)], [Mark::Warning, Mark::Problem]);
        assert_eq!(broad(&granted("accounting.invoices"), "x", false, at(0)), None);
    }
}
