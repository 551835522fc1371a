//! Completes paths of files while they are typed.

use std::path::{MAIN_SEPARATOR, Path};

use inquire::{
    CustomUserError,
    autocompletion::{Autocomplete, Replacement},
};

const MOST: usize = 50;

/// Suggests directories and key files that begin with what was typed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathCompleter;

impl Autocomplete for PathCompleter {
    fn get_suggestions(&mut self, input: &str) -> Result<Vec<String>, CustomUserError> {
        Ok(suggestions(input))
    }

    fn get_completion(
        &mut self,
        input: &str,
        chosen: Option<String>,
    ) -> Result<Replacement, CustomUserError> {
        Ok(chosen.or_else(|| common_start(&suggestions(input))))
    }
}

fn suggestions(input: &str) -> Vec<String> {
    let (folder, start) = match input.rfind(['/', MAIN_SEPARATOR]) {
        Some(at) => input.split_at(at + 1),
        None => ("", input),
    };
    let Ok(entries) = Path::new(if folder.is_empty() { "." } else { folder }).read_dir() else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !start.starts_with('.');
            let is_folder = entry.path().is_dir();
            let fits = name.starts_with(start) && !hidden && (is_folder || is_key_file(&name));
            fits.then(|| format!("{folder}{name}{}", if is_folder { "/" } else { "" }))
        })
        .collect();
    found.sort();
    found.truncate(MOST);
    found
}

fn is_key_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".pfx", ".p12"].iter().any(|ending| name.ends_with(ending))
}

fn common_start(all: &[String]) -> Option<String> {
    let first = all.first()?;
    let length = all.iter().fold(first.len(), |length, one| {
        first
            .char_indices()
            .take_while(|(at, c)| *at < length && one[*at..].starts_with(*c))
            .map(|(at, c)| at + c.len_utf8())
            .last()
            .unwrap_or(0)
    });
    (length > 0).then(|| first[..length].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_key_files_are_suggested() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["xero.pfx", "xero-old.P12", "xero.cer", "notes.txt", ".hidden.pfx"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("xeno")).unwrap();
        let base = format!("{}/", folder.path().display());
        let names = |typed: &str| {
            let found = suggestions(&format!("{base}{typed}"));
            found.into_iter().map(|path| path.replace(&base, "")).collect::<Vec<_>>()
        };
        assert_eq!(names(""), ["xeno/", "xero-old.P12", "xero.pfx"]);
        assert_eq!(names("xero"), ["xero-old.P12", "xero.pfx"]);
        assert_eq!(names(".h"), [".hidden.pfx"]);
        assert!(names("nothing").is_empty());
        assert!(suggestions("/no/such/folder/").is_empty());
    }

    #[test]
    fn tab_completes_what_is_common() {
        let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(common_start(&all(&["xero-a", "xero-b"])).as_deref(), Some("xero-"));
        assert_eq!(common_start(&all(&["café1", "café2"])).as_deref(), Some("café"));
        assert_eq!(common_start(&all(&["a", "b"])), None);
        assert_eq!(common_start(&[]), None);
    }
}
