//! The counters in a file beside the store: not in it, since each call writes them, and nobody is harmed where they are lost.

use std::{path::Path, time::Duration};

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use xero_auth_oauth2::Limit;

use super::{
    MINUTE, Told, Traffic, Wait,
    file::{Opened, Unusable, beside},
    pause,
};

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

/// Whose limits a call counts against. Server and client id stand for the app: they are the same after a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whose {
    /// The server and the client id.
    pub(crate) app: String,
    /// Empty: of no organisation; then only the app's limit counts.
    pub(crate) organisation: String,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Counters(Opened);

impl Counters {
    /// Opens the file beside a store, and makes it where there is none, or where it is broken and nobody has it open.
    pub(crate) fn beside(store: &Path) -> Result<Self, Unusable> {
        Opened::at(&beside(store, ENDING), TABLES).map(Self)
    }

    /// Begins a call, or says what it must wait for. `lives` says whether an owner does.
    pub(crate) fn begin(
        &mut self,
        whose: &Whose,
        owner: &str,
        now: u64,
        lives: impl Fn(&str) -> bool,
    ) -> rusqlite::Result<Result<i64, Wait>> {
        // Whoever waits asks often, and writes only where there is room.
        let found = traffic(&self.0.unchecked_transaction()?, whose, now)?;
        if let Err(wait) = found.admit(now)
            && !self.forget_dead(whose, now, &lives)?
        {
            return Ok(Err(wait));
        }
        let tx = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        sweep(&tx, now)?;
        if let Err(wait) = traffic(&tx, whose, now)?.admit(now) {
            return Ok(Err(wait));
        }
        // No number comes again, in a new file either: nobody ends another one's call.
        let insert = "INSERT INTO calls (id, app, organisation, owner, began_at) \
                      VALUES (abs(random() / 2), ?1, ?2, ?3, ?4)";
        tx.execute(insert, params![whose.app, whose.organisation, owner, number(now)])?;
        let id = tx.last_insert_rowid();
        tx.commit()?;
        Ok(Ok(id))
    }

    /// Ends a call.
    pub(crate) fn end(&mut self, id: i64, now: u64) -> rusqlite::Result<()> {
        let free_at = number(now) + millis(MINUTE);
        self.0.prepare_cached("UPDATE calls SET free_at = ?2 WHERE id = ?1")?.execute([id, free_at])?;
        Ok(())
    }

