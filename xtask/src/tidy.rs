//! `cargo xtask tidy`: what can be checked of the house without running it.

mod fixtures;
mod keys;
mod layers;
mod links;
mod modules;
mod text;
mod top;

use std::collections::BTreeMap;
use std::fmt;

use crate::command_line::command;
use crate::metadata::Metadata;
use crate::stop::Stop;

/// Every file of the project that git knows or would add, by its path with slashes.
#[derive(Default)]
struct Tree(BTreeMap<String, Vec<u8>>);

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    why: String,
}

/// Prints all findings, and fails if there are any.
pub(crate) fn tidy() -> Result<(), Stop> {
    let tree = Tree::read()?;
    let metadata = Metadata::read()?;
    let mut findings = layers::check(&tree, &metadata);
    findings.extend(modules::check(&tree, &metadata));
    for check in [fixtures::check, keys::check, links::check, text::check, top::check] {
        findings.extend(check(&tree));
    }
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        return Err(Stop::new(format!("{} things to tidy", findings.len())));
    }
    println!("{} files are tidy.", tree.0.len());
    Ok(())
}

impl Tree {
    fn read() -> Result<Self, Stop> {
        let line = "git -c safe.directory=* ls-files -z --cached --others --exclude-standard";
        let output = command(line).output().map_err(|error| Stop::because("cannot run git", &error))?;
        if !output.status.success() {
            return Err(Stop::new(String::from_utf8_lossy(&output.stderr)));
        }
        let paths = String::from_utf8_lossy(&output.stdout).into_owned();
        let read = |path: &str| Some((path.to_owned(), std::fs::read(path).ok()?)); // deleted, not yet committed: gone
        Ok(Self(paths.split_terminator('\0').filter_map(read).collect()))
    }

    fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The text of a file; nothing for one that is absent or not UTF-8.
    fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The files that are text.
    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.paths().filter_map(|path| Some((path, self.text(path)?)))
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }
}

impl Finding {
    fn new(path: &str, line: usize, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, why: why.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.why)
    }
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder of a path, without a slash at its end; empty for the top.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A relative path seen from a folder, without `.` and `..`; nothing when it leads out of the workspace.
fn resolve(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<_> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn relative_paths_stay_inside() {
        assert_eq!(resolve("a/b", "../c/./d").as_deref(), Some("a/c/d"));
        assert_eq!(resolve("", "c").as_deref(), Some("c"));
        assert_eq!(resolve("a", "../../c"), None);
    }
}
