//! `xeroctl disconnect`: ends a connection at Xero, then forgets it.

use connection_store::{AppKind, Connection, Store};
use serde_json::json;
use xero_auth_oauth2::TenantLink;

use crate::{
    Context,
    args::Disconnect,
    commands::connect::organisations,
    failure::{Failure, Kind, Outcome},
    show,
    ui::Ui,
    xero_api,
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
    /// The link is removed, and the login revoked, unless Xero lists something else for it.
    UnlinkAndRevoke,
}

/// What was done at Xero.
#[derive(Debug, Default)]
struct Ended {
    /// There was a link to the organisation, and it is gone.
    unlinked: bool,
    revoked: bool,
    /// The organisations for which the login stays.
    left: Vec<String>,
}

pub(crate) fn run(context: &Context, args: &Disconnect) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store()?;
    let plans = plans(context, &store, args)?;
    confirm(context, &store, args, &plans)?;
    let (mut documents, mut first_failure) = (Vec::new(), None);
    for (connection, plan) in &plans {
        match disconnect(context, &store, connection, *plan) {
            Ok(ended) => {
                ui.say(done(connection, *plan, &ended));
                documents.push(json!({
                    "name": connection.name, "unlinked": ended.unlinked, "revoked": ended.revoked,
                    "login_stays_for": ended.left,
                }));
            }
            Err(failure) if plans.len() == 1 => return Err(failure),
            Err(failure) => {
                ui.say(format!("{} was not disconnected:", connection.name));
                Ui::explain(&failure);
                first_failure = first_failure.or(Some(failure));
            }
        }
    }
    match first_failure {
        None => ui.document(json!({ "disconnected": documents })),
        Some(failure) => {
            let mut document = failure.document();
            document["disconnected"] = documents.into();
            ui.document(document)?;
            Err(Failure::silent(failure.kind))
        }
    }
}

/// What is done for each connection, in the order in which they were named.
fn plans(context: &Context, store: &Store, args: &Disconnect) -> Outcome<Vec<(Connection, Plan)>> {
    let mut plans: Vec<(Connection, Plan)> = Vec::new();
    for name in &args.names {
        let connection = store.connection(Some(name))?;
        if plans.iter().any(|(other, _)| other.name == connection.name) {
            continue;
        }
        xero_api::check_server(&context.global, &connection)?;
        let gone: Vec<_> = plans.iter().map(|(other, _)| other.name.as_str()).collect();
        let plan = if args.local_only { Plan::Nothing } else { plan(store, &connection, &gone)? };
        plans.push((connection, plan));
    }
    Ok(plans)
}

fn disconnect(context: &Context, store: &Store, connection: &Connection, plan: Plan) -> Outcome<Ended> {
    let ended = end_at_xero(context, store, connection, plan)?;
    store.remove(std::slice::from_ref(&connection.name))?;
    Ok(ended)
}

