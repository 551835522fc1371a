//! A marker planted in every secret and every answer is in nothing that can be printed.

use std::{error::Error as _, fmt::Debug, time::Duration};

use xero_auth_oauth2::{
    AccessToken, ApiAnswer, ApiProblem, AppIdentity, AuthorizationCode, AuthorizationRequest, ClientId,
    ClientSecret, Endpoints, Error, IdToken, Listener, Nonce, Pkce, RedirectUri, RefreshToken, ReturnPage,
    Scopes, State, User, read_callback,
};

use crate::odd_server::{CLIENT_ID, OddServer};

const MARKER: &str = "M4rk3rS3cr3t";

fn assert_clean(printed: &str) {
    assert!(!printed.contains(MARKER), "{printed}");
}

fn assert_debug_clean(value: &impl Debug) {
    assert_clean(&format!("{value:?} {value:#?}"));
}

fn assert_error_clean(error: &Error) {
    assert_debug_clean(error);
    assert_clean(&format!("{error} {}", error.advice()));
    let mut below = error.source();
    while let Some(cause) = below {
        assert_clean(&format!("{cause} {cause:?}"));
        below = cause.source();
    }
}

/// Long enough for a verifier.
fn pkce() -> Pkce {
    Pkce::from_stored(&MARKER.repeat(4)).unwrap()
}

fn app() -> AppIdentity {
    AppIdentity {
        client_id: ClientId::parse(CLIENT_ID).unwrap(),
        secret: Some(ClientSecret::new(MARKER).unwrap()),
    }
}

#[test]
fn no_type_prints_its_secret() {
    assert_debug_clean(&app());
    assert_debug_clean(&AccessToken::new(MARKER).unwrap());
    assert_debug_clean(&RefreshToken::new(MARKER).unwrap());
    assert_debug_clean(&IdToken::new(MARKER).unwrap());
    assert_debug_clean(&AuthorizationCode::new(MARKER).unwrap());
    let (state, pkce) = (State::from_stored(MARKER).unwrap(), pkce());
    let nonce = Nonce::from_stored(MARKER).unwrap();
    let request = AuthorizationRequest {
        client_id: &app().client_id,
        redirect_uri: &RedirectUri::parse("https://zynk.com/").unwrap(),
        scopes: &Scopes::parse("@sync").unwrap(),
        state: &state,
        pkce: &pkce,
        nonce: Some(&nonce),
    };
    assert_debug_clean(&request);
    assert!(request.url(&Endpoints::xero()).as_str().contains(MARKER), "the browser needs the state");
    assert_debug_clean(&ApiAnswer { status: 400, headers: &[("a", MARKER)], body: MARKER.as_bytes() });
}

#[test]
fn what_is_taken_is_trimmed_and_what_is_refused_is_not_shown() {
    assert_eq!(ClientSecret::new(&format!(" {MARKER}\r\n")).unwrap().expose(), MARKER);
    assert_eq!(ClientSecret::new("p+q%2Fr:s/=~").unwrap().expose(), "p+q%2Fr:s/=~");
    let what = "client secret";
    assert_eq!(ClientSecret::new(" \n").unwrap_err(), Error::BadSecret { what, reason: "is empty" });
    for odd in [format!("{MARKER}é"), format!("{MARKER}\n{MARKER}")] {
        let error = ClientSecret::new(&odd).unwrap_err();
        assert_eq!(error.to_string(), "the client secret has characters that none of Xero's has");
        assert_error_clean(&error);
    }
    for text in [MARKER.to_owned(), format!("{MARKER}{MARKER}{MARKER}")] {
        assert_error_clean(&ClientId::parse(&text).unwrap_err());
        assert_error_clean(&RedirectUri::parse(&text).unwrap_err());
        assert_error_clean(&RedirectUri::parse(&format!("https://{text}@zynk.com/")).unwrap_err());
    }
}

