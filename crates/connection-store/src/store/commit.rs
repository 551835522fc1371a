//! What came from Xero, kept: over the generation it started from, as a spare, or in a rescue file.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use xero_auth_oauth2::{Error as AuthError, RefreshToken, TokenAnswer};

use super::{Store, access::Waiting, leader::Turn, owner::SignOfLife};
use crate::{
    Access, AppKind, Error, EventKind,
    backend::Kept,
    event::NewEvent,
    grant::Grant,
    refresh::{ACCESS_LIFETIME, Source},
};

/// How long a good answer is kept in memory and tried to be saved again in a file.
const SAVING: Duration = Duration::from_secs(10);
/// The same at a server: for as long as another takes its place.
const SAVING_AT_A_SERVER: Duration = Duration::from_secs(60);

/// A refresh token that is being spent.
pub(super) struct Spent {
    pub(super) token: RefreshToken,
    /// When it was sent first.
    pub(super) first_sent: SystemTime,
    pub(super) source: Source,
}

/// An answer as it is to be kept, and told.
struct Outcome {
    grant: Grant,
    source: Option<Source>,
    what: EventKind,
    detail: String,
}

impl Store {
    /// Keeps an answer, durably, before anybody sees it. None: the authorisation has gone on in the meantime.
    pub(super) async fn commit(
        &self,
        turn: &Turn<'_>,
        spent: Option<Spent>,
        answer: TokenAnswer,
    ) -> Result<Option<Access>, Error> {
        let failure = answer.access.as_ref().err().cloned();
        if let (None, Some(nothing_new)) = (&answer.refresh_token, &failure) {
            return Err(Error::Auth(nothing_new.clone()));
        }
        let outcome = self.outcome(turn, spent, answer)?;
        if self.save(&outcome, turn.sign).await? != Kept::Committed {
            return Ok(None);
        }
        if let Some(refused) = &turn.refused {
            // Where this fails the next refresh finds the same.
            drop(self.swap_secrets(&turn.app.id, refused));
        }
        failure.map_or_else(|| Ok(outcome.grant.access()), |error| Err(Error::Auth(error)))
    }

    fn outcome(&self, turn: &Turn<'_>, spent: Option<Spent>, answer: TokenAnswer) -> Result<Outcome, Error> {
        let source = spent.as_ref().map(|spent| spent.source);
        let again = turn.lease.first_sent.is_some();
        let (what, mut detail) = told(source, again, answer.access.as_ref().err());
        if let Some(reason) = &turn.unseen {
            detail = format!("without a look at its organisation: {reason}");
        }
        let mut grant = self.unchanged(turn)?;
        if let Some(token) = answer.refresh_token {
            grant.refresh = Some(token);
            grant.previous = spent.map(|spent| (spent.token, spent.first_sent));
        } else {
            // Not rotated: what was spent goes on.
            grant.refresh = spent.map(|spent| spent.token);
        }
        if let Ok(access) = answer.access {
            let lasts = access.expires_in.min(ACCESS_LIFETIME);
            grant.access = Some((access.token, turn.lease.taken_at + lasts));
            grant.scopes = access.scopes.unwrap_or(grant.scopes);
        }
        Ok(Outcome { grant, source, what, detail })
    }

    /// Writes what cannot be had again, over and over where waiting may help.
    ///
    /// # Errors
    /// [`Error::NotSaved`] where a refresh token was spent for it; then it lies in a rescue file, or the note of the intent
    /// at least tells the next caller.
    async fn save(&self, outcome: &Outcome, sign: &SignOfLife) -> Result<Kept, Error> {
        let at_a_server = self.db().is_at_a_server();
        let mut waiting =
            if at_a_server { Waiting::for_a_server(SAVING_AT_A_SERVER) } else { Waiting::new(SAVING) };
        let mut rescued = None;
        loop {
            let error = match self.save_once(outcome) {
                Ok(kept) => {
                    forget(rescued);
                    return Ok(kept);
                }
                Err(error) => error,
            };
            if outcome.grant.previous.is_some() && !matches!(error, Error::Rekeyed) {
                // At once: whoever is killed while he waits loses nothing.
                rescued = rescued.or_else(|| self.rescue(&outcome.grant, sign));
            } else {
                // What was sealed under the key before is of no use any more.
                forget(rescued.take());
            }
            if may_pass(&error) && waiting.pause().await.is_ok() {
                continue;
            }
            if outcome.grant.previous.is_some() {
                return Err(Error::NotSaved { source: Box::new(error), rescued });
            }
            return Err(error);
        }
    }

