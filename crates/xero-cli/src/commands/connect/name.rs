//! Names of new connections: which are taken, and what an organisation suggests.

use connection_store::check_name;

use crate::{
    Context,
    failure::{Failure, Outcome},
    store_access::StoreAccess,
};

/// The names that cannot be used again.
#[derive(Debug, Clone)]
pub(crate) struct Taken(Vec<String>);

impl Taken {
    pub(crate) fn of(access: &StoreAccess) -> Outcome<Self> {
        match access {
            StoreAccess::Open(store) => Self::in_store(store),
            StoreAccess::Planned(_) => Ok(Self(Vec::new())),
        }
    }

    pub(crate) fn in_store(store: &connection_store::Store) -> Outcome<Self> {
        Ok(Self(store.connections()?.into_iter().map(|one| one.name).collect()))
    }

    pub(crate) fn check(&self, name: &str, replace: bool) -> Result<(), connection_store::Error> {
        check_name(name)?;
        match self.0.iter().find(|taken| taken.eq_ignore_ascii_case(name)) {
            Some(taken) if !replace => Err(connection_store::Error::NameTaken(taken.clone())),
            _ => Ok(()),
        }
    }

    /// The name for an organisation: asked for on a terminal, otherwise the suggestion.
    pub(crate) fn choose(&self, context: &Context, organisation: &str, replace: bool) -> Outcome<String> {
        let suggestion = short_name(organisation);
        if context.ui.interactive() {
            let taken = self.clone();
            let check = move |typed: &str| taken.check(typed, replace).map_err(|error| format!("{error}."));
            return context.ui.ask("Name of the connection:", &suggestion, check);
        }
        self.check(&suggestion, replace)
            .map_err(|error| Failure::from(error).hint("give a name: `xeroctl connect NAME …`"))?;
        Ok(suggestion)
    }

    /// Takes a name, so that the next one differs.
    pub(crate) fn take(&mut self, name: &str) {
        self.0.push(name.to_owned());
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
    fn names_from_organisations() {
        assert_eq!(short_name("Maple Florist Ltd"), "maple-florist-ltd");
        assert_eq!(short_name("Demo Company (NZ)"), "demo-company-nz");
        assert_eq!(short_name("日本商事"), "日本商事");
        assert_eq!(short_name("  & Sons "), "sons");
        assert_eq!(short_name("!!!"), "");
    }
}