#[test]
fn callbacks() {
    let state = State::from_stored(MARKER).unwrap();
    let redirect_uri = RedirectUri::parse("http://localhost:8742/callback").unwrap();
    for target in [
        format!("/callback?state=x&code={MARKER}"),
        format!("/callback?state={MARKER}"),
        format!("/callback?state={MARKER}&code={MARKER}&code={MARKER}"),
        format!("/callback?state={MARKER}&code={MARKER}%00"),
        format!("/callback?state={MARKER}&error=access_denied&code={MARKER}"),
        format!("/callback?state={MARKER}&error=other&code={MARKER}"),
        format!("http://{MARKER}:99999999/"),
    ] {
        assert_error_clean(&read_callback(&target, &redirect_uri, &state).unwrap_err());
    }
    let code =
        read_callback(&format!("/callback?state={MARKER}&code={MARKER}"), &redirect_uri, &state).unwrap();
    assert_debug_clean(&code);
    assert_debug_clean(&User::read(&IdToken::new(MARKER).unwrap(), &app().client_id, None));
}

#[test]
fn api_problems_keep_what_the_server_says_of_the_problem_alone() {
    let body = format!(r#"{{"Instance":"{MARKER}","Title":"{MARKER}","Detail":"why"}}"#);
    for status in [400, 401, 403, 404, 412, 429, 500] {
        let headers =
            [("authorization", MARKER), ("www-authenticate", MARKER), ("x-rate-limit-problem", MARKER)];
        let problem =
            ApiProblem::read(&ApiAnswer { status, headers: &headers, body: body.as_bytes() }).unwrap();
        assert_error_clean(&Error::Api(problem));
    }
}

#[tokio::test]
async fn answers() {
    let token = format!(r#"{{"access_token":"{MARKER}","refresh_token":"{MARKER}","id_token":"{MARKER}"}}"#);
    let answer =
        OddServer::json(&token).await.identity().refresh(&app(), &RefreshToken::new(MARKER).unwrap()).await;
    assert_debug_clean(&answer);
    assert_eq!(answer.unwrap().refresh_token.unwrap().expose(), MARKER);
    for (status, body) in [
        ("200 OK", format!("{{\"access_token\":\"{MARKER}")),
        ("200 OK", format!("[\"{MARKER}\"]")),
        ("200 OK", format!(r#"{{"refresh_token":"{MARKER}","access_token":["{MARKER}"]}}"#)),
        ("400 E", format!("{{\"error\":\"invalid_grant\",\"token\":\"{MARKER}\"}}")),
        ("400 E", format!("<p>{MARKER}")),
        ("500 E", MARKER.to_owned()),
    ] {
        let server = OddServer::answering(status, &format!("Set-Cookie: {MARKER}\r\n"), &body).await;
        let identity = server.identity();
        let token = RefreshToken::new(MARKER).unwrap();
        let code = AuthorizationCode::new(MARKER).unwrap();
        let redirect_uri = RedirectUri::parse("https://zynk.com/").unwrap();
        assert_debug_clean(&identity.refresh(&app(), &token).await);
        assert_debug_clean(&identity.client_credentials(&app(), None).await);
        assert_debug_clean(&identity.exchange(&app(), &code, &redirect_uri, &pkce()).await);
        assert_debug_clean(&identity.revoke(&app(), &token).await);
        let access = AccessToken::new(MARKER).unwrap();
        assert_debug_clean(&identity.tenant_links(&access, Some(MARKER)).await);
        assert_debug_clean(&identity.organisation(&access, None).await);
        assert_debug_clean(&identity);
    }
}

#[tokio::test]
async fn broken_connections() {
    for server in
        [OddServer::sending("").await, OddServer::sending(format!("NOT HTTP {MARKER}\r\n\r\n")).await]
    {
        let token = RefreshToken::new(MARKER).unwrap();
        assert_error_clean(&server.identity().refresh(&app(), &token).await.unwrap_err());
        let access = AccessToken::new(MARKER).unwrap();
        assert_error_clean(&server.identity().tenant_links(&access, Some(MARKER)).await.unwrap_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_prints_no_state() {
    let sockets: Vec<_> = (0..8).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
    drop(sockets);
    let local = |port: &u16| RedirectUri::parse(&format!("http://localhost:{port}/callback")).unwrap();
    let listener = Listener::bind(&ports.iter().map(local).collect::<Vec<_>>()).unwrap();
    assert_debug_clean(&listener);
    let page = ReturnPage { return_to: "here".into() };
    let error = listener.wait(&State::from_stored(MARKER).unwrap(), Duration::from_secs(1), &page).await;
    assert_error_clean(&error.unwrap_err());
}
