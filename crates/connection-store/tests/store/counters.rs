//! The file beside the store in which calls are counted: who was killed, and what cannot be used.

use std::{fs, path::PathBuf, time::Duration};

use connection_store::{AT_ONCE, Limit};

use crate::{
    home::Home,
    limits::{limit, two},
};

/// What counts, beside the store.
fn counters(home: &Home) -> PathBuf {
    let mut name = home.path.clone().into_os_string();
    name.push("-calls");
    name.into()
}

#[tokio::test]
async fn calls_of_a_process_that_was_killed_run_no_more() {
    let (home, [one, two], connection) = two().await;
    let running: Vec<_> = (0..AT_ONCE).map(|_| one.try_admit(&connection).unwrap()).collect();
    assert_eq!(limit(two.try_admit(&connection)), Some(Limit::Concurrent));
    let db = rusqlite::Connection::open(counters(&home)).unwrap();
    db.execute("UPDATE calls SET owner = ?1 WHERE id = (SELECT min(id) FROM calls)", ["d".repeat(32)])
        .unwrap();
    drop(two.try_admit(&connection).unwrap());
    drop(running);
}

#[tokio::test]
async fn whoever_cannot_count_does_not_wait() {
    let (home, [store, _], connection) = two().await;
    fs::create_dir(counters(&home)).unwrap();
    let running: Vec<_> = (0..2 * AT_ONCE).map(|_| store.try_admit(&connection).unwrap()).collect();
    assert_eq!(running.len(), 2 * AT_ONCE);

    fs::remove_dir(counters(&home)).unwrap();
    drop(store.try_admit(&connection).unwrap());
    assert!(!counters(&home).exists(), "it is not tried with each call");
    home.clock.advance(Duration::from_secs(30));
    let running: Vec<_> = (0..AT_ONCE).map(|_| store.try_admit(&connection).unwrap()).collect();
    assert_eq!(limit(store.try_admit(&connection)), Some(Limit::Concurrent));
    drop(running);
}

#[tokio::test]
async fn whoever_met_a_broken_file_counts_with_the_others_again() {
    let (home, [one, two], connection) = two().await;
    let before = one.try_admit(&connection).unwrap();
    let db = rusqlite::Connection::open(counters(&home)).unwrap();
    db.execute_batch("DROP TABLE calls").unwrap();
    // It cannot be counted, and so it need not wait.
    let uncounted: Vec<_> = (0..2 * AT_ONCE).map(|_| one.try_admit(&connection).unwrap()).collect();
    home.clock.advance(Duration::from_secs(30));
    let running: Vec<_> = (0..AT_ONCE).map(|_| two.try_admit(&connection).unwrap()).collect();
    drop((before, uncounted));
    assert_eq!(limit(one.try_admit(&connection)), Some(Limit::Concurrent), "nobody ended another one's call");
    drop(running);
}
