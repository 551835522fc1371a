//! Client secrets: a new one is tried before it replaces the old, and the old one is kept until the portal has it no more.

use connection_store::{App, AppKind, ClientSecret, NewSecret, Rank, Store};
use serde_json::json;

use super::{called, document, find, of};
use crate::{
    Context,
    args::{AppSecretRemove, AppSecretSet},
    commands::connect::app::ask_secret,
    failure::{Failure, Kind, Outcome},
    secrets::client_secret,
    show,
};

pub(super) fn set(context: &Context, args: &AppSecretSet) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store()?;
    let app = find(&store, &args.app)?;
    must_have_one(&app)?;
    let secret = match client_secret(&args.secret)? {
        Some(secret) => ClientSecret::new(&secret)?,
        None if ui.interactive() => ClientSecret::new(&ask_secret(context)?)?,
        None => {
            return Err(Failure::usage("nothing was said of the client secret").hint(
                "give --client-secret-stdin, --client-secret-file FILE or --client-secret-command COMMAND",
            ));
        }
    };
    let app = replace(context, &store, &app, secret, args.no_test)?;
    ui.document(json!({ "app": document(&app, &of(&app, &store.connections()?)) }))
}

/// Tries the secret, and keeps it with the one before beside it.
pub(crate) fn replace(
    context: &Context,
    store: &Store,
    app: &App,
    secret: ClientSecret,
    no_test: bool,
) -> Outcome<App> {
    let ui = &context.ui;
    must_have_one(app)?;
    if store.app_identity(app)?.secret.is_some_and(|own| own.expose() == secret.expose()) {
        ui.say(format!("{} has this secret already.", called(app)));
        return Ok(app.clone());
    }
    if !no_test {
        context.ask_xero(async { Ok(store.try_client_secret(app, &secret).await?) }).map_err(|failure| {
            let hint = failure.hint.clone().unwrap_or_default();
            let kept = "nothing was changed; --no-test keeps it without trying it";
            failure.hint(if hint.is_empty() { kept.to_owned() } else { format!("{hint} ({kept})") })
        })?;
    }
    let app = store.add_secret(&app.id, &NewSecret::Client(secret), Rank::First)?;
    ui.say(format!(
        "{} uses the new secret. The one before is kept beside it, for as long as the portal takes it:",
        called(&app)
    ));
    ui.say(format!("\n  xeroctl apps secret remove {}\n\nforgets it.", show::quoted(&called(&app))));
    Ok(app)
}

pub(super) fn remove(context: &Context, args: &AppSecretRemove) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store()?;
    let app = find(&store, &args.app)?;
    if app.kind == AppKind::Private {
        return Err(Failure::usage(format!("{} is a private app: it has keys, and no secret", called(&app)))
            .hint("`xeroctl cert renew NAME --finish` or `--cancel` forgets one of its keys"));
    }
    let Some(second) = &app.second else {
        return Err(Failure::usage(format!("{} has one secret only", called(&app)))
            .hint("there is nothing to forget"));
    };
    if !args.yes {
        if !ui.interactive() {
            return Err(Failure::usage("no one can be asked whether to forget the secret").hint("give --yes"));
        }
        let since = show::date(second.since);
        if !ui.confirm(&format!(
            "Forget the secret that {} has beside the one in use since {since}?",
            called(&app)
        ))? {
            return Err(Failure::new(Kind::Interrupted, "nothing was changed"));
        }
    }
    if !args.no_test {
        keep_what_works(context, &store, &app)?;
    }
    store.forget_second_secret(&app.id)?;
    ui.say(format!("{} has one secret now.", called(&app)));
    let app = find(&store, &args.app)?;
    ui.document(json!({ "app": document(&app, &of(&app, &store.connections()?)) }))
}

/// What is forgotten is the secret that Xero does not take, where it takes only one of the two.
fn keep_what_works(context: &Context, store: &Store, app: &App) -> Outcome {
    let first = || -> Outcome<ClientSecret> {
        Ok(store.app_identity(app)?.secret.ok_or(connection_store::Error::NoSecondSecret)?)
    };
    let try_it = |secret: &ClientSecret| -> Outcome {
        context.ask_xero(async { Ok(store.try_client_secret(app, secret).await?) })
    };
    let own = first()?;
    let Err(refused) = try_it(&own) else { return Ok(()) };
    if refused.kind != Kind::Refused {
        return Err(refused.hint("nothing was forgotten; --no-test forgets without trying the one in use"));
    }
    store.swap_secrets(&app.id, &own)?;
    let other = first()?;
    if try_it(&other).is_err() {
        store.swap_secrets(&app.id, &other)?;
        return Err(refused.hint(
            "Xero takes neither of the two, and nothing was forgotten: `xeroctl apps secret set` keeps another; \
             --no-test forgets without trying",
        ));
    }
    context.ui.say("Xero takes the one that was kept beside it: that is the one that stays.");
    Ok(())
}

fn must_have_one(app: &App) -> Outcome {
    let hint = match app.kind {
        AppKind::Web | AppKind::Custom => return Ok(()),
        AppKind::Private => "`xeroctl cert renew` gives a private app another key",
        _ => "a desktop app proves itself at each login anew (PKCE); there is nothing to set",
    };
    Err(Failure::usage(format!("a {} app has no client secret", app.kind.as_str())).hint(hint))
}
