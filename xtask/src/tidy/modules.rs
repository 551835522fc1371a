//! Forgotten files: Rust that no target reaches, snapshots whose test is gone.

use std::collections::BTreeSet;

use super::{Finding, Tree, file_name, folder, resolve};
use crate::metadata::Metadata;

pub(super) fn check(tree: &Tree, metadata: &Metadata) -> Vec<Finding> {
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    let roots: Vec<_> = targets.map(|target| metadata.relative(&target.src_path)).collect();
    let mut findings = forgotten(tree, &roots);
    findings.extend(snapshots(tree));
    findings
}

fn forgotten(tree: &Tree, roots: &[String]) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for root in roots {
        reach(tree, root, folder(root), &mut reached);
    }
    let why = "no target and no `mod` reaches this file: it is never compiled";
    let files = tree.paths().filter(|path| path.ends_with(".rs") && !reached.contains(*path));
    files.map(|path| Finding::new(path, 1, why)).collect()
}

/// Follows `mod` from one file; `children` is the folder where its modules are.
fn reach(tree: &Tree, path: &str, children: &str, reached: &mut BTreeSet<String>) {
    let Some(text) = tree.text(path) else { return };
    if !reached.insert(path.to_owned()) {
        return;
    }
    for (name, named_path) in modules(text) {
        let below = format!("{children}/{name}");
        if let Some(file) = named_path.and_then(|named| resolve(folder(path), named)) {
            reach(tree, &file, folder(&file), reached);
        }
        reach(tree, &format!("{below}.rs"), &below, reached);
        reach(tree, &format!("{below}/mod.rs"), &below, reached);
    }
}

/// The names of modules that have a file, with the path where an attribute gives one.
fn modules(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut modules = Vec::new();
    let mut named_path = None;
    for line in text.lines().map(str::trim) {
        if let Some(path) = line.strip_prefix("#[path = \"") {
            named_path = path.split('"').next();
        } else if let Some(name) = module(line) {
            modules.push((name, named_path.take()));
        }
    }
    modules
}

fn module(line: &str) -> Option<&str> {
    let name = line.strip_suffix(';')?.rsplit_once("mod ").filter(|(before, _)| {
        before.is_empty() || (before.starts_with("pub") && before.ends_with(' ')) || before.ends_with("] ")
    })?;
    Some(name.1)
}

/// Every snapshot names the test file that it was taken by.
fn snapshots(tree: &Tree) -> Vec<Finding> {
    let snapshots = tree.texts().filter(|(path, _)| file_name(path).ends_with(".snap"));
    let source = |text: &str| text.lines().find_map(|line| line.strip_prefix("source: ").map(str::to_owned));
    let known = |text: &str| source(text).is_some_and(|source| tree.has(source.trim_matches('"')));
    let orphans = snapshots.filter(|(_, text)| !known(text));
    orphans.map(|(path, _)| Finding::new(path, 1, "the test that this snapshot belongs to is gone")).collect()
}

#[cfg(test)]
mod tests {
    use super::{forgotten, modules, snapshots};
    use crate::tidy::Tree;

    #[test]
    fn modules_are_followed_from_targets() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "mod b;\npub(crate) mod c;\n"),
            ("a/src/b.rs", "mod inner;"),
            ("a/src/b/inner.rs", ""),
            ("a/src/c/mod.rs", ""),
            ("a/src/inner.rs", ""),
            ("a/tests/t.rs", "#[path = \"../shared/s.rs\"]\nmod shared;"),
            ("a/shared/s.rs", ""),
            ("a/tests/forgotten.rs", ""),
        ]);
        let findings = forgotten(&tree, &["a/src/lib.rs".to_owned(), "a/tests/t.rs".to_owned()]);
        let paths: Vec<_> = findings.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, ["a/src/inner.rs", "a/tests/forgotten.rs"]);
    }

    #[test]
    fn only_modules_in_files_count() {
        let text = "mod a;\n  #[cfg(unix)] mod b;\nmod c { }\n// mod d;\nuse x::mod_e;\nlet f = \"mod g\";";
        assert_eq!(modules(text), [("a", None), ("b", None)]);
    }

    #[test]
    fn snapshots_belong_to_a_file() {
        let tree = Tree::of(&[
            ("t/a.rs", ""),
            ("t/snapshots/a__x.snap", "---\nsource: t/a.rs\n---\n"),
            ("t/snapshots/b__x.snap", "---\nsource: t/b.rs\n---\n"),
        ]);
        assert_eq!(snapshots(&tree).len(), 1);
    }
}
