//! Reading the configuration file: every value is looked at, and what is wrong is said with its line.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::key::{Form, KEYS, Key, full_name};
use crate::{
    failure::{Failure, Outcome},
    show::quoted,
    store_place::{file_in, is_at_server},
};

/// The largest such file, in bytes.
const MAX_SIZE: u64 = 64 * 1024;
/// Words of keys under which people would keep secrets.
const SECRETS: [&str; 6] = ["secret", "password", "passphrase", "token", "private_key", "api_key"];
/// The keys that say what opens the store: one of them at the most.
const OPENERS: [&str; 4] = ["key_file", "passphrase_file", "key_command", "identity"];
const LIST: &str = "`xeroctl help config` lists the keys";

/// A key of the file and what it holds, as an option takes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: &'static Key,
    pub(super) value: String,
}

/// A file's text, for messages about it.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

/// Reads the file at `path`; where it need not be there, nothing is an answer.
pub(super) fn read(path: &Path, named: bool) -> Outcome<Vec<Setting>> {
    let unreadable =
        |error: &io::Error| Failure { kind: crate::failure::Kind::Usage, ..Failure::unreadable(path, error) };
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return Ok(Vec::new()),
        opened => opened.map_err(|error| unreadable(&error))?,
    };
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    // The usual way to say that there is to be none.
    if path == Path::new("/dev/null") {
        return Ok(Vec::new());
    }
    if !metadata.is_file() {
        let message = format!("the configuration file {} is not a file", path.display());
        return Err(Failure::usage(message).hint("name a file with --config or XEROCTL_CONFIG"));
    }
    check_writers(&metadata, path)?;
    let mut text = String::new();
    file.take(MAX_SIZE).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    Source { path, text: &text }.settings()
}

#[cfg(unix)]
fn check_writers(metadata: &fs::Metadata, path: &Path) -> Outcome {
    use std::os::unix::fs::MetadataExt;
    let (me, owner, mode) = (rustix::process::geteuid().as_raw(), metadata.uid(), metadata.mode() & 0o777);
    let (file, shell) = (path.display(), quoted(&path.display().to_string()));
    if owner != me && owner != 0 {
        return Err(Failure::usage(format!(
            "the configuration file {file} belongs to another user (number {owner})"
        ))
        .hint(format!("if it is yours: sudo chown \"$(id -un)\" {shell}")));
    }
    if mode & 0o022 != 0 {
        return Err(Failure::usage(format!(
            "other users can change the configuration file {file} (mode {mode:04o})"
        ))
        .hint(format!("chmod go-w {shell}")));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_writers(_: &fs::Metadata, _: &Path) -> Outcome {
    Ok(())
}

impl Source<'_> {
    fn settings(&self) -> Outcome<Vec<Setting>> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let place =
                error.span().map_or(String::new(), |span| format!(", line {}", self.line(span.start)));
            let message = format!("{}{place} is not TOML", self.path.display());
            Failure { causes: vec![error.message().to_owned()], ..Failure::usage(message) }
                .hint("a line is `key = value`; texts and paths stand in quotes")
        })?;
        let mut settings = Vec::new();
        for (name, value) in table.get_ref() {
            match value.get_ref() {
                DeValue::Table(below) if KEYS.iter().any(|key| key.section == &**name.get_ref()) => {
                    self.section(name.get_ref(), below, &mut settings)?;
                }
                _ => settings.push(self.setting("", name.get_ref(), name.span().start, value)?),
            }
        }
        self.check_openers(&settings)?;
        Ok(settings)
    }

    fn section(&self, section: &str, table: &DeTable<'_>, settings: &mut Vec<Setting>) -> Outcome {
        for (name, value) in table {
            settings.push(self.setting(section, name.get_ref(), name.span().start, value)?);
        }
        Ok(())
    }

    fn setting(
        &self,
        section: &str,
        name: &str,
        at: usize,
        value: &Spanned<DeValue<'_>>,
    ) -> Outcome<Setting> {
        let Some(key) = KEYS.iter().find(|key| key.section == section && key.name == name) else {
            return Err(self.unknown(section, name, at));
        };
        match text_of(key.form, value.get_ref()) {
            Some(value) => Ok(Setting { key, value }),
            None => {
                let message = format!("`{}` must be {}", key.full_name(), key.form.words());
                Err(Failure::usage(format!("{message} ({})", self.place(at))).hint(LIST))
            }
        }
    }

    fn unknown(&self, section: &str, name: &str, at: usize) -> Failure {
        let (wanted, place) = (full_name(section, name), self.place(at));
        let low = name.to_ascii_lowercase().replace('-', "_");
        if SECRETS.iter().any(|word| low.contains(word)) && nearest(&wanted, 2).is_none() {
            return Failure::usage(format!(
                "`{wanted}` would be a secret, and the configuration file holds none ({place})"
            ))
            .hint(belongs(&low));
        }
        let near = nearest(&wanted, 5).map_or(String::new(), |key| format!("did you mean `{key}`? "));
        Failure::usage(format!("there is no key `{wanted}` ({place})")).hint(format!("{near}{LIST}"))
    }

    fn check_openers(&self, settings: &[Setting]) -> Outcome {
        let openers: Vec<_> =
            settings.iter().map(|one| one.key.name).filter(|name| OPENERS.contains(name)).collect();
        match openers.as_slice() {
            [one, other, ..] => Err(Failure::usage(format!(
                "{} names two things that open the store: `{one}` and `{other}`",
                self.path.display()
            ))
            .hint("leave one of them out")),
            _ => Ok(()),
        }
    }

    fn place(&self, at: usize) -> String {
        format!("line {} of {}", self.line(at), self.path.display())
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        1 + before.filter(|byte| **byte == b'\n').count()
    }
}

