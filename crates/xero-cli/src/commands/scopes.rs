//! `xeroctl scopes`: what scopes are for, what a connection has, what an endpoint needs, and what replaces those that end.

mod explain;
mod upgrade;

use connection_store::Scopes;
use serde_json::{Value, json};
use xero_auth_oauth2::{describe, ends_in_september_2027, known_scopes};

use crate::{
    Context,
    args::{OneConnection, Scopes as ScopesCommand},
    commands::token::login_of,
    failure::Outcome,
    show,
    table::{self, Column},
    ui::one_line,
};

/// The month is certain; Xero names more than one day of it.
const END: &str = "September 2027";
// What a scope is for says its end too, where there is no room for both.
const KNOWN: [Column; 4] = [
    Column::text("SCOPE"),
    Column::text("PRESETS").worth(2),
    Column::text("ENDS").worth(1),
    Column::text("WHAT IT LETS AN APP DO"),
];
const GRANTED: [Column; 3] =
    [Column::text("GRANTED"), Column::text("ENDS").worth(1), Column::text("WHAT IT LETS THE APP DO")];
const PRESETS: [&str; 3] = ["@read", "@sync", "@all"];

pub(crate) fn run(context: &Context, command: &ScopesCommand) -> Outcome {
    match command {
        ScopesCommand::List => list(context),
        ScopesCommand::Show(args) => show(context, args),
        ScopesCommand::Explain(args) => explain::run(context, args),
        ScopesCommand::Upgrade(args) => upgrade::run(context, args),
    }
}

fn list(context: &Context) -> Outcome {
    let ui = &context.ui;
    let presets = presets();
    let of = |scope: &str| -> Vec<_> {
        presets.iter().filter(|(_, has)| has.contains(scope)).map(|(name, _)| *name).collect()
    };
    let documents: Vec<_> = known_scopes().map(|scope| document(scope, &of(scope))).collect();
    ui.document(json!({ "scopes": documents }))?;
    let row = |scope: &str| {
        let end = if ends_in_september_2027(scope) { END } else { "" };
        vec![
            scope.to_owned(),
            of(scope).join(" "),
            end.to_owned(),
            describe(scope).unwrap_or_default().to_owned(),
        ]
    };
    ui.data(table::table(&KNOWN, known_scopes().map(row).collect()))
}

fn document(scope: &str, presets: &[&str]) -> Value {
    json!({
        "scope": scope,
        "what": describe(scope),
        "presets": presets,
        "ends": ends_in_september_2027(scope).then_some("2027-09"),
    })
}

fn presets() -> [(&'static str, Scopes); 3] {
    PRESETS.map(|name| (name, Scopes::parse(name).expect("a preset is known")))
}

fn show(context: &Context, args: &OneConnection) -> Outcome {
    let ui = &context.ui;
    let connection = context.open_store()?.connection(args.name.as_deref())?;
    let granted = &login_of(&connection)?.scopes;
    let [read, sync, _] = presets().map(|(_, preset)| missing(&preset, granted));
    let broad: Vec<_> = granted.iter().filter(|scope| ends_in_september_2027(scope)).collect();
    ui.document(json!({
        "connection": connection.name,
        "granted": granted.iter().map(|scope| document(scope, &[])).collect::<Vec<_>>(),
        "missing": { "@read": read, "@sync": sync },
        "broad": broad,
    }))?;
    let row = |scope: &String| {
        let end = if ends_in_september_2027(scope) { END } else { "" };
        let what = describe(scope).unwrap_or("not known to this version");
        vec![one_line(scope), end.to_owned(), what.to_owned()]
    };
    ui.data(table::table(&GRANTED, granted.iter().map(row).collect()))?;
    for (preset, missing) in [("@read", &read), ("@sync", &sync)] {
        ui.prose(match missing.as_slice() {
            [] => format!("\nCovers {preset}."),
            missing => format!("\nMissing for {preset}: {}", missing.join(" ")),
        })?;
    }
    if !granted.not_replaced().is_empty() {
        ui.say(format!("`xeroctl scopes upgrade {}` replaces what ends.", show::quoted(&connection.name)));
    }
    Ok(())
}

/// What a preset asks of organisations and was not granted.
fn missing(preset: &Scopes, granted: &Scopes) -> Vec<String> {
    preset.without_openid().missing_from(granted).iter().cloned().collect()
}
