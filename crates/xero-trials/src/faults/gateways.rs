//! A gateway under load that is killed while it renews.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use xero_mock::Fault;

use crate::bench::{Bench, Disturbed};
use crate::error::{Error, Outcome};
use crate::home::Home;
use crate::process::{DEADLINE, Running};
use crate::subject::Subject;
use crate::verdict::Allowed;

const SOCKET: &str = "gateway/socket";
const TOKEN: &str = "gateway-token";
const CLIENTS: usize = 8;
/// How long the server takes for a renewal.
const PROVIDER: Duration = Duration::from_millis(5);
/// How much later each trial strikes; the first when the server has the request for new tokens.
const STEP: Duration = Duration::from_millis(1);

pub(super) fn killed(bench: &mut Bench<'_>) -> Outcome<()> {
    let allowed = Allowed::one(true);
    for trial in bench.trials(24, 96) {
        if !bench.goes_on()? {
            break;
        }
        let after = STEP * u32::try_from(trial).unwrap_or(u32::MAX);
        bench.trial(trial, &allowed, |home, subject| one(home, subject, after))?;
    }
    Ok(())
}

fn one(home: &Home, subject: &Subject, after: Duration) -> Outcome<Disturbed> {
    home.mock.fault(Fault::DelayReply(PROVIDER).on("/connect/token"));
    let [socket, token] = [home.path().join(SOCKET), home.path().join(TOKEN)];
    let options = ["gateway", "--socket", SOCKET, "--token-file", TOKEN, "--no-limits"];
    let before = home.mock.refreshes();
    let gateway = Running::start(&mut home.command(&subject.xeroctl(&options)))?;
    let over = AtomicBool::new(false);
    let renewed = thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    ask(&socket, &token);
                }
            });
        }
        let renewed = home.mock.wait_for_refreshes(before + 1, DEADLINE);
        let begun = Instant::now();
        while begun.elapsed() < after {
            thread::yield_now();
        }
        gateway.signal(Signal::SIGKILL);
        over.store(true, Ordering::SeqCst);
        renewed
    });
    let ended = gateway.end();
    if !renewed {
        return Err(Error::NotWorking(format!("the gateway renewed nothing: {}", ended.in_words())));
    }
    Ok(Disturbed { said: ended.in_words(), ..Disturbed::default() })
}

/// One request, if the gateway is there; what comes of it is nothing to the client.
fn ask(socket: &Path, token: &Path) {
    let (Ok(mut stream), Ok(token)) = (UnixStream::connect(socket), fs::read_to_string(token)) else {
        return thread::yield_now();
    };
    drop(stream.set_read_timeout(Some(DEADLINE)));
    let request = format!(
        "GET /api.xro/2.0/Organisation HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {}\r\n\
         Accept: application/json\r\nConnection: close\r\n\r\n",
        token.trim()
    );
    let asked = stream.write_all(request.as_bytes());
    drop(asked.and_then(|()| stream.read_to_end(&mut Vec::new()).map(drop)));
}
