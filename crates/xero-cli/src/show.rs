//! How things look: dates, tables, connections, certificates.

use std::time::SystemTime;

pub(crate) use connection_store::quoted;
use connection_store::{App, AppKind, Authorisation, Connection, HandedWay, User};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};
use xero_certs::Certificate;

use crate::{
    half_way,
    health::{self, Health},
    table::{self, Column},
    ui::one_line,
};

/// Said wherever a private app is offered or used against Xero itself.
pub(crate) const RETIRED: &str = "Xero switched OAuth 1.0a private apps off on 30 September 2021: Xero itself refuses them. \
     What works at Xero today is OAuth 2.0: `xeroctl connect --kind web`, `desktop` or `custom`. \
     Private apps work with servers that still speak OAuth 1.0a; name one with --xero-url.";

/// How many names an error gives at the most.
const FEW: usize = 5;
const DAY: u64 = 24 * 60 * 60;

/// The same in a few words, for lists.
pub(crate) const RETIRED_SHORT: &str = "switched off by Xero on 30 September 2021";

/// A kind of app in one line, for a choice.
pub(crate) fn kind_line(kind: AppKind) -> &'static str {
    match kind {
        AppKind::Web => "web app: a client secret, a login in a browser; 5 organisations free",
        AppKind::Desktop => "desktop app (PKCE): no secret, a login in a browser; 5 organisations free",
        AppKind::Custom => "custom connection: no login here; paid by the month; AU, NZ, UK, US",
        AppKind::Private => "private app (OAuth 1.0a): switched off by Xero on 30 September 2021",
        other => other.as_str(),
    }
}

/// Several, as a shell takes them.
pub(crate) fn quoted_all(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" ")
}

/// Of many names the few that are nearest to what was wanted, in their order, and how many more there are.
pub(crate) fn few(names: &[String], wanted: &str) -> String {
    if names.len() <= FEW {
        return names.join(", ");
    }
    let wanted = wanted.to_lowercase();
    let far = |name: &String| {
        let name = name.to_lowercase();
        // What begins or goes on alike is near, however much comes after it.
        (!wanted.is_empty() && !name.contains(&wanted), strsim::osa_distance(&name, &wanted))
    };
    let mut near: Vec<usize> = (0..names.len()).collect();
    if !wanted.is_empty() {
        near.sort_by_cached_key(|at| far(&names[*at]));
    }
    near.truncate(FEW);
    near.sort_unstable();
    let shown: Vec<_> = near.into_iter().map(|at| names[at].as_str()).collect();
    format!("{} and {} more", shown.join(", "), names.len() - FEW)
}

