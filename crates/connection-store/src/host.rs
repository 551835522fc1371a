//! The machine that a store is used on, and whose a store is.

use std::{fs, path::Path, time::SystemTime, time::UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{Error, backend::OwnerRow};

/// Who uses a store, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// Any text that is the machine's own and stays the same: its machine id. Only a hash of it is kept. `None`: unknown.
    pub machine: Option<String>,
    /// The machine's name, for people.
    pub label: String,
    /// Who acts, for the history: a program, a process, a user.
    pub actor: String,
}

/// Whose a store's file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// This machine's, and this very file.
    Here,
    /// Nobody has refreshed anything with it yet.
    Nobody,
    /// Another machine's, or another file's of which this is a copy.
    Copied {
        /// The name of the machine.
        owner: String,
        /// Since when.
        since: SystemTime,
    },
    /// Nobody's any more: it was moved.
    Moved {
        /// Where it is now: a file, or the server's address.
        to: String,
        /// Since when.
        since: SystemTime,
    },
    /// Nobody's yet: a move to here was begun and not finished.
    Arriving {
        /// Where it comes from.
        from: String,
        /// Where it is to be.
        to: String,
        /// Since when.
        since: SystemTime,
    },
}

/// What stands for the machine in a store that was moved away, and in one that has not arrived. A machine's hash is longer, so
/// that versions which do not know these words take both for copies.
const MOVED: &str = "moved";
const ARRIVING: &str = "arriving";
/// What stands for the machine in a file that a store at a server was copied to.
#[cfg(feature = "postgres")]
const SERVER: &str = "server";

impl Ownership {
    /// The error of whoever wants to renew something with such a store, if there is one.
    pub fn refusal(self) -> Option<Error> {
        match self {
            Self::Here | Self::Nobody => None,
            Self::Copied { owner, since } => Some(Error::Copied { owner, since }),
            Self::Moved { to, since } => Some(Error::Moved { to, since }),
            Self::Arriving { from, to, since } => Some(Error::Arriving { from, to, since }),
        }
    }
}

impl Host {
    /// The owner that this machine makes of a store's file.
    pub(crate) fn owner_of(&self, file: &Path, since: SystemTime) -> OwnerRow {
        OwnerRow {
            machine: self.machine.as_deref().map(hashed),
            file: mark_of_file(file),
            path: file.canonicalize().ok().map(|path| path.to_string_lossy().into_owned()),
            label: self.label.clone(),
            since,
        }
    }
}

impl OwnerRow {
    /// For the store in this place that this row is the owner of: it was moved to another one.
    pub(crate) fn moved_to(self, here: &str, to: &str, way: &str) -> Self {
        self.on_the_way(MOVED, here, to, way)
    }

    /// For a copy of it in this place: it comes from another one.
    pub(crate) fn arriving_from(self, here: &str, from: &str, way: &str) -> Self {
        self.on_the_way(ARRIVING, here, from, way)
    }

    /// Which of all moves has left this mark.
    pub(crate) fn way(&self) -> Option<&str> {
        self.mark().and(self.file.as_deref()).and_then(|file| file.rsplit(' ').next())
    }

    /// For a copy, in this place, of a store that is at a server.
    #[cfg(feature = "postgres")]
    pub(crate) fn copy_of(self, server: &str) -> Self {
        Self { path: None, ..self.on_the_way(SERVER, "", server, "") }
    }

    fn on_the_way(self, word: &str, here: &str, other: &str, way: &str) -> Self {
        // Another file than the one that it is, of the same sort.
        let sort = self.file.as_deref().and_then(sort).unwrap_or("move");
        let file = Some(format!("{sort} {word} {way}"));
        let (path, label) = (Some(here.to_owned()), other.to_owned());
        Self { machine: Some(word.to_owned()), file, path, label, since: self.since }
    }

