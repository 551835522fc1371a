//! Which crate may depend on which: ours on ours, and the few foreign crates that have one home.

use super::{Finding, Tree};
use crate::metadata::{Dependency, Metadata, Package};

/// Each of our packages and those of ours that it may link.
const OURS: [(&str, &[&str]); 9] = [
    ("xero-certs", &[]),
    ("xero-auth-oauth1", &["xero-certs"]),
    ("xero-auth-oauth2", &["xero-certs"]),
    ("connection-store", &["xero-auth-oauth1", "xero-auth-oauth2", "xero-certs"]),
    ("xero-gateway", &["connection-store"]),
    ("xero-cli", &["connection-store", "xero-auth-oauth1", "xero-auth-oauth2", "xero-certs", "xero-gateway"]),
    ("xero-mock", &[]),
    ("xero-trials", &["xero-mock"]),
    ("xtask", &[]),
];

/// These judge or start the others: not even their tests use ours.
const APART: [&str; 3] = ["xero-mock", "xero-trials", "xtask"];

/// Foreign crates that not every package may use.
struct Foreign {
    names: &'static [&'static str],
    linked_by: &'static [&'static str],
    /// Packages whose tests may use them besides; nothing means all.
    tested_by: Option<&'static [&'static str]>,
    why: &'static str,
}

const FOREIGN: [Foreign; 4] = [
    Foreign {
        names: &["tokio", "hyper", "hyper-util", "time", "chrono", "jiff"],
        linked_by: &[
            "xero-auth-oauth2",
            "connection-store",
            "xero-gateway",
            "xero-cli",
            "xero-mock",
            "xtask",
        ],
        tested_by: None,
        why: "certificates and OAuth 1.0a signing stay without runtime, network and clock",
    },
    Foreign {
        names: &["reqwest", "ureq"],
        linked_by: &["xero-auth-oauth2", "xero-gateway", "xero-cli", "xtask"],
        tested_by: None,
        why: "this package does not speak HTTP",
    },
    Foreign {
        names: &["rusqlite", "tokio-postgres", "sqlx"],
        linked_by: &["connection-store"],
        tested_by: Some(&["xero-cli", "xero-gateway"]),
        why: "only connection-store speaks SQL",
    },
    Foreign {
        names: &["clap", "inquire"],
        linked_by: &["xero-cli", "xero-mock", "xero-trials", "xtask"],
        tested_by: None,
        why: "libraries do not talk to people",
    },
];

pub(super) fn check(tree: &Tree, metadata: &Metadata) -> Vec<Finding> {
    let mut findings = one_aws_lc(tree);
    for package in &metadata.packages {
        let manifest = metadata.relative(&package.manifest_path);
        for (name, why) in wrong(package) {
            findings.push(Finding::new(&manifest, line_of(tree, &manifest, name), why));
        }
    }
    findings
}

/// Names of dependencies, or of the package itself, and what is wrong with them.
fn wrong(package: &Package) -> Vec<(&str, String)> {
    let Some((_, allowed)) = OURS.iter().find(|(name, _)| *name == package.name) else {
        return vec![(
            package.name.as_str(),
            "say in tidy/layers.rs what this package may depend on".to_owned(),
        )];
    };
    let verdict = |dependency| Some((dependency, why_not(&package.name, allowed, dependency)?));
    let wrong = package.dependencies.iter().filter_map(verdict);
    wrong.map(|(dependency, why)| (dependency.name.as_str(), why)).collect()
}

fn why_not(package: &str, allowed: &[&str], dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let for_tests = dependency.kind.as_deref() == Some("dev");
    if OURS.iter().any(|(ours, _)| *ours == name) {
        let lenient = for_tests && !APART.contains(&package);
        return (!lenient && !allowed.contains(&name)).then(|| format!("{package} may not depend on {name}"));
    }
    let foreign = FOREIGN.iter().find(|foreign| foreign.names.contains(&name))?;
    let tested = for_tests && foreign.tested_by.is_none_or(|packages| packages.contains(&package));
    let allowed = tested || foreign.linked_by.contains(&package);
    (!allowed).then(|| format!("{package} may not depend on {name}: {}", foreign.why))
}

fn line_of(tree: &Tree, manifest: &str, name: &str) -> usize {
    let text = tree.text(manifest).unwrap_or_default();
    text.lines().position(|line| line.starts_with(name)).map_or(1, |index| index + 1)
}

/// The functions called by hand must be those of the library that aws-lc-rs links.
fn one_aws_lc(tree: &Tree) -> Vec<Finding> {
    let lock = tree.text("Cargo.lock").unwrap_or_default().lines().enumerate();
    let copies = lock.filter(|(_, line)| *line == "name = \"aws-lc-sys\"").map(|(index, _)| index + 1);
    let why = "a second aws-lc-sys: its version in Cargo.toml must be the one that aws-lc-rs uses";
    copies.skip(1).map(|line| Finding::new("Cargo.lock", line, why)).collect()
}

#[cfg(test)]
mod tests {
    use super::{one_aws_lc, wrong};
    use crate::metadata::{Dependency, Package};
    use crate::tidy::Tree;

    fn findings(package: &str, dependency: &str, kind: Option<&str>) -> usize {
        let dependency = Dependency { name: dependency.to_owned(), kind: kind.map(str::to_owned) };
        let name = package.to_owned();
        wrong(&Package {
            name,
            manifest_path: "".into(),
            dependencies: vec![dependency],
            targets: Vec::new(),
        })
        .len()
    }

    #[test]
    fn ours_depend_downwards() {
        assert_eq!(findings("connection-store", "xero-certs", None), 0);
        assert_eq!(findings("xero-certs", "connection-store", None), 1);
        assert_eq!(findings("xero-cli", "xero-mock", None), 1);
        assert_eq!(findings("xero-cli", "xero-mock", Some("dev")), 0);
        assert_eq!(findings("xero-mock", "xero-auth-oauth1", Some("dev")), 1);
        assert_eq!(findings("xero-trials", "xero-mock", None), 0);
        assert_eq!(findings("xero-trials", "connection-store", Some("dev")), 1);
        assert_eq!(findings("stranger", "serde", None), 1);
    }

    #[test]
    fn some_foreign_crates_have_one_home() {
        assert_eq!(findings("xero-auth-oauth1", "tokio", None), 1);
        assert_eq!(findings("xero-auth-oauth1", "tokio", Some("build")), 1);
        assert_eq!(findings("xero-auth-oauth1", "tokio", Some("dev")), 0);
        assert_eq!(findings("xero-cli", "rusqlite", None), 1);
        assert_eq!(findings("xero-cli", "rusqlite", Some("dev")), 0);
        assert_eq!(findings("xero-mock", "rusqlite", Some("dev")), 1);
        assert_eq!(findings("connection-store", "inquire", None), 1);
    }

    #[test]
    fn aws_lc_is_there_once() {
        let copy = "name = \"aws-lc-sys\"\n";
        assert_eq!(one_aws_lc(&Tree::of(&[("Cargo.lock", copy)])), []);
        assert_eq!(one_aws_lc(&Tree::of(&[("Cargo.lock", &copy.repeat(2))]))[0].line, 2);
    }
}
