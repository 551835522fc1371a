//! Statements, values and rows: how this crate speaks to the database of a store, whichever it is.
//!
//! The statements are those that SQLite and PostgreSQL both understand: numbered parameters (`?1`), `IS NOT DISTINCT FROM`,
//! `RETURNING`, `ON CONFLICT`; names are compared by `lower(name)`, with what [`folded`] gives.

use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{FromSql, ToSqlOutput, ValueRef},
};

#[cfg(feature = "postgres")]
use crate::backend::Link;
use crate::{Error, store::Sign};

/// Why a piece of work on the database failed: the database, or something that was found in it.
#[derive(Debug)]
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    #[cfg(feature = "postgres")]
    Postgres(tokio_postgres::Error),
    Ours(Error),
}

#[cfg(feature = "postgres")]
impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

/// What a statement is given. What is absent has a type too.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Integer(Option<i64>),
    Text(Option<&'a str>),
    Bytes(Option<&'a [u8]>),
    Truth(bool),
}

/// What can be given to a statement.
pub(crate) trait ToValue {
    fn value(&self) -> Value<'_>;
}

/// The values of a statement, in the order of their numbers.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::database::ToValue::value(&$value)),*] };
}
pub(crate) use values;

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(number) => number.map_or(ValueRef::Null, ValueRef::Integer),
            Self::Text(text) => text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => bytes.map_or(ValueRef::Null, ValueRef::Blob),
            Self::Truth(truth) => ValueRef::Integer(i64::from(*truth)),
        }))
    }
}

/// One row of an answer.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    #[cfg(feature = "postgres")]
    Postgres(&'a tokio_postgres::Row),
}

/// What a column can be read as.
#[cfg(not(feature = "postgres"))]
pub(crate) trait Column: FromSql {}
#[cfg(not(feature = "postgres"))]
impl<T: FromSql> Column for T {}

/// What a column can be read as.
#[cfg(feature = "postgres")]
pub(crate) trait Column: FromSql + for<'a> tokio_postgres::types::FromSql<'a> {}
#[cfg(feature = "postgres")]
impl<T: FromSql + for<'a> tokio_postgres::types::FromSql<'a>> Column for T {}

impl Row<'_> {
    /// The value of the column of this number, the first is 0.
    pub(crate) fn get<T: Column>(&self, at: usize) -> Result<T, Fault> {
        match self {
            Self::Sqlite(row) => Ok(row.get(at)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => Ok(row.try_get(at)?),
        }
    }
}

