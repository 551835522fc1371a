//! A mock of Xero, a store with connections to it, and gateways in front of them.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use connection_store::{
    AccessToken, AppIdentity, AppKind, ClientId, ClientSecret, Lock, NewApp, NewAuthorisation, NewConnection,
    NewKey, NewPrivateConnection, NewSecret, Organisation, Rank, RefreshToken, Scopes, Server, Store,
    StoreKey, User,
};
use tokio::{sync::oneshot, task::JoinHandle};
use xero_certs::{Certificate, PrivateKey};
use xero_gateway::{Clients, Gateway, GatewayToken, Listener, Settings, StoreAuthority};
use xero_mock::{ClientApp, Consent, MAPLE_FLORIST, Mock};

pub(crate) const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);
/// What has not come by then will not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const SCOPES: &str = "openid offline_access accounting.settings.read accounting.contacts accounting.invoices";

pub(crate) struct Home {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) mock: Mock,
    pub(crate) store: Store,
    app: ClientApp,
}

/// A gateway that runs.
pub(crate) struct Open {
    pub(crate) address: SocketAddr,
    pub(crate) token: GatewayToken,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Home {
    /// With one login, `acme`, for Maple Florist Ltd.
    pub(crate) async fn new() -> Self {
        let (folder, mock) = (tempfile::tempdir().unwrap(), Mock::start().await.unwrap());
        let key = NewKey {
            key: StoreKey::File(StoreKey::generate().unwrap()),
            lock: Lock::KeyFile("k".to_owned()),
        };
        let store = Store::create(&folder.path().join("connections.db"), &key).unwrap();
        let app = mock.create_web_app("Tools", &["http://localhost:8742/callback"]).unwrap();
        let home = Self { folder, mock, store, app };
        home.login("acme", Duration::ZERO);
        home
    }

    /// A login whose access token Xero gave this long ago, and which the store takes for a new one.
    pub(crate) fn login(&self, name: &str, age: Duration) {
        self.mock.set_time(SystemTime::now() - age);
        let consent = Consent::allow(&[MAPLE_FLORIST.id]);
        let tokens = self.mock.mint_tokens(&self.app.client_id, SCOPES, &consent).unwrap();
        self.mock.set_time(SystemTime::now());
        let secret = self.app.client_secret.as_deref().map(|secret| ClientSecret::new(secret).unwrap());
        let client_id = ClientId::parse(&self.app.client_id).unwrap();
        let authorisation = NewAuthorisation {
            app: NewApp {
                kind: AppKind::Web,
                identity: AppIdentity { client_id, secret },
                server: self.server(),
                redirect_uris: Vec::new(),
            },
            refresh_token: tokens.refresh_token.map(|token| RefreshToken::new(&token).unwrap()),
            access: Some((AccessToken::new(&tokens.access_token).unwrap(), HALF_AN_HOUR)),
            scopes: Scopes::parse(SCOPES).unwrap(),
            asked: None,
            user: User::default(),
            consent: None,
        };
        self.connect(name, &authorisation, Some(maple()));
    }

    /// A connection by a token that no server gave, to a server of the test's own.
    pub(crate) fn connect_to(&self, name: &str, server: &str, organisation: Option<Organisation>) {
        let client_id = ClientId::parse("0123456789ABCDEF0123456789ABCDEF").unwrap();
        let secret = Some(ClientSecret::new("secret").unwrap());
        let authorisation = NewAuthorisation {
            app: NewApp {
                kind: AppKind::Web,
                identity: AppIdentity { client_id, secret },
                server: Server::at(server).unwrap(),
                redirect_uris: Vec::new(),
            },
            refresh_token: Some(RefreshToken::new("refresh-marker").unwrap()),
            access: Some((AccessToken::new("access-marker").unwrap(), HALF_AN_HOUR)),
            scopes: Scopes::parse(SCOPES).unwrap(),
            asked: None,
            user: User::default(),
            consent: None,
        };
        self.connect(name, &authorisation, organisation);
    }

    fn connect(&self, name: &str, authorisation: &NewAuthorisation, organisation: Option<Organisation>) {
        let id = self.store.add_authorisation(authorisation).unwrap().id;
        let connection = NewConnection {
            name: name.to_owned(),
            authorisation: id,
            organisation,
            make_default: false,
            replace: false,
            tested: false,
        };
        self.store.add_connections(&[connection]).unwrap();
    }

    /// A private app at the mock, and its connection; tested or not.
    pub(crate) fn private(&self, name: &str, organisation: Option<Organisation>) {
        let (key, certificate) = pair(("test-key.pem", "test.cer"));
        let app = self.mock.create_private_app(name, MAPLE_FLORIST.id, &certificate.to_pem()).unwrap();
        let new = NewPrivateConnection {
            name: name.to_owned(),
            consumer_key: app.consumer_key,
            key: Arc::new(key),
            certificate,
            server: self.server(),
            organisation,
            make_default: false,
            replace: false,
        };
        self.store.add_private(&new).unwrap();
    }

    /// A private app at a server of the test's own, with the key that it takes beside the one that it does not.
    pub(crate) fn two_keys(&self, name: &str, server: &str) -> [Certificate; 2] {
        let [(refused, refused_certificate), (taken, taken_certificate)] =
            [("test-key.pem", "test.cer"), ("test-other-key.pem", "other.cer")].map(pair);
        let new = NewPrivateConnection {
            name: name.to_owned(),
            consumer_key: "ABCDEFGHIJKLMNOPQRSTUVWXYZ2345".to_owned(),
            key: Arc::new(refused),
            certificate: refused_certificate.clone(),
            server: Server::at(server).unwrap(),
            organisation: Some(maple()),
            make_default: false,
            replace: false,
        };
        self.store.add_private(&new).unwrap();
        let app = self.store.connection(Some(name)).unwrap().app.id;
        let second =
            NewSecret::Key { key: Arc::new(taken), certificate: Box::new(taken_certificate.clone()) };
        self.store.add_secret(&app, &second, Rank::Second).unwrap();
        [refused_certificate, taken_certificate]
    }

    /// The certificate of the key that signs as a rule.
    pub(crate) fn first_key(&self, name: &str) -> Certificate {
        self.store.connection(Some(name)).unwrap().app.certificate.unwrap()
    }

    pub(crate) fn server(&self) -> Server {
        Server::at(self.mock.url()).unwrap()
    }

    /// The requests that came to the mock's APIs, as method and path.
    pub(crate) fn seen(&self) -> Vec<String> {
        let journal = self.mock.journal();
        journal.iter().map(|entry| format!("{} {}", entry.method, entry.path)).collect()
    }

    /// A gateway for one client, at a port of its own.
    pub(crate) async fn open(&self, settings: Settings) -> Open {
        let token = GatewayToken::generate().unwrap();
        let clients = Clients::one("test", &token);
        self.open_for(settings, clients, token).await
    }

    pub(crate) async fn open_for(&self, settings: Settings, clients: Clients, token: GatewayToken) -> Open {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address().unwrap();
        let gateway = Gateway::new(StoreAuthority::new(self.store.clone()), clients, settings);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(gateway.serve(vec![listener], async { drop(stopped.await) }));
        Open { address, token, stop: Some(stop), serving }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

impl Open {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request by a client that has the token.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        client().request(method, self.url(path)).bearer_auth(self.token.expose())
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.request("GET", path).send().await.unwrap()
    }

    /// Until so many requests wait for their turn.
    pub(crate) async fn waiting(&self, count: usize) {
        let line = format!("\nxero_gateway_waiting {count}\n");
        let seen = async { while !self.get("/-/metrics").await.text().await.unwrap().contains(&line) {} };
        tokio::time::timeout(PATIENCE, seen).await.expect("so many wait");
    }

    /// The head of a request for a path, with the right host and token.
    pub(crate) fn head(&self, method: &str, path: &str) -> String {
        let (address, token) = (self.address, self.token.expose());
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n")
    }

    /// Tells it to stop.
    pub(crate) fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Until it has stopped.
    pub(crate) async fn stopped(mut self) {
        self.tell_to_stop();
        (&mut self.serving).await.unwrap();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A key and its certificate, of the fixtures.
fn pair((key, certificate): (&str, &str)) -> (PrivateKey, Certificate) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs");
    let key = PrivateKey::read(&fs::read(folder.join(key)).unwrap(), None).unwrap();
    (key, Certificate::read(&fs::read(folder.join(certificate)).unwrap()).unwrap())
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(crate) fn maple() -> Organisation {
    Organisation { id: MAPLE_FLORIST.id.to_owned(), name: MAPLE_FLORIST.name.to_owned(), short_code: None }
}
