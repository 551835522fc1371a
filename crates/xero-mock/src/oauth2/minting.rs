//! Tokens for tests that begin after the login: a consent and the redemption of its code in one step.

use super::consent::{Consent, consent};
use super::grant::Redemption;
use super::token;
use crate::client_app::{AppType, ClientApp};
use crate::world::World;

/// The verifier of RFC 7636 appendix B, and its challenge.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What an app has after a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintedTokens {
    /// A JWT for the API.
    pub access_token: String,
    /// Not used yet; none without the scope `offline_access`.
    pub refresh_token: Option<String>,
}

/// Consents at the app's first redirect URI and redeems the code; else the text of the error.
pub(crate) fn mint(
    world: &mut World,
    client_id: &str,
    scopes: &str,
    decision: &Consent,
) -> Result<MintedTokens, String> {
    let app = world.clients.find(client_id).ok_or("there is no such app")?.clone();
    let redirect_uri = app.redirect_uris.first().ok_or("the app has no redirect URI")?;
    let location = consent(world, &authorize_url(&app, redirect_uri, scopes), decision)?;
    let code = parameter(&location, "code").ok_or_else(|| format!("no code came: {location}"))?;
    let verifier = (app.app_type == AppType::Desktop).then_some(VERIFIER);
    let redirect_uri = Some(redirect_uri.as_str());
    let redemption = Redemption { code: &code, client_id, redirect_uri, verifier, now: world.now() };
    let grant = world.identity.grants.redeem(&redemption).ok_or("the code was not taken")?;
    let tokens = token::give(world, grant);
    let text = |name: &str| tokens[name].as_str().map(str::to_owned);
    let access_token = text("access_token").unwrap_or_default();
    Ok(MintedTokens { access_token, refresh_token: text("refresh_token") })
}

fn authorize_url(app: &ClientApp, redirect_uri: &str, scopes: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("response_type", "code").append_pair("client_id", &app.client_id);
    query.append_pair("redirect_uri", redirect_uri).append_pair("scope", scopes).append_pair("state", "s");
    if app.app_type == AppType::Desktop {
        query.append_pair("code_challenge", CHALLENGE).append_pair("code_challenge_method", "S256");
    }
    format!("/identity/connect/authorize?{}", query.finish())
}

fn parameter(location: &str, name: &str) -> Option<String> {
    let (_, query) = location.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
