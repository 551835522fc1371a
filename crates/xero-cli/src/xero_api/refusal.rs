//! Calls that Xero refused, and connections that have no token: the command that mends each.

use connection_store::{AppKind, Connection, Error as StoreError, Server};
use xero_auth_oauth1::Problem;
use xero_auth_oauth2::ApiProblem;

use crate::{
    commands::apps::called,
    failure::{Failure, Kind},
    half_way, show,
};

/// Why a call was refused, in the words of the protocol that it was made with.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// OAuth 1.0a.
    Signed(Problem),
    /// OAuth 2.0.
    Bearer(ApiProblem),
}

/// A refusal of a stored connection's call, with the command that mends it.
pub(crate) fn refused(refusal: Refusal, connection: &Connection) -> Failure {
    let name = show::quoted(&connection.name);
    let custom = connection.app.kind == AppKind::Custom;
    let hint = match &refusal {
        Refusal::Bearer(ApiProblem::NotConnected) if custom => {
            "authorise the custom connection again in the portal: Configuration, Save and connect".to_owned()
        }
        Refusal::Bearer(ApiProblem::NotConnected) => {
            format!(
                "`xeroctl orgs {name}` lists what is connected; `xeroctl reauth {name}` connects it again"
            )
        }
        Refusal::Bearer(ApiProblem::MissingScope) if custom => {
            "tick the scope in the portal (Configuration) and have its user authorise the app again"
                .to_owned()
        }
        Refusal::Bearer(ApiProblem::MissingScope) => {
            format!("consent again with the scope added: `xeroctl reauth {name} --scopes '…'`")
        }
        Refusal::Bearer(ApiProblem::TokenInvalid | ApiProblem::TokenExpired) if !custom => {
            format!("log in again: `xeroctl reauth {name}`")
        }
        _ => return refused_at(refusal, &connection.app.server),
    };
    refused_at(refusal, &connection.app.server).hint(hint)
}

/// A refusal, with what to know of private apps where it came from Xero itself.
pub(super) fn refused_at(refusal: Refusal, server: &Server) -> Failure {
    match refusal {
        Refusal::Bearer(problem) => Failure::from(problem),
        Refusal::Signed(problem) => {
            let failure = Failure::from(problem);
            let retired = failure.kind == Kind::Refused && server.address().is_none();
            if retired { failure.hint(show::RETIRED) } else { failure }
        }
    }
}

/// Why a connection has no token to send, with the command that mends it.
pub(crate) fn no_token(error: StoreError, connection: &Connection) -> Failure {
    let is_refused = matches!(error, StoreError::NeedsLogin { .. });
    let wrong_secret = matches!(error, StoreError::Auth(xero_auth_oauth2::Error::InvalidClient));
    let failure = Failure::from(error);
    if let Some(hint) = half_way::or_reauth(connection).filter(|_| is_refused) {
        return failure.hint(hint);
    }
    // The login is as good as before: no consent is needed.
    match connection.app.kind {
        AppKind::Web | AppKind::Custom if wrong_secret => failure.hint(format!(
            "give it the secret that the portal has, or generate another there: `xeroctl apps secret set {}`",
            show::quoted(&called(&connection.app))
        )),
        _ => failure,
    }
}
