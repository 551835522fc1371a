//! Connections taken over from a bundle.

use std::{collections::BTreeMap, time::SystemTime};

use xero_auth_oauth1::ConsumerKey;
use xero_auth_oauth2::{AccessToken, ClientId, RedirectUri, RefreshToken, Scopes, User};
use xero_certs::Certificate;

use super::{
    Store,
    apps::{OpenApp, SealedApp},
    sealed_anew,
};
use crate::{
    App, AppKind, Authorisation, Error, HandedWay, Organisation, SecondSecret, Server,
    backend::{ConnectionRow, ImportRows, ImportedApp, LoginRow},
    bundle::{Bundle, BundledApp, BundledConnection, BundledLogin, from_base64},
    connection::check_name,
    grant::Grant,
    place::Holder,
    record::{seconds, system_time},
};

const STAYED: &str = "its login stayed with the store that it was exported from";
/// How much of a name is kept where a number is put after it, in characters.
const LONGEST_STEM: usize = 50;

/// What to do with a connection of a bundle whose name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Import nothing.
    Refuse,
    /// Leave it out.
    Skip,
    /// Import it under the name with a number after it.
    Rename,
    /// Replace the connection that is there.
    Replace,
}

/// How a bundle is imported.
#[derive(Debug, Clone)]
pub struct Importing<'a> {
    /// Which of its connections, by name; `None`: all.
    pub names: Option<&'a [String]>,
    /// What to do where a name is taken.
    pub existing: Existing,
    /// Renew the logins here from now on. Otherwise they wait for [`Store::adopt_logins`].
    pub adopt: bool,
}

/// What became of a connection of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its name in the bundle.
    pub packed: String,
    /// Its name here; `None`: it was left out.
    pub name: Option<String>,
    /// True where it took the place of another one.
    pub replaced: bool,
    /// True where a person must log in before it can be used.
    pub needs_login: bool,
}

/// An app of a bundle and the one that it becomes here.
struct Merged {
    id: String,
    /// `None`: it is here already, and stays as it is.
    sealed: Option<SealedApp>,
    name: Option<String>,
}

impl Store {
    /// Takes connections over from a bundle, with their apps and logins: all of them or none, durable when this returns. An app
    /// that is here already is used; a secret of it that is not the one here is kept as its second. A login that is here and
    /// has gone on since is left as it is. Nobody is asked at Xero.
    ///
    /// # Errors
    /// [`Error::NameTaken`] with [`Existing::Refuse`], [`Error::NoSuchConnection`] for a name that is not in the bundle,
    /// [`Error::BadName`], [`Error::NotABundle`], [`Error::OtherApp`].
    pub fn import(&self, bundle: &Bundle, importing: &Importing<'_>) -> Result<Vec<Imported>, Error> {
        let wanted = wanted(bundle, importing.names)?;
        let imported = sealed_anew(|| self.try_import(bundle, &wanted, importing))?;
        if importing.adopt {
            self.adopt_imported(&imported)?;
        }
        imported.into_iter().map(|one| self.as_it_is_here(one)).collect()
    }

    /// A login that is here and went on stayed as it was: it may be good where that of the bundle is not.
    fn as_it_is_here(&self, imported: Imported) -> Result<Imported, Error> {
        let Some(name) = &imported.name else { return Ok(imported) };
        let login = self.connection(Some(name))?.authorisation;
        let needs_login = login.is_some_and(|login| login.needs_login.is_some());
        Ok(Imported { needs_login, ..imported })
    }

    /// Those that were here already, from an import before, are adopted with the rest. What was exported from here is not: the
    /// bundle was older than that.
    fn adopt_imported(&self, imported: &[Imported]) -> Result<(), Error> {
        for name in imported.iter().filter_map(|one| one.name.as_deref()) {
            let login = self.connection(Some(name))?.authorisation;
            if login.is_some_and(|login| login.handed.is_some_and(|handed| handed.way == HandedWay::Imported))
            {
                self.adopt_logins(Some(&[name.to_owned()]))?;
            }
        }
        Ok(())
    }

