//! All rows of a store, table by table: copied into another database as they are, and compared.

use std::{collections::HashMap, path::Path};

use aws_lc_rs::digest::{Context, SHA256};

use super::settle;
use crate::{
    MoveStep,
    database::{Db, Fault, Row, ToValue, Value},
};

/// How many rows are read, and written, at a time.
const PAGE: usize = 200;

/// What a column holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Number,
    Text,
    Bytes,
    Truth,
}
use Kind::{Bytes, Number, Text, Truth};

/// A table as it is moved. The columns by which its rows are told apart come first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    columns: &'static [(&'static str, Kind)],
    keys: usize,
    /// The column whose numbers the database gives.
    numbered: Option<&'static str>,
}

/// A value of a row, with its type where it is absent too.
enum Cell {
    Number(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Truth(bool),
}

/// A database that rows are read from while another one is changed: its failures say which it was.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) db: Db<'a>,
    pub(crate) path: &'a Path,
}

type Cells = Vec<Cell>;
/// What is told how far it has come.
pub(crate) type Report<'a> = dyn FnMut(MoveStep) + Send + 'a;
/// The rows of a table, each by what it is told apart by, as a hash.
type Hashes = HashMap<Vec<u8>, [u8; 32]>;

/// The one row that a store has of its own, but for whose it is: that is not moved.
pub(crate) const STORE: Table = Table {
    name: "store",
    columns: &[
        ("id", Text),
        ("data_key", Number),
        ("data_key_since", Number),
        ("ledger", Bytes),
        ("ledger_generation", Number),
    ],
    keys: 1,
    numbered: None,
};

/// All others; what a row names comes before it.
pub(crate) const TABLES: [Table; 9] = [
    Table {
        name: "key_slots",
        columns: &[
            ("id", Number),
            ("lock", Text),
            ("hint", Bytes),
            ("parameters", Text),
            ("salt", Bytes),
            ("sealed", Bytes),
            ("slot_key", Bytes),
            ("created_at", Number),
        ],
        keys: 1,
        numbered: Some("id"),
    },
    Table { name: "ledger_pages", columns: &[("page", Number), ("entries", Bytes)], keys: 1, numbered: None },
    Table {
        name: "apps",
        columns: &[
            ("id", Text),
            ("kind", Text),
            ("client_id", Text),
            ("server", Text),
            ("certificate", Bytes),
            ("secret", Bytes),
            ("generation", Number),
            ("created_at", Number),
            ("redirect_uris", Text),
            ("name", Text),
            ("second_secret", Bytes),
            ("second_certificate", Bytes),
            ("second_since", Number),
        ],
        keys: 1,
        numbered: None,
    },
    Table {
        name: "authorisations",
        columns: &[
            ("id", Text),
            ("rowid", Number),
            ("app", Text),
            ("generation", Number),
            ("user_id", Text),
            ("user_name", Text),
            ("user_email", Text),
            ("consent", Text),
            ("scopes", Text),
            ("asked", Bytes),
            ("access", Bytes),
            ("access_expires_at", Number),
            ("refresh", Bytes),
            ("refreshed_at", Number),
            ("previous", Bytes),
            ("spent_at", Number),
            ("needs_login", Text),
            ("needs_login_since", Number),
            ("lease_owner", Text),
            ("lease_until", Number),
            ("intent_generation", Number),
            ("intent_at", Number),
            ("created_at", Number),
            ("lease_ends", Number),
            ("handed", Text),
            ("handed_at", Number),
        ],
        keys: 1,
        numbered: Some("rowid"),
    },
    Table {
        name: "connections",
        columns: &[
            ("name", Text),
            ("app", Text),
            ("organisation_id", Text),
            ("organisation_name", Text),
            ("organisation_short_code", Text),
            ("pin", Bytes),
            ("is_default", Truth),
            ("created_at", Number),
            ("tested_at", Number),
            ("authorisation", Text),
        ],
        keys: 1,
        numbered: None,
    },
    Table {
        name: "pending",
        columns: &[("id", Text), ("contents", Bytes), ("expires_at", Number)],
        keys: 1,
        numbered: None,
    },
    Table {
        name: "spares",
        columns: &[
            ("id", Number),
            ("authorisation", Text),
            ("generation", Number),
            ("token", Bytes),
            ("kept_at", Number),
        ],
        keys: 1,
        numbered: Some("id"),
    },
    Table {
        name: "events",
        columns: &[
            ("id", Number),
            ("authorisation", Text),
            ("at", Number),
            ("event", Text),
            ("actor", Text),
            ("detail", Text),
        ],
        keys: 1,
        numbered: Some("id"),
    },
    Table {
        name: "limits",
        columns: &[
            ("app", Text),
            ("organisation", Text),
            ("seen_at", Number),
            ("day_left", Number),
            ("minute_left", Number),
            ("app_minute_left", Number),
        ],
        keys: 2,
        numbered: None,
    },
];

