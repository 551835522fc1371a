//! Whole logins against the mock Xero.

use std::time::Duration;

use xero_auth_oauth2::{
    Access, ApiProblem, AppIdentity, AuthorizationRequest, Claims, ClientId, ClientSecret, Endpoints, Error,
    Identity, Listener, Nonce, Pkce, RedirectUri, RefreshToken, ReturnPage, Scopes, State, TokenAnswer, User,
    read_callback,
};
use xero_mock::{ClientApp, Consent, DEMO_COMPANY, Fault, HEXAGON_TOOLS, MAPLE_FLORIST, Mock};

const REDIRECT: &str = "https://zynk.com/";

struct Xero {
    mock: Mock,
    identity: Identity,
}

impl Xero {
    async fn start() -> Self {
        let mock = Mock::start().await.unwrap();
        let endpoints = Endpoints::at(&mock.url().parse().unwrap());
        Self { mock, identity: Identity::new(endpoints, Duration::from_secs(30)) }
    }

    /// From the consent page to the tokens, by the pasted address.
    async fn log_in(&self, app: &AppIdentity, scopes: &str, consent: &Consent) -> Result<TokenAnswer, Error> {
        let redirect_uri = RedirectUri::parse(REDIRECT).unwrap();
        let (state, pkce) = (State::generate().unwrap(), Pkce::generate().unwrap());
        let request = AuthorizationRequest {
            client_id: &app.client_id,
            redirect_uri: &redirect_uri,
            scopes: &Scopes::parse(scopes).unwrap(),
            state: &state,
            pkce: &pkce,
            nonce: None,
        };
        let pasted = self.mock.consent(request.url(self.identity.endpoints()).as_str(), consent).unwrap();
        let code = read_callback(&pasted, &redirect_uri, &state)?;
        self.identity.exchange(app, &code, &redirect_uri, &pkce).await
    }

    fn web_app(&self) -> AppIdentity {
        app(&self.mock.create_web_app("Orchard", &[REDIRECT]).unwrap())
    }
}

fn app(registered: &ClientApp) -> AppIdentity {
    let secret = registered.client_secret.as_ref().map(|secret| ClientSecret::new(secret).unwrap());
    AppIdentity { client_id: ClientId::parse(&registered.client_id).unwrap(), secret }
}

fn tokens(answer: TokenAnswer) -> (RefreshToken, Access) {
    (answer.refresh_token.unwrap(), answer.access.unwrap())
}

#[tokio::test]
async fn a_web_app_and_a_desktop_app_from_consent_to_disconnection() {
    let xero = Xero::start().await;
    let desktop = app(&xero.mock.create_desktop_app("Pocket Orchard", &[REDIRECT]).unwrap());
    for app in [xero.web_app(), desktop] {
        let consent = Consent::allow(&[MAPLE_FLORIST.name]);
        let answer = xero.log_in(&app, "@sync", &consent).await.unwrap();
        let (refresh_token, access) = tokens(answer);
        assert_eq!(access.expires_in, Duration::from_secs(1800));
        let asked = Scopes::parse("@sync").unwrap();
        assert!(asked.missing_from(&access.scopes.clone().unwrap()).is_empty(), "{:?}", access.scopes);

        let user = User::read(access.id_token.as_ref().unwrap(), &app.client_id, None).unwrap();
        assert_eq!(
            (user.name.as_deref(), user.email.as_deref()),
            (Some("Ada Byron"), Some("ada@example.com"))
        );
        let claims = Claims::read(&access.token).unwrap();
        assert_eq!(claims.client_id.as_deref(), Some(app.client_id.as_str()));
        assert_eq!((claims.user_id.is_some(), claims.user_id), (true, user.id));

        let links = xero.identity.tenant_links(&access.token, claims.consent.as_deref()).await.unwrap();
        assert_eq!(links.len(), 1);
        assert_eq!(
            (links[0].tenant_id.as_str(), links[0].name.as_deref()),
            (MAPLE_FLORIST.id, Some(MAPLE_FLORIST.name))
        );
        assert_eq!(links[0].consent, claims.consent);
        let other =
            xero.identity.tenant_links(&access.token, Some("00000000-0000-4000-8000-000000000000")).await;
        assert_eq!(other, Ok(vec![]));

        let organisation = xero.identity.organisation(&access.token, Some(MAPLE_FLORIST.id)).await.unwrap();
        assert_eq!(
            (organisation.id.as_str(), organisation.name.as_str()),
            (MAPLE_FLORIST.id, MAPLE_FLORIST.name)
        );
        assert_eq!(organisation.short_code.as_deref(), Some(MAPLE_FLORIST.short_code));

        let (newer, fresh) = tokens(xero.identity.refresh(&app, &refresh_token).await.unwrap());
        assert_ne!(newer.expose(), refresh_token.expose());
        assert_eq!(xero.identity.delete_tenant_link(&fresh.token, &links[0].id).await, Ok(true));
        assert_eq!(xero.identity.delete_tenant_link(&fresh.token, &links[0].id).await, Ok(false));
        let gone = xero.identity.organisation(&fresh.token, Some(MAPLE_FLORIST.id)).await;
        assert_eq!(gone, Err(Error::Api(ApiProblem::NotConnected)));

        assert_eq!(xero.identity.revoke(&app, &newer).await, Ok(()));
        assert_eq!(xero.identity.refresh(&app, &newer).await.unwrap_err(), Error::InvalidGrant);
    }
}

