//! Whole flows against the mock of Xero: its clock and the store's are moved together.

use std::{sync::Arc, time::Duration};

use connection_store::{
    AppIdentity, AppKind, Authorisation, ClientId, ClientSecret, Connection, Error, Need, NewApp,
    NewAuthorisation, NewConnection, Organisation, RedirectUri, Scopes, Server, Store, TenantLink,
};
use xero_auth_oauth2::{AuthorizationRequest, Claims, Identity, Pkce, State, User, read_callback};
use xero_mock::{ClientApp, Consent, Fault, Mock, Rotation};

use crate::home::{Home, minutes, start};

const CALLBACK: &str = "http://localhost:8742/callback";
const SCOPES: &str = "openid profile email accounting.settings.read offline_access";

struct Flow {
    mock: Mock,
    home: Home,
    store: Store,
    app: ClientApp,
}

impl Flow {
    async fn new() -> Self {
        let mock = Mock::builder().clock(start()).start().await.unwrap();
        let app = mock.create_web_app("Acme tools", &[CALLBACK]).unwrap();
        let (home, store) = Home::with_store();
        Self { mock, home, store, app }
    }

    fn advance(&self, by: Duration) {
        self.mock.advance(by);
        self.home.clock.advance(by);
    }

    fn server(&self) -> Server {
        Server::at(self.mock.url()).unwrap()
    }

    fn new_app(&self) -> NewApp {
        let secret = self.app.client_secret.as_ref().map(|secret| ClientSecret::new(secret).unwrap());
        NewApp {
            kind: AppKind::Web,
            identity: AppIdentity { client_id: ClientId::parse(&self.app.client_id).unwrap(), secret },
            server: self.server(),
            redirect_uris: vec![RedirectUri::parse(CALLBACK).unwrap()],
        }
    }

    /// What a person does in the browser, and the exchange of the code.
    async fn consent(&self, organisation: &str) -> NewAuthorisation {
        let (app, scopes) = (self.new_app(), Scopes::parse(SCOPES).unwrap());
        let (state, pkce) = (State::generate().unwrap(), Pkce::generate().unwrap());
        let redirect_uri = &app.redirect_uris[0];
        let client_id = &app.identity.client_id;
        let request = AuthorizationRequest {
            client_id,
            redirect_uri,
            scopes: &scopes,
            state: &state,
            pkce: &pkce,
            nonce: None,
        };
        let identity = Identity::new(app.server.endpoints(), Duration::from_secs(30));
        let url = request.url(identity.endpoints());
        let back = self.mock.consent(url.as_str(), &Consent::allow(&[organisation])).unwrap();
        let code = read_callback(&back, redirect_uri, &state).unwrap();
        let answer = identity.exchange(&app.identity, &code, redirect_uri, &pkce).await.unwrap();
        let access = answer.access.unwrap();
        let claims = Claims::read(&access.token).unwrap();
        let user = User::read(access.id_token.as_ref().unwrap(), client_id, None).unwrap();
        NewAuthorisation {
            refresh_token: answer.refresh_token,
            access: Some((access.token, access.expires_in)),
            scopes: access.scopes.unwrap_or(scopes),
            asked: None,
            consent: claims.consent,
            app,
            user,
        }
    }

    async fn connected(&self, organisation: &xero_mock::Organisation) -> Connection {
        let new = self.consent(organisation.id).await;
        let made = self.store.add_authorisation(&new).unwrap();
        self.connect(&made, organisation.id, organisation.name)
    }

    fn connect(&self, authorisation: &Authorisation, tenant_id: &str, name: &str) -> Connection {
        let organisation = Organisation { id: tenant_id.to_owned(), name: name.to_owned(), short_code: None };
        let new = NewConnection {
            name: name.to_owned(),
            authorisation: authorisation.id.clone(),
            organisation: Some(organisation),
            make_default: false,
            replace: false,
            tested: false,
        };
        self.store.add_connections(&[new]).unwrap();
        self.store.connection(Some(name)).unwrap()
    }

