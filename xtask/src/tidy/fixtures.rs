//! Fixtures: complete, and listed where they should be.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Finding, Tree};

const MANIFEST: &str = "fixtures/certs/manifest.json";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = cases_without_request(tree);
    if let Some(text) = tree.text(MANIFEST) {
        findings.extend(manifest(tree, text));
    }
    findings
}

fn cases_without_request(tree: &Tree) -> Vec<Finding> {
    let inside = tree.paths().filter_map(|path| path.strip_prefix("fixtures/oauth1/"));
    let cases: BTreeSet<_> = inside.filter_map(|path| path.split_once('/')).map(|(case, _)| case).collect();
    let requests = cases.into_iter().map(|case| format!("fixtures/oauth1/{case}/request.json"));
    let absent = requests.filter(|path| !tree.has(path));
    absent.map(|path| Finding::new(&path, 1, "a case needs its request")).collect()
}

/// The manifest and the folders say the same.
fn manifest(tree: &Tree, text: &str) -> Vec<Finding> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return vec![Finding::new(MANIFEST, error.line(), error.to_string())],
    };
    let lists = value.as_object().into_iter().flatten().filter_map(|(_, list)| list.as_array());
    let listed: BTreeSet<_> = lists.flatten().filter_map(|entry| entry["file"].as_str()).collect();
    let absent = listed.iter().map(|file| format!("fixtures/certs/{file}")).filter(|path| !tree.has(path));
    let absent = absent.map(|path| Finding::new(&path, 1, "manifest.json lists a file that is not here"));
    let files = tree.paths().filter_map(|path| path.strip_prefix("fixtures/certs/"));
    let of_readers =
        files.filter(|file| ["kinds/", "broken/", "keys/"].iter().any(|folder| file.starts_with(folder)));
    let unlisted =
        of_readers.filter(|file| !listed.contains(file)).map(|file| format!("fixtures/certs/{file}"));
    let unlisted = unlisted
        .map(|path| Finding::new(&path, 1, "manifest.json does not list this file: no test reads it"));
    absent.chain(unlisted).collect()
}

#[cfg(test)]
mod tests {
    use super::{MANIFEST, check};
    use crate::tidy::Tree;

    #[test]
    fn folders_and_manifest_agree() {
        let tree = Tree::of(&[
            (MANIFEST, r#"{"kinds": [{"file": "kinds/a.pfx"}, {"file": "kinds/gone.pfx"}, {"file": null}]}"#),
            ("fixtures/certs/kinds/a.pfx", ""),
            ("fixtures/certs/keys/new.pem", ""),
            ("fixtures/certs/test.cer", ""),
            ("fixtures/oauth1/README.md", ""),
            ("fixtures/oauth1/v1/request.json", ""),
            ("fixtures/oauth1/v2/signature.txt", ""),
        ]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        let wrong = ["oauth1/v2/request.json", "certs/kinds/gone.pfx", "certs/keys/new.pem"];
        assert_eq!(paths, wrong.map(|path| format!("fixtures/{path}")));
    }
}
