//! `xeroctl store status`: where the store is, how its secrets are kept, what opens it, who owns it.

use std::path::Path;

use connection_store::{Ownership, Status};
use serde_json::{Value, json};

use super::store_key;
use crate::{
    Context,
    failure::Outcome,
    keys,
    ownership::{ADOPT, gone_on, used_there},
    show,
    store_place::of_run,
    ui::one_line,
};

pub(crate) fn run(context: &Context) -> Outcome {
    let store = context.open_store_quietly()?;
    let status = store.status()?;
    let ui = &context.ui;
    let is_file = context.store_place()?.file().is_some();
    ui.document(document(&status, is_file))?;
    ui.data(show::fields(&rows(&status, is_file)))?;
    advise(context, &status);
    Ok(())
}

fn rows(status: &Status, is_file: bool) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Store", status.path.display().to_string()), ("Format", status.format.to_string())];
    if is_file {
        rows.push(("Size", format!("{}, and {} of log", kib(status.size), kib(status.log_size))));
    }
    let since = show::date(status.data_key_since);
    rows.push(("Holds", holds(status)));
    rows.push(("Secrets", format!("sealed with AES-256-GCM, under the same data key since {since}")));
    let mut name = "Opened by";
    for slot in &status.slots {
        let what = one_line(&keys::described(&slot.lock));
        rows.push((
            std::mem::take(&mut name),
            format!("key {}: {what}, since {}", slot.id, show::date(slot.created_at)),
        ));
    }
    rows.push(("Owner", owner(&status.ownership, is_file)));
    rows.extend(mode(&status.path).map(|mode| ("Permissions", mode)));
    rows.extend(status.rescued.iter().map(|path| ("Rescue file", path.display().to_string())));
    rows
}

/// `2 apps, 1 login, 3 connections`.
pub(crate) fn holds(status: &Status) -> String {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let Status { apps, authorisations, connections, .. } = status;
    [(*apps, "app"), (*authorisations, "login"), (*connections, "connection")]
        .map(|(count, what)| counted(count, what))
        .join(", ")
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

fn owner(ownership: &Ownership, is_file: bool) -> String {
    match ownership {
        Ownership::Here if !is_file => "this database: all machines that reach it may renew".to_owned(),
        Ownership::Nobody if !is_file => {
            "nobody yet; the first renewal of a login makes it this database's".to_owned()
        }
        Ownership::Here => "this machine".to_owned(),
        Ownership::Nobody => "nobody yet; the first renewal of a login makes it this machine's".to_owned(),
        Ownership::Copied { owner, since } => {
            format!("{}, since {}; this is a copy and renews no logins", one_line(owner), show::date(*since))
        }
        Ownership::Moved { to, since } => {
            format!("nobody any more: it was moved to {} on {}", one_line(to), show::date(*since))
        }
        Ownership::Arriving { from, since, .. } => {
            format!(
                "nobody yet: the move from {}, of {}, was not finished",
                one_line(from),
                show::date(*since)
            )
        }
    }
}

/// Who may do what with the file and its directory.
#[cfg(unix)]
fn mode(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| Some(path.metadata().ok()?.permissions().mode() & 0o777);
    let folder = path.canonicalize().ok()?.parent()?.to_owned();
    let (file, folder) = (mode(path)?, mode(&folder)?);
    let who = if file & 0o077 == 0 { "this user alone" } else { "others too" };
    Some(format!("{file:04o} in a directory with {folder:04o}: readable for {who}"))
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<String> {
    None
}

fn advise(context: &Context, status: &Status) {
    match &status.ownership {
        Ownership::Here | Ownership::Nobody => {}
        Ownership::Copied { .. } => {
            let adopt = of_run::command(ADOPT);
            context.ui.say(format!("`{adopt}` makes it this machine's, once the other one is out of use."));
        }
        Ownership::Moved { to, since } => context.ui.say(used_there(to, *since)),
        Ownership::Arriving { from, to, .. } => context.ui.say(gone_on(from, to)),
    }
    if !status.rescued.is_empty() {
        context.ui.say("A token that could not be saved is in a rescue file; the next renewal of that login takes it up.");
    }
}

fn document(status: &Status, is_file: bool) -> Value {
    let (owner, since) = match &status.ownership {
        Ownership::Copied { owner, since } => (Some(owner), Some(show::timestamp(*since))),
        Ownership::Moved { to, since } => (Some(to), Some(show::timestamp(*since))),
        Ownership::Arriving { from, since, .. } => (Some(from), Some(show::timestamp(*since))),
        Ownership::Here | Ownership::Nobody => (None, None),
    };
    let ownership = match status.ownership {
        Ownership::Here => "here",
        Ownership::Nobody => "nobody",
        Ownership::Copied { .. } => "copied",
        Ownership::Moved { .. } => "moved",
        Ownership::Arriving { .. } => "arriving",
    };
    json!({
        "store": status.path.display().to_string(),
        "id": status.id,
        "format": status.format,
        "size": is_file.then_some(status.size),
        "log_size": is_file.then_some(status.log_size),
        "apps": status.apps,
        "logins": status.authorisations,
        "connections": status.connections,
        "data_key": { "number": status.data_key, "since": show::timestamp(status.data_key_since), "cipher": "AES-256-GCM" },
        "keys": status.slots.iter().map(store_key::document).collect::<Vec<_>>(),
        "ownership": { "state": ownership, "owner": owner, "since": since },
        "rescue_files": status.rescued.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    })
}
