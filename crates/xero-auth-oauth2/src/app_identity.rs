//! What an app proves itself with at the identity server.

use crate::{ClientId, ClientSecret};

/// An app's client id and, unless it is a mobile or desktop app (PKCE), its secret.
#[derive(Debug, Clone)]
pub struct AppIdentity {
    /// As the developer portal shows it.
    pub client_id: ClientId,
    /// `None`: a mobile or desktop app, which has none.
    pub secret: Option<ClientSecret>,
}