/// A revocation at Xero takes all organisations of the app and user away, those of other connections too: it is done
/// only where there are none, here and, by Xero's own list, elsewhere.
fn plan(store: &Store, connection: &Connection, gone: &[&str]) -> Outcome<Plan> {
    let Some(own) = &connection.authorisation else { return Ok(Plan::Nothing) };
    let of_app = |one: &Connection| {
        one.name != connection.name && one.app.id == connection.app.id && !gone.contains(&one.name.as_str())
    };
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

fn confirm(context: &Context, store: &Store, args: &Disconnect, plans: &[(Connection, Plan)]) -> Outcome {
    let ui = &context.ui;
    if args.yes {
        return Ok(());
    }
    if !ui.interactive() {
        return Err(Failure::usage("no one can be asked whether to disconnect").hint("give --yes"));
    }
    for (connection, plan) in plans {
        ui.say(intent(connection, *plan));
        let own = connection.authorisation.as_ref().filter(|_| *plan == Plan::UnlinkAndRevoke);
        // Where Xero cannot be asked now nothing can be ended either, which then says why.
        let links =
            own.and_then(|own| context.block_on(async { Ok(store.tenant_links(own, false).await?) }).ok());
        let going = |link: &TenantLink| plans.iter().any(|(other, _)| is_of(link, other));
        let others: Vec<_> = links.unwrap_or_default().into_iter().filter(|link| !going(link)).collect();
        if !others.is_empty() {
            ui.say(format!("  {}", stays(&others.iter().map(organisations::name).collect::<Vec<_>>())));
        } else if *plan == Plan::UnlinkAndRevoke {
            ui.say("  The app's tokens of this user end with it, in other stores and programs too.");
        }
    }
    let names: Vec<_> = plans.iter().map(|(connection, _)| connection.name.as_str()).collect();
    if !ui.confirm(&format!("Disconnect {}?", names.join(", ")))? {
        return Err(Failure::new(Kind::Interrupted, "nothing was disconnected"));
    }
    Ok(())
}

fn intent(connection: &Connection, plan: Plan) -> String {
    let (name, organisation) = (&connection.name, show::organisation(connection));
    match plan {
        Plan::Nothing => format!("{name} ({organisation}) is removed here; Xero is not told."),
        Plan::Shared => {
            format!(
                "{name} ({organisation}) is removed here; another connection needs the same link at Xero, which stays."
            )
        }
        Plan::Unlink => format!("{name} ({organisation}) is ended at Xero and removed here."),
        Plan::UnlinkAndRevoke => {
            format!("{name} ({organisation}) and its login are ended at Xero and removed here.")
        }
    }
}

fn end_at_xero(context: &Context, store: &Store, connection: &Connection, plan: Plan) -> Outcome<Ended> {
    let Some(authorisation) =
        connection.authorisation.as_ref().filter(|_| matches!(plan, Plan::Unlink | Plan::UnlinkAndRevoke))
    else {
        return Ok(Ended::default());
    };
    let ended = context.ask_xero(async {
        let no_token = |error| xero_api::no_token(error, connection);
        let unlinked = store.remove_tenant_link(connection).await.map_err(no_token)?;
        if plan == Plan::Unlink {
            return Ok(Ended { unlinked, ..Ended::default() });
        }
        let links = store.tenant_links(authorisation, false).await.map_err(no_token)?;
        let left: Vec<_> =
            links.iter().filter(|link| !is_of(link, connection)).map(organisations::name).collect();
        if left.is_empty() {
            store.revoke(authorisation).await.map_err(no_token)?;
        }
        Ok(Ended { unlinked, revoked: left.is_empty(), left })
    });
    ended.map_err(|failure| {
        let name = show::quoted(&connection.name);
        if authorisation.handed.is_some() {
            return failure.hint(format!(
                "disconnect it in the store that renews it; `xeroctl remove {name}` forgets it here alone, and that store \
                 goes on"
            ));
        }
        let first = if failure.kind == Kind::NeedsPerson { "" } else { "try again; " };
        let hint = format!(
            "{first}`xeroctl disconnect {name} --local-only` forgets it here, and the organisation's \
             \u{201c}Connected apps\u{201d} page at Xero ends it there"
        );
        failure.hint(hint)
    })
}

fn is_of(link: &TenantLink, connection: &Connection) -> bool {
    connection.organisation.as_ref().is_some_and(|own| own.id.eq_ignore_ascii_case(&link.tenant_id))
}

fn stays(left: &[String]) -> String {
    format!("The login stays: Xero still lists {} for it.", show::few(left, ""))
}

fn done(connection: &Connection, plan: Plan, ended: &Ended) -> String {
    let name = &connection.name;
    match (plan, ended.unlinked) {
        (Plan::UnlinkAndRevoke, true) if !ended.revoked => {
            format!("Disconnected {name}. {}", stays(&ended.left))
        }
        (Plan::UnlinkAndRevoke, false) if !ended.revoked => {
            format!(
                "Removed {name}. At Xero the organisation was not connected any more. {}",
                stays(&ended.left)
            )
        }
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
