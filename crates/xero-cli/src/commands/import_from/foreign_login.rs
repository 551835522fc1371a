//! A login as another program kept it.

use std::time::SystemTime;

use connection_store::{ClientId, Scopes, User};
use xero_auth_oauth2::{AccessToken, Claims, IdToken, RefreshToken, User as LoggedIn};
use zeroize::Zeroizing;

use crate::{
    failure::{Failure, Kind, Outcome},
    show,
    ui::one_line,
};

/// The longest name or address that is kept of a user, in characters.
const MAX_NAME: usize = 200;

/// What a source says of one login. It has no `Debug`: it holds secrets.
#[derive(Default)]
pub(super) struct ForeignLogin {
    /// The profile of the other program, where it has such.
    pub(super) profile: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Zeroizing<String>>,
    /// True where the source has only apps without a secret.
    pub(super) desktop: bool,
    pub(super) refresh_token: Option<Zeroizing<String>>,
    pub(super) access_token: Option<Zeroizing<String>>,
    pub(super) access_expires_at: Option<SystemTime>,
    pub(super) id_token: Option<Zeroizing<String>>,
    pub(super) scopes: Vec<String>,
    /// The organisation that it was used for, by its id.
    pub(super) tenant: Option<String>,
    pub(super) redirect_uris: Vec<String>,
    /// Where it was found, for messages.
    pub(super) place: String,
    /// How the other program's copy is deleted.
    pub(super) delete: String,
}

impl ForeignLogin {
    /// What the access token says of itself, where it can be read.
    fn claims(&self) -> Option<Claims> {
        Claims::read(&AccessToken::new(self.access_token.as_deref()?).ok()?)
    }

    /// The app that the login is of, as far as the source says.
    pub(super) fn app(&self) -> Option<String> {
        self.client_id.clone().or_else(|| self.app_of_tokens())
    }

    /// The app that the access token is of.
    pub(super) fn app_of_tokens(&self) -> Option<String> {
        self.claims()?.client_id
    }

    /// What was granted, as far as is known before the first renewal.
    pub(super) fn granted(&self) -> Scopes {
        let of_token = self.claims().map(|claims| claims.scopes).filter(|scopes| !scopes.is_empty());
        Scopes::granted(of_token.as_ref().unwrap_or(&self.scopes).iter().map(String::as_str))
    }

    /// Xero's id of the consent.
    pub(super) fn consent(&self) -> Option<String> {
        self.claims()?.consent
    }

    /// Who consented, by a token of this app.
    pub(super) fn user(&self, app: &ClientId) -> User {
        let token = self.id_token.as_deref().and_then(|token| IdToken::new(token).ok());
        let login = token.and_then(|token| LoggedIn::read(&token, app, None).ok()).unwrap_or_default();
        let short = |text: String| one_line(&text).chars().take(MAX_NAME).collect::<String>();
        let id = self.claims().and_then(|claims| claims.user_id).or(login.id);
        User { id: id.map(short), name: login.name.map(short), email: login.email.map(short) }
    }

    /// The refresh token.
    ///
    /// # Errors
    /// Where there is none, with what to do instead.
    pub(super) fn refresh_token(&self) -> Outcome<RefreshToken> {
        match &self.refresh_token {
            Some(token) => Ok(RefreshToken::new(token)?),
            None => Err(self.without_refresh_token()),
        }
    }

    fn without_refresh_token(&self) -> Failure {
        let id = self.app().map_or("ID".to_owned(), |id| show::quoted(&one_line(&id)));
        let place = &self.place;
        if self.access_token.is_some() {
            let message =
                format!("{place}: there is an access token, good for half an hour, and no refresh token");
            let kind = if self.client_secret.is_some() { "web" } else { "desktop" };
            return Failure::new(Kind::NeedsPerson, message).hint(format!(
                "the scope offline_access was not granted; log in anew: xeroctl connect --kind {kind} --client-id {id}"
            ));
        }
        let failure = Failure::usage(format!("{place}: there is no refresh token"));
        if self.client_secret.is_some() {
            return failure.hint(format!(
                "a custom connection needs none: xeroctl connect --kind custom --client-id {id}; a web app's login is made \
                 with --kind web"
            ));
        }
        failure.hint("give the file that the other program keeps its tokens in")
    }
}

/// A text that is there: neither missing nor empty.
pub(super) fn filled(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The same for a secret.
pub(super) fn filled_secret(text: &str) -> Option<Zeroizing<String>> {
    filled(text).map(Zeroizing::new)
}
