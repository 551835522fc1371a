//! Grants are asked for as Xero wants it, and odd answers cost no refresh token.

use std::time::Duration;

use tokio::net::TcpListener;
use xero_auth_oauth2::{
    AuthorizationCode, Endpoints, Error, Identity, Pkce, RedirectUri, RefreshToken, Retry, Scopes,
    TokenAnswer,
};

use crate::odd_server::{CLIENT_ID, OddServer, desktop_app, web_app};

const FORM: &str = "content-type: application/x-www-form-urlencoded";
const BASIC: &str =
    "authorization: Basic MDEyMzQ1Njc4OUFCQ0RFRjAxMjM0NTY3ODlBQkNERUY6cCUyQnElMjUyRnIlM0FzJTJGJTNEJTdF";

async fn refresh(server: &OddServer) -> Result<TokenAnswer, Error> {
    server.identity().refresh(&web_app(), &RefreshToken::new("old").unwrap()).await
}

async fn refresh_with(body: &str) -> Result<TokenAnswer, Error> {
    refresh(&OddServer::json(body).await).await
}

async fn refused(status: &str, headers: &str, body: &str) -> Error {
    refresh(&OddServer::answering(status, headers, body).await).await.unwrap_err()
}

fn rotated(answer: &TokenAnswer) -> Option<&str> {
    answer.refresh_token.as_ref().map(RefreshToken::expose)
}

#[tokio::test]
async fn a_whole_answer() {
    let answer = refresh_with(
        r#"{"id_token":"i.d.t","access_token":"at","expires_in":1800,"token_type":"Bearer",
            "refresh_token":"rt","scope":"openid accounting.settings offline_access"}"#,
    )
    .await
    .unwrap();
    assert_eq!(rotated(&answer), Some("rt"));
    let access = answer.access.unwrap();
    assert_eq!(access.token.expose(), "at");
    assert_eq!(access.expires_in, Duration::from_secs(1800));
    assert_eq!(access.scopes.unwrap().to_string(), "openid accounting.settings offline_access");
    assert_eq!(access.id_token.unwrap().expose(), "i.d.t");
}

