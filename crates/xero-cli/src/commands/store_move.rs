//! `xeroctl store move`: the store is used in another place from now on.

use std::path::Path;

use connection_store::{MoveStep, Moved};
use serde_json::json;

use crate::{
    Context, args::StoreMove, failure::Outcome, keys, show::quoted, store_place::StorePlace, ui::one_line,
};

/// Of how many rows of which table is told, for people.
const TOLD: [(&str, &str); 3] = [("apps", "app"), ("authorisations", "login"), ("connections", "connection")];

pub(crate) fn run(context: &Context, args: &StoreMove) -> Outcome {
    let Context { ui, global, .. } = context;
    let (from, to) = (StorePlace::at(&args.from, global)?, StorePlace::at(&args.to, global)?);
    let store = keys::open(ui, &global.opened_by, from.find()?)?;
    let store = context.furnish(store);
    let bar = ui.progress("Moving");
    let mut told = |step| match step {
        MoveStep::Copied { table, done, of } => bar.show_as(format!("Copying {table}"), done, of),
        MoveStep::Compared { table, done, of } => bar.show_as(format!("Comparing {table}"), done, of),
        MoveStep::Left => {}
    };
    let moved = context.block_on_plainly(store.move_to(to.destination(), &mut told))??;
    drop(bar);
    report(context, &moved, from.path());
    ui.document(json!({
        "from": from.path().display().to_string(),
        "to": moved.to,
        "rows": moved.rows.iter().map(|(table, count)| json!({ "table": table, "count": count })).collect::<Vec<_>>(),
        "rescue_files": moved.left.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    }))
}

fn report(context: &Context, moved: &Moved, from: &Path) {
    let ui = &context.ui;
    let to = one_line(&moved.to);
    if moved.rows.is_empty() {
        ui.say("All of it was there already.");
    } else {
        ui.say(format!("Copied and compared, row by row: {}.", counted(&moved.rows)));
    }
    for path in &moved.left {
        ui.warn(format!("{} holds tokens that do not open here; it stays where it is", path.display()));
    }
    ui.say(format!("The store is at {to} now. {} refuses from now on, and says so.", from.display()));
    ui.say(format!("Name it in XEROCTL_STORE, in the configuration file or with --store {}.", quoted(&to)));
}

/// `2 apps, 1 login, 3 connections`.
fn counted(rows: &[(&str, usize)]) -> String {
    let told = TOLD.iter().map(|(table, what)| {
        let count = rows.iter().find(|(name, _)| name == table).map_or(0, |(_, count)| *count);
        format!("{count} {what}{}", if count == 1 { "" } else { "s" })
    });
    told.collect::<Vec<_>>().join(", ")
}
