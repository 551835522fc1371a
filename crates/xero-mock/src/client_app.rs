//! The OAuth 2.0 apps that were added in the developer portal: web, desktop and custom connection.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use url::{Host, Url};
use uuid::Uuid;

use crate::Error;
use crate::oauth2::scope;
use crate::world::World;

/// How many redirect URIs an app may have.
pub const MAX_REDIRECT_URIS: usize = 50;

/// What the portal calls the integration type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppType {
    /// "Web app": authorisation code with a secret.
    Web,
    /// "Mobile or desktop app": authorisation code with PKCE, no secret (RFC 7636).
    Desktop,
    /// "Custom connection": client credentials for one organisation.
    Custom,
}

/// An OAuth 2.0 app.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientApp {
    /// The id in the portal's addresses.
    pub id: String,
    /// The name that its owner gave it; Xero's `ProviderName`.
    pub name: String,
    /// Which of the three it is.
    pub app_type: AppType,
    /// 32 upper-case hexadecimal characters.
    pub client_id: String,
    /// The secret that works now. It has characters that form-encoding changes; desktop apps have none.
    pub client_secret: Option<String>,
    /// Exactly as registered; compared as text. Custom connections have none.
    pub redirect_uris: Vec<String>,
    /// The company or application URL.
    pub company_url: String,
    /// The scopes ticked for a custom connection; other apps ask for theirs.
    pub scopes: Vec<String>,
    /// The e-mail address of the user who is asked to authorise a custom connection.
    pub authorising_user: Option<String>,
    /// The id of the organisation that a custom connection is meant for, or was authorised for.
    pub organisation: Option<String>,
    /// Whether one consent may connect several organisations.
    pub bulk_connections: bool,
    /// Whether it may ask for broad scopes, as apps from before 2 March 2026 may.
    pub created_before_march_2026: bool,
    /// When it was added, by the mock's clock.
    pub created: SystemTime,
}

/// What a person fills in to add an OAuth 2.0 app.
pub(crate) struct ClientRegistration {
    pub(crate) name: String,
    pub(crate) app_type: AppType,
    pub(crate) company_url: String,
    pub(crate) redirect_uris: Vec<String>,
}

/// All OAuth 2.0 apps; a deleted one is forgotten.
#[derive(Debug, Default)]
pub(crate) struct ClientApps(Vec<ClientApp>);

impl ClientRegistration {
    /// What a test fills in, which has no company.
    pub(crate) fn new(app_type: AppType, name: &str, redirect_uris: Vec<String>) -> Self {
        let company_url = "https://example.com/".to_owned();
        Self { name: name.trim().to_owned(), app_type, company_url, redirect_uris }
    }

    /// All that a person has to mend, in the order of the form.
    pub(crate) fn faults(&self, apps: &ClientApps) -> Vec<Error> {
        let uris = match (self.app_type, self.redirect_uris.as_slice()) {
            (AppType::Custom, _) => Ok(()),
            (_, []) => Err(Error::RedirectUriMissing),
            (_, uris) => check_redirect_uris(uris),
        };
        let checks = [check_name(&self.name, apps), check_company_url(&self.company_url), uris];
        checks.into_iter().filter_map(Result::err).collect()
    }
}