/// A value as an option takes it; nothing where it is of another form.
fn text_of(form: Form, value: &DeValue<'_>) -> Option<String> {
    match form {
        Form::Path => absolute(value.as_str()?),
        Form::Store if is_at_server(value.as_str()?) => value.as_str().map(str::to_owned),
        Form::Store => absolute(file_in(value.as_str()?)),
        Form::Text => value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned),
        Form::Flag => value.as_bool().map(|flag| flag.to_string()),
        Form::OneOf(words) => value.as_str().filter(|word| words.contains(word)).map(str::to_owned),
        Form::Number(from, to) => {
            let number = value.as_integer()?;
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            (from..=to).contains(&number).then(|| number.to_string())
        }
    }
}

/// A path must mean the same wherever the program is started.
fn absolute(path: &str) -> Option<String> {
    match path.strip_prefix("~/") {
        Some(rest) => etcetera::home_dir().ok()?.join(rest).into_os_string().into_string().ok(),
        None => Path::new(path).is_absolute().then(|| path.to_owned()),
    }
}

/// The key that somebody may have meant, at most so many letters away.
fn nearest(wanted: &str, at_most: usize) -> Option<String> {
    let distance = |key: &String| strsim::damerau_levenshtein(key, wanted);
    let key = KEYS.iter().map(Key::full_name).min_by_key(distance)?;
    (distance(&key) <= at_most.min(wanted.len() / 2)).then_some(key)
}

fn belongs(name: &str) -> &'static str {
    match name {
        _ if name.contains("passphrase") => {
            "write it into a file of its own (mode 0600), and name that as `passphrase_file`"
        }
        _ if name.contains("secret") => {
            "a client secret is given once, to `xeroctl connect`: by a hidden question, --client-secret-file or \
             --client-secret-command; the store seals it"
        }
        _ if name.contains("token") => {
            "tokens are in the store, sealed; `xeroctl token` prints one that is good now"
        }
        _ => "it is asked for, or read from a file or a command, where it is needed; the store seals it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Outcome<Vec<(String, String)>> {
        let settings = Source { path: Path::new("/c.toml"), text }.settings()?;
        Ok(settings.into_iter().map(|one| (one.key.full_name(), one.value)).collect())
    }

    #[test]
    fn what_is_well_formed_is_taken() {
        let text =
            "store = '/a b'\ntimeout = 0x3c\nquiet = true\n\n[keepalive]\nwarn_days = 7\nhook = \"mail\"\n";
        let found = settings(text).unwrap();
        let expected = [
            ("keepalive.hook", "mail"),
            ("keepalive.warn_days", "7"),
            ("quiet", "true"),
            ("store", "/a b"),
            ("timeout", "60"),
        ];
        let mut found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(settings("").unwrap(), []);
    }

    #[test]
    fn what_is_not_is_said_with_its_line_and_never_with_its_value() {
        for (text, message) in [
            ("stor = '/a'", "there is no key `stor` (line 1 of /c.toml)"),
            (
                "quiet = true\ntimeout = 'marker'",
                "`timeout` must be a whole number from 1 to 3600 (line 2 of /c.toml)",
            ),
            ("timeout = 0", "`timeout` must be a whole number from 1 to 3600 (line 1 of /c.toml)"),
            (
                "timeout = 99999999999999999999",
                "`timeout` must be a whole number from 1 to 3600 (line 1 of /c.toml)",
            ),
            ("quiet = 'yes'", "`quiet` must be true or false (line 1 of /c.toml)"),
            (
                "store = 'marker/store'",
                "`store` must be a path, absolute or from ~/, or postgres://… (line 1 of /c.toml)",
            ),
            ("machine = ' '", "`machine` must be a text that is not empty (line 1 of /c.toml)"),
            ("keepalive = 1", "there is no key `keepalive` (line 1 of /c.toml)"),
            ("[keepalive]\nwarn_day = 1", "there is no key `keepalive.warn_day` (line 2 of /c.toml)"),
            ("[stor]\nx = 1", "there is no key `stor` (line 1 of /c.toml)"),
            (
                "\n\nclient_secret = 'marker'",
                "`client_secret` would be a secret, and the configuration file holds none (line 3 of /c.toml)",
            ),
            (
                "Passphrase = 'marker'",
                "`Passphrase` would be a secret, and the configuration file holds none (line 1 of /c.toml)",
            ),
            (
                "[token]\nrefresh_token = 'marker'",
                "`token.refresh_token` would be a secret, and the configuration file holds none (line 2 of /c.toml)",
            ),
            ("a = = 1", "/c.toml, line 1 is not TOML"),
            ("x = 1\nstore = marker", "/c.toml, line 2 is not TOML"),
            (
                "key_file = '/a'\nidentity = '/b'",
                "/c.toml names two things that open the store: `identity` and `key_file`",
            ),
        ] {
            let failure = settings(text).unwrap_err();
            assert_eq!(failure.message, message, "{text}");
            assert!(!format!("{failure:?}").contains("marker"), "{failure:?}");
        }
    }

    #[test]
    fn the_nearest_key_is_suggested() {
        for (wanted, near) in [
            ("stor", Some("store")),
            ("time_out", Some("timeout")),
            ("keepalive.warndays", Some("keepalive.warn_days")),
            ("passphrase_fil", Some("passphrase_file")),
            ("zzz", None),
        ] {
            assert_eq!(nearest(wanted, 5).as_deref(), near, "{wanted}");
        }
    }
}