#[tokio::test]
async fn by_the_listener_with_a_nonce() {
    let xero = Xero::start().await;
    let sockets: Vec<_> = (0..8).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let local = |socket: &std::net::TcpListener| {
        format!("http://localhost:{}/callback", socket.local_addr().unwrap().port())
    };
    let uris: Vec<_> = sockets.iter().map(local).collect();
    drop(sockets);
    let listener =
        Listener::bind(&uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect::<Vec<_>>()).unwrap();
    let registered = uris.iter().map(String::as_str).collect::<Vec<_>>();
    let app = app(&xero.mock.create_desktop_app("Pocket Orchard", &registered).unwrap());
    let (state, pkce, nonce) =
        (State::generate().unwrap(), Pkce::generate().unwrap(), Nonce::generate().unwrap());
    let redirect_uri = listener.redirect_uri().clone();
    let request = AuthorizationRequest {
        client_id: &app.client_id,
        redirect_uri: &redirect_uri,
        scopes: &Scopes::parse("openid profile email offline_access").unwrap(),
        state: &state,
        pkce: &pkce,
        nonce: Some(&nonce),
    };
    let consent = Consent::allow(&[HEXAGON_TOOLS.name]).by("ben@example.com");
    let callback = xero.mock.consent(request.url(xero.identity.endpoints()).as_str(), &consent).unwrap();
    let page = ReturnPage { return_to: "the test".into() };
    let minute = Duration::from_secs(60);
    let (code, shown) = tokio::join!(listener.wait(&state, minute, &page), reqwest::get(callback));
    assert!(shown.unwrap().text().await.unwrap().contains("the test"));
    let answer = xero.identity.exchange(&app, &code.unwrap(), &redirect_uri, &pkce).await.unwrap();
    let id_token = answer.access.unwrap().id_token.unwrap();
    let user = User::read(&id_token, &app.client_id, Some(&nonce)).unwrap();
    assert_eq!(user.name.as_deref(), Some("Ben Okafor"));
    let another = Nonce::generate().unwrap();
    let error = User::read(&id_token, &app.client_id, Some(&another)).unwrap_err();
    assert_eq!(error, Error::BadIdToken { reason: "is of another login" });
}

#[tokio::test]
async fn a_custom_connection() {
    let xero = Xero::start().await;
    let granted = ["accounting.settings.read", "accounting.contacts.read"];
    let registered = xero.mock.create_custom_app("Depot", MAPLE_FLORIST.name, &granted).unwrap();
    let app = app(&registered);
    let early = xero.identity.client_credentials(&app, None).await;
    assert_eq!(early.unwrap_err(), Error::UnauthorizedClient);
    xero.mock.authorise_custom_app(&registered.client_id).unwrap();
    let answer = xero.identity.client_credentials(&app, None).await.unwrap();
    assert!(answer.refresh_token.is_none());
    let access = answer.access.unwrap();
    assert!(Scopes::parse(granted[0]).unwrap().missing_from(access.scopes.as_ref().unwrap()).is_empty());
    let organisation = xero.identity.organisation(&access.token, None).await.unwrap();
    assert_eq!(organisation.id, MAPLE_FLORIST.id);
    let more = Scopes::parse("files").unwrap();
    let error = xero.identity.client_credentials(&app, Some(&more)).await.unwrap_err();
    assert_eq!(error, Error::InvalidScope);
    let less = Scopes::parse("accounting.contacts.read").unwrap();
    let access = xero.identity.client_credentials(&app, Some(&less)).await.unwrap().access.unwrap();
    let error = xero.identity.organisation(&access.token, None).await.unwrap_err();
    assert_eq!(error, Error::Api(ApiProblem::MissingScope));
}