/// `Ada Byron (ada@example.com)`, as far as it is known.
pub(crate) fn user(user: &User) -> Option<String> {
    match (&user.name, &user.email) {
        (Some(name), Some(email)) => Some(format!("{name} ({email})")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    }
}

/// `14:05:12 UTC`.
pub(crate) fn clock_time(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(format_description!("[hour]:[minute]:[second] UTC")).unwrap_or_default()
}

/// How long a connection is good for without anybody: its certificate, its login, or nothing that ends.
pub(crate) fn left(connection: &Connection, now: SystemTime) -> String {
    if let Some(certificate) = &connection.app.certificate {
        return days_left(certificate, now);
    }
    match &connection.authorisation {
        Some(Authorisation { needs_login: Some(_), .. }) => "log in again".to_owned(),
        Some(Authorisation { handed: Some(handed), .. }) => match handed.way {
            HandedWay::Exported => "handed over".to_owned(),
            HandedWay::Imported => "not adopted".to_owned(),
        },
        Some(Authorisation { refresh_expires_at: Some(ends), .. }) => match ends.duration_since(now) {
            Ok(left) if left.as_secs() > DAY => format!("{} days left", left.as_secs().div_ceil(DAY)),
            Ok(_) => "ends within a day".to_owned(),
            Err(_) => "log in again".to_owned(),
        },
        _ => "no end".to_owned(),
    }
}

/// `2026-11-21`, in UTC.
pub(crate) fn date(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

/// RFC 3339 in UTC, in whole seconds, for JSON.
pub(crate) fn timestamp(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}

/// Xero's times have seven decimals and no zone, and are in UTC: the same as [`timestamp`] has it.
pub(crate) fn xero_time(text: &str) -> Option<String> {
    let at = OffsetDateTime::parse(&format!("{}Z", text.trim_end_matches('Z')), &Rfc3339).ok()?;
    Some(timestamp(at.into()))
}

/// Lines of two columns, as wide as the terminal at the most.
pub(crate) fn fields(rows: &[(&str, String)]) -> String {
    table::fields(rows, table::width())
}

/// A table in which every text may be folded; see [`table()`] for others.
pub(crate) fn table(header: &[&'static str], rows: Vec<Vec<String>>) -> String {
    table::table(&header.iter().map(|title| Column::text(title)).collect::<Vec<_>>(), rows)
}

/// `1,204 days left`, `ended 3 days ago`, `ends today`.
pub(crate) fn days_left(certificate: &Certificate, now: SystemTime) -> String {
    match certificate.days_left(now) {
        0 => "ends within a day".to_owned(),
        1 => "1 day left".to_owned(),
        left if left > 0 => format!("{left} days left"),
        -1 => "ended within the last day".to_owned(),
        over => format!("ended {} days ago", -over - 1),
    }
}

/// The organisation as a person knows it.
pub(crate) fn organisation(connection: &Connection) -> String {
    match &connection.organisation {
        Some(organisation) => organisation.name.clone(),
        None => "not tested yet".to_owned(),
    }
}

/// Where the app is registered.
pub(crate) fn server(connection: &Connection) -> String {
    server_of(&connection.app)
}

/// Where an app is registered.
pub(crate) fn server_of(app: &App) -> String {
    app.server.address().map_or("Xero".to_owned(), |address| address.trim_end_matches('/').to_owned())
}

/// A connection as JSON.
pub(crate) fn connection_json(connection: &Connection, now: SystemTime) -> Value {
    let organisation = connection.organisation.as_ref().map(|organisation| {
        json!({ "id": organisation.id, "name": organisation.name, "short_code": organisation.short_code })
    });
    let private = connection.app.kind == AppKind::Private;
    let mut document = json!({
        "name": connection.name,
        "default": connection.is_default,
        "kind": connection.app.kind.as_str(),
        "server": server(connection),
        "retired": private && connection.app.server.address().is_none(),
        (if private { "consumer_key" } else { "client_id" }): connection.app.client_id,
        "organisation": organisation,
        "app": connection.app.name,
    });
    if let Some(certificate) = &connection.app.certificate {
        document["certificate"] = certificate_json(certificate, now);
    }
    if let Some(authorisation) = &connection.authorisation {
        document["login"] = login_json(connection.app.kind, authorisation);
    }
    document["days_left"] = health::days_left(connection, now).into();
    document["health"] = Health::of(connection, now).word().into();
    document["created_at"] = timestamp(connection.created_at).into();
    document["tested_at"] = connection.tested_at.map(timestamp).into();
    document
}

fn login_json(kind: AppKind, login: &Authorisation) -> Value {
    let User { id, name, email } = &login.user;
    let again = login
        .needs_login
        .as_ref()
        .map(|needs| json!({ "reason": needs.reason, "since": timestamp(needs.since) }));
    json!({
        "user": { "id": id, "name": name, "email": email },
        "scopes": login.scopes.iter().collect::<Vec<_>>(),
        "access_expires_at": login.access_expires_at.map(timestamp),
        "refreshed_at": timestamp(login.refreshed_at),
        "expires_at": login.refresh_expires_at.map(timestamp),
        "needs_login": again,
        "half_way_since": half_way::since_of(kind, login).map(timestamp),
        "handed": login.handed.map(|handed| json!({ "way": handed.way.as_str(), "since": timestamp(handed.since) })),
    })
}

/// A certificate as JSON.
pub(crate) fn certificate_json(certificate: &Certificate, now: SystemTime) -> Value {
    json!({
        "subject": certificate.subject(),
        "not_before": timestamp(certificate.not_before()),
        "not_after": timestamp(certificate.not_after()),
        "days_left": certificate.days_left(now),
        "key_bits": certificate.public_key().ok().map(xero_certs::PublicKey::bits),
        "sha1": certificate.sha1().to_string(),
        "sha256": certificate.sha256().to_string(),
    })
}

/// A certificate for people.
pub(crate) fn certificate_fields(certificate: &Certificate, now: SystemTime) -> Vec<(&'static str, String)> {
    let key = match certificate.public_key() {
        Ok(key) => format!("RSA, {} bits", key.bits()),
        Err(_) => "not RSA: of no use with Xero".to_owned(),
    };
    let (from, to) = (date(certificate.not_before()), date(certificate.not_after()));
    vec![
        ("Subject", one_line(certificate.subject())),
        ("Valid", format!("{from} to {to} ({})", days_left(certificate, now))),
        ("Key", key),
        ("SHA-1", certificate.sha1().to_string()),
        ("SHA-256", certificate.sha256().to_string()),
    ]
}