    fn save_once(&self, outcome: &Outcome) -> Result<Kept, Error> {
        let Outcome { grant, source, what, detail } = outcome;
        let (sealed, by) = (grant.seal(self.data_key())?, self.actor());
        let event = NewEvent { at: self.now(), what: *what, by: &by, detail };
        self.db().commit_refresh(&sealed, *source, &event)
    }

    /// The next generation of what a leader read, without tokens.
    fn unchanged(&self, turn: &Turn<'_>) -> Result<Grant, Error> {
        let there = &turn.stored.authorisation;
        let custom = turn.app.kind == AppKind::Custom;
        Ok(Grant {
            id: there.id.clone(),
            app: there.app.clone(),
            generation: there.generation + 1,
            user: there.user.clone(),
            consent: there.consent.clone(),
            scopes: there.scopes.clone(),
            asked: if custom { turn.stored.open_asked(self.data_key())? } else { None },
            at: turn.lease.taken_at,
            access: None,
            refresh: None,
            previous: None,
        })
    }
}

/// What the history says of an answer.
fn told(source: Option<Source>, again: bool, failure: Option<&AuthError>) -> (EventKind, String) {
    if let Some(failure) = failure {
        return (EventKind::Failed, format!("a new refresh token was kept, but {failure}"));
    }
    let (what, detail) = match source {
        Some(Source::Previous) => {
            (EventKind::Recovered, "with the refresh token before the one that Xero refused")
        }
        Some(Source::Spare(_)) => {
            (EventKind::Recovered, "with a spare, after Xero refused the stored refresh token")
        }
        _ if again => (EventKind::Refreshed, "after a try whose answer was not kept"),
        _ => (EventKind::Refreshed, ""),
    };
    (what, detail.to_owned())
}

/// Takes a rescue file away that is not needed: where that fails it is taken up once more, as what was kept already.
fn forget(rescued: Option<PathBuf>) {
    if let Some(path) = rescued {
        drop(fs::remove_file(path));
    }
}