#[tokio::test]
async fn answers_that_say_less_or_more() {
    for (body, seconds, scopes) in [
        (r#"{"access_token":"at","refresh_token":"rt"}"#, 1800, None),
        (r#"{"refresh_token":"rt","expires_in":"900","access_token":"at"}"#, 900, None),
        (r#"{"refresh_token":"rt","expires_in":899.6,"access_token":"at"}"#, 899, None),
        (r#"{"refresh_token":"rt","expires_in":-5,"access_token":"at","token_type":"bearer"}"#, 0, None),
        (r#"{"refresh_token":"rt","expires_in":999999999999,"access_token":"at"}"#, 86_400, None),
        (
            r#"{"expires_in":null,"scope":null,"id_token":5,"access_token":"at","refresh_token":"rt"}"#,
            1800,
            None,
        ),
        (
            r#"{"new":{"a":[1]},"access_token":"at","refresh_token":"rt","scope":["files"]}"#,
            1800,
            Some("files"),
        ),
        (r#"{"access_token":"at","refresh_token":"rt","scope":""}"#, 1800, None),
        (r#"{"access_token":"at","refresh_token":"rt","scope":"  "}"#, 1800, None),
        (r#"{"access_token":"at","refresh_token":"rt","scope":[]}"#, 1800, None),
        (r#"{"access_token":"at","refresh_token":"rt","scope":["",7]}"#, 1800, None),
        (
            "\n {\"access_token\":\"at\",\"refresh_token\":\"rt\",\"scope\":\" a.new.one  files \"} \n",
            1800,
            Some("a.new.one files"),
        ),
    ] {
        let answer = refresh_with(body).await.unwrap();
        assert_eq!(rotated(&answer), Some("rt"), "{body}");
        let access = answer.access.unwrap();
        assert_eq!(access.token.expose(), "at", "{body}");
        assert_eq!(access.expires_in, Duration::from_secs(seconds), "{body}");
        assert_eq!(access.scopes.map(|scopes| scopes.to_string()).as_deref(), scopes, "{body}");
        assert!(access.id_token.is_none());
    }
}

#[tokio::test]
async fn without_a_refresh_token_the_old_one_goes_on() {
    for body in [
        r#"{"access_token":"at"}"#,
        r#"{"access_token":"at","refresh_token":null}"#,
        r#"{"access_token":"at","refresh_token":""}"#,
    ] {
        let answer = refresh_with(body).await.unwrap();
        assert_eq!(rotated(&answer), None, "{body}");
        assert_eq!(answer.access.unwrap().token.expose(), "at");
    }
}

#[tokio::test]
async fn the_rotated_token_is_kept_whatever_else_is_wrong() {
    for (body, reason) in [
        (r#"{"refresh_token":"rt"}"#, "has no access token"),
        (r#"{"refresh_token":"rt","access_token":7}"#, "has no access token"),
        (r#"{"access_token":{"a":[1,{}]},"expires_in":[],"refresh_token":"rt"}"#, "has no access token"),
        (
            r#"{"refresh_token":"rt","access_token":"at","token_type":"mac"}"#,
            "has a token of another kind than Bearer",
        ),
        (r#"{"refresh_token":"rt","access_token":"at""#, "is not whole"),
        (r#"{"refresh_token":"rt","access_token":"a"#, "is not whole"),
        (r#"{"refresh_token":"rt",}"#, "is not whole"),
        (r#"{"refresh_token":"rt","access_token":"at"} and more"#, "is not whole"),
    ] {
        let answer = refresh_with(body).await.unwrap();
        assert_eq!(rotated(&answer), Some("rt"), "{body}");
        assert_eq!(answer.access.unwrap_err(), Error::BadTokenAnswer { reason }, "{body}");
    }
}

#[tokio::test]
async fn the_rotated_token_is_kept_when_the_connection_breaks() {
    for (sent, kept) in [
        (r#"{"refresh_token":"rt","access_token":"at","#, Some("rt")),
        (r#"{"refresh_token":"rt"}"#, Some("rt")),
        (r#"{"access_token":"at","refresh_token":"r"#, None),
        ("", None),
    ] {
        let server =
            OddServer::sending(format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{sent}")).await;
        let answer = refresh(&server).await;
        match kept {
            Some(token) => {
                let answer = answer.unwrap();
                assert_eq!(rotated(&answer), Some(token));
                assert!(matches!(answer.access, Err(Error::Interrupted { .. })), "{answer:?}");
            }
            None => {
                let error = answer.unwrap_err();
                assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
                assert!(error.may_have_arrived());
            }
        }
    }
}

#[tokio::test]
async fn yes_without_any_token_is_not_an_answer_of_xero() {
    for body in ["", "<html>captive portal</html>", "[]", "null", "{", "7"] {
        assert_eq!(refresh_with(body).await.unwrap_err(), Error::NotXero { status: 200 }, "{body}");
    }
    let nothing = Error::BadTokenAnswer { reason: "has no access token" };
    assert_eq!(refresh_with("{}").await.unwrap_err(), nothing);
    assert_eq!(refresh_with(r#"{"error":"invalid_grant"}"#).await.unwrap_err(), nothing);
}

#[tokio::test]
async fn an_answer_without_end_is_not_taken() {
    let endless = format!(r#"{{"refresh_token":"rt","padding":"{}""#, "x".repeat(2 << 20));
    let answer = refresh_with(&endless).await.unwrap();
    assert_eq!(rotated(&answer), Some("rt"));
    assert_eq!(answer.access.unwrap_err(), Error::NotXero { status: 200 });
    assert_eq!(refresh_with(&"x".repeat(2 << 20)).await.unwrap_err(), Error::NotXero { status: 200 });
}

#[tokio::test]
async fn refusals() {
    for status in ["400 Bad Request", "401 Unauthorized"] {
        for (body, expected) in [
            (r#"{"error":"invalid_grant"}"#, Error::InvalidGrant),
            (r#"{"error":"invalid_client"}"#, Error::InvalidClient),
            (r#"{"error":"unauthorized_client","error_description":null}"#, Error::UnauthorizedClient),
            (
                r#"{"new":1,"error_description":"Client credentials scope validation failed","error":"invalid_scope"}"#,
                Error::InvalidScope,
            ),
            (
                r#"{"error":"invalid_request","error_description":"a\u001b[2J\nb<script>"}"#,
                Error::Refused { code: "invalid_request".into(), said: "a [2J b<script>".into() },
            ),
            (
                r#"{"error":"unsupported_grant_type","error_description":{"a":1}}"#,
                Error::Refused { code: "unsupported_grant_type".into(), said: String::new() },
            ),
        ] {
            let error = refused(status, "Cache-Control: no-store\r\n", body).await;
            assert_eq!(error, expected, "{status} {body}");
            assert!(!error.may_have_arrived());
        }
    }
    assert_eq!(refused("400 Bad Request", "", r#"{"error":7}"#).await, Error::NotXero { status: 400 });
    assert_eq!(refused("403 Forbidden", "", "<html>").await, Error::NotXero { status: 403 });
    assert_eq!(Error::InvalidGrant.retry(), Retry::LogInAgain);
}

#[tokio::test]
async fn servers_out_of_order() {
    let html = "<html><body>invalid_grant</body></html>";
    for (status, number) in [("500 E", 500), ("502 E", 502), ("503 E", 503), ("429 E", 429)] {
        for body in [html, "", r#"{"error":"invalid_grant"}"#] {
            let error = refused(status, "Retry-After: 7\r\n", body).await;
            assert_eq!(
                error,
                Error::Unavailable { status: number, retry_after: Some(Duration::from_secs(7)) }
            );
            assert_eq!(error.retry(), Retry::After(Duration::from_secs(7)));
        }
    }
    assert_eq!(refused("503 E", "", "").await, Error::Unavailable { status: 503, retry_after: None });
}

#[tokio::test]
async fn redirects_are_not_followed_and_nothing_is_sent_twice() {
    let server = OddServer::answering("307 Temporary Redirect", "Location: /elsewhere\r\n", "").await;
    assert_eq!(refresh(&server).await.unwrap_err(), Error::NotXero { status: 307 });
    assert_eq!(server.requests().len(), 1);
    let server = OddServer::sending("").await;
    let error = refresh(&server).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let identity =
        Identity::new(Endpoints::at(&format!("http://{address}").parse().unwrap()), Duration::from_secs(30));
    let error = identity.refresh(&web_app(), &RefreshToken::new("old").unwrap()).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { host, .. } if *host == address.to_string()), "{error:?}");
    assert!(!error.may_have_arrived());
    assert_eq!(error.retry(), Retry::Later);
}

/// The clock is tokio's own and moves when nothing else does.
#[tokio::test(start_paused = true)]
async fn no_answer_in_time() {
    let error = refresh(&OddServer::silent().await).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
    assert!(error.may_have_arrived());
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing() {
    let server = OddServer::json(r#"{"access_token":"at"}"#).await;
    let url = server.url.as_str().replace("http:", "https:").parse().unwrap();
    let identity = Identity::new(Endpoints::at(&url), Duration::from_secs(30));
    let error = identity.refresh(&web_app(), &RefreshToken::new("old").unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(
        !server.requests().is_empty() && server.requests().iter().all(|sent| !sent.contains("grant_type"))
    );
}

#[tokio::test]
async fn each_grant_as_xero_wants_it_and_where_it_is_told_to() {
    let server = OddServer::json(r#"{"access_token":"at"}"#).await;
    let at = |path: &str| server.url.join(path).unwrap();
    let endpoints = Endpoints {
        token: at("/oauth/v9/token?tenant=1"),
        revocation: at("/undo"),
        ..Endpoints::at(&at("/nowhere"))
    };
    let identity = Identity::new(endpoints, Duration::from_secs(30));
    let code = AuthorizationCode::new("c/1").unwrap();
    let redirect_uri = RedirectUri::parse("http://localhost:8742/callback").unwrap();
    let pkce = Pkce::from_stored("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
    let token = RefreshToken::new("old").unwrap();
    for app in [web_app(), desktop_app()] {
        identity.exchange(&app, &code, &redirect_uri, &pkce).await.unwrap();
        identity.refresh(&app, &token).await.unwrap();
        identity.revoke(&app, &token).await.unwrap();
    }
    identity.client_credentials(&web_app(), None).await.unwrap();
    let scopes = Scopes::parse("accounting.settings files").unwrap();
    identity.client_credentials(&web_app(), Some(&scopes)).await.unwrap();

    let exchanged =
        "grant_type=authorization_code&code=c%2F1&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let redirected = "redirect_uri=http%3A%2F%2Flocalhost%3A8742%2Fcallback";
    let id = format!("client_id={CLIENT_ID}");
    let token = "POST /oauth/v9/token?tenant=1 HTTP/1.1";
    let expected = [
        (token, true, format!("{exchanged}&{redirected}")),
        (token, true, "grant_type=refresh_token&refresh_token=old".to_owned()),
        ("POST /undo HTTP/1.1", true, "token=old".to_owned()),
        (token, false, format!("{exchanged}&{id}&{redirected}")),
        (token, false, format!("grant_type=refresh_token&refresh_token=old&{id}")),
        ("POST /undo HTTP/1.1", false, format!("token=old&{id}")),
        (token, true, "grant_type=client_credentials".to_owned()),
        (token, true, "grant_type=client_credentials&scope=accounting.settings+files".to_owned()),
    ];
    let requests = server.requests();
    assert_eq!(requests.len(), expected.len());
    for (request, (line, basic, form)) in requests.iter().zip(&expected) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!((head.lines().next().unwrap(), body), (*line, form.as_str()));
        assert!(head.contains(FORM) && head.contains("accept: application/json"), "{head}");
        assert_eq!((head.contains(BASIC), head.contains("authorization")), (*basic, *basic), "{head}");
    }
}

#[tokio::test]
async fn revocation() {
    let token = RefreshToken::new("old").unwrap();
    let server = OddServer::answering("200 OK", "", "").await;
    assert_eq!(server.identity().revoke(&web_app(), &token).await, Ok(()));
    let server = OddServer::answering("400 E", "", r#"{"error":"invalid_client"}"#).await;
    assert_eq!(server.identity().revoke(&web_app(), &token).await, Err(Error::InvalidClient));
    let server = OddServer::answering("503 E", "", "").await;
    let error = server.identity().revoke(&web_app(), &token).await;
    assert_eq!(error, Err(Error::Unavailable { status: 503, retry_after: None }));
}

/// Runs itself again where the system's root certificates are not found. Only Linux reads them from files that two
/// variables name.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_root_certificates_nothing_is_sent() {
    const AGAIN: &str = "XERO_AUTH_OAUTH2_TEST_WITHOUT_ROOTS";
    if std::env::var_os(AGAIN).is_none() {
        let again = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "token_endpoint::without_root_certificates_nothing_is_sent"])
            .envs([(AGAIN, "1"), ("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")])
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&again.stdout);
        assert!(again.status.success() && printed.contains("1 passed"), "{printed}");
        return;
    }
    let server = OddServer::json(r#"{"access_token":"at"}"#).await;
    let error = refresh(&server).await.unwrap_err();
    assert!(matches!(error, Error::TlsClient { .. }), "{error:?}");
    assert!(error.advice().contains("ca-certificates") && !error.may_have_arrived());
    assert!(server.requests().is_empty());
}
