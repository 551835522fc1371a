//! Logins of any age: tokens minted by the mock at that time, and put into the store by its library.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use connection_store::{
    AccessToken, AppIdentity, AppKind, ClientId, ClientSecret, KeyBytes, ManualClock, NewApp,
    NewAuthorisation, NewConnection, Organisation, RefreshToken, Scopes, Server, Store, StoreKey, User,
};
use xero_mock::{ClientApp, Consent, MAPLE_FLORIST, MintedTokens};

use crate::sandbox::Sandbox;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const SCOPES: &str = "openid profile email accounting.settings.read offline_access";

/// A home with a mock, a store and a web app, into which logins are put.
pub(crate) struct Seeded {
    pub(crate) home: Sandbox,
    pub(crate) app: ClientApp,
    now: SystemTime,
}

impl Seeded {
    pub(crate) fn new() -> Self {
        Self::at(Sandbox::initialised())
    }

    /// The same in a home that has a store already.
    pub(crate) fn at(home: Sandbox) -> Self {
        let app = home.web_app();
        Self { home, app, now: SystemTime::now() }
    }

    /// A login that was last renewed this long ago, and a connection of this name.
    pub(crate) fn login(&self, name: &str, age: Duration) -> MintedTokens {
        let tokens = self.minted(age, SCOPES);
        self.put(&[name], age, &tokens);
        tokens
    }

    /// A login without a refresh token.
    pub(crate) fn login_without_refresh_token(&self, name: &str, age: Duration) {
        let tokens = self.minted(age, "openid accounting.settings.read");
        assert_eq!(tokens.refresh_token, None);
        self.put(&[name], age, &tokens);
    }

    /// Tokens as they were given this long ago.
    pub(crate) fn minted(&self, age: Duration, scopes: &str) -> MintedTokens {
        let mock = self.home.mock();
        mock.set_time(self.now - age);
        let tokens = mock.mint_tokens(&self.app.client_id, scopes, &Consent::allow(&[MAPLE_FLORIST.id]));
        mock.set_time(SystemTime::now());
        tokens.unwrap()
    }

    /// Puts tokens that came this long ago into the store, with connections of these names.
    pub(crate) fn put(&self, names: &[&str], age: Duration, tokens: &MintedTokens) {
        let store = self.store(self.now - age);
        let id = store.add_authorisation(&self.authorisation(tokens)).unwrap().id;
        store.add_connections(&names.iter().map(|name| connection(name, &id)).collect::<Vec<_>>()).unwrap();
    }

    /// The store, at a time of its own.
    pub(crate) fn store(&self, at: SystemTime) -> Store {
        let key = KeyBytes::from_key_file(&fs::read(self.home.path("store.key")).unwrap()).unwrap();
        let (folder, key) = (self.home.path("data/xeroctl"), StoreKey::File(key));
        let store = match self.home.place() {
            Some(address) => Store::open_at(&address, &folder, &key),
            None => Store::open(&folder.join("connections.db"), &key),
        };
        store.unwrap().with_clock(Arc::new(ManualClock::at(at)))
    }

    pub(crate) fn authorisation(&self, tokens: &MintedTokens) -> NewAuthorisation {
        let secret = self.app.client_secret.as_deref().map(|secret| ClientSecret::new(secret).unwrap());
        let client_id = ClientId::parse(&self.app.client_id).unwrap();
        let refresh_token = tokens.refresh_token.as_deref();
        NewAuthorisation {
            app: NewApp {
                kind: AppKind::Web,
                identity: AppIdentity { client_id, secret },
                server: Server::at(self.home.mock().url()).unwrap(),
                redirect_uris: Vec::new(),
            },
            refresh_token: refresh_token.map(|token| RefreshToken::new(token).unwrap()),
            access: Some((AccessToken::new(&tokens.access_token).unwrap(), 30 * MINUTE)),
            scopes: Scopes::granted(granted(tokens)),
            asked: None,
            user: User::default(),
            consent: None,
        }
    }
}

/// Where there is no refresh token the scope for it was not granted.
fn granted(tokens: &MintedTokens) -> impl Iterator<Item = &'static str> {
    let offline = tokens.refresh_token.is_some();
    SCOPES.split(' ').filter(move |scope| offline || *scope != "offline_access")
}

pub(crate) fn connection(name: &str, authorisation: &str) -> NewConnection {
    let (id, name_of_it) = (MAPLE_FLORIST.id.to_owned(), MAPLE_FLORIST.name.to_owned());
    NewConnection {
        name: name.to_owned(),
        authorisation: authorisation.to_owned(),
        organisation: Some(Organisation { id, name: name_of_it, short_code: None }),
        make_default: false,
        replace: false,
        tested: false,
    }
}
