//! The options of `xeroctl list`.

use std::str::FromStr;

use clap::{Args, ValueEnum};

/// What the list can be sorted by, as words of the configuration file.
pub(crate) const SORTS: [&str; 6] = ["name", "organisation", "app", "left", "refreshed", "health"];

/// `xeroctl list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// What the list is sorted by
    #[arg(long, value_enum, value_name = "COLUMN", default_value = "name", hide_possible_values = true)]
    pub(crate) sort: Sort,
    /// The other way round
    #[arg(long)]
    pub(crate) reverse: bool,
    /// Only those where KEY has VALUE: name, organisation, app, kind or health; or a text that any of the first four has.
    /// Part of the value is enough, capitals count for nothing, and with * or ? it is all of it; several must all hold
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<Filter>,
    /// Test each connection with a real request, at most four at once for one server; the exit status is that of the
    /// first that failed
    #[arg(long)]
    pub(crate) check: bool,
}

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// The connection's name
    Name,
    /// The organisation's name
    Organisation,
    /// The app's name, or its client id or consumer key
    App,
    /// What ends first comes first
    Left,
    /// What was renewed longest ago comes first
    Refreshed,
    /// What needs somebody comes first
    Health,
}

/// What a connection must have to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Where it is looked for; without one, in all but the health.
    pub(crate) field: Option<Field>,
    /// In small letters.
    pub(crate) pattern: String,
}

/// What a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Name,
    Organisation,
    App,
    Kind,
    Health,
}

impl FromStr for Filter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (field, pattern) = match text.split_once('=') {
            Some((key, pattern)) => (Some(key.parse()?), pattern),
            None => (None, text),
        };
        match pattern.trim() {
            "" => Err("there is nothing to look for"),
            pattern => Ok(Self { field, pattern: pattern.to_lowercase() }),
        }
    }
}

impl FromStr for Field {
    type Err = &'static str;

    fn from_str(key: &str) -> Result<Self, &'static str> {
        match key {
            "name" => Ok(Self::Name),
            "organisation" | "org" => Ok(Self::Organisation),
            "app" => Ok(Self::App),
            "kind" => Ok(Self::Kind),
            "health" => Ok(Self::Health),
            _ => Err("the keys are name, organisation, app, kind and health"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let of = |field, pattern: &str| Ok(Filter { field, pattern: pattern.to_owned() });
        assert_eq!("Maple Fl".parse(), of(None, "maple fl"));
        assert_eq!("kind=web".parse(), of(Some(Field::Kind), "web"));
        assert_eq!("health=log in again".parse(), of(Some(Field::Health), "log in again"));
        assert_eq!("org=a=b".parse(), of(Some(Field::Organisation), "a=b"));
        for bad in ["", "kind=", "nothing=x", " ", "=x"] {
            assert!(bad.parse::<Filter>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_file_knows_the_same_words() {
        let words: Vec<_> = Sort::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
        assert_eq!(words.iter().map(|word| word.get_name()).collect::<Vec<_>>(), SORTS);
    }
}