impl ClientApps {
    /// Adds an app without a secret.
    pub(crate) fn add(
        &mut self,
        registration: ClientRegistration,
        now: SystemTime,
    ) -> Result<&mut ClientApp, Error> {
        if let Some(fault) = registration.faults(self).into_iter().next() {
            return Err(fault);
        }
        self.0.push(ClientApp {
            id: Uuid::new_v4().to_string(),
            name: registration.name,
            app_type: registration.app_type,
            client_id: Uuid::new_v4().simple().to_string().to_ascii_uppercase(),
            client_secret: None,
            redirect_uris: registration.redirect_uris,
            company_url: registration.company_url,
            scopes: Vec::new(),
            authorising_user: None,
            organisation: None,
            bulk_connections: false,
            created_before_march_2026: false,
            created: now,
        });
        Ok(self.0.last_mut().expect("an app was pushed just now"))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ClientApp> {
        self.0.iter()
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&ClientApp> {
        self.0.iter().find(|app| app.id == id)
    }

    pub(crate) fn find(&self, client_id: &str) -> Option<&ClientApp> {
        self.0.iter().find(|app| app.client_id == client_id)
    }

    pub(crate) fn change(&mut self, client_id: &str) -> Result<&mut ClientApp, Error> {
        self.0.iter_mut().find(|app| app.client_id == client_id).ok_or(Error::UnknownApp)
    }

    pub(crate) fn delete(&mut self, client_id: &str) -> Result<(), Error> {
        let before = self.0.len();
        self.0.retain(|app| app.client_id != client_id);
        if self.0.len() < before { Ok(()) } else { Err(Error::UnknownApp) }
    }
}

impl World {
    /// Adds a web or desktop app, the former with a first secret.
    pub(crate) fn add_client_app(&mut self, registration: ClientRegistration) -> Result<ClientApp, Error> {
        let now = self.now();
        let app = self.clients.add(registration, now)?;
        if app.app_type != AppType::Desktop {
            app.generate_secret()?;
        }
        Ok(app.clone())
    }

    /// Adds a custom connection for an organisation, given by id or exact name, with a first secret.
    pub(crate) fn add_custom_app(
        &mut self,
        name: &str,
        organisation: &str,
        scopes: &[&str],
    ) -> Result<ClientApp, Error> {
        let tenant = self.tenants.find(organisation).ok_or(Error::OrganisationUnknown)?;
        if !tenant.organisation.has_custom_connections() {
            return Err(Error::NoCustomConnections);
        }
        let tenant = tenant.id.clone();
        let app = self.add_client_app(ClientRegistration::new(AppType::Custom, name, Vec::new()))?;
        let saved = self.clients.change(&app.client_id)?.save_scopes(scopes);
        if let Err(error) = saved {
            self.clients.delete(&app.client_id)?;
            return Err(error);
        }
        let app = self.clients.change(&app.client_id)?;
        app.organisation = Some(tenant);
        app.authorising_user = Some("ada@example.com".to_owned());
        Ok(app.clone())
    }
}

impl ClientApp {
    /// Makes a secret; the one before works no more.
    pub(crate) fn generate_secret(&mut self) -> Result<String, Error> {
        if self.app_type == AppType::Desktop {
            return Err(Error::NoSecret);
        }
        let secret = random_secret();
        self.client_secret = Some(secret.clone());
        Ok(secret)
    }

    /// Replaces the list, whole.
    pub(crate) fn save_redirect_uris(&mut self, uris: Vec<String>) -> Result<(), Error> {
        if uris.is_empty() {
            return Err(Error::RedirectUriMissing);
        }
        check_redirect_uris(&uris)?;
        self.redirect_uris = uris;
        Ok(())
    }

    /// Ticks the scopes of a custom connection.
    pub(crate) fn save_scopes(&mut self, scopes: &[&str]) -> Result<(), Error> {
        if self.app_type != AppType::Custom {
            return Err(Error::NotCustom);
        }
        if scopes.is_empty() {
            return Err(Error::NoScopes);
        }
        for name in scopes {
            if !scope::find(name).is_some_and(|scope| scope.offered_to_custom(self)) {
                return Err(Error::ScopeNotOffered { scope: (*name).to_owned() });
            }
        }
        self.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        Ok(())
    }
}

fn check_name(name: &str, apps: &ClientApps) -> Result<(), Error> {
    if name.is_empty() {
        Err(Error::NameMissing)
    } else if name.to_lowercase().contains("xero") {
        Err(Error::NameHasXero)
    } else if apps.iter().any(|app| app.name == name) {
        Err(Error::NameTaken)
    } else {
        Ok(())
    }
}

fn check_company_url(url: &str) -> Result<(), Error> {
    let https = Url::parse(url).is_ok_and(|url| url.scheme() == "https");
    if https { Ok(()) } else { Err(Error::CompanyUrlNotHttps) }
}

/// Xero's rule: `https`, or `http` with the host `localhost` and no other; no wildcards, no fragment.
fn check_redirect_uris(uris: &[String]) -> Result<(), Error> {
    if uris.len() > MAX_REDIRECT_URIS {
        return Err(Error::TooManyRedirectUris);
    }
    uris.iter().try_for_each(|uri| check_redirect_uri(uri))
}

fn check_redirect_uri(uri: &str) -> Result<(), Error> {
    let refused = || Error::RedirectUriNotAllowed { uri: uri.to_owned() };
    let url = Url::parse(uri).map_err(|_| refused())?;
    let strange = |character: char| character == '*' || character.is_control() || character.is_whitespace();
    if uri.contains(strange) || url.fragment().is_some() {
        return Err(refused());
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) | ("http", Some(Host::Domain("localhost"))) => Ok(()),
        ("http", Some(Host::Ipv4(address))) if address.is_loopback() => {
            Err(Error::RedirectUriIsLoopbackAddress)
        }
        ("http", Some(Host::Ipv6(address))) if address.is_loopback() => {
            Err(Error::RedirectUriIsLoopbackAddress)
        }
        _ => Err(refused()),
    }
}

/// Opaque, and changed by form-encoding, which RFC 6749 section 2.3.1 asks for before Basic.
fn random_secret() -> String {
    let mut octets = [0; 18];
    SystemRandom::new().fill(&mut octets).expect("the system gives random bytes");
    let letters = STANDARD.encode(octets);
    format!("{}+{}/~%2F{}=", &letters[..8], &letters[8..16], &letters[16..])
}

#[cfg(test)]
mod tests {
    use super::{Error, check_redirect_uri};

    #[test]
    fn redirect_uris_follow_the_portals_rule() {
        let good =
            ["https://zynk.com/", "https://zynk.com", "http://localhost:8742/callback", "http://localhost"];
        for uri in good {
            assert_eq!(check_redirect_uri(uri), Ok(()), "{uri}");
        }
        for uri in ["http://127.0.0.1:8742/callback", "http://[::1]/", "http://127.1/"] {
            assert_eq!(check_redirect_uri(uri), Err(Error::RedirectUriIsLoopbackAddress), "{uri}");
        }
        let bad = [
            "",
            "zynk.com",
            "http://zynk.com/",
            "myapp://callback",
            "https://*.zynk.com/",
            "https://a.com/#x",
            "https://a.com/\n",
        ];
        for uri in bad {
            assert_eq!(
                check_redirect_uri(uri),
                Err(Error::RedirectUriNotAllowed { uri: uri.to_owned() }),
                "{uri}"
            );
        }
    }
}
