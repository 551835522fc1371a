//! Whether a custom connection's app still reaches the organisation that it was connected to.

use xero_auth_oauth2::{AccessToken, TenantLink};

use super::{Store, leader::Turn};
use crate::{Connection, Error, is_unseen};

/// The longest name of an organisation that is told, in characters.
const LONGEST_NAME: usize = 200;
const NO_LIST: &str = "Xero lists no organisation for it";

impl Store {
    /// Asks Xero with a token that nobody has seen yet, once, which organisation it is for: a custom connection can be
    /// authorised anew for another one in the portal, and its tokens do not tell. Gives why that could not be found out;
    /// `None` where all is as it was, or nothing is pinned.
    ///
    /// # Errors
    /// [`Error::OtherOrganisation`].
    pub(super) async fn reaches_pinned(
        &self,
        turn: &Turn<'_>,
        token: &AccessToken,
    ) -> Result<Option<String>, Error> {
        let pinned: Vec<_> =
            self.sharing(&turn.lease.id)?.into_iter().filter(|one| one.organisation.is_some()).collect();
        if pinned.is_empty() {
            return Ok(None);
        }
        let (server, token) = (turn.server.clone(), token.clone());
        match self.call(async move { server.tenant_links(&token, None).await }).await? {
            Ok(links) if links.is_empty() => Ok(Some(NO_LIST.to_owned())),
            Ok(links) => pinned.iter().find_map(|one| moved(one, &links)).map_or(Ok(None), Err),
            // Some apps may not list: Xero compares the organisation that each request names all the same.
            Err(error) => Ok(Some(super::events::in_words(&Error::Auth(error)))),
        }
    }
}

/// The error where a connection's organisation is not among those that its app reaches.
fn moved(connection: &Connection, links: &[TenantLink]) -> Option<Error> {
    let pinned = connection.organisation.as_ref()?;
    if links.iter().any(|link| link.tenant_id.eq_ignore_ascii_case(&pinned.id)) {
        return None;
    }
    let found = links.first()?;
    Some(Error::OtherOrganisation {
        connection: connection.name.clone(),
        pinned: pinned.name.clone(),
        found: found.name.as_deref().map_or_else(|| found.tenant_id.clone(), one_line),
    })
}

/// A text of the server's that is to stand in a line of somebody else's.
fn one_line(text: &str) -> String {
    let seen = |c: char| if c.is_control() || is_unseen(c) { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(seen).take(LONGEST_NAME).collect()
}
