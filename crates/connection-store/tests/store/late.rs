//! A leader that comes too late: it overwrites nothing, and its token is not lost.

use std::time::Duration;

use connection_store::{ClientId, Connection, Error, EventKind, Need, RefreshToken, Server, Store};
use tokio::task::JoinHandle;

use crate::{
    home::{Home, consent, expired, minutes},
    token_server::{Gate, Reply, TokenServer},
};

async fn access(store: &Store, connection: &Connection, need: Need) -> Result<String, Error> {
    Ok(store.access(connection, need).await?.token.expose().to_owned())
}

/// A leader that was stopped while its answer was under way, for longer than its lease.
struct Stopped {
    home: Home,
    server: TokenServer,
    store: Store,
    acme: Connection,
    gate: Gate,
    leader: JoinHandle<Result<String, Error>>,
}

impl Stopped {
    /// The next request is answered with `second`.
    async fn new(second: Reply) -> Self {
        let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
        let acme = expired(&home, &store, &server.server());
        let (gate, first) = Reply::tokens("late", "refresh-late").held();
        server.reply([first, second]);
        let (leading, leaded) = (home.open().unwrap(), acme.clone());
        let leader = tokio::spawn(async move { access(&leading, &leaded, Need::default()).await });
        gate.reached().await;
        home.clock.advance(Duration::from_secs(36));
        Self { home, server, store, acme, gate, leader }
    }

    /// One whose token was kept as a spare.
    async fn with_spare() -> Self {
        let mut stopped = Self::new(Reply::tokens("quick", "refresh-quick")).await;
        assert_eq!(stopped.access(Need::default()).await.unwrap(), "quick");
        assert_eq!(stopped.wakes().await.unwrap(), "quick", "the newer token, not its own");
        assert_eq!(stopped.home.count("spares"), 1);
        stopped
    }

    async fn wakes(&mut self) -> Result<String, Error> {
        self.gate.open();
        (&mut self.leader).await.unwrap()
    }

    async fn access(&self, need: Need) -> Result<String, Error> {
        access(&self.store, &self.acme, need).await
    }

    fn id(&self) -> &str {
        &self.acme.authorisation.as_ref().unwrap().id
    }

    /// The tokens that were sent after the first two.
    fn spent(&self) -> Vec<String> {
        self.server.spent().split_off(2)
    }
}

