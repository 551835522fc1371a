//! The top of the tree, and binary files: what came there by mistake.

use super::{Finding, Tree};

const FOLDERS: [&str; 4] = ["crates", "docs", "fixtures", "xtask"];
const FILES: [&str; 4] = ["Cargo.lock", "Cargo.toml", "README.md", "deny.toml"];
/// Where files that are no text may be.
const BINARY: [&str; 2] = ["docs/pictures/", "fixtures/"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let finding = |path: &str| {
        let is_known = match path.split_once('/') {
            Some((folder, _)) => FOLDERS.contains(&folder) || folder.starts_with('.'),
            None => FILES.contains(&path) || path.starts_with('.'),
        };
        let is_text = tree.text(path).is_some() || BINARY.iter().any(|place| path.starts_with(place));
        let why = match (is_known, is_text) {
            (false, _) => "nothing else belongs to the top of the tree",
            (true, false) => "a file that is no text, outside of fixtures/ and docs/pictures/",
            (true, true) => return None,
        };
        Some(Finding::new(path, 1, why))
    };
    tree.paths().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, check};

    #[test]
    fn what_came_by_mistake_is_found() {
        let mut tree = Tree::of(&[("README.md", ""), (".ci/run", ""), ("crates/a/src/lib.rs", "")]);
        assert_eq!(check(&tree), []);
        for path in ["some.deb", "notes/a.md", "crates/a/core"] {
            tree.0.insert(path.to_owned(), vec![0xff]);
        }
        tree.0.insert("docs/pictures/a.png".to_owned(), vec![0xff]);
        let found: Vec<_> = check(&tree).into_iter().map(|one| one.path).collect();
        assert_eq!(found, ["crates/a/core", "notes/a.md", "some.deb"]);
    }
}
