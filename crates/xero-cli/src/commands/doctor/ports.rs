//! Whether the ports to which browsers come back are free, on 127.0.0.1 and ::1.

use connection_store::{App, RedirectUri};
use xero_auth_oauth2::{Error as AuthError, Listener};

use super::finding::{Finding, Mark};
use crate::failure::Failure;

const CHECK: &str = "redirect port";

pub(super) fn check(apps: &[App]) -> Vec<Finding> {
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for uri in apps.iter().flat_map(|app| &app.redirect_uris).filter(|uri| uri.is_loopback()) {
        if !seen.contains(&uri.port()) {
            seen.push(uri.port());
            // It is let go at once.
            findings.push(judge(uri, Listener::bind(std::slice::from_ref(uri)).map(drop)));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "no app has a redirect URI on this machine"));
    }
    findings
}

/// It is needed for the next login only.
fn judge(uri: &RedirectUri, bound: Result<(), AuthError>) -> Finding {
    match bound {
        Ok(()) => Finding::ok(CHECK, format!("{} is free on 127.0.0.1 and ::1", uri.port())),
        Err(error) => {
            let finding = Finding::of_failure(CHECK, Failure::from(error));
            finding.marked(Mark::Warning).about(uri.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_or_taken() {
        let uri = RedirectUri::parse("http://localhost:8742/callback").unwrap();
        assert_eq!(judge(&uri, Ok(())).mark, Mark::Ok);
        let taken = judge(&uri, Err(AuthError::PortsTaken { ports: vec![8742] }));
        assert_eq!(taken.mark, Mark::Warning);
        assert!(taken.text().contains("sport = :8742"), "{}", taken.text());
    }
}