impl Side<'_> {
    fn told<T>(&self, done: Result<T, Fault>) -> Result<T, Fault> {
        done.map_err(|fault| settle(fault, self.path).into())
    }
}

impl Cell {
    fn read(row: &Row<'_>, at: usize, kind: Kind) -> Result<Self, Fault> {
        Ok(match kind {
            Number => Self::Number(row.get(at)?),
            Text => Self::Text(row.get(at)?),
            Bytes => Self::Bytes(row.get(at)?),
            Truth => Self::Truth(row.get(at)?),
        })
    }

    /// The value with its length, so that no two rows read the same.
    fn write(&self, out: &mut Vec<u8>) {
        let bytes = match self {
            Self::Number(number) => number.map(|number| number.to_be_bytes().to_vec()),
            Self::Text(text) => text.as_ref().map(|text| text.as_bytes().to_vec()),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Truth(truth) => Some(vec![u8::from(*truth)]),
        };
        let length = bytes.as_ref().map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        out.extend(length.to_be_bytes());
        out.extend(bytes.unwrap_or_default());
    }
}

impl ToValue for Cell {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Number(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text.as_deref()),
            Self::Bytes(bytes) => Value::Bytes(bytes.as_deref()),
            Self::Truth(truth) => Value::Truth(*truth),
        }
    }
}

