//! The keys of the configuration file: what each may hold, and which option it is for.

/// A key of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The table it stands in; empty for the top.
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) place: Place,
}

/// What a key may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Path,
    /// A path, or the address of a server.
    Store,
    Text,
    Flag,
    Number(i64, i64),
    OneOf(&'static [&'static str]),
}

/// What a key is a default of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An option of every command.
    Global,
    /// An argument of some commands; of the program itself where the name is empty.
    Option { commands: &'static [&'static str], argument: &'static str },
    /// The connection of every command for which it may be left out.
    Connection,
}

pub(super) const KEYS: &[Key] = &[
    global("store", Form::Store),
    global("store_password_file", Form::Path),
    global("key_file", Form::Path),
    global("passphrase_file", Form::Path),
    global("key_command", Form::Text),
    global("identity", Form::Path),
    global("machine", Form::Text),
    global("xero_url", Form::Text),
    option("", &[""], "timeout", Form::Number(1, 3600)),
    global("no_input", Form::Flag),
    global("quiet", Form::Flag),
    global("log_file", Form::Path),
    global("width", Form::Number(20, 1000)),
    Key { section: "", name: "connection", form: Form::Text, place: Place::Connection },
    option("consent", &["connect", "reauth"], "wait", Form::Number(1, 3600)),
    option("consent", &["connect", "reauth"], "no_browser", Form::Flag),
    option("keepalive", &["keepalive"], "login_days", Form::Number(1, 59)),
    option("keepalive", &["keepalive"], "min_ttl", Form::Number(0, 1500)),
    option("keepalive", &["keepalive"], "at_once", Form::Number(1, 32)),
    option("keepalive", &["keepalive"], "warn_days", Form::Number(1, 59)),
    option("keepalive", &["keepalive"], "hook", Form::Text),
    option("keepalive", &["keepalive"], "webhook_file", Form::Path),
    option("list", &["list"], "sort", Form::OneOf(&crate::args::SORTS)),
    option("log", &["log"], "number", Form::Number(1, 200)),
    option("token", &["token"], "min_ttl", Form::Number(0, 1500)),
];

const fn global(name: &'static str, form: Form) -> Key {
    Key { section: "", name, form, place: Place::Global }
}

const fn option(
    section: &'static str,
    commands: &'static [&'static str],
    name: &'static str,
    form: Form,
) -> Key {
    Key { section, name, form, place: Place::Option { commands, argument: name } }
}

impl Key {
    /// As it is written in messages: with its section.
    pub(super) fn full_name(&self) -> String {
        full_name(self.section, self.name)
    }

    /// What it holds and what it stands for.
    pub(super) fn help(&self) -> String {
        let option = self.name.replace('_', "-");
        match self.place {
            _ if self.name == "width" => {
                format!("{}; how wide tables are, for files and pipes too", self.form.words())
            }
            Place::Global | Place::Option { commands: [""], .. } => {
                format!("{}; --{option}", self.form.words())
            }
            Place::Connection => {
                format!(
                    "{}; the connection where a command names none: `xeroctl help environment`",
                    self.form.words()
                )
            }
            Place::Option { commands, .. } => {
                format!("{}; --{option} of {}", self.form.words(), commands.join(" and "))
            }
        }
    }
}

pub(super) fn full_name(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

impl Form {
    /// What is expected, in words.
    pub(super) fn words(self) -> String {
        match self {
            Self::Path => "a path, absolute or from ~/".to_owned(),
            Self::Store => "a path, absolute or from ~/, or postgres://…".to_owned(),
            Self::Text => "a text that is not empty".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Number(from, to) => format!("a whole number from {from} to {to}"),
            Self::OneOf(words) => words.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    /// Whoever renames an option finds out here, and not when somebody's file is read.
    #[test]
    fn every_key_is_for_an_option_that_there_is() {
        let mut command = Cli::command();
        command.build();
        for key in KEYS {
            let Place::Option { commands, argument, .. } = key.place else {
                let known = command.get_arguments().any(|arg| arg.get_id() == key.name);
                let named = key.name == "width" || key.place == Place::Connection;
                assert!(known || named, "{}", key.full_name());
                continue;
            };
            for name in commands {
                let below = if name.is_empty() { Some(&command) } else { command.find_subcommand(name) };
                let known =
                    below.is_some_and(|below| below.get_arguments().any(|arg| arg.get_id() == argument));
                assert!(known, "{} of {name:?}", key.full_name());
            }
        }
    }

    #[test]
    fn the_command_line_allows_what_the_file_allows() {
        for key in KEYS {
            let (Place::Option { commands, argument, .. }, Form::Number(from, to)) = (&key.place, key.form)
            else {
                continue;
            };
            for (number, fits) in [(from, true), (to, true), (from - 1, false), (to + 1, false)] {
                for name in *commands {
                    let option = format!("--{}={number}", argument.replace('_', "-"));
                    let words = ["xeroctl", if name.is_empty() { "list" } else { name }, &option];
                    let outcome = Cli::command().try_get_matches_from(words);
                    assert_eq!(outcome.is_ok(), fits, "{words:?}");
                }
            }
        }
    }
}
