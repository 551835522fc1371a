//! Tenant links: which organisations a user has connected to an app. Xero's own API calls them connections.

use std::time::SystemTime;

use uuid::Uuid;

#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) id: String,
    /// The consent that connected it last.
    pub(crate) event: Uuid,
    pub(crate) tenant_id: String,
    pub(crate) owner: Owner,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    /// A link that was removed is remembered: connecting again gives it back with its first date.
    connected: bool,
}

/// Links, tokens and granted scopes are a user's with an app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub(crate) client_id: String,
    /// The user's e-mail address; none for a custom connection.
    pub(crate) email: Option<&'static str>,
}

#[derive(Debug, Default)]
pub(crate) struct Links(Vec<Link>);

impl Links {
    /// Makes the link, or renews it with this consent.
    pub(crate) fn connect(&mut self, owner: &Owner, tenant_id: &str, event: Uuid, now: SystemTime) {
        let mut earlier = self.0.iter_mut();
        match earlier.find(|link| link.owner == *owner && link.tenant_id == tenant_id) {
            Some(link) => (link.event, link.updated, link.connected) = (event, now, true),
            None => self.0.push(Link {
                id: Uuid::new_v4().to_string(),
                event,
                tenant_id: tenant_id.to_owned(),
                owner: owner.clone(),
                created: now,
                updated: now,
                connected: true,
            }),
        }
    }

    /// The links of one user with one app, oldest first.
    pub(crate) fn of(&self, owner: &Owner) -> impl Iterator<Item = &Link> {
        self.connected().filter(move |link| link.owner == *owner)
    }

    /// How many links the app has, over all users.
    pub(crate) fn count(&self, client_id: &str) -> usize {
        self.connected().filter(|link| link.owner.client_id == client_id).count()
    }

    /// Whether the app of this client id is linked to the tenant by this user.
    pub(crate) fn has(&self, owner: &Owner, tenant_id: &str) -> bool {
        self.of(owner).any(|link| link.tenant_id.eq_ignore_ascii_case(tenant_id))
    }

    /// Removes all such links; gives how many there were.
    pub(crate) fn remove(&mut self, which: impl Fn(&Link) -> bool) -> usize {
        let mut removed = 0;
        for link in self.0.iter_mut().filter(|link| link.connected && which(link)) {
            link.connected = false;
            removed += 1;
        }
        removed
    }

    fn connected(&self) -> impl Iterator<Item = &Link> {
        self.0.iter().filter(|link| link.connected)
    }
}
