//! Private keys: only test keys, only in `fixtures/`, only in files that say so by their name.

use super::{Finding, Tree, file_name};

/// In two pieces, so that this file does not find itself.
const MARKER: [&str; 2] = ["PRIVATE", " KEY-----"];

/// Endings of binary files that hold keys.
const KEY_FILES: [&str; 8] = ["pfx", "p12", "jks", "jceks", "keystore", "key", "der", "ppk"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.0.iter().flat_map(|(path, bytes)| findings(path, &String::from_utf8_lossy(bytes))).collect()
}

fn findings(path: &str, text: &str) -> Vec<Finding> {
    let in_fixtures = path.starts_with("fixtures/");
    let mut findings = Vec::new();
    let ending = path.rsplit('.').next().unwrap_or_default();
    if !in_fixtures && KEY_FILES.contains(&ending) {
        findings.push(Finding::new(path, 1, "key files belong into fixtures/"));
    }
    if let Some(line) = private_key(text) {
        if !in_fixtures {
            findings.push(Finding::new(path, line, "a private key outside fixtures/"));
        } else if !file_name(path).starts_with("test-") {
            findings.push(Finding::new(path, line, "a file with a private key is named test-*"));
        }
    }
    findings
}

/// The line of the first PEM private key: the marker alone, as programs look for it, is none.
fn private_key(text: &str) -> Option<usize> {
    let marker = MARKER.concat();
    let mut ends = text.match_indices(&marker).map(|(start, _)| start + marker.len());
    let end = ends.find(|&end| has_key_material(&text[end..]))?;
    Some(text[..end].lines().count())
}

fn has_key_material(after: &str) -> bool {
    let near: String = after.chars().take(300).collect();
    let is_base64 =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=');
    near.split(|character| !is_base64(character)).any(|run| run.len() >= 40)
}

#[cfg(test)]
mod tests {
    use super::{MARKER, findings};

    #[test]
    fn keys_are_found_wherever_they_are() {
        let key = format!(
            "x\n-----BEGIN RSA {}\nProc-Type: 4,ENCRYPTED\n\n{}\n",
            MARKER.concat(),
            "MIIE+/".repeat(10)
        );
        assert_eq!(findings("src/a.rs", &key)[0].line, 2);
        assert_eq!(findings("fixtures/certs/mine.pem", &key).len(), 1);
        assert_eq!(findings("fixtures/certs/test-mine.pem", &key), []);
        let quoted = format!("\"-----BEGIN {}\\n{}\"", MARKER.concat(), "A".repeat(64));
        assert_eq!(findings("src/a.rs", &quoted).len(), 1);
    }

    #[test]
    fn the_marker_alone_is_no_key() {
        assert_eq!(findings("src/a.rs", &format!("text.contains(\"{}\")", MARKER.concat())), []);
    }

    #[test]
    fn binary_key_files_stay_in_fixtures() {
        assert_eq!(findings("docs/mine.pfx", "").len(), 1);
        assert_eq!(findings("fixtures/certs/kinds/a.pfx", ""), []);
    }
}
