//! The variables of this program: contradictions, names that are not known, files that are not there.

use std::{env, path::Path};

use connection_store::{Connection, Server};

use super::finding::Finding;
use crate::{
    Context,
    commands::help::ENVIRONMENT,
    failure::{Failure, Kind},
    store_place::{file_in, is_at_server},
    xero_api,
};

const CHECK: &str = "settings";
const PREFIX: &str = "XEROCTL_";
/// Of these the first that is set says what opens the store.
const KEYS: [&str; 4] =
    ["XEROCTL_PASSPHRASE_FILE", "XEROCTL_KEY_FILE", "XEROCTL_KEY_COMMAND", "XEROCTL_IDENTITY"];
/// Those that name a file that must be there.
const FILES: [&str; 5] = [
    "XEROCTL_STORE",
    "XEROCTL_STORE_PASSWORD_FILE",
    "XEROCTL_PASSPHRASE_FILE",
    "XEROCTL_KEY_FILE",
    "XEROCTL_IDENTITY",
];
/// What hooks of `keepalive` are given.
const OF_HOOKS: [&str; 3] = ["XEROCTL_CONNECTIONS", "XEROCTL_REASON", "XEROCTL_SINCE"];
/// How many letters may be wrong in a name that was meant.
const NEAR: usize = 3;

/// A variable that is set.
#[derive(Debug, Clone)]
struct Variable {
    name: String,
    value: String,
    /// True where there is a file of that name, or it is the address of a server.
    is_file: bool,
}

/// `names` are those of all connections; `None` where the store does not open.
pub(super) fn check(context: &Context, connections: &[Connection], names: Option<&[String]>) -> Vec<Finding> {
    let variables = variables();
    let mut findings = named(&variables);
    findings.extend(of_keys(&variables));
    findings.extend(of_files(&variables));
    findings.extend(server(context, connections));
    findings.extend(names.and_then(|names| connection(&variables, names)));
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "no variable contradicts another"));
    }
    findings
}

/// Those that are set; an empty one is not.
fn variables() -> Vec<Variable> {
    let named = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        let (name, value) = (name.into_string().ok()?, value.to_string_lossy().into_owned());
        let is_file = is_at_server(&value) || Path::new(file_in(&value)).exists();
        (name.starts_with(PREFIX) && !value.is_empty()).then_some(Variable { name, value, is_file })
    };
    let mut variables: Vec<_> = env::vars_os().filter_map(named).collect();
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    variables
}

/// All names that mean something to this program.
fn known() -> impl Iterator<Item = &'static str> {
    let documented = ENVIRONMENT.split_whitespace().filter(|word| word.starts_with(PREFIX));
    documented.chain(OF_HOOKS)
}

/// Names that nobody reads.
fn named(variables: &[Variable]) -> Vec<Finding> {
    let unknown = variables.iter().filter(|one| !known().any(|name| name == one.name));
    let finding = |Variable { name, .. }: &Variable| {
        let near = known().map(|known| (strsim::osa_distance(name, known), known)).min();
        let meant = near.filter(|(distance, _)| *distance <= NEAR);
        let meant = meant.map(|(_, known)| format!("; {known} may be meant")).unwrap_or_default();
        Finding::warning(CHECK, Kind::Usage, format!("{name} is set, and nothing reads it{meant}"))
            .mend(format!("unset {name}"))
    };
    unknown.map(finding).collect()
}

/// Several that say what opens the store.
fn of_keys(variables: &[Variable]) -> Option<Finding> {
    let is_set = |name: &&str| variables.iter().any(|one| one.name == *name);
    let set: Vec<_> = KEYS.into_iter().filter(is_set).collect();
    let (counts, others) = set.split_first().filter(|(_, others)| !others.is_empty())?;
    let others = others.join(" ");
    let what = format!("{counts} says what opens the store, and {others} is passed over");
    Some(Finding::warning(CHECK, Kind::Usage, what).mend(format!("unset {others}")))
}

/// Files that are not there.
fn of_files(variables: &[Variable]) -> Vec<Finding> {
    let of_file = variables.iter().filter(|one| FILES.contains(&one.name.as_str()));
    let finding = |Variable { name, value, .. }: &Variable| {
        let what = format!("{name} names a file that is not there: {value}");
        Finding::warning(CHECK, Kind::StoreUnusable, what).mend(format!("unset {name}"))
    };
    of_file.filter(|one| !one.is_file).map(finding).collect()
}

/// A server that is no server, or is another than that of connections.
fn server(context: &Context, connections: &[Connection]) -> Option<Finding> {
    let address = context.global.xero_url.as_ref()?;
    if let Err(error) = Server::at(address) {
        let failure = Failure::from(error).hint("unset XEROCTL_XERO_URL");
        return Some(Finding::of_failure(CHECK, failure).about("XEROCTL_XERO_URL"));
    }
    let refused = connections.iter().filter(|one| xero_api::check_server(&context.global, one).is_err());
    of_other_servers(&refused.map(|one| one.name.as_str()).collect::<Vec<_>>())
}

fn of_other_servers(names: &[&str]) -> Option<Finding> {
    let what =
        format!("--xero-url or XEROCTL_XERO_URL names another server than that of: {}", names.join(", "));
    let finding = Finding::warning(CHECK, Kind::Usage, what);
    (!names.is_empty()).then(|| finding.mend("unset XEROCTL_XERO_URL"))
}

/// A connection that there is not.
fn connection(variables: &[Variable], names: &[String]) -> Option<Finding> {
    let set = variables.iter().find(|one| one.name == "XEROCTL_CONNECTION")?;
    if names.contains(&set.value) {
        return None;
    }
    let what = format!("XEROCTL_CONNECTION names a connection that is not here: {:?}", set.value);
    Some(Finding::warning(CHECK, Kind::NoSuchConnection, what).mend("unset XEROCTL_CONNECTION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, is_file: bool) -> Variable {
        Variable { name: name.to_owned(), value: "value".to_owned(), is_file }
    }

    #[test]
    fn what_is_documented_is_known() {
        for name in ["XEROCTL_STORE", "XEROCTL_MACHINE", "XEROCTL_CONNECTION", "XEROCTL_SINCE"] {
            assert!(named(&[set(name, false)]).is_empty(), "{name}");
        }
        let text = |name: &str| named(&[set(name, false)])[0].text();
        assert!(
            text("XEROCTL_KEYFILE").contains("XEROCTL_KEY_FILE may be meant\n  next: unset XEROCTL_KEYFILE")
        );
        assert!(text("XEROCTL_EVERYTHING").contains("nothing reads it\n"));
    }

    #[test]
    fn one_key_counts() {
        assert_eq!(of_keys(&[]), None);
        assert_eq!(of_keys(&[set("XEROCTL_KEY_FILE", true), set("XEROCTL_STORE", true)]), None);
        let two = of_keys(&[set("XEROCTL_KEY_FILE", true), set("XEROCTL_PASSPHRASE_FILE", true)]).unwrap();
        assert_eq!(two.mend.as_deref(), Some("unset XEROCTL_KEY_FILE"));
    }

    #[test]
    fn files_must_be_there() {
        assert!(of_files(&[set("XEROCTL_KEY_FILE", true), set("XEROCTL_MACHINE", false)]).is_empty());
        assert_eq!(of_files(&[set("XEROCTL_STORE", false), set("XEROCTL_IDENTITY", false)]).len(), 2);
    }

    #[test]
    fn servers_agree() {
        assert_eq!(of_other_servers(&[]), None);
        assert!(of_other_servers(&["a", "b"]).is_some_and(|one| one.text().contains("that of: a, b")));
    }
}
