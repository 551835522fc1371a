//! `xeroctl doctor`: looks for what is wrong, and names the command that mends it.

mod certificate;
mod config_file;
mod files;
mod finding;
mod keepalive_job;
mod keychain;
mod login;
mod network;
mod organisation;
mod ports;
mod proxy;
mod scopes;
mod server;
mod settings;
mod store;

use std::collections::BTreeSet;

use connection_store::{App, Connection, Server, Store};
use serde_json::json;

use self::finding::{Finding, status, summary};
use crate::{
    Context,
    args::Doctor,
    failure::{Failure, Outcome},
    half_way, xero_api,
};

/// What is looked at besides this machine: the connections asked for, and the apps that they use.
#[derive(Default)]
struct Patients {
    connections: Vec<Connection>,
    apps: Vec<App>,
}

pub(crate) fn run(context: &Context, args: &Doctor) -> Outcome {
    // Whoever opens a store closes its file to others: it is looked at before that.
    let mut findings = vec![config_file::check(context)?];
    findings.extend(files::check(context)?);
    findings.extend(server::check(context)?);
    findings.extend(keychain::check(context)?);
    let store = open(context, args, &mut findings)?;
    let patients = match &store {
        Some(store) => patients(store, args)?,
        None => Patients::default(),
    };
    let names = store.as_ref().map(names).transpose()?;
    findings.extend(settings::check(context, &patients.connections, names.as_deref()));
    if let Some(store) = &store {
        findings.extend(stored(context, store, &patients)?);
    }
    findings.extend(proxy::check());
    findings.extend(outside(context, args, store.as_ref(), &patients)?);
    report(context, &findings)
}

/// The store; `None` where there is none, or it does not open, which is a finding.
fn open(context: &Context, args: &Doctor, findings: &mut Vec<Finding>) -> Outcome<Option<Store>> {
    match context.open_store_quietly() {
        Ok(store) => Ok(Some(store)),
        // Nothing can be said of a connection that cannot be read.
        Err(failure) if args.name.is_some() => Err(failure),
        Err(_) if matches!(context.is_at_the_beginning(), Ok(true)) => {
            let path = context.store_place()?.path();
            let none = Finding::note("store", format!("there is none yet at {}", path.display()));
            findings.push(none.mend("xeroctl connect"));
            Ok(None)
        }
        Err(failure) => {
            // A key file that others can read has been told of with its name.
            let told = |one: &Finding| one.is_trouble() && one.mend.is_some() && one.mend == failure.hint;
            if !findings.iter().any(told) {
                findings.push(Finding::of_failure("store", failure));
            }
            findings.push(Finding::not_checked("connections", "the store does not open"));
            Ok(None)
        }
    }
}

fn names(store: &Store) -> Outcome<Vec<String>> {
    Ok(store.connections()?.into_iter().map(|one| one.name).collect())
}

fn patients(store: &Store, args: &Doctor) -> Outcome<Patients> {
    let Some(name) = &args.name else {
        return Ok(Patients { connections: half_way::connections(store)?, apps: store.apps()? });
    };
    let connection = half_way::looked_at(store, store.connection(Some(name))?)?;
    Ok(Patients { apps: vec![connection.app.clone()], connections: vec![connection] })
}

/// What the store says of itself and of what is in it.
fn stored(context: &Context, store: &Store, patients: &Patients) -> Outcome<Vec<Finding>> {
    let (now, logins) = (store.clock().now(), login::of(&patients.connections));
    let mut findings = store::check(context, store, &logins)?;
    findings.extend(ports::check(&patients.apps));
    findings.extend(patients.connections.iter().filter_map(|one| certificate::check(one, now)));
    findings.extend(logins.iter().map(|login| login::check(login, now)));
    findings.extend(logins.iter().flat_map(|login| scopes::check(login, now)));
    findings.push(keepalive_job::check(store, &logins, now)?);
    Ok(findings)
}

/// What only servers can tell.
fn outside(
    context: &Context,
    args: &Doctor,
    store: Option<&Store>,
    patients: &Patients,
) -> Outcome<Vec<Finding>> {
    if args.offline {
        return Ok(vec![Finding::not_checked("network", "--offline: no server was asked")]);
    }
    let is_asked = |one: &&Connection| xero_api::check_server(&context.global, one).is_ok();
    let asked: Vec<_> = patients.connections.iter().filter(is_asked).collect();
    let mut servers: Vec<&Server> = Vec::new();
    for connection in &asked {
        if !servers.contains(&&connection.app.server) {
            servers.push(&connection.app.server);
        }
    }
    let usual = match &context.global.xero_url {
        Some(address) => Server::at(address).unwrap_or_else(|_| Server::xero()),
        None => Server::xero(),
    };
    if servers.is_empty() && (patients.connections.is_empty() || context.global.xero_url.is_some()) {
        servers.push(&usual);
    }
    let (mut findings, silent) = network::check(context, &servers, &asked)?;
    if let Some(store) = store {
        let each = patients.connections.iter();
        findings.extend(each.map(|one| organisation::check(context, store, one, &silent)));
    }
    Ok(findings)
}

/// The API addresses of servers that did not answer.
type Silent = BTreeSet<String>;

fn report(context: &Context, findings: &[Finding]) -> Outcome {
    let ui = &context.ui;
    let troubles = findings.iter().filter(|one| one.is_trouble()).count();
    let status = status(findings);
    ui.document(json!({
        "findings": troubles,
        "exit_code": status.map_or(0, |kind| kind.status()),
        "checks": findings.iter().map(Finding::document).collect::<Vec<_>>(),
    }))?;
    ui.prose(findings.iter().map(Finding::text).collect::<Vec<_>>().join("\n"))?;
    ui.say(summary(findings));
    status.map_or(Ok(()), |kind| Err(Failure::silent(kind)))
}