#[tokio::test]
async fn whose_a_refresh_token_is_is_told_for_all_that_a_login_has() {
    let stopped = Stopped::with_spare().await;
    let (store, app) = (&stopped.store, &stopped.acme.app);
    let client_id = ClientId::parse(&app.client_id).unwrap();
    let holder = |token: &str, id: &ClientId, server: &Server| {
        let found = store.holder_of(&RefreshToken::new(token).unwrap(), id, server).unwrap();
        found.map(|login| login.id)
    };
    let own = Some(stopped.acme.authorisation.as_ref().unwrap().id.clone());
    for token in ["refresh-quick", "refresh-late"] {
        assert_eq!(holder(token, &client_id, &app.server), own, "{token}");
    }
    assert_eq!(holder("refresh-nobody", &client_id, &app.server), None);
    assert_eq!(holder("refresh-quick", &client_id, &Server::xero()), None, "another server");
    let other = ClientId::parse("FEDCBA9876543210FEDCBA9876543210").unwrap();
    assert_eq!(holder("refresh-quick", &other, &app.server), None, "another app");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_is_tried_before_a_person_is_asked() {
    let stopped = Stopped::with_spare().await;
    stopped.server.reply([Reply::invalid_grant(), Reply::invalid_grant(), Reply::tokens("saved", "next")]);
    assert_eq!(stopped.access(Need::fresh(2)).await.unwrap(), "saved");
    assert_eq!(stopped.spent(), ["refresh-quick", "refresh-0", "refresh-late"]);
    let event = &stopped.store.events(stopped.id(), 1).unwrap()[0];
    assert_eq!(
        (event.what, event.detail.as_str()),
        (EventKind::Recovered, "with a spare, after Xero refused the stored refresh token")
    );
    assert_eq!(stopped.home.count("spares"), 0, "it is spent");
    assert_eq!(stopped.access(Need::fresh(3)).await.unwrap(), "access-1");
    assert_eq!(stopped.spent()[3..], ["next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_has_no_grace_that_could_have_ended() {
    let stopped = Stopped::with_spare().await;
    stopped.home.clock.advance(minutes(600));
    stopped.server.reply([Reply::invalid_grant()]);
    assert_eq!(stopped.access(Need::default()).await.unwrap(), "access-1");
    assert_eq!(stopped.spent(), ["refresh-quick", "refresh-late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_goes_when_the_stored_token_has_proved_good() {
    let stopped = Stopped::with_spare().await;
    stopped.access(Need::fresh(2)).await.unwrap();
    assert_eq!(stopped.home.count("spares"), 0);
    stopped.home.clock.advance(minutes(31));
    stopped.server.reply([Reply::invalid_grant()]);
    assert!(matches!(stopped.access(Need::default()).await, Err(Error::NeedsLogin { .. })));
    assert_eq!(stopped.spent(), ["refresh-quick", "refresh-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_stays_while_only_the_token_before_has_proved_good() {
    let stopped = Stopped::with_spare().await;
    stopped.server.reply([Reply::invalid_grant(), Reply::tokens("saved", "refresh-saved")]);
    assert_eq!(stopped.access(Need::fresh(2)).await.unwrap(), "saved");
    assert_eq!(
        (stopped.spent(), stopped.home.count("spares")),
        (vec!["refresh-quick".to_owned(), "refresh-0".to_owned()], 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_while_a_spare_is_tried_marks_nothing_and_keeps_it() {
    let stopped = Stopped::with_spare().await;
    stopped.home.clock.advance(minutes(31));
    stopped.server.reply([Reply::invalid_grant(), Reply::Cut]);
    assert!(matches!(stopped.access(Need::default()).await, Err(Error::Auth(_))));
    assert_eq!(stopped.home.count("spares"), 1);
    stopped.server.reply([Reply::invalid_grant()]);
    assert_eq!(stopped.access(Need::default()).await.unwrap(), "access-1");
    assert_eq!(stopped.spent(), ["refresh-quick", "refresh-late", "refresh-quick", "refresh-late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_spare_is_refused_too_a_person_is_asked() {
    let stopped = Stopped::with_spare().await;
    stopped.home.clock.advance(minutes(31));
    stopped.server.reply([Reply::invalid_grant(), Reply::invalid_grant()]);
    assert!(matches!(stopped.access(Need::default()).await, Err(Error::NeedsLogin { .. })));
    assert_eq!(stopped.spent(), ["refresh-quick", "refresh-late"]);
    assert_eq!(stopped.home.count("authorisations WHERE refresh IS NOT NULL"), 1, "nothing is deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_is_sealed_for_its_own_row() {
    for change in [
        "generation = generation + 1",
        "kept_at = kept_at + 1",
        "token = (SELECT refresh FROM authorisations)",
    ] {
        let stopped = Stopped::with_spare().await;
        stopped.home.clock.advance(minutes(31));
        stopped.home.sql(&format!("UPDATE spares SET {change}"));
        stopped.server.reply([Reply::invalid_grant()]);
        let refused = stopped.access(Need::default()).await;
        assert!(matches!(refused, Err(Error::Tampered { .. })), "{change}: {refused:?}");
        assert_eq!(stopped.spent(), ["refresh-quick"], "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_is_carried_over_to_a_new_data_key() {
    let stopped = Stopped::with_spare().await;
    assert!(stopped.store.rekey(&mut |_, _| {}).unwrap() > 0);
    assert_eq!(stopped.store.verify().unwrap(), []);
    stopped.home.clock.advance(minutes(31));
    stopped.server.reply([Reply::invalid_grant(), Reply::tokens("access-3", "refresh-3")]);
    drop(stopped.access(Need::default()).await);
    assert_eq!(stopped.spent(), ["refresh-quick", "refresh-late"], "it opens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_was_set_meanwhile_is_taken_away_by_the_late_one() {
    let mut stopped = Stopped::new(Reply::invalid_grant()).await;
    assert!(matches!(stopped.access(Need::default()).await, Err(Error::NeedsLogin { .. })));
    let marked = stopped.store.authorisation(stopped.id()).unwrap().unwrap();
    assert!(marked.needs_login.is_some());
    assert_eq!(stopped.wakes().await.unwrap(), "late");
    let there = stopped.store.authorisation(stopped.id()).unwrap().unwrap();
    assert_eq!((there.generation(), there.needs_login), (2, None));
    assert_eq!(stopped.access(Need::default()).await.unwrap(), "late");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_token_of_an_earlier_consent_is_not_kept() {
    let mut stopped = Stopped::new(Reply::Status(503)).await;
    let mut renewed = consent(&stopped.server.server(), "renewed");
    renewed.consent = Some("event-2".to_owned());
    stopped.store.renew_authorisation(stopped.id(), &renewed).unwrap();
    assert_eq!(stopped.wakes().await.unwrap(), "access-0", "of the new consent");
    assert_eq!(stopped.home.count("spares"), 0);
    let event = &stopped.store.events(stopped.id(), 1).unwrap()[0];
    assert_eq!(event.detail, "a new login or another refresh took the place of this one");
}
