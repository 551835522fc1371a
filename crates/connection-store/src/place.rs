//! Where each sealed value stands, and what stands in clear beside it that must not change without it.

use xero_certs::Certificate;

use crate::{
    App, AppKind, Organisation,
    seal::{Place, bound},
};

/// The secret of an app: a private key, a client secret, or nothing.
pub(crate) fn app_secret(app: &App, generation: i64) -> Place<'_> {
    secret_of(app, "secret", app.certificate.as_ref(), generation)
}

/// The secret that is kept beside it.
pub(crate) fn second_secret(app: &App, generation: i64) -> Place<'_> {
    let certificate = app.second.as_ref().and_then(|second| second.certificate.as_ref());
    secret_of(app, "second_secret", certificate, generation)
}

fn secret_of<'a>(
    app: &'a App,
    column: &'static str,
    certificate: Option<&Certificate>,
    generation: i64,
) -> Place<'a> {
    let address = app.server.address().unwrap_or_default();
    let fixed = [app.kind.as_str(), &app.client_id, address];
    let bound = match (app.kind, certificate) {
        (AppKind::Private, Some(certificate)) => {
            let [kind, client_id, address] = fixed;
            bound(&[kind, client_id, address, &certificate.sha256().to_string()])
        }
        _ => bound(&fixed),
    };
    Place { table: "apps", column, row: &app.id, generation, bound }
}

/// The seal on a connection: that this name stands for this app, authorisation and organisation.
pub(crate) fn pin<'a>(
    name: &'a str,
    app: &str,
    authorisation: Option<&str>,
    organisation: Option<&Organisation>,
) -> Place<'a> {
    let organisation = organisation.map_or("", |organisation| &organisation.id);
    let bound = match authorisation {
        Some(authorisation) => bound(&[app, organisation, authorisation]),
        None => bound(&[app, organisation]),
    };
    Place { table: "connections", column: "pin", row: name, generation: 0, bound }
}

/// What was put aside for the second half of a login.
pub(crate) fn pending(id: &str, expires_at: i64) -> Place<'_> {
    let bound = bound(&[&expires_at.to_string()]);
    Place { table: "pending", column: "contents", row: id, generation: 0, bound }
}

/// A grant that could not be saved, in a file of its own.
pub(crate) fn rescued(authorisation: &str, generation: i64) -> Place<'_> {
    Place { table: "rescue", column: "grant", row: authorisation, generation, bound: String::new() }
}

/// The authorisation that a token belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Holder<'a> {
    pub(crate) id: &'a str,
    pub(crate) app: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) consent: Option<&'a str>,
    pub(crate) generation: i64,
}

impl<'a> Holder<'a> {
    pub(crate) fn refresh(self) -> Place<'a> {
        self.token("refresh", &[])
    }

    /// The refresh token before, and when it was first spent.
    pub(crate) fn previous(self, spent_at: i64) -> Place<'a> {
        self.token("previous", &[&spent_at.to_string()])
    }

    /// A refresh token that came too late to be kept as the one of its generation.
    pub(crate) fn spare(self, kept_at: i64) -> Place<'a> {
        self.token("spare", &[&kept_at.to_string()])
    }

    /// The access token, what it is good for and until when.
    pub(crate) fn access(self, scopes: &str, expires_at: i64) -> Place<'a> {
        self.token("access", &[scopes, &expires_at.to_string()])
    }

    /// What client credentials ask for.
    pub(crate) fn asked(self) -> Place<'a> {
        self.token("asked", &[])
    }

    /// The consent that its tokens come from, as one text.
    pub(crate) fn origin(self) -> String {
        bound(&self.fixed())
    }

    fn fixed(self) -> [&'a str; 3] {
        [self.app, self.user.unwrap_or_default(), self.consent.unwrap_or_default()]
    }

    fn token(self, column: &'static str, more: &[&str]) -> Place<'a> {
        let bound = bound(&[&self.fixed()[..], more].concat());
        let Self { id, generation, .. } = self;
        Place { table: "authorisations", column, row: id, generation, bound }
    }
}