    fn refreshes(&self) -> usize {
        let journal = self.mock.journal();
        journal.iter().filter(|entry| entry.form_value("grant_type") == Some("refresh_token")).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_tasks_of_two_connections_refresh_once() {
    let flow = Arc::new(Flow::new().await);
    let one = flow.connected(&xero_mock::MAPLE_FLORIST).await;
    let two =
        flow.connect(one.authorisation.as_ref().unwrap(), "00000000-0000-0000-0000-000000000002", "two");
    flow.advance(minutes(31));
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let (flow, store) = (flow.clone(), flow.home.open().unwrap());
            let connection = if number % 2 == 0 { one.clone() } else { two.clone() };
            tokio::spawn(async move {
                let access = store.access(&connection, Need::default()).await.unwrap();
                drop(flow);
                access.token.expose().to_owned()
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for task in tasks {
        tokens.push(task.await.unwrap());
    }
    tokens.dedup();
    assert_eq!((tokens.len(), flow.refreshes()), (1, 1));
}

#[tokio::test]
async fn a_request_is_answered_before_and_after_a_refresh() {
    let flow = Flow::new().await;
    let connection = flow.connected(&xero_mock::MAPLE_FLORIST).await;
    for refreshes in [0, 1] {
        let url = connection.app.server.api().join("api.xro/2.0/Organisation").unwrap();
        let request = connection_store::ApiRequest { method: "GET", url: &url, form: None };
        let headers = flow.store.authorise(&connection, &request).await.unwrap();
        assert_eq!(headers.tenant_id(), Some(xero_mock::MAPLE_FLORIST.id));
        let access = flow.store.access(&connection, Need::default()).await.unwrap();
        let identity = Identity::new(connection.app.server.endpoints(), Duration::from_secs(30));
        let seen = identity.organisation(&access.token, headers.tenant_id()).await.unwrap();
        assert_eq!(seen.name, xero_mock::MAPLE_FLORIST.name);
        assert_eq!(flow.refreshes(), refreshes);
        flow.advance(minutes(31));
    }
}

#[tokio::test]
async fn a_reply_lost_after_the_rotation_is_made_good_in_the_grace() {
    let flow = Flow::new().await;
    let connection = flow.connected(&xero_mock::MAPLE_FLORIST).await;
    flow.advance(minutes(31));
    flow.mock.fault(Fault::LoseReply.on("/connect/token"));
    let lost = flow.store.access(&connection, Need::default()).await;
    assert!(matches!(lost, Err(Error::Auth(_))), "{lost:?}");
    flow.advance(minutes(29));
    flow.store.access(&connection, Need::default()).await.unwrap();
    flow.advance(minutes(31));
    flow.store.access(&connection, Need::default()).await.unwrap();
    assert_eq!(flow.refreshes(), 3);
}

#[tokio::test]
async fn with_strict_rotation_a_lost_reply_costs_a_login_and_says_so() {
    let flow = Flow::new().await;
    flow.mock.rotation(Rotation::Strict);
    let connection = flow.connected(&xero_mock::MAPLE_FLORIST).await;
    flow.advance(minutes(31));
    flow.mock.fault(Fault::LoseReply.on("/connect/token"));
    assert!(flow.store.access(&connection, Need::default()).await.is_err());
    flow.advance(minutes(2));
    let dead = flow.store.access(&connection, Need::default()).await.unwrap_err();
    assert_eq!(
        dead.to_string(),
        "a person must log in again: Xero no longer accepts the refresh token; \
         no answer came when it was first sent, 2 minutes ago"
    );
    let id = connection.authorisation.as_ref().unwrap().id.clone();
    let again = flow.consent(xero_mock::MAPLE_FLORIST.id).await;
    flow.store.renew_authorisation(&id, &again).unwrap();
    assert!(flow.store.access(&connection, Need::default()).await.is_ok());
}

#[tokio::test]
async fn what_is_linked_is_listed_and_unlinked() {
    let flow = Flow::new().await;
    let first = flow.connected(&xero_mock::MAPLE_FLORIST).await;
    let second = flow.connected(&xero_mock::HEXAGON_TOOLS).await;
    let authorisation = second.authorisation.as_ref().unwrap();
    let names = |links: Vec<TenantLink>| {
        let mut names: Vec<_> = links.into_iter().map(|link| link.name.unwrap()).collect();
        names.sort();
        names
    };
    let (maple, hexagon) = (xero_mock::MAPLE_FLORIST.name, xero_mock::HEXAGON_TOOLS.name);
    let links = flow.store.tenant_links(authorisation, true).await.unwrap();
    assert_eq!(names(links), [hexagon]);
    let links = flow.store.tenant_links(authorisation, false).await.unwrap();
    assert_eq!(names(links), [hexagon, maple]);
    assert!(flow.store.remove_tenant_link(&first).await.unwrap());
    assert!(!flow.store.remove_tenant_link(&first).await.unwrap(), "it was gone");
    let links = flow.store.tenant_links(authorisation, false).await.unwrap();
    assert_eq!(names(links), [hexagon]);
}

#[tokio::test]
async fn a_token_that_xero_calls_expired_is_refreshed_once() {
    let flow = Flow::new().await;
    let connection = flow.connected(&xero_mock::MAPLE_FLORIST).await;
    // The clock here is behind Xero's.
    flow.mock.advance(minutes(31));
    let links = flow.store.tenant_links(connection.authorisation.as_ref().unwrap(), true).await.unwrap();
    assert_eq!((links.len(), flow.refreshes()), (1, 1));
}

#[tokio::test]
async fn a_revoked_consent_is_marked_and_its_tokens_are_dead() {
    let flow = Flow::new().await;
    let connection = flow.connected(&xero_mock::MAPLE_FLORIST).await;
    let authorisation = connection.authorisation.as_ref().unwrap();
    flow.store.revoke(authorisation).await.unwrap();
    let refused = flow.store.access(&connection, Need::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "a person must log in again: the consent was revoked by disconnecting");
    assert!(matches!(flow.store.revoke(authorisation).await, Err(Error::NeedsLogin { .. })));
    flow.store.remove(&[connection.name]).unwrap();
    assert_eq!(flow.store.authorisation(&authorisation.id).unwrap(), None);
}

#[tokio::test]
async fn a_server_that_fails_at_the_revocation_changes_nothing() {
    let flow = Flow::new().await;
    let connection = flow.connected(&xero_mock::MAPLE_FLORIST).await;
    flow.mock.fault(Fault::Maintenance.on("/connect/revocation"));
    let failed = flow.store.revoke(connection.authorisation.as_ref().unwrap()).await.unwrap_err();
    assert_eq!(failed.to_string(), "Xero did not revoke the consent");
    assert!(flow.store.access(&connection, Need::fresh(1)).await.is_ok());
}