    fn try_import(
        &self,
        bundle: &Bundle,
        wanted: &[&BundledConnection],
        importing: &Importing<'_>,
    ) -> Result<Vec<Imported>, Error> {
        let here = self.connections()?;
        let here: Vec<_> = here.iter().map(|one| one.name.to_ascii_lowercase()).collect();
        let named = named(wanted, &here, importing.existing)?;
        let chosen: Vec<_> = named.iter().filter(|one| one.name.is_some()).collect();
        let apps = self.merge_apps(bundle, &chosen)?;
        let grants = self.grants(bundle, &chosen, &apps)?;
        let logins = grants.iter().map(|(login, grant)| self.login_row(bundle, login, grant));
        let connections = chosen.iter().map(|one| self.connection_row(one, &apps, importing, &here));
        let rows = ImportRows {
            apps: apps.values().filter_map(Merged::row).collect(),
            logins: logins.collect::<Result<_, _>>()?,
            connections: connections.collect::<Result<_, _>>()?,
            adopt: importing.adopt,
        };
        match self.db().import(&rows, self.now(), &self.actor())? {
            Some(taken) => Err(Error::NameTaken(taken)),
            None => Ok(named.iter().map(|one| one.imported(&here)).collect()),
        }
    }

    /// The apps of what is imported, each under its id in the bundle.
    fn merge_apps<'a>(
        &self,
        bundle: &'a Bundle,
        chosen: &[&Named<'_>],
    ) -> Result<BTreeMap<&'a str, Merged>, Error> {
        let used = |app: &&BundledApp| chosen.iter().any(|one| one.packed.app == app.id);
        bundle.apps.iter().filter(used).map(|app| Ok((app.id.as_str(), self.merge_app(app)?))).collect()
    }

    fn merge_app(&self, packed: &BundledApp) -> Result<Merged, Error> {
        let open = unpack(packed)?;
        let name = packed.name.clone();
        let Some(here) = self.same_app(&open.app)? else {
            let id = open.app.id.clone();
            if let Some(other) = self.app(&id)? {
                return Err(other_app(&other, &open.app));
            }
            return Ok(Merged { id, sealed: Some(open.seal(self.data_key(), 1)?), name });
        };
        let stored = self.db().app(&here.id)?.ok_or_else(|| Error::NoSuchApp(here.id.clone()))?;
        let mut own = self.open_app(&stored)?;
        if own.secret == open.secret || own.second.is_some() || open.secret.is_empty() {
            return Ok(Merged { id: here.id, sealed: None, name });
        }
        own.app.second = Some(SecondSecret { certificate: open.app.certificate, since: self.now() });
        own.second = Some(open.secret);
        let sealed = own.seal(self.data_key(), stored.generation + 1)?;
        Ok(Merged { id: here.id, sealed: Some(sealed), name })
    }

    /// The app that is here already: the very same one, or registered as the same in the same portal.
    fn same_app(&self, packed: &App) -> Result<Option<App>, Error> {
        let same = |app: &App| {
            let registered = app.client_id == packed.client_id && app.certificate == packed.certificate;
            app.kind == packed.kind && app.server == packed.server && (app.id == packed.id || registered)
        };
        Ok(self.apps()?.into_iter().find(same))
    }

    /// The logins that are taken over. One that is here, and renewed here or further on, is not.
    fn grants<'a>(
        &self,
        bundle: &'a Bundle,
        chosen: &[&Named<'_>],
        apps: &BTreeMap<&str, Merged>,
    ) -> Result<Vec<(&'a BundledLogin, Grant)>, Error> {
        let used = |login: &&BundledLogin| {
            chosen.iter().any(|one| one.packed.login.as_deref() == Some(login.id.as_str()))
        };
        let mut grants = Vec::new();
        for login in bundle.logins.iter().filter(used) {
            let here = self.authorisation(&login.id)?;
            if here.is_none_or(|here| gives_way(&here, login)) {
                let app = apps.get(login.app.as_str()).ok_or(Error::NotABundle)?;
                grants.push((login, grant(login, &app.id)?));
            }
        }
        Ok(grants)
    }

    fn login_row<'a>(
        &self,
        bundle: &Bundle,
        login: &BundledLogin,
        grant: &'a Grant,
    ) -> Result<LoginRow<'a>, Error> {
        let key = self.data_key();
        let spares = login.spares.iter().map(|spare| {
            let holder = Holder { generation: spare.generation, ..grant.holder() };
            let token = key.seal(&holder.spare(spare.kept_at), spare.token.as_bytes())?;
            Ok((token, spare.generation, spare.kept_at))
        });
        let stayed = stayed_behind(bundle, login).then(|| (STAYED.to_owned(), seconds(self.now())));
        Ok(LoginRow {
            sealed: grant.seal(key)?,
            created_at: login.created_at,
            needs_login: login.needs_login.clone().or(stayed),
            sent_at: login.sent_at,
            spares: spares.collect::<Result<_, Error>>()?,
        })
    }

    fn connection_row<'a>(
        &self,
        one: &'a Named<'_>,
        apps: &'a BTreeMap<&str, Merged>,
        importing: &Importing<'_>,
        here: &[String],
    ) -> Result<ConnectionRow<'a>, Error> {
        let Named { packed, name, organisation } = one;
        let app = &apps.get(packed.app.as_str()).ok_or(Error::NotABundle)?.id;
        let name = name.as_deref().unwrap_or_default();
        Ok(ConnectionRow {
            name,
            app,
            authorisation: packed.login.as_deref(),
            organisation: organisation.as_ref(),
            pin: self.pin(name, app, packed.login.as_deref(), organisation.as_ref())?,
            make_default: packed.is_default && here.is_empty(),
            replace: importing.existing == Existing::Replace,
            tested: false,
        })
    }
}