    /// What a move has made of the store, if one has.
    pub(crate) fn mark(&self) -> Option<Ownership> {
        let (other, since) = (self.label.clone(), self.since);
        match self.machine.as_deref() {
            Some(MOVED) => Some(Ownership::Moved { to: other, since }),
            Some(ARRIVING) => {
                Some(Ownership::Arriving { from: other, to: self.path.clone().unwrap_or_default(), since })
            }
            _ => None,
        }
    }

    /// Whose the store is, as this machine sees it. What one of the two does not know tells nothing.
    pub(crate) fn seen_from(&self, here: &Self) -> Ownership {
        if let Some(mark) = self.mark() {
            return mark;
        }
        let differ = |one: &Option<String>, other: &Option<String>| match (one, other) {
            // What tells a file depends on the file system and the kernel: only the same sort can differ.
            (Some(one), Some(other)) => one != other && sort(one) == sort(other),
            _ => false,
        };
        if differ(&self.machine, &here.machine) || differ(&self.file, &here.file) {
            return Ownership::Copied { owner: self.label.clone(), since: self.since };
        }
        Ownership::Here
    }
}

/// The word that a file's mark begins with; a machine's hash has none.
fn sort(mark: &str) -> Option<&str> {
    mark.split_once(' ').map(|(sort, _)| sort)
}

/// What a copy of a file does not share with it: when it was made, or its number where the file system does not say.
fn mark_of_file(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if let Some(since) = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok()) {
        return Some(format!("made {}", since.as_nanos()));
    }
    number(&metadata)
}

#[cfg(unix)]
fn number(metadata: &fs::Metadata) -> Option<String> {
    Some(format!("number {}", std::os::unix::fs::MetadataExt::ino(metadata)))
}

#[cfg(not(unix))]
fn number(_: &fs::Metadata) -> Option<String> {
    None
}

/// A machine's id tells which machine it is, so it is not kept itself.
fn hashed(machine: &str) -> String {
    let hash = digest(&SHA256, format!("connection-store/machine|{machine}").as_bytes());
    hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(machine: Option<&str>, file: Option<&str>) -> OwnerRow {
        OwnerRow {
            machine: machine.map(str::to_owned),
            file: file.map(str::to_owned),
            path: None,
            label: "build-7".to_owned(),
            since: UNIX_EPOCH,
        }
    }

    #[test]
    fn a_copy_differs_in_the_machine_or_in_the_file() {
        let stored = owner(Some("a"), Some("made 1"));
        let cases = [
            (owner(Some("a"), Some("made 1")), true),
            (owner(Some("b"), Some("made 1")), false),
            (owner(Some("a"), Some("made 2")), false),
            (owner(None, Some("made 1")), true),
            (owner(None, Some("made 2")), false),
            (owner(Some("a"), None), true),
            (owner(None, None), true),
            (owner(Some("a"), Some("number 7")), true),
        ];
        for (here, same) in cases {
            assert_eq!(stored.seen_from(&here) == Ownership::Here, same, "{here:?}");
        }
    }

    #[test]
    fn a_copied_file_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two, moved] = ["one", "two", "moved"].map(|name| folder.path().join(name));
        fs::write(&one, "x").unwrap();
        let mark = mark_of_file(&one);
        // The clock of a file system ticks some hundred times a second.
        let copied_later = (0..100_000).any(|_| {
            drop(fs::remove_file(&two));
            fs::copy(&one, &two).unwrap();
            mark_of_file(&two) != mark
        });
        assert!(mark.is_some() && copied_later);
        fs::rename(&one, &moved).unwrap();
        assert_eq!(mark, mark_of_file(&moved), "the same after it was moved");
    }

    #[test]
    fn a_machine_id_is_not_kept() {
        let host = Host { machine: Some("5f2d".into()), label: "x".into(), actor: String::new() };
        let row = host.owner_of(Path::new("/nowhere"), UNIX_EPOCH);
        assert!(!format!("{row:?}").contains("5f2d"));
        assert_eq!(row.machine.map(|hash| hash.len()), Some(32));
    }
}
