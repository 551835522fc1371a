//! Every sealed value of the database in its place, one after the other.

use std::path::Path;

use super::apps::{APP_SECRETS, StoredApp, StoredAppRecord};
use crate::{
    Organisation,
    database::{Db, Fault, Row, values},
    place,
    record::{APP, AUTHORISATION, TOKENS, TokensRecord},
    seal::Place,
};

/// A column that holds sealed values, and the column by which its rows are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    pub(super) key: &'static str,
}

/// What looks at each value: where it stands, the row's key, its place, and the value.
type Look<'a> = dyn FnMut(Column, &str, &Place<'_>, &[u8]) -> Result<(), Fault> + 'a;

/// Looks at every sealed value but those that are sealed for the keys of the store.
pub(super) fn each(db: Db<'_>, path: &Path, look: &mut Look<'_>) -> Result<(), Fault> {
    apps(db, path, look)?;
    authorisations(db, path, look)?;
    connections(db, look)?;
    pending(db, look)
}

/// How many values there are.
pub(super) fn count(db: Db<'_>, path: &Path) -> Result<usize, Fault> {
    let mut count = 0;
    each(db, path, &mut |_, _, _, _| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

fn apps(db: Db<'_>, path: &Path, look: &mut Look<'_>) -> Result<(), Fault> {
    let [first, second] =
        ["secret", "second_secret"].map(|column| Column { table: "apps", column, key: "id" });
    let sql = format!("SELECT {APP}, {APP_SECRETS} FROM apps a");
    for record in db.rows(&sql, &[], StoredAppRecord::read)? {
        let StoredApp { app, secret, second: beside, generation } = record.finish(path)?;
        look(first, &app.id, &place::app_secret(&app, generation), &secret)?;
        if let Some(beside) = beside {
            look(second, &app.id, &place::second_secret(&app, generation), &beside)?;
        }
    }
    Ok(())
}

fn authorisations(db: Db<'_>, path: &Path, look: &mut Look<'_>) -> Result<(), Fault> {
    let sql = format!("SELECT {AUTHORISATION}, {TOKENS} FROM authorisations u");
    let spares = "SELECT CAST(id AS TEXT), generation, token, kept_at FROM spares WHERE authorisation = ?1";
    for record in db.rows(&sql, &[], TokensRecord::read)? {
        let stored = record.finish(path)?;
        let id = &stored.authorisation.id;
        for (column, place, sealed) in stored.sealed_values() {
            look(Column { table: "authorisations", column, key: "id" }, id, &place, sealed)?;
        }
        let column = Column { table: "spares", column: "token", key: "CAST(id AS TEXT)" };
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let spares: Vec<(String, i64, Vec<u8>, i64)> = db.rows(spares, values![id], read)?;
        for (spare, generation, token, kept_at) in spares {
            look(column, &spare, &stored.holder_at(generation).spare(kept_at), &token)?;
        }
    }
    Ok(())
}

fn connections(db: Db<'_>, look: &mut Look<'_>) -> Result<(), Fault> {
    let column = Column { table: "connections", column: "pin", key: "name" };
    let sql = "SELECT name, pin, app, authorisation, organisation_id FROM connections";
    let read = |row: &Row<'_>| {
        let (name, app, pin): (String, String, Vec<u8>) = (row.get(0)?, row.get(2)?, row.get(1)?);
        let (authorisation, organisation): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
        let organisation = organisation.map(|id| Organisation { id, name: String::new(), short_code: None });
        let place = place::pin("", &app, authorisation.as_deref(), organisation.as_ref());
        Ok((name, place.bound, pin))
    };
    for (name, bound, pin) in db.rows(sql, &[], read)? {
        look(column, &name, &Place { bound, ..place::pin(&name, "", None, None) }, &pin)?;
    }
    Ok(())
}

fn pending(db: Db<'_>, look: &mut Look<'_>) -> Result<(), Fault> {
    let column = Column { table: "pending", column: "contents", key: "id" };
    let sql = "SELECT id, expires_at, contents FROM pending";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: Vec<(String, i64, Vec<u8>)> = db.rows(sql, &[], read)?;
    for (id, expires_at, contents) in found {
        look(column, &id, &place::pending(&id, expires_at), &contents)?;
    }
    Ok(())
}
