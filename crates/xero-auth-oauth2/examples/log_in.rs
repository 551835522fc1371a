//! Logs in with an app that has no secret, by an address that a person opens and one that they bring back.
//!
//! `cargo run -p xero-auth-oauth2 --example log_in -- CLIENT_ID REDIRECT_URI [http://127.0.0.1:8790]`

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::{env, error::Error, io, time::Duration};

use xero_auth_oauth2::{
    AppIdentity, AuthorizationRequest, ClientId, Endpoints, Identity, Pkce, RedirectUri, Scopes, State,
    TenantLink, TokenAnswer, read_callback,
};

const SCOPES: &str = "openid offline_access accounting.settings.read";
const TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [client_id, redirect_uri, server @ ..] = arguments.as_slice() else {
        return Err("give the app's client id and its redirect URI".into());
    };
    let endpoints = match server.first() {
        Some(server) => Endpoints::at(&server.parse()?),
        None => Endpoints::xero(),
    };
    let login = Login::begin(endpoints, client_id, redirect_uri)?;
    println!("Open this, and paste the address at which the browser ends:\n{}", login.address());
    let mut pasted = String::new();
    io::stdin().read_line(&mut pasted)?;
    let (answer, links) = login.finish(pasted.trim()).await?;
    for link in links {
        println!("reaches {} ({})", link.name.unwrap_or_default(), link.tenant_id);
    }
    // A program keeps it now, before it does anything else.
    println!(
        "a refresh token {}",
        if answer.refresh_token.is_some() { "was granted" } else { "was not granted" }
    );
    Ok(())
}

/// A login between its two halves: the browser has it.
pub(crate) struct Login {
    identity: Identity,
    app: AppIdentity,
    redirect_uri: RedirectUri,
    state: State,
    pkce: Pkce,
}

impl Login {
    pub(crate) fn begin(
        endpoints: Endpoints,
        client_id: &str,
        redirect_uri: &str,
    ) -> Result<Self, xero_auth_oauth2::Error> {
        Ok(Self {
            identity: Identity::new(endpoints, TIMEOUT),
            app: AppIdentity { client_id: ClientId::parse(client_id)?, secret: None },
            redirect_uri: RedirectUri::parse(redirect_uri)?,
            state: State::generate()?,
            pkce: Pkce::generate()?,
        })
    }

    /// Where the person goes.
    pub(crate) fn address(&self) -> String {
        let request = AuthorizationRequest {
            client_id: &self.app.client_id,
            redirect_uri: &self.redirect_uri,
            scopes: &Scopes::parse(SCOPES).expect("a constant list of scopes"),
            state: &self.state,
            pkce: &self.pkce,
            nonce: None,
        };
        request.url(self.identity.endpoints()).into()
    }

    /// The tokens, and what the consent reaches.
    pub(crate) async fn finish(
        &self,
        pasted: &str,
    ) -> Result<(TokenAnswer, Vec<TenantLink>), xero_auth_oauth2::Error> {
        let code = read_callback(pasted, &self.redirect_uri, &self.state)?;
        let answer = self.identity.exchange(&self.app, &code, &self.redirect_uri, &self.pkce).await?;
        let access = answer.access.as_ref().map_err(Clone::clone)?;
        let links = self.identity.tenant_links(&access.token, None).await?;
        Ok((answer, links))
    }
}
