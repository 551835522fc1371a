//! What an app asks for.

use std::{fmt, slice};

use crate::{
    Error,
    said::said,
    scope_catalogue::{ALL, OPENID, READ, SYNC, describe, granular, known_scopes},
};

/// Scopes in order, each once. `Display` separates them by spaces, as they are sent (RFC 6749 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Reads names and presets (`@read`, `@sync`, `@all`) with spaces or commas between them.
    ///
    /// # Errors
    /// [`Error::UnknownScope`] for what is not in Xero's list of 2026.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text, |name| describe(name).is_some())
    }

    /// As [`Scopes::parse`], and takes names that are not known here, which Xero may have added: small letters,
    /// digits, `.`, `_`, `-`.
    pub fn parse_lenient(text: &str) -> Result<Self, Error> {
        Self::read(text, |name| {
            name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(is_usual)
        })
    }

    /// The names, in order.
    pub fn iter(&self) -> slice::Iter<'_, String> {
        self.0.iter()
    }

    /// True if the name is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own == scope)
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is asked for here and not granted there. A broad scope covers its granular ones, a name without `.read`
    /// covers the name with it.
    pub fn missing_from(&self, granted: &Scopes) -> Scopes {
        Self(self.iter().filter(|scope| !granted.cover(scope)).cloned().collect())
    }

    /// Without `openid`, `profile`, `email` and `offline_access`, which client credentials cannot have.
    pub fn without_openid(&self) -> Scopes {
        Self(self.iter().filter(|scope| !OPENID.contains(&scope.as_str())).cloned().collect())
    }

    /// What a server says that it granted, name by name: nothing is a preset here, and no name is unknown. Names that
    /// cannot be scopes (RFC 6749 section 3.3: visible ASCII characters) or are longer than 100 are left out. What
    /// [`Display`](fmt::Display) wrote of any scopes, split at its spaces, gives the same scopes again.
    pub fn granted<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scopes = Self::default();
        names.into_iter().filter(|name| is_name(name)).for_each(|name| scopes.add(name));
        scopes
    }

    /// The same in the scopes of 2026: each broad one gives way to the granular ones that replace it, all others stay.
    pub fn without_broad(&self) -> Scopes {
        let mut scopes = Self::default();
        for name in &self.0 {
            match granular(name) {
                [] => scopes.add(name),
                replacements => replacements.iter().for_each(|name| scopes.add(name)),
            }
        }
        scopes
    }

    /// The broad scopes among them whose replacements are not all there as well: what goes in September 2027 unless somebody
    /// consents again. Xero adds scopes up, so a broad one that was replaced stays until the consent is revoked, and its
    /// end changes nothing.
    pub fn not_replaced(&self) -> Scopes {
        let has = |name: &&str| {
            self.contains(name) || name.strip_suffix(".read").is_some_and(|writing| self.contains(writing))
        };
        let ends = |scope: &&String| !granular(scope).iter().all(&has);
        Self(self.iter().filter(ends).cloned().collect())
    }

    fn read(text: &str, is_known: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let mut scopes = Self::default();
        for name in text.split(|c: char| c.is_whitespace() || c == ',').filter(|name| !name.is_empty()) {
            match preset(name) {
                Some(lists) => lists.iter().copied().flatten().for_each(|name| scopes.add(name)),
                None if name.len() <= LONGEST && is_known(name) => scopes.add(name),
                None => return Err(Error::UnknownScope { scope: said(name), did_you_mean: closest(name) }),
            }
        }
        Ok(scopes)
    }

    fn add(&mut self, name: &str) {
        if !self.contains(name) {
            self.0.push(name.to_owned());
        }
    }

    fn cover(&self, scope: &str) -> bool {
        let has = |name: &str| self.contains(name) || self.iter().any(|own| granular(own).contains(&name));
        has(scope) || scope.strip_suffix(".read").is_some_and(has)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl<'a> IntoIterator for &'a Scopes {
    type Item = &'a String;
    type IntoIter = slice::Iter<'a, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The longest name that is taken, in bytes.
const LONGEST: usize = 100;
const PRESETS: [(&str, &[&[&str]]); 3] = [("@read", READ), ("@sync", SYNC), ("@all", ALL)];

fn preset(name: &str) -> Option<&'static [&'static [&'static str]]> {
    PRESETS.iter().find(|(own, _)| *own == name).map(|(_, lists)| *lists)
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

fn is_usual(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
}

/// The known name that was meant: one that the text is a part of, else the one with the fewest changes.
fn closest(name: &str) -> Option<&'static str> {
    let name: String = name.chars().take(LONGEST).collect::<String>().to_ascii_lowercase();
    let known = || known_scopes().chain(PRESETS.map(|(preset, _)| preset));
    let begins = format!("{name}.");
    let ends = format!(".{name}");
    let parts = known().filter(|known| known.starts_with(&begins) || known.ends_with(&ends));
    let near = || {
        let distances = known().map(|known| (strsim::osa_distance(&name, known), known));
        distances.filter(|(distance, known)| *distance <= 3 && distance * 3 <= known.len()).min()
    };
    known()
        .find(|known| *known == name)
        .or_else(|| parts.min_by_key(|known| known.len()))
        .or_else(|| Some(near()?.1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn in_order_and_each_once() {
        let found = scopes(" files,openid  files\n@sync accounting.budgets.read");
        assert_eq!(
            found.to_string(),
            "files openid profile email offline_access accounting.settings accounting.contacts \
             accounting.invoices accounting.payments accounting.banktransactions accounting.manualjournals \
             accounting.attachments accounting.budgets.read"
        );
        assert!(found.contains("files") && !found.contains("file"));
        assert_eq!(found.iter().count(), 13);
        assert!(scopes("").is_empty());
    }

    #[test]
    fn presets_stay_what_they_are() {
        assert_eq!(scopes("@read").iter().count(), 20);
        assert!(scopes("@read").without_openid().iter().all(|scope| scope.ends_with(".read")));
        assert_eq!(scopes("@sync").iter().count(), 11);
        assert_eq!(scopes("@all").iter().count(), 28);
        assert!(scopes("@sync @read").missing_from(&scopes("@all")).is_empty());
    }

    #[test]
    fn what_was_meant() {
        for (text, meant) in [
            ("acounting.settings", Some("accounting.settings")),
            ("accounting.setttings.read", Some("accounting.settings.read")),
            ("Accounting.Contacts", Some("accounting.contacts")),
            ("invoices", Some("accounting.invoices")),
            ("accounting.budgets", Some("accounting.budgets.read")),
            ("offline", None),
            ("offline_acess", Some("offline_access")),
            ("@reed", Some("@read")),
            ("everything", None),
            ("@", None),
        ] {
            let expected = Error::UnknownScope { scope: text.into(), did_you_mean: meant };
            assert_eq!(Scopes::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn names_that_xero_may_add() {
        assert_eq!(Scopes::parse_lenient("accounting.receipts.read @sync").unwrap().iter().count(), 12);
        for bad in ["accounting receipts;", "a\"b", "Accounting.x", "@new", "é", ".read"] {
            assert!(Scopes::parse_lenient(bad).is_err(), "{bad}");
        }
        assert!(Scopes::parse_lenient(&"a".repeat(101)).is_err());
    }

    #[test]
    fn what_was_granted_is_taken_as_it_is() {
        let odd = ["Accounting.New", "https://x/y", "a,b", "@read", "a\"b\\"];
        assert_eq!(Scopes::granted(odd).to_string(), odd.join(" "));
        let long = "a".repeat(101);
        assert!(Scopes::granted(["", " ", "a b", "é", "a\n", &long]).is_empty());
    }

    #[test]
    fn what_is_missing() {
        let missing = |asked: &str, granted: &str| scopes(asked).missing_from(&scopes(granted)).to_string();
        assert_eq!(missing("openid accounting.settings.read", "accounting.settings"), "openid");
        assert_eq!(missing("accounting.settings", "accounting.settings.read"), "accounting.settings");
        assert_eq!(missing("accounting.invoices accounting.payments.read", "accounting.transactions"), "");
        assert_eq!(missing("accounting.invoices", "accounting.transactions.read"), "accounting.invoices");
        assert_eq!(missing("accounting.reports.aged.read", "accounting.reports.read"), "");
    }

    #[test]
    fn broad_scopes_give_way_to_granular_ones() {
        let upgraded = |text: &str| scopes(text).without_broad().to_string();
        assert_eq!(upgraded("openid accounting.contacts"), "openid accounting.contacts");
        assert_eq!(
            upgraded("accounting.payments.read accounting.transactions.read files"),
            "accounting.payments.read accounting.invoices.read accounting.banktransactions.read \
             accounting.manualjournals.read files"
        );
        assert_eq!(
            scopes("accounting.reports.read accounting.transactions").without_broad().iter().count(),
            12
        );
    }

    #[test]
    fn what_was_replaced_may_end() {
        let left = |text: &str| scopes(text).not_replaced().to_string();
        let invoices = "accounting.payments.read accounting.banktransactions accounting.manualjournals.read";
        assert_eq!(left("openid accounting.transactions files"), "accounting.transactions");
        assert_eq!(left(&format!("accounting.transactions.read {invoices}")), "accounting.transactions.read");
        assert_eq!(left(&format!("accounting.transactions.read accounting.invoices {invoices}")), "");
        let all = scopes("accounting.reports.read accounting.transactions.read");
        let both = Scopes(all.iter().chain(&all.without_broad()).cloned().collect());
        assert!(both.not_replaced().is_empty());
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_again(text in "([@ -~]|accounting\\.|files |@all){0,12}") {
            if let Ok(found) = Scopes::parse_lenient(&text) {
                prop_assert_eq!(Scopes::parse_lenient(&found.to_string()), Ok(found.clone()));
                prop_assert!(found.missing_from(&found).is_empty());
            }
        }

        #[test]
        fn what_was_granted_is_written_and_read_the_same(
            names in proptest::collection::vec("[!-~]{1,100}|@read|,|.{0,5}", 0..8)
        ) {
            let granted = Scopes::granted(names.iter().map(String::as_str));
            let written = granted.to_string();
            prop_assert_eq!(&Scopes::granted(written.split(' ')), &granted);
            prop_assert!(names.iter().all(|name| is_name(name) == granted.contains(name)));
        }

        #[test]
        fn what_was_parsed_is_also_granted(text in "([@ -~]|accounting\\.|files |@all){0,12}") {
            if let Ok(found) = Scopes::parse_lenient(&text) {
                prop_assert_eq!(Scopes::granted(found.to_string().split(' ')), found);
            }
        }

        #[test]
        fn no_text_is_too_odd(text in ".*") {
            if let Err(error) = Scopes::parse(&text) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
        }
    }
}
