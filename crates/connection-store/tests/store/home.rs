//! A store in a folder of its own, with a clock that stands still, and what to put into it.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use connection_store::{
    AccessToken, ApiRequest, AppIdentity, AppKind, Authorisation, ClientId, ClientSecret, Connection, Error,
    Lock, ManualClock, NewApp, NewAuthorisation, NewConnection, NewKey, NewPrivateConnection, Organisation,
    RedirectUri, RefreshToken, RequestHeaders, Scopes, Server, Store, StoreKey, User,
};
use xero_certs::{Certificate, PrivateKey};

use crate::database;

pub(crate) const CONSUMER_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123";
pub(crate) const CLIENT_ID: &str = "0123456789ABCDEF0123456789ABCDEF";

/// Two test keys with their certificates, read once.
pub(crate) static KEYS: LazyLock<[(Arc<PrivateKey>, Certificate); 2]> = LazyLock::new(|| {
    [("test-key.pem", "test.cer"), ("test-other-key.pem", "other.cer")].map(|(key, cer)| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs");
        let key = PrivateKey::read(&fs::read(folder.join(key)).unwrap(), None).unwrap();
        (Arc::new(key), Certificate::read(&fs::read(folder.join(cer)).unwrap()).unwrap())
    })
});

pub(crate) struct Home {
    pub(crate) _folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) key: StoreKey,
    pub(crate) clock: Arc<ManualClock>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/connections.db");
        let clock = Arc::new(ManualClock::at(start()));
        Self { _folder: folder, path, key: StoreKey::File(StoreKey::generate().unwrap()), clock }
    }

    pub(crate) fn with_store() -> (Self, Store) {
        let home = Self::new();
        let store = database::create(&home.path, &key_file(&home.key)).unwrap();
        let store = store.with_clock(home.clock.clone());
        (home, store)
    }

    pub(crate) fn open(&self) -> Result<Store, Error> {
        Ok(database::open(&self.path, &self.key)?.with_clock(self.clock.clone()))
    }

    pub(crate) fn sql(&self, batch: &str) {
        database::sql(&self.path, batch);
    }

    pub(crate) fn clock_now(&self) -> SystemTime {
        use connection_store::Clock;
        self.clock.now()
    }

    pub(crate) fn clock_seconds(&self) -> u64 {
        self.clock_now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    pub(crate) fn in_half_an_hour(&self) -> SystemTime {
        self.clock_now() + minutes(30)
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        database::count(&self.path, table)
    }
}

/// A key as a new store takes it, from a key file.
pub(crate) fn key_file(key: &StoreKey) -> NewKey {
    NewKey { key: key.clone(), lock: Lock::KeyFile("/keys/store.key".to_owned()) }
}

pub(crate) fn passphrase(text: &str) -> NewKey {
    NewKey { key: StoreKey::passphrase(text), lock: Lock::Passphrase }
}

pub(crate) fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

pub(crate) fn new(name: &str) -> NewPrivateConnection {
    let (key, certificate) = KEYS[0].clone();
    NewPrivateConnection {
        name: name.to_owned(),
        consumer_key: CONSUMER_KEY.to_owned(),
        key,
        certificate,
        server: Server::xero(),
        organisation: None,
        make_default: false,
        replace: false,
    }
}

/// A web app's consent at a server, with an access token for half an hour and the refresh token given.
pub(crate) fn consent(server: &Server, refresh_token: &str) -> NewAuthorisation {
    let secret = ClientSecret::new("s+cr%2Ft /=~").unwrap();
    let uri = RedirectUri::parse("http://localhost:8742/callback").unwrap();
    NewAuthorisation {
        app: NewApp {
            kind: AppKind::Web,
            identity: AppIdentity { client_id: ClientId::parse(CLIENT_ID).unwrap(), secret: Some(secret) },
            server: server.clone(),
            redirect_uris: vec![uri],
        },
        refresh_token: Some(RefreshToken::new(refresh_token).unwrap()),
        access: Some((AccessToken::new("access-0").unwrap(), minutes(30))),
        scopes: Scopes::parse("openid accounting.settings.read offline_access").unwrap(),
        user: User { id: Some("user-1".into()), name: Some("Ada Byron".into()), email: None },
        asked: None,
        consent: Some("event-1".to_owned()),
    }
}

pub(crate) fn organisation(id: &str) -> Organisation {
    Organisation {
        id: id.to_owned(),
        name: format!("Organisation {id}"),
        short_code: Some("!abc".to_owned()),
    }
}

/// A connection to the organisation 1.
pub(crate) fn under(authorisation: &Authorisation, name: &str) -> NewConnection {
    NewConnection {
        name: name.to_owned(),
        authorisation: authorisation.id.clone(),
        organisation: Some(organisation("1")),
        make_default: false,
        replace: false,
        tested: true,
    }
}

/// A stored consent with one connection, `acme`, whose access token has expired.
pub(crate) fn expired(home: &Home, store: &Store, server: &Server) -> Connection {
    let authorisation = store.add_authorisation(&consent(server, "refresh-0")).unwrap();
    store.add_connections(&[under(&authorisation, "acme")]).unwrap();
    home.clock.advance(minutes(31));
    store.connection(Some("acme")).unwrap()
}

pub(crate) fn names(store: &Store) -> Vec<String> {
    store.connections().unwrap().into_iter().map(|one| one.name).collect()
}

/// Authorises a request for the organisation with a connection.
pub(crate) async fn authorise(store: &Store, name: &str) -> Result<RequestHeaders, Error> {
    let connection = store.connection(Some(name))?;
    let url = connection.app.server.api().join("api.xro/2.0/Organisation").unwrap();
    store.authorise(&connection, &ApiRequest { method: "GET", url: &url, form: None }).await
}