#[tokio::test]
async fn wrong_apps_and_wrong_secrets() {
    let xero = Xero::start().await;
    let web = xero.web_app();
    let allow = Consent::allow(&[DEMO_COMPANY.name]);
    let (refresh_token, _) = tokens(xero.log_in(&web, "@sync", &allow).await.unwrap());
    let other_secret = AppIdentity { secret: Some(ClientSecret::new("other").unwrap()), ..web.clone() };
    let no_secret = AppIdentity { secret: None, ..web.clone() };
    let unknown = AppIdentity { client_id: ClientId::parse(&"0".repeat(32)).unwrap(), ..web.clone() };
    for wrong in [other_secret, no_secret, unknown] {
        let error = xero.identity.refresh(&wrong, &refresh_token).await.unwrap_err();
        assert_eq!(error, Error::InvalidClient, "{wrong:?}");
    }
    let error = xero.identity.client_credentials(&web, None).await.unwrap_err();
    assert_eq!(error, Error::UnauthorizedClient);
    xero.mock.generate_secret(web.client_id.as_str()).unwrap();
    assert_eq!(xero.identity.refresh(&web, &refresh_token).await.unwrap_err(), Error::InvalidClient);
}

#[tokio::test]
async fn consents_that_end_in_nothing() {
    let xero = Xero::start().await;
    let app = xero.web_app();
    let cancelled = xero.log_in(&app, "@sync", &Consent::cancel()).await;
    assert_eq!(cancelled.unwrap_err(), Error::Cancelled);
    let wrong = xero.log_in(&app, "openid app.connections", &Consent::allow(&[DEMO_COMPANY.name])).await;
    assert_eq!(wrong.unwrap_err(), Error::WrongAppScopes);
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token_and_without_openid_no_user() {
    let xero = Xero::start().await;
    let allow = Consent::allow(&[DEMO_COMPANY.name]);
    let answer = xero.log_in(&xero.web_app(), "accounting.contacts.read", &allow).await.unwrap();
    assert!(answer.refresh_token.is_none());
    let access = answer.access.unwrap();
    assert!(access.id_token.is_none());
    let error = xero.identity.organisation(&access.token, Some(DEMO_COMPANY.id)).await.unwrap_err();
    assert_eq!(error, Error::Api(ApiProblem::MissingScope));
}

#[tokio::test]
async fn codes_and_tokens_grow_old() {
    let xero = Xero::start().await;
    let app = xero.web_app();
    let (_, access) =
        tokens(xero.log_in(&app, "@sync", &Consent::allow(&[DEMO_COMPANY.name])).await.unwrap());
    xero.mock.advance(Duration::from_secs(31 * 60));
    let error = xero.identity.tenant_links(&access.token, None).await.unwrap_err();
    assert_eq!(error, Error::Api(ApiProblem::TokenExpired));
    let (refresh_token, access) =
        tokens(xero.log_in(&app, "@sync", &Consent::allow(&[DEMO_COMPANY.name])).await.unwrap());
    let error = xero.identity.organisation(&access.token, Some(HEXAGON_TOOLS.id)).await.unwrap_err();
    assert_eq!(error, Error::Api(ApiProblem::NotConnected));
    xero.mock.advance(Duration::from_secs(61 * 24 * 60 * 60));
    assert_eq!(xero.identity.refresh(&app, &refresh_token).await.unwrap_err(), Error::InvalidGrant);
}

#[tokio::test]
async fn a_lost_answer_is_made_good_with_the_old_token() {
    let xero = Xero::start().await;
    let app = xero.web_app();
    let (refresh_token, _) =
        tokens(xero.log_in(&app, "@sync", &Consent::allow(&[DEMO_COMPANY.name])).await.unwrap());
    for fault in [Fault::LoseReply, Fault::CutAfterBytes(10)] {
        xero.mock.fault(fault);
        let error = xero.identity.refresh(&app, &refresh_token).await.unwrap_err();
        assert!(matches!(error, Error::Interrupted { .. }) && error.may_have_arrived(), "{error:?}");
    }
    xero.mock.fault(Fault::Html(503));
    let error = xero.identity.refresh(&app, &refresh_token).await.unwrap_err();
    assert_eq!(error, Error::Unavailable { status: 503, retry_after: None });
    let (newer, _) = tokens(xero.identity.refresh(&app, &refresh_token).await.unwrap());
    assert!(xero.mock.is_refresh_token_alive(newer.expose()));
}
