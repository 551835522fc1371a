//! The configuration file: values for options that neither the command line nor the environment gives.

mod file;
mod key;

use std::path::PathBuf;

use clap::{Command, CommandFactory};
use etcetera::BaseStrategy;

use self::{
    file::Setting,
    key::{KEYS, Place},
};
use crate::{
    args::{Cli, Global},
    failure::Outcome,
    store_access::base,
};

/// What the file says; nothing where there is none.
#[derive(Debug, Default)]
pub(crate) struct Config {
    settings: Vec<Setting>,
}

/// Where the file is: the option, the variable, or the platform's configuration directory.
pub(crate) fn path(global: &Global) -> Outcome<PathBuf> {
    match &global.config {
        Some(path) => Ok(path.clone()),
        None => Ok(base()?.config_dir().join("xeroctl").join("config.toml")),
    }
}

/// The keys that there are, for people.
pub(crate) fn listed() -> String {
    let mut text = String::new();
    for (at, key) in KEYS.iter().enumerate() {
        if at == 0 || KEYS[at - 1].section != key.section {
            let title =
                if key.section.is_empty() { String::new() } else { format!("\n  [{}]\n", key.section) };
            text.push_str(&title);
        }
        text.push_str(&format!("  {:19}  {}\n", key.name, key.help()));
    }
    text.trim_end().to_owned()
}

impl Config {
    /// Reads the file. That there is none is an error only where one is named.
    pub(crate) fn read(global: &Global) -> Outcome<Self> {
        if global.config.is_none() && base().is_err() {
            return Ok(Self::default());
        }
        let settings = file::read(&path(global)?, global.config.is_some())?;
        Ok(Self { settings })
    }

    /// True where the file says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.settings.is_empty()
    }

    /// Makes what the file says the defaults of the commands' own options.
    pub(crate) fn defaults(&self) -> Command {
        let is_option = |setting: &Setting| matches!(setting.key.place, Place::Option { .. });
        let command = if self.settings.iter().any(is_option) { Cli::whole() } else { Cli::command() };
        self.settings.iter().fold(command, |command, setting| match setting.key.place {
            Place::Global | Place::Connection => command,
            Place::Option { commands, argument } => commands
                .iter()
                .fold(command, |command, name| with_default(command, name, argument, &setting.value)),
        })
    }

    /// The connection where a command names none.
    pub(crate) fn connection(&self) -> Option<&str> {
        self.value("connection")
    }

    /// Fills in the options of every command that are still open.
    pub(crate) fn settle(&self, global: &mut Global) {
        let path = |name| self.value(name).map(PathBuf::from);
        let text = |name| self.value(name).map(str::to_owned);
        let set = |name| self.value(name) == Some("true");
        global.store = global.store.take().or_else(|| path("store"));
        global.store_password_file =
            global.store_password_file.take().or_else(|| path("store_password_file"));
        global.machine = global.machine.take().or_else(|| text("machine"));
        global.xero_url = global.xero_url.take().or_else(|| text("xero_url"));
        global.log_file = global.log_file.take().or_else(|| path("log_file"));
        global.width = self.value("width").and_then(|width| width.parse().ok());
        global.no_input |= set("no_input");
        global.quiet |= set("quiet") && global.verbose == 0;
        let opened_by = &mut global.opened_by;
        if opened_by.source(&[]).is_none() {
            opened_by.key_file = path("key_file");
            opened_by.passphrase_file = path("passphrase_file");
            opened_by.key_command = text("key_command");
            opened_by.identity = path("identity");
        }
    }

    /// The value of a key that stands in no section.
    fn value(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().find(|one| one.key.section.is_empty() && one.key.name == name);
        found.map(|one| one.value.as_str())
    }
}

/// `name` is a command's name, or empty for the program itself, whose options every command has.
fn with_default(command: Command, name: &str, argument: &str, value: &str) -> Command {
    match name {
        "" => {
            let command = set_default(command, argument, value);
            command.mut_subcommands(|below| with_default(below, "", argument, value))
        }
        name => command.mut_subcommand(name, |below| set_default(below, argument, value)),
    }
}

/// One by one and in their order: it is known already where each stands.
fn set_default(command: Command, argument: &str, value: &str) -> Command {
    command.mut_args(|arg| match arg.get_id() == argument {
        true => arg.default_value(value.to_owned()),
        false => arg,
    })
}

#[cfg(test)]
mod tests {
    use super::{key::Form, *};

    /// The second look at the command line relies on it.
    #[test]
    fn options_take_what_keys_may_hold() {
        for key in KEYS {
            let values = match key.form {
                Form::Path => vec!["/a".to_owned()],
                Form::Store => vec!["/a".to_owned(), "postgres://a@b/c".to_owned()],
                Form::Text => vec!["-".to_owned(), "a b".to_owned()],
                Form::Flag => vec!["true".to_owned(), "false".to_owned()],
                Form::Number(from, to) => vec![from.to_string(), to.to_string()],
                Form::OneOf(words) => words.iter().map(|&word| word.to_owned()).collect(),
            };
            for value in values {
                let config = Config { settings: vec![Setting { key, value }] };
                for line in [
                    "xeroctl list",
                    "xeroctl keepalive --daemon",
                    "xeroctl token",
                    "xeroctl log",
                    "xeroctl connect",
                ] {
                    let parsed = config.defaults().try_get_matches_from(line.split(' '));
                    assert!(parsed.is_ok(), "{line}: {:?}", config.settings);
                }
            }
        }
    }
}
