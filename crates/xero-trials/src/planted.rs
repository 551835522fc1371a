//! Looks for secrets in files, in whatever way they may be written there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};

use crate::error::{Error, Outcome};

/// Something that is looked for, and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Needle {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Needle {
    pub(crate) fn new(name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name, bytes: bytes.into() }
    }

    /// The whole of it, and all that it may be written as: its bytes, hexadecimal, base64 wherever it stands in what is
    /// encoded, and with percent signs.
    fn forms(&self) -> Vec<Vec<u8>> {
        let hex = |digit: fn(&u8) -> String| self.bytes.iter().map(digit).collect::<String>().into_bytes();
        let mut forms =
            vec![self.bytes.clone(), hex(|byte| format!("{byte:02x}")), hex(|byte| format!("{byte:02X}"))];
        for alphabet in [&STANDARD, &URL_SAFE] {
            forms.extend((0..3).map(|before| in_base64(alphabet, &self.bytes, before)));
        }
        forms.push(percent(&self.bytes, |byte| format!("%{byte:02X}")));
        forms.push(percent(&self.bytes, |byte| format!("%{byte:02x}")));
        forms.sort();
        forms.dedup();
        forms
    }
}

/// What of it is found: "NAME in FILE" for each.
pub(crate) fn found(needles: &[Needle], files: &[PathBuf]) -> Outcome<Vec<String>> {
    let (mut forms, mut names) = (Vec::new(), Vec::new());
    for needle in needles {
        let of_it = needle.forms();
        names.resize(names.len() + of_it.len(), needle.name);
        forms.extend(of_it);
    }
    let search = AhoCorasick::new(&forms).map_err(|error| Error::NotWorking(error.to_string()))?;
    let mut found = BTreeSet::new();
    for file in files {
        let bytes = fs::read(file).map_err(Error::io(format!("read {}", file.display())))?;
        // Long texts are broken into lines, in files and in statements.
        for text in [&without_breaks(&bytes), &bytes] {
            let there = search.find_overlapping_iter(text).map(|one| names[one.pattern().as_usize()]);
            found.extend(there.map(|name| format!("{name} in {}", file.display())));
        }
    }
    Ok(found.into_iter().collect())
}

/// All files below a folder.
pub(crate) fn files(below: &Path) -> Outcome<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![below.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io("read a folder"))?.filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok(files)
}

/// What stays the same of it whatever else is encoded with it, when so many bytes come before it.
fn in_base64(alphabet: &Alphabet, bytes: &[u8], before: usize) -> Vec<u8> {
    let whole = [&vec![0; before][..], bytes].concat();
    let encoded = GeneralPurpose::new(alphabet, NO_PAD).encode(&whole).into_bytes();
    let (start, end) = ((before * 8).div_ceil(6), whole.len() * 8 / 6);
    encoded[start..end].to_vec()
}

fn percent(bytes: &[u8], encoded: fn(u8) -> String) -> Vec<u8> {
    let written = |byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        other => encoded(*other),
    };
    bytes.iter().map(written).collect::<String>().into_bytes()
}

fn without_breaks(bytes: &[u8]) -> Vec<u8> {
    let text = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>();
    let mut joined = Vec::with_capacity(text.len());
    let mut rest = &text[..];
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.first().is_some_and(|second| matches!(second, b'n' | b'r')) && *first == b'\\';
        if !escaped {
            joined.push(*first);
        }
        rest = if escaped { &after[1..] } else { after };
    }
    joined
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: &[u8] = b"a secret/with+odd\xfb\xff\xfe bytes";

    fn is_found(text: &[u8]) -> bool {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), text).unwrap();
        let needle = Needle::new("secret", SECRET);
        let found = found(&[needle], &files(folder.path()).unwrap()).unwrap();
        assert!(found.iter().all(|one| one.starts_with("secret in ")), "{found:?}");
        found.len() == 1
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let hex: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
        let within = |before: &str| [before.as_bytes(), SECRET, b" and more"].concat();
        for before in ["", "x", "xy", "xyz"] {
            assert!(is_found(&within(before)));
            assert!(is_found(BASE64_STANDARD.encode(within(before)).as_bytes()), "{before}");
            assert!(is_found(BASE64_URL_SAFE_NO_PAD.encode(within(before)).as_bytes()), "{before}");
        }
        assert!(is_found(format!("\\x{hex}").as_bytes()));
        assert!(is_found(hex.to_uppercase().as_bytes()));
        assert!(is_found(b"b=a%20secret%2Fwith%2Bodd%FB%FF%FE%20bytes&c"));
        let broken = BASE64_STANDARD.encode(SECRET);
        assert!(is_found(format!("{}\n{}", &broken[..9], &broken[9..]).as_bytes()), "in lines");
        assert!(is_found(format!("{}\\n{}", &broken[..9], &broken[9..]).as_bytes()), "escaped");
    }

    #[test]
    fn nothing_else_is_found() {
        assert!(!is_found(b""));
        assert!(!is_found(&SECRET[1..]));
        assert!(!is_found(&SECRET[..SECRET.len() - 1]));
        assert!(!is_found(BASE64_STANDARD.encode(&SECRET[..SECRET.len() - 2]).as_bytes()));
    }
}
