//! What can be changed of an app, for all of its connections.

use std::sync::Arc;

use connection_store::{
    App, AppChanges, AppKind, ClientSecret, Connection, NewPrivateConnection, NewSecret, Rank, RedirectUri,
    Store,
};
use xero_auth_oauth1::ConsumerKey;
use xero_certs::{Certificate, Pfx, PrivateKey};

use super::secret;
use crate::{
    Context,
    args::AppEdits,
    failure::{Failure, Kind, Outcome},
    secrets::{client_secret, open_pfx, read_small},
    xero_api::{self, Authority, Trial},
};

impl AppEdits {
    /// True where nothing is to be changed.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { app_name, redirect_uri, consumer_key, certificate, password: _, secret } = self;
        let private = consumer_key.is_none() && certificate.is_none();
        app_name.is_none() && redirect_uri.is_empty() && private && !secret.is_given()
    }
}

/// A key and its certificate.
struct Pair {
    key: Arc<PrivateKey>,
    certificate: Certificate,
}

/// Changes an app; what it proves itself with is tried before. Where that fails nothing is changed.
pub(crate) fn edit(
    context: &Context,
    (store, connection): (&Store, Option<&Connection>),
    app: &App,
    edits: &AppEdits,
    no_test: bool,
) -> Outcome<App> {
    if edits.is_empty() {
        return Err(Failure::usage("nothing was said of what to change")
            .hint("`xeroctl help edit` lists what can be changed"));
    }
    check(edits, app.kind)?;
    let changes = AppChanges {
        name: edits.app_name.clone(),
        consumer_key: edits.consumer_key.as_deref().map(consumer_key).transpose()?,
        redirect_uris: redirect_uris(edits)?,
    };
    let mut edited = app.clone();
    if let Some(secret) = client_secret(&edits.secret)? {
        edited = secret::replace(context, store, app, ClientSecret::new(&secret)?, no_test)?;
    }
    let pair = match &edits.certificate {
        Some(path) => {
            let source = edits.password.source();
            let Pfx { key, certificate, .. } = open_pfx(&context.ui, path, &read_small(path)?, &source)?;
            Some(Pair { key: Arc::new(key), certificate })
        }
        None => None,
    };
    if let Some(connection) = connection.filter(|_| !no_test && app.kind == AppKind::Private) {
        prove(context, store, connection, (changes.consumer_key.as_deref(), pair.as_ref()))?;
    }
    if let Some(Pair { key, certificate }) = pair {
        let pair = NewSecret::Key { key, certificate: Box::new(certificate) };
        edited = store.add_secret(&app.id, &pair, Rank::First)?;
    }
    let AppChanges { name, consumer_key, redirect_uris } = &changes;
    if name.is_some() || consumer_key.is_some() || redirect_uris.is_some() {
        edited = store.edit_app(&app.id, &changes)?;
    }
    Ok(edited)
}

/// Options of another kind of app are a mistake, not something to pass over.
fn check(edits: &AppEdits, kind: AppKind) -> Outcome {
    let private = edits.consumer_key.is_some() || edits.certificate.is_some() || edits.password.is_given();
    let with_secret = matches!(kind, AppKind::Web | AppKind::Custom);
    let with_uris = matches!(kind, AppKind::Web | AppKind::Desktop);
    let stray = match () {
        () if private && kind != AppKind::Private => "--consumer-key, --certificate or --password-…",
        () if edits.secret.is_given() && !with_secret => "--client-secret-…",
        () if !edits.redirect_uri.is_empty() && !with_uris => "--redirect-uri",
        () => return Ok(()),
    };
    Err(Failure::usage(format!("{stray}: a {} app has none of that", kind.as_str()))
        .hint("leave it out; an app's kind stays, another kind is another app: `xeroctl connect`"))
}

fn consumer_key(typed: &str) -> Outcome<String> {
    let key = ConsumerKey::parse(typed).map_err(|error| {
        Failure::usage(error.to_string()).hint("copy it again from the app's page in the developer portal")
    })?;
    Ok(key.as_str().to_owned())
}

fn redirect_uris(edits: &AppEdits) -> Outcome<Option<Vec<RedirectUri>>> {
    if edits.redirect_uri.is_empty() {
        return Ok(None);
    }
    let mut uris: Vec<RedirectUri> = Vec::new();
    for uri in &edits.redirect_uri {
        let uri = RedirectUri::parse(uri)?;
        if !uris.contains(&uri) {
            uris.push(uri);
        }
    }
    Ok(Some(uris))
}

/// A real request with what is to be saved, and the organisation that answers compared with the one pinned.
fn prove(
    context: &Context,
    store: &Store,
    connection: &Connection,
    (consumer_key, pair): (Option<&str>, Option<&Pair>),
) -> Outcome {
    if consumer_key.is_none() && pair.is_none() {
        return Ok(());
    }
    context.ui.say("Testing before it is saved…");
    let new;
    let authority = match pair {
        Some(pair) => {
            new = with_key(connection, consumer_key, pair);
            Authority::New(&new)
        }
        None => Authority::Trial(Trial { store, connection, consumer_key, certificate: None }),
    };
    let tried = context.block_on(xero_api::organisation(context.timeout(), &authority));
    let seen = tried.map_err(|failure| {
        let hint = failure.hint.clone().unwrap_or_default();
        failure.hint(format!("{hint} (nothing was changed; --no-test saves without a test)"))
    })?;
    let pinned = connection.organisation.as_ref();
    match pinned.filter(|pinned| pinned.id != seen.id) {
        None => Ok(()),
        Some(pinned) => Err(Failure::new(
            Kind::WrongOrganisation,
            format!("{} is for {}, and {} answered", connection.name, pinned.name, seen.name),
        )
        .hint("nothing was changed; `xeroctl connect` makes a connection for another organisation")),
    }
}

fn with_key(connection: &Connection, consumer_key: Option<&str>, pair: &Pair) -> NewPrivateConnection {
    NewPrivateConnection {
        name: connection.name.clone(),
        consumer_key: consumer_key.unwrap_or(&connection.app.client_id).to_owned(),
        key: Arc::clone(&pair.key),
        certificate: pair.certificate.clone(),
        server: connection.app.server.clone(),
        organisation: None,
        make_default: false,
        replace: false,
    }
}
