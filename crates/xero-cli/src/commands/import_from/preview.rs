//! What would be imported, without a secret and without a request.

use connection_store::ClientId;
use serde_json::{Value, json};

use super::foreign_login::ForeignLogin;
use crate::{Context, args::ImportFrom, failure::Outcome, show, ui::one_line};

pub(super) fn show(context: &Context, args: &ImportFrom, logins: &[ForeignLogin]) -> Outcome {
    let ui = &context.ui;
    let documents: Vec<Value> = logins.iter().map(|login| document(args, login)).collect();
    ui.document(json!({ "source": args.from.word(), "logins": documents }))?;
    for (at, login) in logins.iter().enumerate() {
        let gap = if at > 0 { "\n" } else { "" };
        ui.data(format!("{gap}{}", show::fields(&rows(args, login))))?;
    }
    ui.say("Nothing was sent or saved; the same without --dry-run imports it.");
    Ok(())
}

fn client_id(args: &ImportFrom, login: &ForeignLogin) -> Option<String> {
    args.client_id.clone().or_else(|| login.app()).map(|id| one_line(&id))
}

fn user(args: &ImportFrom, login: &ForeignLogin) -> Option<String> {
    let id = ClientId::parse(&client_id(args, login)?).ok()?;
    show::user(&login.user(&id))
}

fn has_secret(args: &ImportFrom, login: &ForeignLogin) -> bool {
    login.client_secret.is_some() || args.secret.is_given()
}

fn document(args: &ImportFrom, login: &ForeignLogin) -> Value {
    json!({
        "place": login.place,
        "profile": login.profile,
        "client_id": client_id(args, login),
        "client_secret": has_secret(args, login),
        "refresh_token": login.refresh_token.is_some(),
        "access_expires_at": login.access_expires_at.map(show::timestamp),
        "user": user(args, login),
        "organisation_id": login.tenant,
        "scopes": login.granted().iter().collect::<Vec<_>>(),
        "redirect_uris": login.redirect_uris,
    })
}

fn rows(args: &ImportFrom, login: &ForeignLogin) -> Vec<(&'static str, String)> {
    let or = |text: Option<String>, otherwise: &str| {
        text.map_or_else(|| otherwise.to_owned(), |text| one_line(&text))
    };
    let there = |there: bool, otherwise: &str| if there { "there".to_owned() } else { otherwise.to_owned() };
    let scopes = login.granted();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    vec![
        ("Login", one_line(&login.place)),
        ("Client id", or(client_id(args, login), "not said: give --client-id")),
        ("Secret", there(has_secret(args, login), without_secret(login))),
        ("Refresh token", there(login.refresh_token.is_some(), "none: it cannot be imported")),
        ("Access token", access(login)),
        ("User", or(user(args, login), "not said")),
        ("Organisation", or(login.tenant.clone(), "not said: chosen at the import")),
        ("Scopes", or(Some(scopes.join(" ")).filter(|text| !text.is_empty()), "not said")),
        ("Redirect URI", or(Some(login.redirect_uris.join(" ")).filter(|text| !text.is_empty()), "not said")),
    ]
}

fn without_secret(login: &ForeignLogin) -> &'static str {
    if login.desktop {
        "none: a desktop app"
    } else {
        "none: a desktop app, unless --client-secret-… gives one"
    }
}

fn access(login: &ForeignLogin) -> String {
    match (&login.access_token, login.access_expires_at) {
        (None, _) => "none".to_owned(),
        (Some(_), None) => "there; not used".to_owned(),
        (Some(_), Some(ends)) => {
            format!("there, to {} {}; not used", show::date(ends), show::clock_time(ends))
        }
    }
}
