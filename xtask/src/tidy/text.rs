//! What no file may say, and how files are named and begun.

use super::{Finding, Tree, file_name};

/// Where a phrase is not wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    Rust,
    Tests,
}

/// Phrases, cut in two so that this file does not find itself.
const UNWANTED: [(&str, Place, &str); 19] = [
    (concat!("/wo", "rk/"), Place::Anywhere, MACHINE),
    (concat!("/ro", "ot/"), Place::Anywhere, MACHINE),
    (concat!("index.", "crates.io"), Place::Anywhere, REGISTRY),
    (concat!("static.", "crates.io"), Place::Anywhere, REGISTRY),
    (concat!("://", "crates.io"), Place::Anywhere, REGISTRY),
    (concat!("crates.io", "-index"), Place::Anywhere, REGISTRY),
    (concat!("pypi", ".org"), Place::Anywhere, REGISTRY),
    (concat!("proxy.", "golang.org"), Place::Anywhere, REGISTRY),
    (concat!("registry.", "npmjs.org"), Place::Anywhere, REGISTRY),
    (concat!("#[ig", "nore"), Place::Rust, "a test that does not run"),
    (concat!("to", "do!("), Place::Rust, "unfinished"),
    (concat!("unimpl", "emented!("), Place::Rust, "unfinished"),
    (concat!("assert!(", "true)"), Place::Rust, "an assertion that cannot fail"),
    (concat!("thread::", "sleep"), Place::Tests, "a sleep in a test"),
    (concat!("time::", "sleep"), Place::Tests, "a sleep in a test"),
    (concat!("print", "ln!("), Place::Tests, "printing in a test"),
    (concat!("eprint", "!("), Place::Tests, "printing in a test"),
    (concat!(" print", "!("), Place::Tests, "printing in a test"),
    (concat!("d", "bg!("), Place::Rust, "debugging left behind"),
];

const MACHINE: &str = "a path of one machine";
const REGISTRY: &str = "a registry's address";

/// Names that say nothing.
const NAMELESS: [&str; 5] = ["types.rs", "utils.rs", "common.rs", "helpers.rs", "prelude.rs"];

const UNSAFE: [&str; 4] = [
    concat!("uns", "afe {"),
    concat!("uns", "afe fn"),
    concat!("uns", "afe impl"),
    concat!("uns", "afe extern"),
];

/// The one module that may call C by hand.
const UNSAFE_HOME: &str = "crates/xero-certs/src/aws_lc.rs";

/// A README that is a crate's documentation.
const README_LINES: usize = 40;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let texts = tree.texts().filter(|(path, _)| *path != "Cargo.lock");
    texts.flat_map(|(path, text)| findings(path, text)).collect()
}

fn findings(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = unwanted(path, text);
    findings.extend(homes(path, text));
    if path.ends_with(".rs") {
        findings.extend(uncommon(path, text));
        findings.extend(unsafe_code(path, text));
    }
    let is_crate_readme = path.starts_with("crates/") && path.split('/').skip(2).eq(["README.md"]);
    let lines = text.lines().count();
    if is_crate_readme && lines > README_LINES {
        findings.push(Finding::new(
            path,
            lines,
            format!("the README of a crate has at most {README_LINES} lines"),
        ));
    }
    findings
}

fn unwanted(path: &str, text: &str) -> Vec<Finding> {
    let is_rust = path.ends_with(".rs");
    let mut in_tests = is_rust && path.contains("/tests/");
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        in_tests |= is_rust && line.starts_with("#[cfg(test)]");
        let applies = |place| match place {
            Place::Anywhere => true,
            Place::Rust => is_rust,
            Place::Tests => in_tests,
        };
        let hits = UNWANTED.iter().filter(|(phrase, place, _)| applies(*place) && line.contains(phrase));
        findings.extend(hits.map(|(_, _, why)| Finding::new(path, index + 1, *why)));
    }
    findings
}

/// Home folders of people.
fn homes(path: &str, text: &str) -> Vec<Finding> {
    let home = concat!("/ho", "me/");
    let is_named = |rest: &str| {
        let name =
            rest.split(|character: char| !character.is_alphanumeric() && !"_-.".contains(character)).next();
        name.is_some_and(|name| !name.is_empty() && rest[name.len()..].starts_with('/'))
    };
    let lines = text.lines().enumerate().filter(|(_, line)| line.split(home).skip(1).any(is_named));
    lines.map(|(index, _)| Finding::new(path, index + 1, MACHINE)).collect()
}

fn uncommon(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if NAMELESS.contains(&file_name(path)) {
        findings.push(Finding::new(path, 1, "a name that says nothing: name the noun"));
    }
    if !text.starts_with("//! ") && !text.starts_with("#![doc = include_str!(") {
        findings.push(Finding::new(path, 1, "a file opens with a `//!` sentence"));
    }
    findings
}

/// A test of xero-certs may count allocations.
fn unsafe_code(path: &str, text: &str) -> Vec<Finding> {
    let counts_allocations = path.starts_with("crates/xero-certs/tests/") && text.contains("GlobalAlloc for");
    if path == UNSAFE_HOME || counts_allocations {
        return Vec::new();
    }
    let lines =
        text.lines().enumerate().filter(|(_, line)| UNSAFE.iter().any(|phrase| line.contains(phrase)));
    lines
        .map(|(index, _)| Finding::new(path, index + 1, format!("only {UNSAFE_HOME} calls C by hand")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Place, UNSAFE, UNSAFE_HOME, UNWANTED, findings};

    fn lines(path: &str, text: &str) -> Vec<usize> {
        findings(path, text).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn each_unwanted_phrase_is_found_in_its_place() {
        for (phrase, place, _) in UNWANTED {
            let text = format!("//! Text.\n {phrase}x\n");
            assert!(lines("a/tests/x.rs", &text).contains(&2), "{phrase}");
            assert_eq!(lines("a/src/x.rs", &text).is_empty(), place == Place::Tests, "{phrase}");
            assert_eq!(lines("docs/x.md", &text).is_empty(), place != Place::Anywhere, "{phrase}");
            let after = format!("//! Text.\n#[cfg(test)]\n {phrase}x\n");
            assert!(lines("a/src/x.rs", &after).contains(&3), "{phrase}");
        }
    }

    #[test]
    fn homes_of_people_are_found() {
        let home = concat!("/ho", "me/");
        assert_eq!(lines("x.md", &format!("{home}ann/file")), [1]);
        assert_eq!(lines("x.md", &format!("{home}$USER/file, {home}")), [0_usize; 0]);
    }

    #[test]
    fn files_are_named_and_opened() {
        assert_eq!(lines("a/src/utils.rs", "//! Text.\n"), [1]);
        assert_eq!(lines("a/src/x.rs", "use a;\n"), [1]);
        assert_eq!(lines("a/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n"), [0_usize; 0]);
        assert_eq!(lines("crates/a/README.md", &"x\n".repeat(41)), [41]);
        assert_eq!(lines("README.md", &"x\n".repeat(41)), [0_usize; 0]);
    }

    #[test]
    fn unsafe_code_has_one_home() {
        for phrase in UNSAFE {
            let text = format!("//! Text.\n{phrase}\n");
            assert_eq!(lines("crates/xero-certs/src/key.rs", &text), [2]);
            assert_eq!(lines(UNSAFE_HOME, &text), [0_usize; 0]);
        }
    }
}