impl Table {
    fn names(&self, columns: usize) -> String {
        self.columns[..columns].iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    fn count(&self, from: Side<'_>) -> Result<usize, Fault> {
        let sql = format!("SELECT count(*) FROM {}", self.name);
        let rows: i64 = from.told(from.db.one(&sql, &[], |row| row.get(0)))?;
        Ok(usize::try_from(rows).unwrap_or_default())
    }

    /// The rows after this one, at most a page of them.
    fn page(&self, from: Side<'_>, after: Option<&Cells>) -> Result<Vec<Cells>, Fault> {
        let (columns, keys) = (self.names(self.columns.len()), self.names(self.keys));
        let values: Vec<_> = after.into_iter().flatten().take(self.keys).map(ToValue::value).collect();
        let behind = if after.is_some() {
            format!("WHERE ({keys}) > ({})", numbers(1, self.keys))
        } else {
            String::new()
        };
        let sql = format!("SELECT {columns} FROM {} {behind} ORDER BY {keys} LIMIT {PAGE}", self.name);
        from.told(from.db.rows(&sql, &values, |row| {
            self.columns.iter().enumerate().map(|(at, (_, kind))| Cell::read(row, at, *kind)).collect()
        }))
    }

    /// Gives all rows to `work`, page by page.
    fn pages(
        &self,
        from: Side<'_>,
        work: &mut dyn FnMut(&[Cells]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut page = self.page(from, None)?;
        while let Some(last) = page.last() {
            work(&page)?;
            page = self.page(from, Some(last))?;
        }
        Ok(())
    }

    fn insert(&self, db: Db<'_>, rows: &[Cells]) -> Result<(), Fault> {
        let width = self.columns.len();
        let rows_of: Vec<_> =
            (0..rows.len()).map(|row| format!("({})", numbers(1 + row * width, width))).collect();
        let sql = format!("INSERT INTO {} ({}) VALUES {}", self.name, self.names(width), rows_of.join(", "));
        let values: Vec<_> = rows.iter().flatten().map(ToValue::value).collect();
        db.execute(&sql, &values).map(drop)
    }

    fn hashes(
        &self,
        from: Side<'_>,
        report: &mut dyn FnMut(usize) -> Result<(), Fault>,
    ) -> Result<Hashes, Fault> {
        let mut hashes = Hashes::new();
        self.pages(from, &mut |page| {
            hashes.extend(page.iter().map(|row| self.hash(row)));
            report(hashes.len())
        })?;
        Ok(hashes)
    }

    /// What a row is told apart by, and a hash of all of it.
    fn hash(&self, row: &Cells) -> (Vec<u8>, [u8; 32]) {
        let (mut key, mut whole) = (Vec::new(), Vec::new());
        row.iter().take(self.keys).for_each(|cell| cell.write(&mut key));
        row.iter().for_each(|cell| cell.write(&mut whole));
        let mut hash = Context::new(&SHA256);
        hash.update(&whole);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.finish().as_ref());
        (key, bytes)
    }

    /// The next number that the database gives is larger than that of any row there ever was.
    fn carry_numbers(&self, from: Side<'_>, to: Db<'_>) -> Result<(), Fault> {
        let Some(column) = self.numbered else { return Ok(()) };
        let largest = format!("SELECT max({column}) FROM {}", self.name);
        let largest: Option<i64> = from.told(from.db.one(&largest, &[], |row| row.get(0)))?;
        let given = from.told(from.db.last_number(self.name, column))?;
        let last = given.max(largest).unwrap_or_default();
        to.number_from(self.name, column, last)
    }
}

/// Puts all rows of one store in the place of those of another. Gives how many there are of each table.
pub(crate) fn copy(
    from: Side<'_>,
    to: Db<'_>,
    report: &mut Report<'_>,
) -> Result<Vec<(&'static str, usize)>, Fault> {
    for table in TABLES.iter().rev() {
        to.execute(&format!("DELETE FROM {}", table.name), &[])?;
    }
    for row in STORE.page(from, None)? {
        let set: Vec<_> =
            STORE.columns.iter().enumerate().map(|(at, (name, _))| format!("{name} = ?{}", at + 1)).collect();
        let values: Vec<_> = row.iter().map(ToValue::value).collect();
        to.execute(&format!("UPDATE store SET {}", set.join(", ")), &values)?;
    }
    TABLES.iter().map(|table| Ok((table.name, copy_table(table, from, to, report)?))).collect()
}

fn copy_table(table: &Table, from: Side<'_>, to: Db<'_>, report: &mut Report<'_>) -> Result<usize, Fault> {
    let (of, mut done) = (table.count(from)?, 0);
    table.pages(from, &mut |page| {
        table.insert(to, page)?;
        done += page.len();
        report(MoveStep::Copied { table: table.name, done, of });
        Ok(())
    })?;
    table.carry_numbers(from, to)?;
    Ok(done)
}

/// The first table whose rows are not the same in both, column by column.
pub(crate) fn difference(
    one: Side<'_>,
    other: Side<'_>,
    report: &mut Report<'_>,
) -> Result<Option<&'static str>, Fault> {
    for table in [STORE].iter().chain(&TABLES) {
        let of = table.count(one)?;
        let there = table.hashes(other, &mut |done| {
            report(MoveStep::Compared { table: table.name, done, of });
            // A server ends a transaction in which nothing happens for too long.
            one.told(one.db.exists("SELECT 1", &[]).map(drop))
        })?;
        let again = &mut |_| other.told(other.db.exists("SELECT 1", &[]).map(drop));
        if table.hashes(one, again)? != there {
            return Ok(Some(table.name));
        }
    }
    Ok(None)
}

/// `?1, ?2, …`
fn numbers(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ")
}
