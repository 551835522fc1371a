//! The requests that ask for tokens, as the `oauth2` crate builds them.

use std::borrow::Cow;

use oauth2::{
    AuthType, AuthorizationCode as Code, Client, ClientId as Id, ClientSecret as Secret, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken as Refresh,
    RequestTokenError, RevocableToken, RevocationUrl, Scope, TokenUrl,
    basic::{
        BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenResponse,
    },
};

use crate::{AppIdentity, AuthorizationCode, Pkce, RedirectUri, RefreshToken, Scopes};

/// The crate wants an https address, which a server on this machine does not have. Requests go to
/// [`Endpoints`](crate::Endpoints), not here.
const NOWHERE: &str = "https://unused.invalid/";

/// RFC 6749 section 4.1.3.
pub(crate) fn exchange(
    app: &AppIdentity,
    code: &AuthorizationCode,
    redirect_uri: &RedirectUri,
    pkce: &Pkce,
) -> HttpRequest {
    let redirect_url = RedirectUrl::new(redirect_uri.as_str().to_owned()).expect("a redirect URI is a URL");
    let client = client(app);
    let request = client
        .exchange_code(Code::new(code.expose().to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(pkce.expose().to_owned()))
        .set_redirect_uri(Cow::Owned(redirect_url));
    built(request.request(&take))
}

/// RFC 6749 section 6.
pub(crate) fn refresh(app: &AppIdentity, token: &RefreshToken) -> HttpRequest {
    let token = Refresh::new(token.expose().to_owned());
    built(client(app).exchange_refresh_token(&token).request(&take))
}

/// RFC 6749 section 4.4.
pub(crate) fn client_credentials(app: &AppIdentity, scopes: Option<&Scopes>) -> HttpRequest {
    let scopes = scopes.into_iter().flatten().map(|scope| Scope::new(scope.clone()));
    built(client(app).exchange_client_credentials().add_scopes(scopes).request(&take))
}

/// RFC 7009 section 2.1.
pub(crate) fn revocation(app: &AppIdentity, token: &RefreshToken) -> HttpRequest {
    let client = client(app);
    let request = client.revoke_token(Spent(token.clone())).expect("NOWHERE is an https address");
    built(request.request(&take))
}

type Grants = Client<
    BasicErrorResponse,
    BasicTokenResponse,
    BasicTokenIntrospectionResponse,
    Spent,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointSet,
>;

/// With a secret: HTTP Basic, id and secret form-encoded (RFC 6749 section 2.3.1). Without: the id in the form.
fn client(app: &AppIdentity) -> Grants {
    let client = Client::new(Id::new(app.client_id.as_str().to_owned()))
        .set_auth_type(AuthType::BasicAuth)
        .set_token_uri(TokenUrl::new(NOWHERE.to_owned()).expect("NOWHERE is an address"))
        .set_revocation_url(RevocationUrl::new(NOWHERE.to_owned()).expect("NOWHERE is an address"));
    match &app.secret {
        Some(secret) => client.set_client_secret(Secret::new(secret.expose().to_owned())),
        None => client,
    }
}

/// A refresh token to revoke, without `token_type_hint`: Xero's own clients send none.
struct Spent(RefreshToken);

impl RevocableToken for Spent {
    fn secret(&self) -> &str {
        self.0.expose()
    }

    fn type_hint(&self) -> Option<&str> {
        None
    }
}

/// Carries a request out of the crate in place of an answer. The crate's own reading of answers would lose a rotated
/// token together with whatever else is wrong, and keeps bodies in its errors.
#[derive(thiserror::Error)]
#[error("the request was taken")]
struct Taken(Box<HttpRequest>);

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Taken")
    }
}

fn take(request: HttpRequest) -> Result<HttpResponse, Taken> {
    Err(Taken(Box::new(request)))
}

fn built<T, E>(outcome: Result<T, RequestTokenError<Taken, E>>) -> HttpRequest
where
    E: oauth2::ErrorResponse + 'static,
{
    match outcome {
        Err(RequestTokenError::Request(Taken(request))) => *request,
        _ => unreachable!("`take` never answers, and NOWHERE and the form make a request"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientId, ClientSecret};

    fn app(secret: Option<&str>) -> AppIdentity {
        let client_id = ClientId::parse("0123456789ABCDEF0123456789ABCDEF").unwrap();
        AppIdentity { client_id, secret: secret.map(|secret| ClientSecret::new(secret).unwrap()) }
    }

    fn body(request: &HttpRequest) -> &str {
        std::str::from_utf8(request.body()).unwrap()
    }

    #[test]
    fn id_and_secret_are_form_encoded_before_basic() {
        let request = refresh(&app(Some("p+q%2Fr:s/=~")), &RefreshToken::new("r+t").unwrap());
        // base64 of 0123456789ABCDEF0123456789ABCDEF:p%2Bq%252Fr%3As%2F%3D%7E, by `openssl base64`
        assert_eq!(
            request.headers()["authorization"],
            "Basic MDEyMzQ1Njc4OUFCQ0RFRjAxMjM0NTY3ODlBQkNERUY6cCUyQnElMjUyRnIlM0FzJTJGJTNEJTdF"
        );
        assert_eq!(body(&request), "grant_type=refresh_token&refresh_token=r%2Bt");
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    }

    #[test]
    fn without_a_secret_the_id_is_in_the_form() {
        let request = refresh(&app(None), &RefreshToken::new("rt").unwrap());
        assert!(!request.headers().contains_key("authorization"));
        let id = "client_id=0123456789ABCDEF0123456789ABCDEF";
        assert_eq!(body(&request), format!("grant_type=refresh_token&refresh_token=rt&{id}"));
    }

    #[test]
    fn forms() {
        let redirect_uri =
            RedirectUri::parse("http://localhost:80/a b%20c".replace(' ', "").as_str()).unwrap();
        let pkce = Pkce::from_stored("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        let request =
            exchange(&app(Some("s")), &AuthorizationCode::new("c/1").unwrap(), &redirect_uri, &pkce);
        assert_eq!(
            body(&request),
            "grant_type=authorization_code&code=c%2F1&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\
             &redirect_uri=http%3A%2F%2Flocalhost%3A80%2Fab%2520c"
        );
        let scopes = Scopes::parse("accounting.settings files").unwrap();
        assert_eq!(
            body(&client_credentials(&app(Some("s")), Some(&scopes))),
            "grant_type=client_credentials&scope=accounting.settings+files"
        );
        assert_eq!(body(&client_credentials(&app(Some("s")), None)), "grant_type=client_credentials");
        let token = RefreshToken::new("rt").unwrap();
        assert_eq!(body(&revocation(&app(Some("s")), &token)), "token=rt");
    }
}
