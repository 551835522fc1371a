//! What the store says of itself: whole, whose, what was rescued, who renews at the moment.

use std::{path::Path, time::SystemTime};

use connection_store::{Finding as Damage, Ownership, Store};

use super::finding::Finding;
use crate::{
    Context,
    commands::{keepalive::login::Login, store_status},
    failure::{Kind, Outcome},
    half_way,
    keys::private_file::quoted,
    ownership::{adopted, put_back, reason, remedy},
    show,
    ui::one_line,
};

pub(super) fn check(context: &Context, store: &Store, logins: &[Login]) -> Outcome<Vec<Finding>> {
    let status = store.status()?;
    let is_rescued =
        |damage: &Damage| status.rescued.iter().any(|path| path.display().to_string() == damage.row);
    let damages: Vec<_> = store.verify()?.into_iter().filter(|damage| !is_rescued(damage)).collect();
    let mut findings: Vec<_> = damages.iter().map(damaged).collect();
    if findings.is_empty() {
        let holds = store_status::holds(&status);
        findings
            .push(Finding::ok("store", format!("whole, and everything belongs where it stands: {holds}")));
    }
    let owner = context.store_place()?.file().map_or("this database", |_| "this machine");
    findings.push(owned(&status.ownership, owner));
    let all = store.authorisations()?;
    let is_known = |path: &Path| all.iter().any(|login| is_of(path, &login.id));
    findings.extend(status.rescued.iter().map(|path| {
        let of = logins.iter().find(|login| is_of(path, login.id()));
        rescued(path, of.map(|login| login.connection().name.as_str()), is_known(path))
    }));
    findings.extend(renewing(store, logins)?);
    Ok(findings)
}

fn damaged(damage: &Damage) -> Finding {
    Finding::problem("store", Kind::StoreUnusable, damage.to_string())
        .because("what was changed, moved or put back is not used")
        .mend(put_back())
}

/// `owner`: this machine or this database, in words.
fn owned(ownership: &Ownership, owner: &str) -> Finding {
    match ownership {
        Ownership::Here => Finding::ok("ownership", format!("{owner}'s")),
        Ownership::Nobody => {
            Finding::ok("ownership", format!("nobody's yet; the first renewal makes it {owner}'s"))
        }
        Ownership::Copied { owner, since } => {
            let what = format!("a copy: {} owns the store since {}", one_line(owner), show::date(*since));
            Finding::problem("ownership", Kind::StoreUnusable, what)
                .because("a copy renews no logins: two that do would spend each other's tokens")
                .mend(adopted())
        }
        Ownership::Moved { .. } | Ownership::Arriving { .. } => {
            let what = reason(ownership).unwrap_or_default();
            Finding::problem("ownership", Kind::StoreUnusable, what)
                .because("of two places one renews the logins")
                .mend(remedy(ownership).unwrap_or_default())
        }
    }
}

/// The name of a rescue file has the login's id in it.
fn is_of(path: &Path, login: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(&format!("-{login}-")))
}

/// `name`: a connection of its login among those that are looked at.
fn rescued(path: &Path, name: Option<&str>, is_known: bool) -> Finding {
    let (shown, remove) = (path.display(), format!("rm {}", quoted(path)));
    match name {
        Some(name) => {
            let what = format!("tokens that could not be saved wait in {shown}");
            let refresh = format!("xeroctl refresh {}", show::quoted(name));
            Finding::warning("rescue file", Kind::NotSaved, what).mend(format!(
                "{refresh}; once that has succeeded a file that is still there is of no use: {remove}"
            ))
        }
        None if is_known => {
            Finding::note("rescue file", format!("{shown} is of a login that is not looked at here"))
        }
        None => Finding::warning("rescue file", Kind::Other, format!("{shown} is of no login of this store"))
            .because("its login was removed, or renewed by a new consent")
            .mend(remove),
    }
}

fn renewing(store: &Store, logins: &[Login]) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for login in logins {
        let until = store.refresh_under_way(login.authorisation())?;
        let finding = match (until, login.half_way()) {
            (Some(until), _) => under_way(until),
            (None, Some(since)) => left_half_way(since, store.clock().now(), &login.connection().name),
            (None, None) => continue,
        };
        findings.push(finding.about(login.names().join(", ")));
    }
    // One that Xero has refused meanwhile was left behind as well: that its login needs a person is told there.
    let is_refused = |login: &Login| login.row().marked && login.authorisation().sent_at.is_some();
    if findings.is_empty() {
        let behind = if logins.iter().any(is_refused) { "" } else { ", and none was left behind" };
        findings.push(Finding::ok("renewals", format!("none is under way{behind}")));
    }
    Ok(findings)
}

fn under_way(until: SystemTime) -> Finding {
    let what =
        format!("a renewal is under way; where it is stopped, others go on at {}", show::clock_time(until));
    Finding::note("renewals", what)
}

fn left_half_way(since: SystemTime, now: SystemTime, name: &str) -> Finding {
    Finding::warning("renewals", Kind::EndsSoon, half_way::what(since, now))
        .because("a refresh token was sent, and what Xero answered was not kept")
        .mend(half_way::next(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Mark;

    #[test]
    fn whose_it_is() {
        assert_eq!(owned(&Ownership::Here, "this machine").mark, Mark::Ok);
        assert_eq!(owned(&Ownership::Nobody, "this machine").mark, Mark::Ok);
        let copied = owned(
            &Ownership::Copied { owner: "x\ny".to_owned(), since: SystemTime::UNIX_EPOCH },
            "this machine",
        );
        assert!(
            copied.text().contains("next: when the other one is out of use for good: xeroctl store adopt")
        );
    }

    #[test]
    fn rescue_files_of_a_login_and_of_none() {
        let path = Path::new("/x/xeroctl-rescue-5-abc-7");
        assert!(is_of(path, "abc") && !is_of(path, "ab") && !is_of(path, "7"));
        assert!(rescued(path, Some("maple"), true).mend.unwrap().starts_with("xeroctl refresh maple;"));
        assert_eq!(rescued(path, None, true).mark, Mark::Note);
        let stale = rescued(path, None, false);
        assert_eq!(
            (stale.mark, stale.mend.as_deref()),
            (Mark::Warning, Some("rm '/x/xeroctl-rescue-5-abc-7'"))
        );
    }

    #[test]
    fn what_was_changed_is_put_back() {
        let damage = Damage { table: "apps".into(), row: "1".into(), what: "was changed".into() };
        assert!(damaged(&damage).mend.unwrap().contains("xeroctl store restore FILE"));
    }
}
