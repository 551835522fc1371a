//! The counters of calls: in a file beside the store, or at its server. Not in the store itself, since each call writes them, and
//! nobody is harmed where they are lost.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::TransactionBehavior;
use xero_auth_oauth2::Limit;

use super::{
    MINUTE, Told, Traffic, Wait,
    file::{Opened, Unusable, beside},
    pause,
};
use crate::{
    Error,
    backend::settle,
    database::{Db, Fault, Row, values},
    seal::random_key,
};
#[cfg(feature = "postgres")]
use crate::{PostgresAddress, backend::Counted, store::Sign};

/// Times are milliseconds since 1970. A call without an owner is another program's. A new form of the file has a new name.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS calls (
        id           INTEGER PRIMARY KEY,
        app          TEXT NOT NULL,
        organisation TEXT NOT NULL,
        owner        TEXT NOT NULL,
        began_at     INTEGER NOT NULL,
        free_at      INTEGER            -- when it counts no more; NULL: it runs
    ) STRICT;
    CREATE INDEX IF NOT EXISTS calls_of ON calls (app, organisation, free_at);
    CREATE TABLE IF NOT EXISTS pauses (
        app          TEXT NOT NULL,
        organisation TEXT NOT NULL,     -- empty: all of them
        reason       TEXT NOT NULL,
        began_at     INTEGER NOT NULL,
        until        INTEGER NOT NULL,
        PRIMARY KEY (app, organisation)
    ) STRICT;";
/// What stands behind the store's name.
const ENDING: &str = "-calls";
/// Calls that run longer are forgotten: whoever made them has been stopped.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);
/// How often what counts no more is removed, in milliseconds: it is not seen in between.
const SWEPT_EVERY: u64 = 1_000;
/// All that counts at a moment, in one answer: what is paused, how many calls of the app, each call for the organisation. What
/// began later was counted before the clock was set back.
const TRAFFIC: &str = "SELECT reason, CAST(NULL AS BIGINT), until FROM (SELECT reason, until FROM pauses \
         WHERE app = ?1 AND organisation IN ('', ?2) AND began_at <= ?3 ORDER BY until DESC LIMIT 1) AS paused \
     UNION ALL SELECT NULL, count(*), min(free_at) FROM calls \
         WHERE app = ?1 AND (free_at > ?3 OR free_at IS NULL) AND began_at <= ?4 \
     UNION ALL SELECT NULL, NULL, free_at FROM calls WHERE app = ?1 AND organisation = ?2 AND ?2 <> '' \
         AND (free_at > ?3 OR free_at IS NULL) AND began_at <= ?4 ORDER BY 3";

/// Whose limits a call counts against. Server and client id stand for the app: they are the same after a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whose {
    /// The server and the client id.
    pub(crate) app: String,
    /// Empty: of no organisation; then only the app's limit counts.
    pub(crate) organisation: String,
}

/// The open file, or the way to the server.
#[derive(Debug)]
pub(crate) struct Counters {
    place: Place,
    path: PathBuf,
    /// When what counts no more was last removed.
    swept_at: u64,
}

#[derive(Debug)]
enum Place {
    File(Opened),
    #[cfg(feature = "postgres")]
    Server(Box<Counted>),
}

