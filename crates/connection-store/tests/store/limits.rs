//! Xero's limits over several handles of a store, as processes have them.

use std::{cell::Cell, time::Duration};

use connection_store::{A_MINUTE, AT_ONCE, Call, Connection, Error, Limit, Store, Told, Wait};

use crate::{
    home::{Home, expired},
    token_server::TokenServer,
};

/// A store with a connection, and the same store opened by another.
pub(crate) async fn two() -> (Home, [Store; 2], Connection) {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    let connection = store.connection(Some("acme")).unwrap();
    let other = home.open().unwrap();
    (home, [store, other], connection)
}

pub(crate) fn limit(admitted: Result<Call, Wait>) -> Option<Limit> {
    admitted.err().map(|wait| wait.limit)
}

#[tokio::test]
async fn all_who_use_a_store_count_together() {
    let (home, [one, two], connection) = two().await;
    let running: Vec<_> = (0..AT_ONCE).map(|_| one.try_admit(&connection).unwrap()).collect();
    assert_eq!(limit(two.try_admit(&connection)), Some(Limit::Concurrent));
    drop(running);
    for _ in AT_ONCE..A_MINUTE {
        two.try_admit(&connection).unwrap().end(&Told::default());
    }
    let wait = one.try_admit(&connection).unwrap_err();
    assert_eq!(wait, Wait { limit: Limit::Minute, time: Duration::from_secs(60) });
    home.clock.advance(Duration::from_secs(60));
    drop(one.try_admit(&connection).unwrap());
}

#[tokio::test]
async fn a_refusal_is_known_to_all_and_a_long_wait_is_an_error() {
    let (home, [one, two], connection) = two().await;
    let refused = Some((Limit::Day, Some(Duration::from_secs(3_600))));
    one.try_admit(&connection).unwrap().end(&Told { refused, ..Told::default() });
    let told = Cell::new(0);
    let error =
        two.admit(&connection, Duration::from_secs(60), |_| told.set(told.get() + 1)).await.unwrap_err();
    let wait = Wait { limit: Limit::Day, time: Duration::from_secs(3_600) };
    assert!(matches!(error, Error::LimitReached(found) if found == wait), "{error:?}");
    assert_eq!((told.get(), error.to_string().as_str()), (0, "the rate limit for one day is used up"));
    home.clock.advance(Duration::from_secs(3_600));
    two.admit(&connection, Duration::ZERO, |_| ()).await.unwrap().end(&Told::default());
}

#[tokio::test]
async fn other_organisations_of_the_app_have_limits_of_their_own() {
    let (_home, [store, _], mut other) = two().await;
    let running: Vec<_> = (0..AT_ONCE).map(|_| store.try_admit(&other).unwrap()).collect();
    other.organisation.as_mut().unwrap().id = "another".to_owned();
    drop(store.try_admit(&other).unwrap());
    drop(running);
}

#[tokio::test]
async fn a_call_that_was_not_made_does_not_count() {
    let (_home, [one, two], connection) = two().await;
    for _ in 0..2 * A_MINUTE {
        one.try_admit(&connection).unwrap().withdraw();
    }
    assert_eq!((two.pace(&connection).running, two.pace(&connection).in_minute), (0, 0));
}

/// An answer may be long: what its head says counts from when that came, and not from the end.
#[tokio::test]
async fn what_an_answer_says_is_known_while_it_still_comes() {
    let (home, [one, two], connection) = two().await;
    let call = one.try_admit(&connection).unwrap();
    call.told(&Told { minute_left: Some(0), refused: None });
    assert_eq!(limit(two.try_admit(&connection)), Some(Limit::Minute));
    home.clock.advance(Duration::from_secs(60));
    drop(two.try_admit(&connection).unwrap());
    let refused = Some((Limit::Day, Some(Duration::from_secs(600))));
    call.told(&Told { refused, ..Told::default() });
    assert_eq!(limit(two.try_admit(&connection)), Some(Limit::Day));
    home.clock.advance(Duration::from_secs(600));
    drop(call);
    drop(two.try_admit(&connection).unwrap());
}
