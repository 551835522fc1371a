//! Connections packed for another store, which then renews their logins instead of this one.

use std::collections::BTreeSet;

use xero_auth_oauth2::Scopes;
use zeroize::Zeroizing;

use super::{Store, apps::OpenApp, owner::has_died};
use crate::{
    AppKind, Authorisation, Connection, Error,
    backend::Handing,
    bundle::{
        Bundle, BundledApp, BundledConnection, BundledLogin, BundledOrganisation, BundledSecond,
        BundledSpare, BundledToken, to_base64,
    },
    grant::StoredAuthorisation,
    record::seconds,
};

/// What happens to the logins of exported connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logins {
    /// They go along, and this store renews them no more.
    HandOver,
    /// They stay: whoever imports the bundle logs in anew.
    Stay,
}

/// Connections packed for another store.
#[derive(Debug)]
pub struct Export {
    bundle: Bundle,
    /// The logins that go along, and in which state they were packed.
    logins: Vec<(String, i64)>,
}

impl Export {
    /// What is to be sealed and kept for the other store.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// True where logins go along that this store is to renew no more: [`Store::hand_over`] comes next.
    pub fn hands_over(&self) -> bool {
        !self.logins.is_empty()
    }
}

impl Store {
    /// Packs connections with their apps, and their logins if these are to be handed over. Nothing is changed yet: keep the
    /// bundle durably, then call [`hand_over`](Self::hand_over), and only then give it away.
    ///
    /// # Errors
    /// [`Error::NoSuchConnection`], [`Error::Tampered`]; for a login that is to be handed over [`Error::SharedLogin`] where
    /// other connections use it too, [`Error::Copied`], [`Error::HandedOver`] and [`Error::NotAdopted`] where this store does not renew it.
    pub fn export(&self, names: &[String], logins: Logins) -> Result<Export, Error> {
        if logins == Logins::HandOver {
            self.admit_refresh()?;
        }
        let mut chosen: Vec<Connection> = Vec::new();
        for name in names {
            let one = self.connection(Some(name))?;
            if !chosen.iter().any(|other| other.name == one.name) {
                chosen.push(one);
            }
        }
        chosen.iter().try_for_each(|one| self.check(one))?;
        let mut packed = Vec::new();
        for login in distinct(chosen.iter().filter_map(|one| Some(one.authorisation.as_ref()?.id.as_str()))) {
            packed.push(self.pack_login(login, &chosen, logins)?);
        }
        let apps = distinct(chosen.iter().map(|one| one.app.id.as_str()));
        let apps = apps.into_iter().map(|id| self.pack_app(id)).collect::<Result<_, _>>()?;
        let handed = packed.iter().filter(|login| login.refresh.is_some());
        let logins = handed.map(|login| (login.id.clone(), login.generation)).collect();
        Ok(Export { bundle: Bundle::new(apps, packed, chosen.iter().map(pack_connection).collect()), logins })
    }

    /// Notes durably that the logins of an export are renewed here no more. False: one of them has gone on since it was packed;
    /// export again.
    ///
    /// # Errors
    /// [`Error::RefreshBusy`] while one is being renewed, [`Error::HalfWay`].
    pub fn hand_over(&self, export: &Export) -> Result<bool, Error> {
        let path = self.db().local().to_owned();
        let (now, by) = (self.now(), self.actor());
        self.db()
            .hand_over(&export.logins, &Handing { now, by: &by, lives: &|owner| !has_died(&path, owner) })
    }

    /// Renews the logins of these connections here from now on, or of all: after an import, or to take back what was exported
    /// and imported nowhere. Two stores that renew one login spend each other's tokens. Gives the names of the connections
    /// for which that is new.
    ///
    /// # Errors
    /// [`Error::NoSuchConnection`], [`Error::Tampered`], [`Error::Copied`] in a copy, which renews nothing.
    pub fn adopt_logins(&self, names: Option<&[String]>) -> Result<Vec<String>, Error> {
        self.admit_refresh()?;
        let connections = match names {
            Some(names) => {
                names.iter().map(|name| self.connection(Some(name))).collect::<Result<Vec<_>, _>>()?
            }
            None => self.connections()?,
        };
        let mut adopted = Vec::new();
        for one in connections {
            let handed = one.authorisation.as_ref().is_some_and(|login| login.handed.is_some());
            if handed {
                adopted.extend(self.adopt_login(self.own_authorisation(&one, "login")?)?);
            }
        }
        Ok(adopted)
    }

    fn adopt_login(&self, login: &Authorisation) -> Result<Vec<String>, Error> {
        if !self.db().adopt_login(&login.id, self.now(), &self.actor())? {
            return Ok(Vec::new());
        }
        Ok(self.sharing(&login.id)?.into_iter().map(|one| one.name).collect())
    }