/// A connection of a bundle, and its name here; `None`: it is left out.
struct Named<'a> {
    packed: &'a BundledConnection,
    name: Option<String>,
    organisation: Option<Organisation>,
}

impl Named<'_> {
    fn imported(&self, here: &[String]) -> Imported {
        let Self { packed, name, .. } = self;
        Imported {
            packed: packed.name.clone(),
            name: name.clone(),
            replaced: name.as_ref().is_some_and(|name| here.contains(&name.to_ascii_lowercase())),
            needs_login: false,
        }
    }
}

impl Merged {
    fn row(&self) -> Option<ImportedApp<'_>> {
        let name = self.name.as_deref();
        self.sealed.as_ref().map(|sealed| ImportedApp { row: sealed.row(), name })
    }
}

/// The id of an app that is here stands for another one in the bundle: no store has written that.
fn other_app(here: &App, packed: &App) -> Error {
    let named = |app: &App| app.server.address().map_or("Xero".to_owned(), str::to_owned);
    Error::OtherApp { client_id: here.client_id.clone(), here: named(here), packed: named(packed) }
}

/// The connections of a bundle that were asked for, in the order of the bundle.
fn wanted<'a>(bundle: &'a Bundle, names: Option<&[String]>) -> Result<Vec<&'a BundledConnection>, Error> {
    let Some(names) = names else { return Ok(bundle.connections.iter().collect()) };
    let is = |one: &BundledConnection, name: &String| one.name.eq_ignore_ascii_case(name);
    if let Some(missing) = names.iter().find(|name| !bundle.connections.iter().any(|one| is(one, name))) {
        let known = bundle.connections.iter().map(|one| one.name.clone()).collect();
        return Err(Error::NoSuchConnection { name: missing.clone(), known });
    }
    Ok(bundle.connections.iter().filter(|one| names.iter().any(|name| is(one, name))).collect())
}

/// Each connection with its name here. The names that there are come in small letters.
fn named<'a>(
    wanted: &[&'a BundledConnection],
    here: &[String],
    existing: Existing,
) -> Result<Vec<Named<'a>>, Error> {
    let mut taken: Vec<String> = wanted.iter().map(|one| one.name.to_ascii_lowercase()).collect();
    taken.extend_from_slice(here);
    let mut named = Vec::new();
    for packed in wanted {
        check_name(&packed.name)?;
        let name = match (here.contains(&packed.name.to_ascii_lowercase()), existing) {
            (true, Existing::Refuse) => return Err(Error::NameTaken(packed.name.clone())),
            (true, Existing::Skip) => None,
            (true, Existing::Rename) => Some(numbered(&packed.name, &taken)),
            _ => Some(packed.name.clone()),
        };
        taken.extend(name.iter().map(|name| name.to_ascii_lowercase()));
        let organisation = packed.organisation.as_ref().map(|seen| Organisation {
            id: seen.id.clone(),
            name: seen.name.clone(),
            short_code: seen.short_code.clone(),
        });
        named.push(Named { packed, name, organisation });
    }
    Ok(named)
}