/// True for what others may mend in seconds: they let go of the file, make room on the disk, give rights back.
fn may_pass(error: &Error) -> bool {
    matches!(
        error,
        Error::Busy | Error::Rekeyed | Error::DiskFull | Error::NotWritable(_) | Error::Unreachable { .. }
    )
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection as Db;
    use tokio::time::{Instant, sleep};
    use xero_auth_oauth2::{AccessToken, AppIdentity, ClientId, Scopes, User};

    use super::*;
    use crate::{Authorisation, Lock, NewApp, NewAuthorisation, NewKey, Server, StoreKey};

    /// A store with one consent, its next generation as a refresh gave it, and the means to lock others out.
    struct Case {
        folder: tempfile::TempDir,
        store: Store,
        outcome: Outcome,
        sign: SignOfLife,
        other: Db,
    }

    impl Case {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store.db");
            let key = StoreKey::File(StoreKey::generate().unwrap());
            let store = Store::create(&path, &NewKey { key, lock: Lock::KeyFile(String::new()) }).unwrap();
            store.db().impatient();
            let id = store.add_authorisation(&consent()).unwrap().id;
            let grant = next(&store.stored(&id).unwrap().authorisation, store.now());
            let outcome = Outcome {
                grant,
                source: Some(Source::Stored),
                what: EventKind::Refreshed,
                detail: String::new(),
            };
            let sign = SignOfLife::show(&path).unwrap();
            Self { folder, store, outcome, sign, other: Db::open(&path).unwrap() }
        }

        fn other(&self, sql: &str) {
            self.other.execute_batch(sql).unwrap();
        }

        async fn save(&self) -> Result<Kept, Error> {
            self.store.save(&self.outcome, &self.sign).await
        }

        fn stored(&self) -> crate::grant::StoredAuthorisation {
            self.store.stored(&self.outcome.grant.id).unwrap()
        }

        fn refresh_token(&self) -> String {
            self.stored().open_refresh(self.store.data_key()).unwrap().unwrap().expose().to_owned()
        }

        fn generation(&self, generation: i64) {
            // What a test changes by hand the ledger does not vouch for.
            let id = &self.outcome.grant.id;
            let next = next(&self.stored().authorisation, self.store.now());
            let refresh = Some(RefreshToken::new("another's").unwrap());
            let other = Grant { generation, previous: None, refresh, ..next };
            let event =
                NewEvent { at: self.store.now(), what: EventKind::Refreshed, by: "other", detail: "" };
            let sealed = other.seal(self.store.data_key()).unwrap();
            assert_eq!(
                self.store.db().commit_refresh(&sealed, None, &event).unwrap(),
                Kept::Committed,
                "{id}"
            );
        }
    }

    fn consent() -> NewAuthorisation {
        let client_id = ClientId::parse("0123456789ABCDEF0123456789ABCDEF").unwrap();
        NewAuthorisation {
            app: NewApp {
                kind: AppKind::Desktop,
                identity: AppIdentity { client_id, secret: None },
                server: Server::xero(),
                redirect_uris: Vec::new(),
            },
            refresh_token: Some(RefreshToken::new("old").unwrap()),
            access: None,
            scopes: Scopes::default(),
            asked: None,
            user: User::default(),
            consent: Some("event\nwith a line end".to_owned()),
        }
    }

    fn next(there: &Authorisation, at: SystemTime) -> Grant {
        Grant {
            id: there.id.clone(),
            app: there.app.clone(),
            generation: there.generation + 1,
            user: User::default(),
            consent: there.consent.clone(),
            scopes: Scopes::granted(["accounting.settings.read", "odd,scope"]),
            asked: None,
            at,
            access: Some((AccessToken::new("access").unwrap(), at + ACCESS_LIFETIME)),
            refresh: Some(RefreshToken::new("new").unwrap()),
            previous: Some((RefreshToken::new("old").unwrap(), at)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_is_saved_as_soon_as_the_file_is_free() {
        let case = Case::new();
        case.other("BEGIN IMMEDIATE");
        let (saved, ()) = tokio::join!(case.save(), async {
            sleep(Duration::from_secs(9)).await;
            assert_eq!(case.refresh_token(), "old");
            case.other("ROLLBACK");
        });
        assert_eq!(saved.unwrap(), Kept::Committed);
        assert_eq!(case.refresh_token(), "new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_is_on_the_disk_while_it_waits_to_be_saved() {
        let case = Case::new();
        case.other("BEGIN IMMEDIATE");
        let (saved, waited) = tokio::join!(case.save(), async {
            sleep(Duration::from_secs(1)).await;
            let waiting = case.store.rescued().unwrap();
            case.other("ROLLBACK");
            waiting
        });
        assert_eq!(saved.unwrap(), Kept::Committed);
        assert!(waited.len() == 1 && !waited[0].exists(), "{waited:?}");
        assert_eq!(case.store.take_up(&case.stored()).unwrap(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_that_another_took_up_meanwhile_is_saved_once() {
        let case = Case::new();
        case.other("BEGIN IMMEDIATE");
        let (saved, taken) = tokio::join!(case.save(), async {
            sleep(Duration::from_secs(1)).await;
            case.other("ROLLBACK");
            case.store.take_up(&case.stored()).unwrap()
        });
        assert_eq!((saved.unwrap(), taken), (Kept::Committed, vec![Kept::Committed]));
        assert_eq!(case.store.db().spares(&case.outcome.grant.id).unwrap().len(), 0);
        assert_eq!(case.store.rescued().unwrap(), Vec::<PathBuf>::new());
    }

    /// Saves while another process has the file for itself. Gives the rescue file.
    async fn rescued(case: &Case) -> std::path::PathBuf {
        case.other("BEGIN IMMEDIATE");
        let begun = Instant::now();
        let failed = case.save().await.unwrap_err();
        assert_eq!(begun.elapsed().as_secs(), 10);
        case.other("ROLLBACK");
        assert_eq!(case.refresh_token(), "old");
        match failed {
            Error::NotSaved { source, rescued: Some(path) } if matches!(*source, Error::Busy) => path,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_that_cannot_be_saved_is_written_sealed_and_taken_up_whole() {
        let case = Case::new();
        let path = rescued(&case).await;
        let text = fs::read(&path).unwrap();
        assert!(!text.windows(3).any(|bytes| bytes == b"new"), "sealed");
        assert_eq!(case.store.take_up(&case.stored()).unwrap(), [Kept::Committed]);
        let (stored, key) = (case.stored(), case.store.data_key());
        let Grant { at, scopes, access, .. } = &case.outcome.grant;
        assert_eq!(case.refresh_token(), "new");
        assert_eq!(stored.authorisation.scopes, *scopes);
        assert_eq!(stored.open_access(key).unwrap().token.expose(), "access");
        let end = crate::record::seconds(access.as_ref().unwrap().1);
        assert_eq!(stored.authorisation.access_expires_at.map(crate::record::seconds), Some(end));
        let (previous, spent_at) = stored.open_previous(key).unwrap().unwrap();
        assert_eq!(
            (previous.expose(), crate::record::seconds(spent_at)),
            ("old", crate::record::seconds(*at))
        );
        assert!(!path.exists(), "taken up");
        assert_eq!(case.store.take_up(&case.stored()).unwrap(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rescued_pair_of_a_row_that_has_gone_on_is_a_spare() {
        let case = Case::new();
        let path = rescued(&case).await;
        case.generation(2);
        assert_eq!(case.store.take_up(&case.stored()).unwrap(), [Kept::AsSpare]);
        let spares = case.store.db().spares(&case.outcome.grant.id).unwrap();
        let token = case.stored().open_spare(case.store.data_key(), &spares[0]).unwrap();
        assert_eq!((token.expose(), spares.len(), path.exists()), ("new", 1, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rescued_pair_of_an_earlier_consent_is_not_used() {
        let case = Case::new();
        let path = rescued(&case).await;
        let renewed = NewAuthorisation { consent: Some("event 2".to_owned()), ..consent() };
        case.store.renew_authorisation(&case.outcome.grant.id, &renewed).unwrap();
        assert_eq!(case.store.take_up(&case.stored()).unwrap(), [Kept::Superseded]);
        assert_eq!(case.store.db().spares(&case.outcome.grant.id).unwrap().len(), 0);
        assert!(!path.exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rescue_file_that_was_changed_is_left_alone() {
        let case = Case::new();
        let path = rescued(&case).await;
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, &changed).unwrap();
            assert_eq!(case.store.take_up(&case.stored()).unwrap(), [], "byte {at}");
            assert_eq!(fs::read(&path).unwrap(), changed);
        }
        for wrong in ["3", "1", "2x", ""] {
            fs::remove_file(&path).unwrap();
            let name = path.to_str().unwrap().strip_suffix('2').unwrap();
            let other = format!("{name}{wrong}");
            fs::write(&other, &good).unwrap();
            assert_eq!(case.store.take_up(&case.stored()).unwrap(), [], "generation {wrong:?}");
            fs::rename(&other, &path).unwrap();
        }
        assert_eq!(case.store.take_up(&case.stored()).unwrap(), [Kept::Committed], "as it was");
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_folder_takes_what_the_first_one_does_not() {
        let mut case = Case::new();
        let other = tempfile::tempdir().unwrap();
        case.store = case.store.clone().with_rescue_folder(other.path().to_owned());
        let id = &case.outcome.grant.id;
        let name = format!("xeroctl-rescue-{}-{id}-2", case.store.db().store_id().unwrap());
        let taken = case.folder.path().join(&name);
        fs::write(&taken, "something else").unwrap();
        assert_eq!(rescued(&case).await, other.path().join(&name));
        assert_eq!(fs::read(&taken).unwrap(), b"something else");
        assert_eq!(case.store.take_up(&case.stored()).unwrap(), [Kept::Committed]);
        assert!(taken.exists() && !other.path().join(name).exists());
    }

    #[tokio::test(start_paused = true)]
    async fn where_no_folder_takes_it_that_is_said() {
        let case = Case::new();
        let id = &case.outcome.grant.id;
        let name = format!("xeroctl-rescue-{}-{id}-2", case.store.db().store_id().unwrap());
        fs::write(case.folder.path().join(&name), "something else").unwrap();
        case.other("BEGIN IMMEDIATE");
        let failed = case.save().await.unwrap_err();
        assert!(matches!(&failed, Error::NotSaved { rescued: None, .. }), "{failed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_was_spent_nothing_is_lost() {
        let mut case = Case::new();
        case.outcome.grant.previous = None;
        case.other("BEGIN IMMEDIATE");
        assert!(matches!(case.save().await, Err(Error::Busy)));
    }

    #[tokio::test]
    async fn a_pair_that_was_saved_before_is_saved_and_told_once() {
        let case = Case::new();
        let id = case.outcome.grant.id.clone();
        let told = || {
            let events = case.store.events(&id, 9).unwrap();
            (
                events.iter().map(|event| event.what).collect::<Vec<_>>(),
                case.store.db().spares(&id).unwrap().len(),
            )
        };
        assert_eq!(case.save().await.unwrap(), Kept::Committed);
        let once = told();
        assert_eq!(once, (vec![EventKind::Refreshed, EventKind::Consented], 0));
        assert_eq!(case.save().await.unwrap(), Kept::Committed, "as where the answer to the first was lost");
        assert_eq!(told(), once);
        let after = next(&case.stored().authorisation, case.store.now());
        let after = Grant {
            refresh: Some(RefreshToken::new("newer").unwrap()),
            previous: Some((RefreshToken::new("new").unwrap(), case.store.now())),
            ..after
        };
        let sealed = after.seal(case.store.data_key()).unwrap();
        let event = NewEvent { at: case.store.now(), what: EventKind::Refreshed, by: "other", detail: "" };
        assert_eq!(case.store.db().commit_refresh(&sealed, None, &event).unwrap(), Kept::Committed);
        assert_eq!(case.save().await.unwrap(), Kept::Committed, "though it was spent since");
        assert_eq!((case.refresh_token().as_str(), told().1), ("newer", 0));
    }

    #[tokio::test]
    async fn a_pair_that_came_too_late_is_a_spare_and_takes_a_mark_away() {
        let case = Case::new();
        case.generation(2);
        let id = &case.outcome.grant.id;
        case.other("UPDATE authorisations SET needs_login = 'x', needs_login_since = 1");
        assert_eq!(case.save().await.unwrap(), Kept::AsSpare);
        assert_eq!(case.stored().authorisation.needs_login, None);
        let event = &case.store.events(id, 1).unwrap()[0];
        assert_eq!(event.detail, "another refresh was quicker; this one's refresh token is kept as a spare");
        let renewed = NewAuthorisation { consent: Some("event 2".to_owned()), ..consent() };
        case.store.renew_authorisation(id, &renewed).unwrap();
        assert_eq!(case.store.db().spares(id).unwrap().len(), 0, "of no use any more");
        assert_eq!(case.save().await.unwrap(), Kept::Superseded);
        assert_eq!(case.store.db().spares(id).unwrap().len(), 0);
    }
}
