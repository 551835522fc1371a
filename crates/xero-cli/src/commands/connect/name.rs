//! Names of new connections: which are taken, and what an organisation suggests.

use connection_store::check_name;

use crate::{
    Context,
    failure::{Failure, Outcome},
    store_access::StoreAccess,
};

/// The names that cannot be used again.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    stored: Vec<String>,
    /// Given in this run, to connections that are not stored yet.
    given: Vec<String>,
}

impl Taken {
    pub(crate) fn of(access: &StoreAccess) -> Outcome<Self> {
        match access {
            StoreAccess::Open(store) => Self::in_store(store),
            StoreAccess::Planned(_) => Ok(Self { stored: Vec::new(), given: Vec::new() }),
        }
    }

    pub(crate) fn in_store(store: &connection_store::Store) -> Outcome<Self> {
        let stored = store.connections()?.into_iter().map(|one| one.name).collect();
        Ok(Self { stored, given: Vec::new() })
    }

    pub(crate) fn check(&self, name: &str, replace: bool) -> Result<(), connection_store::Error> {
        check_name(name)?;
        let same = |taken: &&String| taken.eq_ignore_ascii_case(name);
        let stored = self.stored.iter().find(same).filter(|_| !replace);
        match stored.or_else(|| self.given.iter().find(same)) {
            Some(taken) => Err(connection_store::Error::NameTaken(taken.clone())),
            None => Ok(()),
        }
    }

    /// The name for an organisation: asked for on a terminal, otherwise the suggestion.
    pub(crate) fn choose(&self, context: &Context, organisation: &str, replace: bool) -> Outcome<String> {
        let suggestion = self.suggest(organisation);
        if context.ui.interactive() {
            let taken = self.clone();
            let check = move |typed: &str| taken.check(typed, replace).map_err(|error| format!("{error}."));
            return context.ui.ask("Name of the connection:", &suggestion, check);
        }
        self.check(&suggestion, replace)
            .map_err(|error| Failure::from(error).hint("give a name: `xeroctl connect NAME …`"))?;
        Ok(suggestion)
    }

    /// The organisation's short name; numbered where this run has given it to another of the same name.
    fn suggest(&self, organisation: &str) -> String {
        let name = short_name(organisation);
        let given = |name: &str| self.given.iter().any(|given| given.eq_ignore_ascii_case(name));
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        std::iter::once(name.clone()).chain(numbered).find(|name| !given(name)).unwrap_or_default()
    }

    /// Takes a name, so that the next one differs.
    pub(crate) fn take(&mut self, name: &str) {
        self.given.push(name.to_owned());
    }
}

/// `Maple Florist Ltd` becomes `maple-florist-ltd`.
pub(crate) fn short_name(organisation: &str) -> String {
    let words = organisation.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-").chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisations_of_one_name_get_numbers() {
        let mut taken = Taken { stored: vec!["twin".into()], given: Vec::new() };
        assert_eq!(taken.suggest("Twin"), "twin", "what is stored is for the person to settle");
        taken.take("twin");
        assert_eq!(taken.suggest("Twin"), "twin-2");
        taken.take("twin-2");
        assert_eq!(taken.suggest("Twin"), "twin-3");
        assert!(taken.check("TWIN-2", true).is_err(), "not twice in one run");
    }

    #[test]
    fn names_from_organisations() {
        assert_eq!(short_name("Maple Florist Ltd"), "maple-florist-ltd");
        assert_eq!(short_name("Demo Company (NZ)"), "demo-company-nz");
        assert_eq!(short_name("日本商事"), "日本商事");
        assert_eq!(short_name("  & Sons "), "sons");
        assert_eq!(short_name("!!!"), "");
    }
}