/// `acme-2`, or the next number that is free.
fn numbered(name: &str, taken: &[String]) -> String {
    let stem: String = name.chars().take(LONGEST_STEM).collect();
    let mut names = (2_u64..).map(|number| format!("{}-{number}", stem.trim_end()));
    names.find(|name| !taken.contains(&name.to_ascii_lowercase())).expect("there are more numbers than names")
}

/// True for a login that is here and gives way to the one in a bundle: it was exported, and has not gone further.
fn gives_way(here: &Authorisation, packed: &BundledLogin) -> bool {
    let exported = here.handed.is_some_and(|handed| handed.way == HandedWay::Exported);
    exported && packed.refresh.is_some() && packed.generation >= here.generation
}

/// True for a login whose tokens were not packed and cannot be had without a person.
fn stayed_behind(bundle: &Bundle, login: &BundledLogin) -> bool {
    let custom = bundle.app(&login.app).is_some_and(|app| app.kind == AppKind::Custom.as_str());
    login.refresh.is_none() && !custom
}

fn unpack(packed: &BundledApp) -> Result<OpenApp, Error> {
    let not = |_| Error::NotABundle;
    let certificate = |text: &Option<String>| {
        let der = text.as_deref().map(from_base64).transpose()?;
        der.map(|der| Certificate::read(&der)).transpose().map_err(not)
    };
    let second = packed.second.as_ref();
    let beside = second.map(|second| {
        let since = system_time(second.since).ok_or(Error::NotABundle)?;
        Ok::<_, Error>(SecondSecret { certificate: certificate(&second.certificate)?, since })
    });
    let app = App {
        id: packed.id.clone(),
        name: packed.name.clone(),
        kind: packed.kind.parse().map_err(|_| Error::NotABundle)?,
        client_id: packed.client_id.clone(),
        server: packed.server.as_deref().map_or(Ok(Server::xero()), Server::at)?,
        certificate: certificate(&packed.certificate)?,
        redirect_uris: redirect_uris(&packed.redirect_uris)?,
        second: beside.transpose()?,
        created_at: SystemTime::UNIX_EPOCH,
    };
    let known = match app.kind {
        AppKind::Private => ConsumerKey::parse(&app.client_id).is_ok_and(|key| key.as_str() == app.client_id),
        _ => ClientId::parse(&app.client_id).is_ok_and(|id| id.as_str() == app.client_id),
    };
    let secret = from_base64(&packed.secret)?;
    let second = second.map(|second| from_base64(&second.secret)).transpose()?;
    if !known || (app.kind == AppKind::Private) != app.certificate.is_some() {
        return Err(Error::NotABundle);
    }
    Ok(OpenApp { app, secret, second })
}

fn redirect_uris(packed: &[String]) -> Result<Vec<RedirectUri>, Error> {
    packed.iter().map(|uri| RedirectUri::parse(uri).map_err(|_| Error::NotABundle)).collect()
}

fn grant(login: &BundledLogin, app: &str) -> Result<Grant, Error> {
    let time = |at: i64| system_time(at).ok_or(Error::NotABundle);
    let refresh = |token: &str| RefreshToken::new(token).map_err(|_| Error::NotABundle);
    let access = |token: &str| AccessToken::new(token).map_err(|_| Error::NotABundle);
    let scopes = |text: &str| Scopes::granted(text.split(' '));
    Ok(Grant {
        id: login.id.clone(),
        app: app.to_owned(),
        generation: login.generation,
        user: User {
            id: login.user_id.clone(),
            name: login.user_name.clone(),
            email: login.user_email.clone(),
        },
        consent: login.consent.clone(),
        scopes: scopes(&login.scopes),
        asked: login.asked.as_deref().map(scopes),
        at: time(login.refreshed_at)?,
        access: login
            .access
            .as_ref()
            .map(|one| Ok::<_, Error>((access(&one.token)?, time(one.at)?)))
            .transpose()?,
        refresh: login.refresh.as_ref().map(|token| refresh(token)).transpose()?,
        previous: login
            .previous
            .as_ref()
            .map(|one| Ok::<_, Error>((refresh(&one.token)?, time(one.at)?)))
            .transpose()?,
    })
}
