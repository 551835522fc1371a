//! A login: one consent, with the connections that share it.

use std::{collections::BTreeMap, time::SystemTime};

use connection_store::{AppKind, Authorisation, Connection, HandedWay};

use super::plan::{LoginEnd, Row};
use crate::half_way;

/// One consent, or one custom app, and the connections that use it: at least one, by name.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    connections: Vec<Connection>,
    authorisation: Authorisation,
    /// Since when a renewal of it had no answer, when it was looked at first.
    half_way: Option<SystemTime>,
}

/// The logins of connections that were [looked at](half_way::looked_at), in the order of their first names. Private apps
/// have none; what was handed over another store looks after.
pub(crate) fn logins(connections: Vec<Connection>) -> Vec<Login> {
    let mut logins: Vec<Login> = Vec::new();
    let mut places = BTreeMap::new();
    for connection in connections {
        let Some(authorisation) = connection.authorisation.clone() else { continue };
        let half_way = half_way::since(&connection);
        if authorisation.handed.is_some_and(|handed| handed.way == HandedWay::Exported) {
            continue;
        }
        let place = *places.entry(authorisation.id.clone()).or_insert(logins.len());
        match logins.get_mut(place) {
            Some(login) => login.connections.push(connection),
            None => logins.push(Login { connections: vec![connection], authorisation, half_way }),
        }
    }
    logins
}

impl Login {
    /// The store's id of it.
    pub(crate) fn id(&self) -> &str {
        &self.authorisation.id
    }

    /// The first of its connections, by which it is renewed.
    pub(crate) fn connection(&self) -> &Connection {
        self.connections.first().expect("a login is made of a connection")
    }

    pub(crate) fn authorisation(&self) -> &Authorisation {
        &self.authorisation
    }

    /// Since when a renewal of it had no answer, when it was looked at first.
    pub(crate) fn half_way(&self) -> Option<SystemTime> {
        self.half_way
    }

    /// The names of its connections.
    pub(crate) fn names(&self) -> Vec<String> {
        self.connections.iter().map(|one| one.name.clone()).collect()
    }

    /// The address that stands in for Xero, if one does.
    pub(crate) fn server(&self) -> Option<String> {
        self.connection().app.server.address().map(str::to_owned)
    }

    /// True where one of its connections has one of these names.
    pub(crate) fn is_of(&self, names: &[String]) -> bool {
        self.connections.iter().any(|one| names.contains(&one.name))
    }

    pub(crate) fn row(&self) -> Row {
        let Authorisation { access_expires_at, refreshed_at, refresh_expires_at, needs_login, .. } =
            &self.authorisation;
        let kind = self.connection().app.kind;
        let login = match (kind, refresh_expires_at) {
            (AppKind::Custom, _) => LoginEnd::Never,
            (_, Some(end)) => LoginEnd::At(*end),
            (_, None) => LoginEnd::WithAccess,
        };
        Row {
            access_ends: *access_expires_at,
            refreshed_at: *refreshed_at,
            login,
            marked: needs_login.is_some(),
            half_way: half_way::since_of(kind, &self.authorisation).is_some(),
        }
    }

    /// Its first connection with the tokens' times as they were read last.
    pub(crate) fn as_it_stands(&self) -> Connection {
        let mut connection = self.connection().clone();
        connection.authorisation = Some(self.authorisation.clone());
        connection
    }

    /// The same login as it stands now.
    pub(crate) fn with(mut self, authorisation: Authorisation) -> Self {
        self.authorisation = authorisation;
        self
    }
}