/// A database in which a transaction is open.
#[derive(Clone, Copy)]
pub(crate) enum Db<'a> {
    Sqlite(&'a Connection),
    #[cfg(feature = "postgres")]
    Postgres(&'a Link),
}

impl Db<'_> {
    /// Changes rows. Gives how many.
    pub(crate) fn execute(self, sql: &str, values: &[Value<'_>]) -> Result<usize, Fault> {
        match self {
            Self::Sqlite(db) => Ok(db.prepare_cached(sql)?.execute(params_from_iter(values))?),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.execute(sql, values),
        }
    }

    /// Several statements without values.
    pub(crate) fn batch(self, sql: &str) -> Result<(), Fault> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch(sql)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.batch(sql),
        }
    }

    /// All rows of an answer.
    pub(crate) fn rows<T>(
        self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        match self {
            Self::Sqlite(db) => {
                let mut statement = db.prepare_cached(sql)?;
                let mut found = statement.query(params_from_iter(values))?;
                let mut rows = Vec::new();
                while let Some(row) = found.next()? {
                    rows.push(read(&Row::Sqlite(row))?);
                }
                Ok(rows)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => {
                link.query(sql, values)?.iter().map(|row| read(&Row::Postgres(row))).collect()
            }
        }
    }

    /// The first row of an answer, if there is one.
    pub(crate) fn first<T>(
        self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        match self {
            Self::Sqlite(db) => {
                let mut statement = db.prepare_cached(sql)?;
                let mut found = statement.query(params_from_iter(values))?;
                found.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => {
                link.query(sql, values)?.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
        }
    }

    /// The one row of an answer that always has one.
    pub(crate) fn one<T>(
        self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let found = self.first(sql, values, read)?;
        found.ok_or(Fault::Sql(rusqlite::Error::QueryReturnedNoRows))
    }

    /// True where an answer has a row.
    pub(crate) fn exists(self, sql: &str, values: &[Value<'_>]) -> Result<bool, Fault> {
        Ok(self.first(sql, values, |_| Ok(()))?.is_some())
    }
}

impl Db<'_> {
    /// What tells this database from a copy, where it is in no file.
    pub(crate) fn cluster(self) -> Result<Option<String>, Fault> {
        match self {
            Self::Sqlite(_) => Ok(None),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.cluster().map(Some),
        }
    }

    /// The last number that the database has given to a row of this table; `None`: it does not say.
    pub(crate) fn last_number(self, table: &str, column: &str) -> Result<Option<i64>, Fault> {
        match self {
            Self::Sqlite(_) => {
                let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1 AND ?2 = 'id'";
                self.first(sql, values![table, column], |row| row.get(0))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {
                let sql = "SELECT last_value FROM pg_sequences WHERE schemaname = current_schema() AND sequencename = ?1";
                Ok(self.first(sql, values![format!("{table}_{column}_seq")], |row| row.get(0))?.flatten())
            }
        }
    }

    /// Lets the database go on after this number.
    pub(crate) fn number_from(self, table: &str, column: &str, last: i64) -> Result<(), Fault> {
        match self {
            // Without a column of its own it is the one after the largest.
            Self::Sqlite(_) if column != "id" => Ok(()),
            Self::Sqlite(_) => {
                self.execute("DELETE FROM sqlite_sequence WHERE name = ?1", values![table])?;
                self.execute(
                    "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
                    values![table, last],
                )?;
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {
                let sql = "SELECT setval(pg_get_serial_sequence(?1, ?2)::regclass, greatest(?3, 1), ?3 > 0)";
                self.exists(sql, values![table, column, last]).map(drop)
            }
        }
    }

    /// What the database says of the owner of a lease; `None`: nothing.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "only a server knows"))]
    pub(crate) fn sign_of(self, owner: &str) -> Result<Option<Sign>, Fault> {
        match self {
            Self::Sqlite(_) => Ok(None),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.sign_of(owner).map(Some),
        }
    }

    /// Whether the owner of a lease may be alive, by the database, or else by `lives`.
    pub(crate) fn may_live(self, owner: &str, lives: &dyn Fn(&str) -> bool) -> Result<bool, Fault> {
        Ok(self.sign_of(owner)?.map_or_else(|| lives(owner), |sign| sign != Sign::Dead))
    }
}

/// A name as it is compared: without regard to the case of its ASCII letters.
pub(crate) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Values that are given as they are.
macro_rules! to_value {
    ($($type:ty => |$value:ident| $made:expr),* $(,)?) => {$(
        impl ToValue for $type {
            fn value(&self) -> Value<'_> {
                let $value = self;
                $made
            }
        }
    )*};
}

to_value! {
    i64 => |number| Value::Integer(Some(*number)),
    u32 => |number| Value::Integer(Some(i64::from(*number))),
    Option<i64> => |number| Value::Integer(*number),
    Option<u32> => |number| Value::Integer(number.map(i64::from)),
    bool => |truth| Value::Truth(*truth),
    str => |text| Value::Text(Some(text)),
    String => |text| Value::Text(Some(text)),
    Option<&str> => |text| Value::Text(*text),
    Option<&String> => |text| Value::Text(text.map(String::as_str)),
    Option<String> => |text| Value::Text(text.as_deref()),
    [u8] => |bytes| Value::Bytes(Some(bytes)),
    Vec<u8> => |bytes| Value::Bytes(Some(bytes)),
    Option<&[u8]> => |bytes| Value::Bytes(*bytes),
    Option<&Vec<u8>> => |bytes| Value::Bytes(bytes.map(Vec::as_slice)),
    Option<Vec<u8>> => |bytes| Value::Bytes(bytes.as_deref()),
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}
