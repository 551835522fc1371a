//! `xeroctl scopes upgrade`: a new consent with granular scopes in place of broad ones.

use connection_store::{AppKind, Connection, Scopes};
use serde_json::{Value, json};
use xero_auth_oauth2::granular;

use super::END;
use crate::{
    Context,
    args::{ReauthBegin, ScopesUpgrade},
    commands::{reauth, token::login_of},
    failure::{Failure, Kind, Outcome},
    show, xero_api,
};

/// What is replaced by what, and what is asked for then.
struct Plan {
    replaced: Vec<(String, &'static [&'static str])>,
    scopes: Scopes,
}

pub(super) fn run(context: &Context, args: &ScopesUpgrade) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store()?;
    let connection = store.connection(Some(&args.name))?;
    xero_api::check_server(&context.global, &connection)?;
    let plan = Plan::of(&login_of(&connection)?.scopes);
    if plan.replaced.is_empty() {
        ui.document(plan.document(&connection, None))?;
        ui.say(format!(
            "Nothing to replace: the end of broad scopes takes nothing from {}.",
            connection.name
        ));
        return Ok(());
    }
    let custom = connection.app.kind == AppKind::Custom;
    let nobody = !ui.interactive() && !args.consenting.paste && !args.consenting.no_browser;
    if custom || nobody || !(args.yes || ui.interactive()) {
        return leave(context, &connection, &plan);
    }
    plan.lines().iter().for_each(|line| ui.say(line));
    if !args.yes && !ui.confirm("Consent again, with these?")? {
        return Err(Failure::new(Kind::Interrupted, "nothing was changed"));
    }
    let asking = ReauthBegin {
        name: Some(connection.name),
        scopes: Some(plan.scopes.without_openid().to_string()),
        secret: args.secret.clone(),
    };
    reauth::consent_again(context, &store, (&asking, &args.consenting))
}

/// The plan as data, for somebody who carries it out elsewhere.
fn leave(context: &Context, connection: &Connection, plan: &Plan) -> Outcome {
    let ui = &context.ui;
    let name = show::quoted(&connection.name);
    let next = match connection.app.kind {
        AppKind::Custom => format!(
            "tick these in the portal (Configuration) in place of the broad ones, have the app's user authorise the app \
             again, and then: xeroctl refresh {name}"
        ),
        _ => format!("a person must consent in a browser: xeroctl scopes upgrade {name} --yes --paste"),
    };
    ui.document(plan.document(connection, Some(&next)))?;
    ui.prose(plan.lines().join("\n"))?;
    ui.tell(format!("  next: {next}"));
    Err(Failure::silent(Kind::NeedsPerson))
}

impl Plan {
    fn of(granted: &Scopes) -> Self {
        let replaced = granted.not_replaced().iter().map(|scope| (scope.clone(), granular(scope))).collect();
        Self { replaced, scopes: granted.without_broad() }
    }

    fn lines(&self) -> Vec<String> {
        let line = |(scope, by): &(String, &[&str])| {
            format!("{scope} ends in {END}; in its place: {}", by.join(" "))
        };
        let all = format!("Asked for then: {}", self.scopes.without_openid());
        self.replaced.iter().map(line).chain([all]).collect()
    }

    fn document(&self, connection: &Connection, next: Option<&str>) -> Value {
        let replaced = self.replaced.iter().map(|(scope, by)| json!({ "scope": scope, "by": by }));
        json!({
            "connection": connection.name,
            "replaced": replaced.collect::<Vec<_>>(),
            "scopes": self.scopes.iter().collect::<Vec<_>>(),
            "next": next,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broad_scopes_are_replaced_and_others_stay() {
        let plan =
            Plan::of(&Scopes::granted(["openid", "accounting.settings", "accounting.transactions.read"]));
        assert_eq!(
            plan.lines(),
            [
                "accounting.transactions.read ends in September 2027; in its place: accounting.invoices.read \
                 accounting.payments.read accounting.banktransactions.read accounting.manualjournals.read",
                "Asked for then: accounting.settings accounting.invoices.read accounting.payments.read \
                 accounting.banktransactions.read accounting.manualjournals.read",
            ]
        );
        assert!(Plan::of(&Scopes::granted(["files"])).replaced.is_empty());
    }
}
