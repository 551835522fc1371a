//! `xeroctl log`: who renewed a connection's login, when and with which result.

use connection_store::Event;
use serde_json::{Value, json};

use crate::{
    Context,
    args::Log,
    commands::token,
    failure::Outcome,
    show,
    table::{self, Column},
    ui::one_line,
};

const COLUMNS: [Column; 4] =
    [Column::whole("AT"), Column::whole("WHAT"), Column::text("RESULT"), Column::text("BY").worth(1)];

pub(crate) fn run(context: &Context, args: &Log) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store()?;
    let connection = store.connection(args.name.as_deref())?;
    token::login_of(&connection)?;
    let mut events = match &connection.authorisation {
        Some(login) => store.events(&login.id, args.number.into())?,
        None => Vec::new(),
    };
    // As logs are: the newest at the end, beside the prompt.
    events.reverse();
    let documents: Vec<_> = events.iter().map(document).collect();
    ui.document(json!({ "connection": connection.name, "events": documents }))?;
    if events.is_empty() {
        ui.say("Nothing has happened yet.");
        return Ok(());
    }
    ui.data(table::table(&COLUMNS, events.iter().map(row).collect()))
}

fn row(event: &Event) -> Vec<String> {
    let at = format!("{} {}", show::date(event.at), show::clock_time(event.at));
    vec![at, event.what.as_str().to_owned(), one_line(&event.detail), one_line(&event.by)]
}

/// An entry as JSON.
pub(super) fn document(event: &Event) -> Value {
    json!({
        "at": show::timestamp(event.at),
        "event": event.what.as_str(),
        "by": event.by,
        "detail": event.detail,
    })
}