impl Place {
    /// One transaction beside which nobody begins a call of the app.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "there are only files"))]
    fn write<T>(&mut self, app: &str, mut work: impl FnMut(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        match self {
            Self::File(file) => {
                let tx = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let result = work(Db::Sqlite(&tx))?;
                tx.commit()?;
                Ok(result)
            }
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.write(app, work),
        }
    }

    /// Single statements.
    fn plainly<T>(&self, work: impl Fn(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        match self {
            Self::File(file) => work(Db::Sqlite(file)),
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.plainly(work),
        }
    }

    /// Whether somebody who counts here lives; for a file `lives` says so.
    fn is_dead(&self, owner: &str, lives: &dyn Fn(&str) -> bool) -> Result<bool, Fault> {
        match self {
            Self::File(_) => Ok(!lives(owner)),
            #[cfg(feature = "postgres")]
            Self::Server(server) => Ok(server.sign_of(owner)? == Sign::Dead),
        }
    }
}

impl Counters {
    /// Opens the file beside a store, and makes it where there is none, or where it is broken and nobody has it open.
    pub(crate) fn beside(store: &Path) -> Result<Self, Unusable> {
        let path = beside(store, ENDING);
        Ok(Self { place: Place::File(Opened::at(&path, TABLES)?), path, swept_at: 0 })
    }

    /// Those of the store at a server, and the name of this process there, which lives for as long as it has a link.
    #[cfg(feature = "postgres")]
    pub(crate) fn at(address: &PostgresAddress) -> Result<(Self, String), Error> {
        let (path, owner) = (address.place(), crate::store::new_id()?);
        let server = Counted::open(address, &owner)?;
        Ok((Self { place: Place::Server(Box::new(server)), path, swept_at: 0 }, owner))
    }

    /// Begins a call, or says what it must wait for. `lives` says whether an owner does.
    pub(crate) fn begin(
        &mut self,
        whose: &Whose,
        owner: &str,
        now: u64,
        lives: &dyn Fn(&str) -> bool,
    ) -> Result<Result<i64, Wait>, Error> {
        // Whoever waits asks often, and writes only where there is room.
        let found = self.traffic(whose, now)?;
        if let Err(wait) = found.admit(now)
            && !self.forget_dead(whose, now, lives)?
        {
            return Ok(Err(wait));
        }
        let sweeps = now.abs_diff(self.swept_at) >= SWEPT_EVERY;
        let begun = self.write(&whose.app, |tx| {
            if sweeps {
                sweep(tx, now)?;
            }
            if let Err(wait) = traffic(tx, whose, now)?.admit(now) {
                return Ok(Err(wait));
            }
            let id = new_number()?;
            let insert =
                "INSERT INTO calls (id, app, organisation, owner, began_at) VALUES (?1, ?2, ?3, ?4, ?5)";
            tx.execute(insert, values![id, whose.app, whose.organisation, owner, number(now)])?;
            Ok(Ok(id))
        })?;
        self.swept_at = if sweeps { now } else { self.swept_at };
        Ok(begun)
    }

    /// Ends a call.
    pub(crate) fn end(&self, id: i64, now: u64) -> Result<(), Error> {
        let free_at = number(now) + millis(MINUTE);
        self.plainly(|db| {
            db.execute("UPDATE calls SET free_at = ?2 WHERE id = ?1", values![id, free_at]).map(drop)
        })
    }

    /// Forgets a call that was not made.
    pub(crate) fn withdraw(&self, id: i64) -> Result<(), Error> {
        self.plainly(|db| db.execute("DELETE FROM calls WHERE id = ?1", values![id]).map(drop))
    }

    /// Notes what the answer to a call says.
    pub(crate) fn told(&mut self, whose: &Whose, now: u64, told: &Told) -> Result<(), Error> {
        if !self.is_news(whose, now, told)? {
            return Ok(());
        }
        self.write(&whose.app, |tx| {
            if let Some(left) = told.minute_left {
                made_elsewhere(tx, whose, now, left)?;
            }
            told.refused.map_or(Ok(()), |refused| keep_away(tx, whose, now, refused))
        })
    }

    /// Most answers say nothing that is not known: they cost no write.
    fn is_news(&self, whose: &Whose, now: u64, told: &Told) -> Result<bool, Error> {
        let Some(left) = told.minute_left.filter(|_| told.refused.is_none()) else {
            return Ok(told.refused.is_some());
        };
        Ok(self.traffic(whose, now)?.made_elsewhere(left) > 0)
    }

    /// What counts now.
    pub(crate) fn traffic(&self, whose: &Whose, now: u64) -> Result<Traffic, Error> {
        self.plainly(|db| traffic(db, whose, now))
    }

    /// Ends the calls of those who are dead: when the server saw them is not known, but not later than now. True where
    /// there was one.
    fn forget_dead(&self, whose: &Whose, now: u64, lives: &dyn Fn(&str) -> bool) -> Result<bool, Error> {
        let running =
            "SELECT DISTINCT owner FROM calls WHERE app = ?1 AND organisation = ?2 AND free_at IS NULL";
        let of = values![whose.app, whose.organisation];
        let owners: Vec<String> = self.plainly(|db| db.rows(running, of, |row| row.get(0)))?;
        let mut any = false;
        for owner in owners {
            if self.place.is_dead(&owner, lives).map_err(|fault| settle(fault, &self.path))? {
                let end = "UPDATE calls SET free_at = ?2 WHERE owner = ?1 AND free_at IS NULL";
                let free_at = number(now) + millis(MINUTE);
                any |= self.plainly(|db| db.execute(end, values![owner, free_at]))? > 0;
            }
        }
        Ok(any)
    }

    fn write<T>(&mut self, app: &str, work: impl FnMut(Db<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        self.place.write(app, work).map_err(|fault| settle(fault, &self.path))
    }

    fn plainly<T>(&self, work: impl Fn(Db<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        self.place.plainly(work).map_err(|fault| settle(fault, &self.path))
    }
}

/// Counts the calls that somebody else must have made.
fn made_elsewhere(tx: Db<'_>, whose: &Whose, now: u64, left: u32) -> Result<(), Fault> {
    let insert =
        "INSERT INTO calls (id, app, organisation, owner, began_at, free_at) VALUES (?1, ?2, ?3, '', ?4, ?5)";
    let free_at = number(now) + millis(MINUTE);
    for _ in 0..traffic(tx, whose, now)?.made_elsewhere(left) {
        tx.execute(insert, values![new_number()?, whose.app, whose.organisation, number(now), free_at])?;
    }
    Ok(())
}

fn keep_away(tx: Db<'_>, whose: &Whose, now: u64, refused: (Limit, Option<Duration>)) -> Result<(), Fault> {
    let organisation = if refused.0 == Limit::AppMinute { "" } else { &whose.organisation };
    let (reason, until) = (refused.0.as_str(), number(now) + millis(pause(refused)));
    tx.execute(
        "INSERT INTO pauses (app, organisation, reason, began_at, until) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (app, organisation) DO UPDATE \
         SET reason = excluded.reason, began_at = excluded.began_at, until = excluded.until",
        values![whose.app, organisation, reason, number(now), until],
    )
    .map(drop)
}

/// Removes what counts no more, and what was counted in the future: the clock was set back.
fn sweep(tx: Db<'_>, now: u64) -> Result<(), Fault> {
    let now = number(now);
    tx.execute(
        "DELETE FROM calls WHERE free_at <= ?1 OR began_at > ?2 OR (free_at IS NULL AND began_at < ?3)",
        values![now, now + millis(MINUTE), now - millis(LONGEST)],
    )?;
    tx.execute("DELETE FROM pauses WHERE until <= ?1 OR began_at > ?1", values![now]).map(drop)
}

fn traffic(db: Db<'_>, whose: &Whose, now: u64) -> Result<Traffic, Fault> {
    let latest = number(now) + millis(MINUTE);
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: Vec<(Option<String>, Option<i64>, Option<i64>)> =
        db.rows(TRAFFIC, values![whose.app, whose.organisation, number(now), latest], read)?;
    let mut traffic = Traffic::default();
    for row in found {
        match row {
            (Some(reason), _, Some(until)) => traffic.paused = Some((limit(&reason), time(until))),
            (_, Some(all), first) => (traffic.of_app, traffic.app_free_at) = (count(all), first.map(time)),
            (_, _, Some(free_at)) => traffic.free_at.push(time(free_at)),
            (_, _, None) => traffic.running += 1,
        }
    }
    Ok(traffic)
}

/// No number comes again, in a new file either: nobody ends another one's call.
fn new_number() -> Result<i64, Error> {
    let bytes = random_key()?;
    Ok(bytes.iter().take(8).fold(0, |number: i64, byte| number << 8 | i64::from(*byte)) & i64::MAX)
}

fn limit(word: &str) -> Limit {
    let all = [Limit::Minute, Limit::Day, Limit::AppMinute, Limit::Concurrent];
    all.into_iter().find(|limit| limit.as_str() == word).unwrap_or(Limit::Unknown)
}

/// A time before 1970 or in some hundred million years is no time.
fn number(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX / 2)
}

fn time(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::{super::A_MINUTE, *};

    const NOW: u64 = 1_800_000_000_000;

    fn whose(organisation: &str) -> Whose {
        Whose { app: "app".to_owned(), organisation: organisation.to_owned() }
    }

    fn counters() -> (tempfile::TempDir, Counters) {
        let folder = tempfile::tempdir().unwrap();
        let counters = Counters::beside(&folder.path().join("store.db")).unwrap();
        (folder, counters)
    }

    fn begin(counters: &mut Counters, organisation: &str, now: u64) -> Result<i64, Wait> {
        counters.begin(&whose(organisation), "me", now, &|owner| owner == "me").unwrap()
    }

    fn call(counters: &mut Counters, now: u64) -> Result<(), Wait> {
        let id = begin(counters, "one", now)?;
        counters.end(id, now).unwrap();
        Ok(())
    }

    #[test]
    fn sixty_in_any_minute_and_each_organisation_has_its_own() {
        let (_folder, mut counters) = counters();
        for second in 0..60 {
            call(&mut counters, NOW + second * 100).unwrap();
        }
        let wait = call(&mut counters, NOW + 6_000).unwrap_err();
        assert_eq!(wait, Wait { limit: Limit::Minute, time: Duration::from_secs(54) });
        begin(&mut counters, "two", NOW + 6_000).unwrap();
        call(&mut counters, NOW + 60_000).unwrap();
        assert_eq!(call(&mut counters, NOW + 60_000).unwrap_err().time, Duration::from_millis(100));
    }

    #[test]
    fn five_at_once_and_those_of_the_dead_end() {
        let (_folder, mut counters) = counters();
        let lives = |owner: &str| owner != "dead";
        for owner in ["a", "b", "dead", "c", "d"] {
            counters.begin(&whose("one"), owner, NOW, &|_| true).unwrap().unwrap();
        }
        let busy = counters.begin(&whose("one"), "e", NOW, &|_| true).unwrap().unwrap_err();
        assert_eq!(busy.limit, Limit::Concurrent);
        counters.begin(&whose("one"), "e", NOW, &lives).unwrap().unwrap();
        let busy = counters.begin(&whose("one"), "f", NOW, &lives).unwrap().unwrap_err();
        assert_eq!(busy.limit, Limit::Concurrent);
    }

    #[test]
    fn what_an_answer_tells_counts_for_all() {
        let (_folder, mut counters) = counters();
        let id = begin(&mut counters, "one", NOW).unwrap();
        let told = Told { minute_left: Some(0), refused: None };
        counters.told(&whose("one"), NOW, &told).unwrap();
        counters.end(id, NOW).unwrap();
        assert_eq!(call(&mut counters, NOW + 1).unwrap_err().time, Duration::from_millis(59_999));
        call(&mut counters, NOW + 60_000).unwrap();

        let refused =
            Told { refused: Some((Limit::Day, Some(Duration::from_secs(7_200)))), ..Told::default() };
        let id = begin(&mut counters, "two", NOW + 60_000).unwrap();
        counters.told(&whose("two"), NOW + 60_000, &refused).unwrap();
        counters.end(id, NOW + 60_000).unwrap();
        let wait = begin(&mut counters, "two", NOW + 120_000).unwrap_err();
        assert_eq!(wait, Wait { limit: Limit::Day, time: Duration::from_secs(7_140) });
        begin(&mut counters, "one", NOW + 120_000).unwrap();

        let app = Told { refused: Some((Limit::AppMinute, None)), ..Told::default() };
        let id = begin(&mut counters, "three", NOW + 120_000).unwrap();
        counters.told(&whose("three"), NOW + 120_000, &app).unwrap();
        counters.end(id, NOW + 120_000).unwrap();
        assert_eq!(begin(&mut counters, "four", NOW + 120_001).unwrap_err().limit, Limit::AppMinute);
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nobody_up() {
        let (_folder, mut counters) = counters();
        for _ in 0..A_MINUTE {
            call(&mut counters, NOW).unwrap();
        }
        let id = begin(&mut counters, "two", NOW).unwrap();
        let refused = Told { refused: Some((Limit::Day, None)), ..Told::default() };
        counters.told(&whose("two"), NOW, &refused).unwrap();
        counters.end(id, NOW).unwrap();
        let earlier = NOW - 3_600_000;
        begin(&mut counters, "two", earlier).unwrap();
        call(&mut counters, earlier).unwrap();
    }

    #[test]
    fn a_broken_file_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        std::fs::write(beside(&store, ENDING), "no database".repeat(100)).unwrap();
        begin(&mut Counters::beside(&store).unwrap(), "one", NOW).unwrap();
    }
}
