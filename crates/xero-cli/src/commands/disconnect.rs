//! `xeroctl disconnect`: ends a connection at Xero, then forgets it.

use connection_store::{AppKind, Connection, Store};
use serde_json::json;

use crate::{
    Context,
    args::Disconnect,
    failure::{Failure, Kind, Outcome},
    show, xero_api,
};

/// What is done at Xero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Nothing.
    Nothing,
    /// The link to the organisation is removed; others of the same app and user stay.
    Unlink,
    /// Nothing: another connection needs the same link.
    Shared,
    /// The link is removed, and the login revoked.
    UnlinkAndRevoke,
}

pub(crate) fn run(context: &Context, args: &Disconnect) -> Outcome {
    let Context { ui, global, .. } = context;
    let store = context.open_store()?;
    let connection = store.connection(Some(&args.name))?;
    xero_api::check_server(global, &connection)?;
    let plan = if args.local_only { Plan::Nothing } else { plan(&store, &connection)? };
    confirm(context, args, &connection, plan)?;
    let unlinked = end_at_xero(context, &store, &connection, plan)?;
    store.remove(std::slice::from_ref(&connection.name))?;
    let revoked = plan == Plan::UnlinkAndRevoke;
    ui.say(done(&connection, plan, unlinked));
    ui.document(json!({ "disconnected": connection.name, "unlinked": unlinked, "revoked": revoked }))
}

/// A revocation at Xero takes all organisations of the app and user away, those of other connections too: it is done
/// only where there are none.
fn plan(store: &Store, connection: &Connection) -> Outcome<Plan> {
    let Some(own) = &connection.authorisation else { return Ok(Plan::Nothing) };
    let of_app = |one: &Connection| one.name != connection.name && one.app.id == connection.app.id;
    let others: Vec<_> = store.connections()?.into_iter().filter(of_app).collect();
    let organisation = |one: &Connection| one.organisation.as_ref().map(|own| own.id.to_lowercase());
    if others.iter().any(|one| organisation(one) == organisation(connection)) {
        return Ok(Plan::Shared);
    }
    // Where one of the two users is not known they may be the same.
    let may_be_same = |one: &Connection| {
        one.authorisation.as_ref().is_some_and(|theirs| {
            theirs.id == own.id
                || theirs.user.id.is_none()
                || own.user.id.is_none()
                || theirs.user.id == own.user.id
        })
    };
    let keep_login = connection.app.kind == AppKind::Custom || others.iter().any(may_be_same);
    Ok(if keep_login { Plan::Unlink } else { Plan::UnlinkAndRevoke })
}

fn confirm(context: &Context, args: &Disconnect, connection: &Connection, plan: Plan) -> Outcome {
    let ui = &context.ui;
    if args.yes {
        return Ok(());
    }
    if !ui.interactive() {
        return Err(Failure::usage("no one can be asked whether to disconnect").hint("give --yes"));
    }
    let organisation = show::organisation(connection);
    ui.say(match plan {
        Plan::Nothing => format!("{} ({organisation}) is removed here; Xero is not told.", connection.name),
        Plan::Shared => format!(
            "{} ({organisation}) is removed here; another connection needs the same link at Xero, which stays.",
            connection.name
        ),
        Plan::Unlink => format!("{} ({organisation}) is ended at Xero and removed here.", connection.name),
        Plan::UnlinkAndRevoke => {
            format!("{} ({organisation}) and its login are ended at Xero and removed here.", connection.name)
        }
    });
    if !ui.confirm(&format!("Disconnect {}?", connection.name))? {
        return Err(Failure::new(Kind::Interrupted, "nothing was disconnected"));
    }
    Ok(())
}

/// True: there was a link to the organisation, and it is gone.
fn end_at_xero(context: &Context, store: &Store, connection: &Connection, plan: Plan) -> Outcome<bool> {
    let Some(authorisation) =
        connection.authorisation.as_ref().filter(|_| matches!(plan, Plan::Unlink | Plan::UnlinkAndRevoke))
    else {
        return Ok(false);
    };
    let ended = context.ask_xero(async {
        let no_token = |error| xero_api::no_token(error, connection);
        let unlinked = store.remove_tenant_link(connection).await.map_err(no_token)?;
        if plan == Plan::UnlinkAndRevoke {
            store.revoke(authorisation).await.map_err(no_token)?;
        }
        Ok(unlinked)
    });
    ended.map_err(|failure| {
        let name = show::quoted(&connection.name);
        let first = if failure.kind == Kind::NeedsPerson { "" } else { "try again; " };
        let hint = format!(
            "{first}`xeroctl disconnect {name} --local-only` forgets it here, and the organisation's \
             \u{201c}Connected apps\u{201d} page at Xero ends it there"
        );
        failure.hint(hint)
    })
}

fn done(connection: &Connection, plan: Plan, unlinked: bool) -> String {
    let name = &connection.name;
    match (plan, unlinked) {
        (Plan::Shared, _) => {
            format!(
                "Removed {name} here. At Xero the organisation stays connected: another connection needs it."
            )
        }
        (Plan::Nothing, _) => format!("Removed {name} here. Xero was not told."),
        (Plan::Unlink, true) => {
            format!("Disconnected {name}. Other connections of the app stay as they are.")
        }
        (Plan::UnlinkAndRevoke, true) => format!("Disconnected {name} and ended its login."),
        (Plan::UnlinkAndRevoke, false) => {
            format!(
                "Removed {name} and ended its login. At Xero the organisation was not connected any more."
            )
        }
        (Plan::Unlink, false) => {
            format!("Removed {name}. At Xero the organisation was not connected any more.")
        }
    }
}