    fn pack_login(&self, id: &str, chosen: &[Connection], logins: Logins) -> Result<BundledLogin, Error> {
        self.take_up(&self.stored(id)?)?;
        let stored = self.stored(id)?;
        let custom = chosen.iter().any(|one| is_of(one, id) && one.app.kind == AppKind::Custom);
        let login = self.unpacked(&stored)?;
        if custom || logins == Logins::Stay {
            return Ok(login);
        }
        if stored.authorisation.handed.is_some() {
            return Err(self.handed(&stored.authorisation)?);
        }
        let shared =
            self.sharing(id)?.into_iter().filter(|one| chosen.iter().all(|own| own.name != one.name));
        let others: Vec<_> = shared.map(|one| one.name).collect();
        if !others.is_empty() {
            return Err(Error::SharedLogin { others });
        }
        self.admit_handing(&stored.authorisation)?;
        self.with_tokens(login, &stored)
    }

    /// Refuses a login of a server's store whose renewal was left half-way: what another machine may have rescued is opened by no
    /// other store.
    fn admit_handing(&self, login: &Authorisation) -> Result<(), Error> {
        let asked =
            login.sent_at.is_some() && login.needs_login.is_none() && login.refresh_expires_at.is_some();
        if !asked || !self.is_at_a_server() {
            return Ok(());
        }
        if self.refresh_under_way(login)?.is_some() {
            return Err(Error::RefreshBusy);
        }
        let connections = self.sharing(&login.id)?.into_iter().map(|one| one.name).collect();
        Err(Error::HalfWay { connections })
    }

    /// A login without the tokens that only one store may have.
    fn unpacked(&self, stored: &StoredAuthorisation) -> Result<BundledLogin, Error> {
        let Authorisation { id, app, user, consent, scopes, refreshed_at, created_at, .. } =
            &stored.authorisation;
        let asked = stored.asked.is_some().then(|| stored.open_asked(self.data_key())).transpose()?.flatten();
        Ok(BundledLogin {
            id: id.clone(),
            app: app.clone(),
            generation: stored.authorisation.generation,
            user_id: user.id.clone(),
            user_name: user.name.clone(),
            user_email: user.email.clone(),
            consent: consent.clone(),
            scopes: scopes.to_string(),
            asked: asked.as_ref().map(Scopes::to_string),
            access: None,
            refresh: None,
            refreshed_at: seconds(*refreshed_at),
            previous: None,
            sent_at: None,
            spares: Vec::new(),
            needs_login: None,
            created_at: seconds(*created_at),
        })
    }

    fn with_tokens(&self, login: BundledLogin, stored: &StoredAuthorisation) -> Result<BundledLogin, Error> {
        let (key, mut spares) = (self.data_key(), Vec::new());
        for spare in self.db().spares(&login.id)? {
            let token = text(stored.open_spare(key, &spare)?.expose());
            spares.push(BundledSpare { token, generation: spare.generation, kept_at: spare.kept_at });
        }
        let access = stored.access.is_some().then(|| stored.open_access(key)).transpose()?;
        let needs_login = stored.authorisation.needs_login.as_ref();
        Ok(BundledLogin {
            access: access.map(|access| token(access.token.expose(), seconds(access.expires_at))),
            refresh: stored.open_refresh(key)?.map(|refresh| text(refresh.expose())),
            previous: stored.open_previous(key)?.map(|(old, at)| token(old.expose(), seconds(at))),
            needs_login: needs_login.map(|mark| (mark.reason.clone(), seconds(mark.since))),
            sent_at: stored.authorisation.sent_at.map(seconds),
            spares,
            ..login
        })
    }

    fn pack_app(&self, id: &str) -> Result<BundledApp, Error> {
        let stored = self.db().app(id)?.ok_or_else(|| Error::NoSuchApp(id.to_owned()))?;
        let OpenApp { app, secret, second } = self.open_app(&stored)?;
        let der = |certificate: &xero_certs::Certificate| to_base64(certificate.der()).to_string();
        let second = app.second.as_ref().zip(second).map(|(beside, secret)| BundledSecond {
            secret: to_base64(&secret),
            certificate: beside.certificate.as_ref().map(der),
            since: seconds(beside.since),
        });
        Ok(BundledApp {
            kind: app.kind.as_str().to_owned(),
            server: app.server.address().map(str::to_owned),
            certificate: app.certificate.as_ref().map(der),
            redirect_uris: app.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
            secret: to_base64(&secret),
            second,
            id: app.id,
            name: app.name,
            client_id: app.client_id,
        })
    }
}

fn pack_connection(connection: &Connection) -> BundledConnection {
    let organisation = connection.organisation.as_ref();
    BundledConnection {
        name: connection.name.clone(),
        app: connection.app.id.clone(),
        login: connection.authorisation.as_ref().map(|login| login.id.clone()),
        organisation: organisation.map(|seen| BundledOrganisation {
            id: seen.id.clone(),
            name: seen.name.clone(),
            short_code: seen.short_code.clone(),
        }),
        is_default: connection.is_default,
    }
}

fn is_of(connection: &Connection, login: &str) -> bool {
    connection.authorisation.as_ref().is_some_and(|own| own.id == login)
}

fn distinct<'a>(ids: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    ids.collect()
}

fn text(secret: &str) -> Zeroizing<String> {
    Zeroizing::new(secret.to_owned())
}

fn token(secret: &str, at: i64) -> BundledToken {
    BundledToken { token: text(secret), at }
}