    /// Forgets a call that was not made.
    pub(crate) fn withdraw(&mut self, id: i64) -> rusqlite::Result<()> {
        self.0.execute("DELETE FROM calls WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Notes what the answer to a call says.
    pub(crate) fn told(&mut self, whose: &Whose, now: u64, told: &Told) -> rusqlite::Result<()> {
        if !self.is_news(whose, now, told)? {
            return Ok(());
        }
        let tx = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let free_at = number(now) + millis(MINUTE);
        if let Some(left) = told.minute_left {
            let insert =
                "INSERT INTO calls (app, organisation, owner, began_at, free_at) VALUES (?1, ?2, '', ?3, ?4)";
            for _ in 0..traffic(&tx, whose, now)?.made_elsewhere(left) {
                tx.execute(insert, params![whose.app, whose.organisation, number(now), free_at])?;
            }
        }
        if let Some(refused) = told.refused {
            let organisation = if refused.0 == Limit::AppMinute { "" } else { &whose.organisation };
            tx.execute(
                "INSERT OR REPLACE INTO pauses VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    whose.app,
                    organisation,
                    refused.0.as_str(),
                    number(now),
                    number(now) + millis(pause(refused))
                ],
            )?;
        }
        tx.commit()
    }

    /// Most answers say nothing that is not known: they cost no write.
    fn is_news(&self, whose: &Whose, now: u64, told: &Told) -> rusqlite::Result<bool> {
        let Some(left) = told.minute_left.filter(|_| told.refused.is_none()) else {
            return Ok(told.refused.is_some());
        };
        Ok(self.traffic(whose, now)?.made_elsewhere(left) > 0)
    }

    /// What counts now.
    pub(crate) fn traffic(&self, whose: &Whose, now: u64) -> rusqlite::Result<Traffic> {
        traffic(&self.0.unchecked_transaction()?, whose, now)
    }

    /// Ends the calls of those who are dead: when the server saw them is not known, but not later than now. True where
    /// there was one.
    fn forget_dead(
        &mut self,
        whose: &Whose,
        now: u64,
        lives: &impl Fn(&str) -> bool,
    ) -> rusqlite::Result<bool> {
        let owners: Vec<String> = {
            let mut running = self.0.prepare_cached(
                "SELECT DISTINCT owner FROM calls WHERE app = ?1 AND organisation = ?2 AND free_at IS NULL",
            )?;
            let owners = running.query_map([&whose.app, &whose.organisation], |row| row.get(0))?;
            owners.collect::<rusqlite::Result<_>>()?
        };
        let mut any = false;
        for owner in owners.iter().filter(|owner| !lives(owner)) {
            let end = "UPDATE calls SET free_at = ?2 WHERE owner = ?1 AND free_at IS NULL";
            any |= self.0.execute(end, params![owner, number(now) + millis(MINUTE)])? > 0;
        }
        Ok(any)
    }
}

/// Removes what counts no more, and what was counted in the future: the clock was set back.
fn sweep(tx: &Transaction<'_>, now: u64) -> rusqlite::Result<()> {
    let now = number(now);
    tx.prepare_cached(
        "DELETE FROM calls WHERE free_at <= ?1 OR began_at > ?2 OR (free_at IS NULL AND began_at < ?3)",
    )?
    .execute([now, now + millis(MINUTE), now - millis(LONGEST)])?;
    tx.prepare_cached("DELETE FROM pauses WHERE until <= ?1 OR began_at > ?1")?.execute([now])?;
    Ok(())
}

fn traffic(tx: &Transaction<'_>, whose: &Whose, now: u64) -> rusqlite::Result<Traffic> {
    // What began later was counted before the clock was set back.
    let latest = number(now) + millis(MINUTE);
    let app = params![whose.app, number(now), latest];
    let mut traffic = Traffic { paused: paused(tx, whose, now)?, ..Traffic::default() };
    (traffic.of_app, traffic.app_free_at) = tx
        .prepare_cached(
            "SELECT count(*), min(free_at) FROM calls \
             WHERE app = ?1 AND (free_at > ?2 OR free_at IS NULL) AND began_at <= ?3",
        )?
        .query_row(app, |row| Ok((count(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(time))))?;
    if whose.organisation.is_empty() {
        return Ok(traffic);
    }
    let of = params![whose.app, whose.organisation, number(now), latest];
    let mut calls = tx.prepare_cached(
        "SELECT free_at FROM calls WHERE app = ?1 AND organisation = ?2 \
         AND (free_at > ?3 OR free_at IS NULL) AND began_at <= ?4 ORDER BY free_at",
    )?;
    for free_at in calls.query_map(of, |row| row.get::<_, Option<i64>>(0))? {
        match free_at? {
            Some(free_at) => traffic.free_at.push(time(free_at)),
            None => traffic.running += 1,
        }
    }
    Ok(traffic)
}

fn paused(tx: &Transaction<'_>, whose: &Whose, now: u64) -> rusqlite::Result<Option<(Limit, u64)>> {
    tx.prepare_cached(
        "SELECT reason, until FROM pauses WHERE app = ?1 AND organisation IN ('', ?2) AND began_at <= ?3 \
         ORDER BY until DESC LIMIT 1",
    )?
    .query_row(params![whose.app, whose.organisation, number(now)], |row| {
        Ok((limit(&row.get::<_, String>(0)?), time(row.get(1)?)))
    })
    .optional()
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
        counters.begin(&whose(organisation), "me", now, |owner| owner == "me").unwrap()
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
            counters.begin(&whose("one"), owner, NOW, |_| true).unwrap().unwrap();
        }
        let busy = counters.begin(&whose("one"), "e", NOW, |_| true).unwrap().unwrap_err();
        assert_eq!(busy.limit, Limit::Concurrent);
        counters.begin(&whose("one"), "e", NOW, lives).unwrap().unwrap();
        let busy = counters.begin(&whose("one"), "f", NOW, lives).unwrap().unwrap_err();
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
