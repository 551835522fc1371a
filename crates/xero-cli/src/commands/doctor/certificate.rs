//! Certificates of private apps: their ends, and the end of OAuth 1.0a at Xero.

use std::time::SystemTime;

use connection_store::{AppKind, Connection};

use super::finding::Finding;
use crate::{failure::Kind, show};

const CHECK: &str = "certificate";
/// How many days before its end a certificate is warned of.
const SOON: i64 = 60;

/// `None` for apps without a certificate.
pub(super) fn check(connection: &Connection, now: SystemTime) -> Option<Finding> {
    let certificate = connection.app.certificate.as_ref()?;
    let retired = connection.app.kind == AppKind::Private && connection.app.server.address().is_none();
    let finding = if retired {
        at_xero()
    } else {
        judge(certificate.days_left(now), &show::days_left(certificate, now), &renewal(connection))
    };
    Some(finding.about(connection.name.clone()))
}

fn at_xero() -> Finding {
    Finding::problem("oauth 1.0a", Kind::Refused, format!("a private app: {}", show::RETIRED_SHORT))
        .because("Xero itself refuses all that a private app signs; only other servers take it")
        .mend("xeroctl connect --kind web (or desktop, or custom), then `xeroctl remove` this one")
}

fn judge(days: i64, left: &str, renewal: &str) -> Finding {
    let finding = match days {
        ..0 => Finding::problem(CHECK, Kind::NeedsPerson, left),
        0..=SOON => Finding::warning(CHECK, Kind::EndsSoon, left),
        _ => return Finding::ok(CHECK, left),
    };
    finding.because("what is signed with its key is refused once it has ended").mend(renewal)
}

fn renewal(connection: &Connection) -> String {
    let name = show::quoted(&connection.name);
    format!(
        "xeroctl cert renew {name}; upload the .cer file that it writes; xeroctl cert renew {name} --finish"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Mark;

    #[test]
    fn sixty_days_before_the_end() {
        let cases =
            [(-1, Mark::Problem), (0, Mark::Warning), (60, Mark::Warning), (61, Mark::Ok), (1825, Mark::Ok)];
        for (days, mark) in cases {
            let finding = judge(days, "left", "renew it");
            assert_eq!(finding.mark, mark, "{days}");
            assert_eq!(finding.mend.is_some(), finding.is_trouble(), "{days}");
        }
        assert!(at_xero().is_trouble());
    }
}
