//! The private apps that were added in the developer portal.

use ring::rand::{SecureRandom, SystemRandom};
use std::time::SystemTime;
use uuid::Uuid;

use crate::{Certificate, Error};

/// How many private apps an organisation may have at once.
pub const MAX_PRIVATE_APPS: usize = 2;

/// Whether an app may still act for its organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppState {
    /// Signed requests are accepted.
    Connected,
    /// A user disconnected the app inside the organisation; for good.
    Disconnected,
    /// The app was deleted in the portal. Its key is remembered, since Xero answers "revoked" for it, not "unknown".
    Deleted,
}

/// A private app (OAuth 1.0a): one organisation, one certificate, one consumer key that is also the token.
#[derive(Clone, Debug)]
pub struct PrivateApp {
    /// The id in the portal's addresses.
    pub id: String,
    /// The name that its owner gave it; Xero's `ProviderName`.
    pub name: String,
    /// The id of the organisation it acts for, fixed at creation.
    pub organisation: String,
    /// 30 characters of `A-Z0-9`; also the OAuth token.
    pub consumer_key: String,
    /// 30 characters of `A-Z0-9`; private apps have no use for it.
    pub consumer_secret: String,
    /// The uploaded certificate, unless it was removed.
    pub certificate: Option<Certificate>,
    /// Whether it may act.
    pub state: AppState,
    /// When it was added, by the mock's clock.
    pub created: SystemTime,
}

/// What a person fills in to add a private app.
pub(crate) struct Registration {
    pub(crate) name: String,
    pub(crate) organisation: String,
    pub(crate) certificate: Certificate,
    pub(crate) now: SystemTime,
}

/// All apps, the deleted ones too.
#[derive(Debug, Default)]
pub(crate) struct Apps(Vec<PrivateApp>);

impl Apps {
    pub(crate) fn add(&mut self, registration: Registration) -> Result<&PrivateApp, Error> {
        if self.full(&registration.organisation) {
            return Err(Error::TooManyApps);
        }
        self.0.push(PrivateApp {
            id: Uuid::new_v4().to_string(),
            name: registration.name,
            organisation: registration.organisation,
            consumer_key: random_key(),
            consumer_secret: random_key(),
            certificate: Some(registration.certificate),
            state: AppState::Connected,
            created: registration.now,
        });
        Ok(self.0.last().expect("an app was pushed just now"))
    }

    /// Whether the organisation has as many private apps as it may have.
    pub(crate) fn full(&self, organisation: &str) -> bool {
        self.listed().filter(|app| app.organisation == organisation).count() >= MAX_PRIVATE_APPS
    }

    /// The apps that the portal shows.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &PrivateApp> {
        self.0.iter().filter(|app| app.state != AppState::Deleted)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&PrivateApp> {
        self.listed().find(|app| app.id == id)
    }

    /// The app of this key, deleted ones too.
    pub(crate) fn by_key(&self, consumer_key: &str) -> Option<&PrivateApp> {
        self.0.iter().find(|app| app.consumer_key == consumer_key)
    }

    /// Disconnects the apps of an organisation.
    pub(crate) fn disconnect_all(&mut self, organisation: &str) {
        let connected =
            |app: &&mut PrivateApp| app.organisation == organisation && app.state == AppState::Connected;
        self.0.iter_mut().filter(connected).for_each(|app| app.state = AppState::Disconnected);
    }

    /// The app of this key, unless it was deleted.
    pub(crate) fn change(&mut self, consumer_key: &str) -> Result<&mut PrivateApp, Error> {
        let mut apps = self.0.iter_mut();
        apps.find(|app| app.consumer_key == consumer_key && app.state != AppState::Deleted)
            .ok_or(Error::UnknownApp)
    }
}

const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const KEY_LENGTH: usize = 30;

/// 30 characters, each of the 36 equally likely.
fn random_key() -> String {
    let mut key = String::with_capacity(KEY_LENGTH);
    let mut octet = [0];
    while key.len() < KEY_LENGTH {
        SystemRandom::new().fill(&mut octet).expect("the system gives random bytes");
        // 252 is the largest multiple of 36 in an octet; higher values would favour the first letters.
        if octet[0] < 252 {
            let letter = ALPHABET[usize::from(octet[0]) % ALPHABET.len()];
            key.push(char::from(letter));
        }
    }
    key
}
