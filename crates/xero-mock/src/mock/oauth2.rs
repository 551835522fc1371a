//! What a test does with OAuth 2.0 apps, consents, tokens and tenant links.

use std::time::Duration;

use super::Mock;
use crate::client_app::{AppType, ClientApp, ClientRegistration};
use crate::oauth2::{self, Consent, MintedTokens, Rotation};
use crate::{DEMO_COMPANY, Error, Organisation};

impl Mock {
    /// Adds a web app as the portal does, with a first secret.
    pub fn create_web_app(&self, name: &str, redirect_uris: &[&str]) -> Result<ClientApp, Error> {
        self.create_client_app(AppType::Web, name, redirect_uris)
    }

    /// Adds a mobile or desktop app as the portal does; it has no secret.
    pub fn create_desktop_app(&self, name: &str, redirect_uris: &[&str]) -> Result<ClientApp, Error> {
        self.create_client_app(AppType::Desktop, name, redirect_uris)
    }

    /// Adds a custom connection as the portal does, with a first secret; its user has not authorised it yet.
    /// `organisation` is the one that [`authorise_custom_app`](Self::authorise_custom_app) will choose, by id or
    /// exact name.
    pub fn create_custom_app(
        &self,
        name: &str,
        organisation: &str,
        scopes: &[&str],
    ) -> Result<ClientApp, Error> {
        self.shared.lock().add_custom_app(name, organisation, scopes)
    }

    /// Does what the authorising user does with the link in the e-mail.
    pub fn authorise_custom_app(&self, client_id: &str) -> Result<(), Error> {
        let mut world = self.shared.lock();
        let app = world.clients.find(client_id).ok_or(Error::UnknownApp)?;
        let organisation = app.organisation.clone().unwrap_or_else(|| DEMO_COMPANY.name.to_owned());
        world.authorise_custom_app(client_id, &organisation)
    }

    /// Does what the authorising user does who chooses another organisation, by id or exact name: it takes the place of the
    /// one before, also for tokens that were given out.
    pub fn authorise_custom_app_for(&self, client_id: &str, organisation: &str) -> Result<(), Error> {
        self.shared.lock().authorise_custom_app(client_id, organisation)
    }

    /// The OAuth 2.0 app with this client id as it is now.
    pub fn client_app(&self, client_id: &str) -> Option<ClientApp> {
        self.shared.lock().clients.find(client_id).cloned()
    }

    /// Presses "Generate a secret"; the one before works no more. Desktop apps have none.
    pub fn generate_secret(&self, client_id: &str) -> Result<String, Error> {
        self.shared.lock().clients.change(client_id)?.generate_secret()
    }

    /// Whether one consent to the app may connect several organisations.
    pub fn bulk_connections(&self, client_id: &str, on: bool) -> Result<(), Error> {
        self.shared.lock().clients.change(client_id)?.bulk_connections = on;
        Ok(())
    }

    /// Whether the app is from before 2 March 2026 and may still ask for broad scopes; new apps may not.
    pub fn created_before_march_2026(&self, client_id: &str, old: bool) -> Result<(), Error> {
        self.shared.lock().clients.change(client_id)?.created_before_march_2026 = old;
        Ok(())
    }

    /// Opens the address that an app sends its user to, logs in and decides, as a person with a browser would.
    /// Gives the address that the browser is sent to at the end, or the text after "Error: " of the page that Xero
    /// shows instead. The journal does not see it.
    pub fn consent(&self, authorize_url: &str, consent: &Consent) -> Result<String, String> {
        oauth2::consent(&mut self.shared.lock(), authorize_url, consent)
    }

    /// Consents as [`consent`](Self::consent) does, to these scopes (with spaces between) and at the app's first
    /// redirect URI, and redeems the code: the tokens that a web or desktop app would have then. Else the text of the
    /// error. The journal does not see it.
    pub fn mint_tokens(
        &self,
        client_id: &str,
        scopes: &str,
        consent: &Consent,
    ) -> Result<MintedTokens, String> {
        oauth2::mint(&mut self.shared.lock(), client_id, scopes, consent)
    }

    /// How long the access tokens live that are given from now on.
    pub fn set_access_lifetime(&self, lifetime: Duration) {
        self.shared.lock().access_lifetime = lifetime;
    }

    /// How often a refresh token was taken for a new pair since the start or the last reset, also where the answer
    /// did not arrive.
    pub fn refreshes(&self) -> u64 {
        self.shared.lock().identity.grants.refreshes()
    }

    /// Waits until [`refreshes`](Self::refreshes) gives at least `count`; false when that takes longer. A reply that a
    /// fault holds back is not waited for.
    pub fn wait_for_refreshes(&self, count: u64, within: Duration) -> bool {
        self.shared.wait(within, |world| world.identity.grants.refreshes() >= count)
    }

    /// Whether an API call with this access token would be let in now.
    pub fn is_access_token_good(&self, token: &str) -> bool {
        oauth2::is_good(&self.shared.lock(), token)
    }

    /// What becomes of used refresh tokens from now on.
    pub fn rotation(&self, rotation: Rotation) {
        self.shared.lock().identity.grants.rotation = rotation;
    }

    /// Removes the links of all users of the app to an organisation, given by id or exact name. Tokens stay good and
    /// see it no more. A second call changes nothing.
    pub fn disconnect(&self, client_id: &str, organisation: &str) -> Result<(), Error> {
        self.shared.lock().disconnect(client_id, organisation)
    }

    /// Adds organisations to the four that every mock has, until there are `count` of these: invented clients that Ada Byron
    /// looks after. Gives all of them.
    ///
    /// # Panics
    /// Where `count` is more than 200.
    pub fn client_organisations(&self, count: usize) -> &'static [Organisation] {
        self.shared.lock().tenants.add_clients(count)
    }

    /// Adds another organisation with the name of one that is given by id or exact name; gives its id.
    pub fn add_twin(&self, organisation: &str) -> Result<String, Error> {
        self.shared.lock().tenants.add_twin(organisation).ok_or(Error::OrganisationUnknown)
    }

    /// Resets the demo company: seeded books, no app is linked to it any more. Gives its new id.
    pub fn reset_demo_company(&self) -> String {
        self.shared.lock().reset_demo_company()
    }

    /// How many links each app may have; at the cap, a consent that needs another one fails. None by default.
    pub fn connection_cap(&self, cap: Option<usize>) {
        self.shared.lock().identity.connection_cap = cap;
    }

    /// Whether the refresh token would be accepted now.
    pub fn is_refresh_token_alive(&self, token: &str) -> bool {
        let world = self.shared.lock();
        world.identity.grants.is_alive(token, world.now())
    }

    /// Ends all refresh tokens of an app.
    pub fn kill_refresh_tokens(&self, client_id: &str) {
        self.shared.lock().identity.grants.kill(|grant| grant.client_id == client_id);
    }

    fn create_client_app(&self, app_type: AppType, name: &str, uris: &[&str]) -> Result<ClientApp, Error> {
        let uris = uris.iter().map(|&uri| uri.to_owned()).collect();
        self.shared.lock().add_client_app(ClientRegistration::new(app_type, name, uris))
    }
}
