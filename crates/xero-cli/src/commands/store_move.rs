//! `xeroctl store move`: the store is used in another place from now on.

use std::path::Path;

use connection_store::{MoveStep, Moved};
use serde_json::json;

use super::store_verify;
use crate::{
    Context,
    args::{Global, StoreMove},
    failure::Outcome,
    keys,
    show::quoted,
    store_place::{Password, StorePlace, is_at_server},
    ui::one_line,
};

/// Of how many rows of which table is told, for people.
const TOLD: [(&str, &str); 3] = [("apps", "app"), ("authorisations", "login"), ("connections", "connection")];

pub(crate) fn run(context: &Context, args: &StoreMove) -> Outcome {
    let Context { ui, global, .. } = context;
    let (from, to) = places(global, args)?;
    let store = keys::open(ui, &global.opened_by, from.find()?)?;
    let store = context.furnish(store);
    let verify = format!("xeroctl store verify --store {}", quoted(&from.spelled()));
    store_verify::warn_of_damage(ui, &store, &verify)?;
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

/// Both places. The password that is named is that of the store of this run, which the old place is unless it is the new one; where
/// the other is at a server too, it is not shown that password.
fn places(global: &Global, args: &StoreMove) -> Outcome<(StorePlace, StorePlace)> {
    let (own, other) = (Password::of(global), Password::of_another(None));
    let at_servers = [&args.from, &args.to].iter().all(|place| place.to_str().is_some_and(is_at_server));
    let new_is_own = match &global.store {
        Some(of_run) if at_servers => StorePlace::at(&args.to, other)?.is_server_at(of_run)?,
        _ => false,
    };
    let of_new = match &args.to_password_file {
        Some(file) => Password::of_another(Some(file)),
        None if at_servers && !new_is_own => other,
        None => own,
    };
    let of_old = if new_is_own { other } else { own };
    Ok((StorePlace::at(&args.from, of_old)?, StorePlace::at(&args.to, of_new)?))
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
    let place = if is_at_server(&to) { to.split('?').next().unwrap_or_default() } else { &to };
    ui.say(format!("The store is at {place} now. {} refuses from now on, and says so.", from.display()));
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
