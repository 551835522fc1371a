//! The options of `xeroctl list`.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use wildmatch::WildMatch;

/// What the list can be sorted by, as words of the configuration file.
pub(crate) const SORTS: [&str; 6] = ["name", "organisation", "app", "left", "refreshed", "health"];

/// How a connection can be, as a word: what needs somebody most comes first.
pub(crate) const HEALTH: [&str; 14] = [
    "retired",
    "log-in-again",
    "not-adopted",
    "ended",
    "wrong-organisation",
    "rate-limited",
    "refused",
    "no-answer",
    "failed",
    "half-way",
    "ends-soon",
    "handed-over",
    "never-tested",
    "ok",
];
const NO_HEALTH: &str = "the healths are ok, never-tested, ends-soon, half-way, handed-over, ended, not-adopted, log-in-again and \
     retired, and after --check also refused, wrong-organisation, rate-limited, no-answer and failed";

// `xeroctl list`.
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

impl Filter {
    /// With `*` or `?` the whole text must be like the pattern; otherwise part of it is enough.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (&self.pattern, text.to_lowercase());
        match pattern.contains(['*', '?']) {
            true => WildMatch::new(pattern).matches(&text),
            false => text.contains(pattern.as_str()),
        }
    }

    /// The same for the word of a health, with hyphens or as it is listed.
    pub(crate) fn is_health(&self, word: &str) -> bool {
        self.matches(word) || self.matches(&word.replace('-', " "))
    }
}

impl FromStr for Filter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (field, pattern) = match text.split_once('=') {
            Some((key, pattern)) => (Some(key.parse()?), pattern),
            None => (None, text),
        };
        let filter = match pattern.trim() {
            "" => return Err("there is nothing to look for"),
            pattern => Self { field, pattern: pattern.to_lowercase() },
        };
        let is_some = field != Some(Field::Health) || HEALTH.iter().any(|word| filter.is_health(word));
        if is_some { Ok(filter) } else { Err(NO_HEALTH) }
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
        for bad in ["", "kind=", "nothing=x", " ", "=x", "health=okk", "health=ok?"] {
            assert!(bad.parse::<Filter>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn part_of_a_text_is_enough_unless_there_is_a_star() {
        for (pattern, text, fits) in [
            ("flor", "Maple Florist Ltd", true),
            ("FLOR", "Maple Florist Ltd", true),
            ("maple*", "Maple Florist Ltd", true),
            ("florist*", "Maple Florist Ltd", false),
            ("*florist*", "Maple Florist Ltd", true),
            ("m?ple*", "Maple Florist Ltd", true),
            ("?", "ab", false),
            ("日本", "日本商事", true),
            ("x", "", false),
            ("*", "", true),
        ] {
            let filter: Filter = pattern.parse().unwrap();
            assert_eq!(filter.matches(text), fits, "{pattern} {text}");
        }
        for pattern in ["health=log in again", "health=log-in-again", "health=log*"] {
            assert!(pattern.parse::<Filter>().unwrap().is_health("log-in-again"), "{pattern}");
        }
    }

    #[test]
    fn the_file_knows_the_same_words() {
        let words: Vec<_> = Sort::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
        assert_eq!(words.iter().map(|word| word.get_name()).collect::<Vec<_>>(), SORTS);
    }
}
