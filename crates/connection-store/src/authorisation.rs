//! Authorisations: what one consent of one user to one app gave.

use std::time::{Duration, SystemTime};

use xero_auth_oauth2::{AccessToken, RefreshToken, Scopes, User};

use crate::NewApp;

/// Why and since when only a new login helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedsLogin {
    /// What happened, in words for a person.
    pub reason: String,
    /// When it was noticed.
    pub since: SystemTime,
}

/// That another store renews the login, or may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handed {
    /// Which of the two stores this is.
    pub way: HandedWay,
    /// Since when.
    pub since: SystemTime,
}

/// Which side of a hand-over a store is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandedWay {
    /// The login was exported from here: the store that imported it renews it.
    Exported,
    /// The login was imported here and not adopted: another store may be renewing it.
    Imported,
}

impl HandedWay {
    /// The word for it, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Imported => "imported",
        }
    }

    pub(crate) fn read(word: &str) -> Option<Self> {
        [Self::Exported, Self::Imported].into_iter().find(|way| way.as_str() == word)
    }
}

/// One consent, used by one or more connections. Its tokens stay in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorisation {
    /// The store's own id of it.
    pub id: String,
    /// The id of its app.
    pub app: String,
    /// Who consented, as far as is known. A custom connection tells nothing.
    pub user: User,
    /// Xero's id of the consent (`authentication_event_id`), by which it lists what this consent connected.
    pub consent: Option<String>,
    /// What was granted.
    pub scopes: Scopes,
    /// When the stored access token ends; `None` where there is none.
    pub access_expires_at: Option<SystemTime>,
    /// When its tokens last came from Xero.
    pub refreshed_at: SystemTime,
    /// When the refresh token ends unless it is used before: 60 days after it was issued. `None` where there is none.
    pub refresh_expires_at: Option<SystemTime>,
    /// Set where Xero takes the refresh token no more.
    pub needs_login: Option<NeedsLogin>,
    /// Set where this store does not renew it, since another one does or may.
    pub handed: Option<Handed>,
    /// When its refresh token was first sent to Xero, where no answer to that was kept: a renewal is
    /// [under way](crate::Store::refresh_under_way), or was left half-way. Xero takes the token again for 30 minutes from then on. It
    /// means nothing where [`needs_login`](Self::needs_login) is set, and for a custom connection, which has nothing to lose.
    pub sent_at: Option<SystemTime>,
    /// When it was stored.
    pub created_at: SystemTime,
    /// Counts the changes of its tokens.
    pub(crate) generation: i64,
}

impl Authorisation {
    /// How often its tokens have changed; for [`Need::fresh`](crate::Need::fresh).
    pub fn generation(&self) -> i64 {
        self.generation
    }
}

/// A consent just given, to be stored.
#[derive(Debug, Clone)]
pub struct NewAuthorisation {
    /// The app that it was given to.
    pub app: NewApp,
    /// The refresh token; none for a custom connection, nor without the scope `offline_access`.
    pub refresh_token: Option<RefreshToken>,
    /// The access token and how long it lasts from now.
    pub access: Option<(AccessToken, Duration)>,
    /// What was granted.
    pub scopes: Scopes,
    /// What client credentials are to ask for each time; `None`: nothing, so that Xero grants what is ticked for the app
    /// at that time. Of no use to other kinds of app: a refresh token brings its own scopes.
    pub asked: Option<Scopes>,
    /// Who consented.
    pub user: User,
    /// The access token's `authentication_event_id`, by which Xero lists what this consent connected.
    pub consent: Option<String>,
}

/// An access token that is good now.
#[derive(Debug, Clone)]
pub struct Access {
    /// The token.
    pub token: AccessToken,
    /// When it ends.
    pub expires_at: SystemTime,
    /// Which of the authorisation's tokens it is; see [`Need::fresh`](crate::Need::fresh).
    pub generation: i64,
}
