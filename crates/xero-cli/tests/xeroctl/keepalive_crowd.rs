//! A thousand logins are renewed while eight processes read tokens.

use std::{
    io::Read,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use xero_mock::Fault;

use crate::{
    sandbox::{BINARY, Sandbox},
    seeded::{DAY, Seeded, connection},
};

const LOGINS: usize = 1000;
const READERS: usize = 8;
const READS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(300);

fn name(at: usize) -> String {
    format!("login-{at:04}")
}

/// Logins whose access tokens have ended, in a few transactions.
fn seed(seeded: &Seeded) {
    let tokens: Vec<_> =
        (0..LOGINS).map(|_| seeded.minted(DAY, "accounting.settings.read offline_access")).collect();
    let store = seeded.store(SystemTime::now() - DAY);
    let ids = tokens.iter().map(|tokens| store.add_authorisation(&seeded.authorisation(tokens)).unwrap().id);
    let connections: Vec<_> = ids.enumerate().map(|(at, id)| connection(&name(at), &id)).collect();
    store.add_connections(&connections).unwrap();
}

/// Waits until all tokens are kept but those of the one that hangs.
fn wait_until_kept(seeded: &Seeded) {
    let (began, store) = (Instant::now(), seeded.store(SystemTime::now()));
    let renewed = || {
        let connections = store.connections().unwrap().into_iter();
        connections.filter(|one| one.authorisation.as_ref().unwrap().generation() > 1).count()
    };
    while renewed() < LOGINS - 1 {
        assert!(began.elapsed() < PATIENCE, "{} of {LOGINS}", renewed());
        thread::yield_now();
    }
}

fn start(home: &Sandbox) -> Child {
    let mut command = home.command(BINARY);
    command.args(["keepalive", "--json", "--timeout", "300"]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_thousand_logins_are_renewed_while_eight_processes_read_tokens() {
    let seeded = Seeded::new();
    seed(&seeded);
    let home = &seeded.home;
    // One renewal hangs for as long as the test lasts: nobody else may wait for it.
    home.mock().fault(Fault::Slow(DAY).on("/connect/token"));
    let mut keepalive = start(home);
    let (mut out, mut err) = (keepalive.stdout.take().unwrap(), keepalive.stderr.take().unwrap());
    thread::scope(|scope| {
        let printed = scope.spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        });
        assert!(home.mock().wait_for_refreshes(1, PATIENCE), "it has begun");
        // All over the list, each reader at other places; the first ones hang with the fault.
        let read = |reader: usize| {
            move || {
                for round in 0..READS {
                    let at = 8 + (round * 83 + reader * 11) % (LOGINS - 8);
                    let run = home.run(&["token", &name(at)]);
                    assert_eq!(run.status, 0, "{}", run.text());
                }
            }
        };
        let readers: Vec<_> = (0..READERS).map(|reader| scope.spawn(read(reader))).collect();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        let others = u64::try_from(LOGINS - 1).unwrap();
        assert!(home.mock().wait_for_refreshes(others, PATIENCE), "{}", home.mock().refreshes());
        wait_until_kept(&seeded);
        assert!(keepalive.try_wait().unwrap().is_none(), "one is still being renewed");
        // Not before a signal: what has begun is finished, and this one never is.
        keepalive.kill().unwrap();
        keepalive.wait().unwrap();
        let mut said = String::new();
        err.read_to_string(&mut said).unwrap();
        assert_eq!((printed.join().unwrap().as_str(), said.as_str()), ("", ""), "no error so far");
    });
    assert_eq!(home.mock().refreshes(), 999, "each login once");
    let rest = home.run(&["keepalive", "--json"]);
    assert_eq!((rest.status, home.mock().refreshes()), (0, 1000), "{}", rest.stderr);
    let document = rest.json();
    let logins = document["logins"].as_array().unwrap();
    let of = |result: &str| logins.iter().filter(|login| login["result"] == result).count();
    assert_eq!((of("still-good"), of("renewed")), (999, 1));
}
