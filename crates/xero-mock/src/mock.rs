//! The handle of a running mock: starts it, moves its time, orders its faults, reads its journal, stops it.

mod oauth2;

use std::io;
use std::net::{TcpListener as StdListener, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::app::{AppState, PrivateApp};
use crate::fault::FaultRule;
use crate::journal::JournalEntry;
use crate::world::{Settings, Shared};
use crate::{Error, server};

/// A running mock. Dropping it closes the port and all connections.
#[derive(Debug)]
pub struct Mock {
    url: String,
    shared: Shared,
    /// Stops the server when it is dropped.
    _running: Running,
}

/// How a mock starts. [`Mock::reset`] comes back to the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder {
    port: u16,
    settings: Settings,
}

impl Builder {
    /// The port on 127.0.0.1; 0, the default, takes any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The time that the mock's clock starts at; by default the system's.
    #[must_use]
    pub fn clock(mut self, start: SystemTime) -> Self {
        self.settings.start = Some(start);
        self
    }

    /// Whether Xero has switched private apps off, as it did on 30 September 2021.
    #[must_use]
    pub fn private_apps_off(mut self, off: bool) -> Self {
        self.settings.private_apps_off = off;
        self
    }

    /// How long access tokens live; by default Xero's 30 minutes.
    #[must_use]
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.access_lifetime = lifetime;
        self
    }

    /// Starts on the caller's tokio runtime. Fails when the port is taken.
    pub async fn start(self) -> io::Result<Mock> {
        let listener = server::listen(self.port)?;
        let (url, shared) = (url(&listener)?, Shared::new(self.settings));
        let serving = server::serve(TcpListener::from_std(listener)?, shared.clone());
        let _running = Running::Task(tokio::spawn(serving).abort_handle());
        Ok(Mock { url, shared, _running })
    }

    /// Starts on a thread and a runtime of its own, for callers without one. Fails when the port is taken.
    pub fn start_blocking(self) -> io::Result<Mock> {
        let listener = server::listen(self.port)?;
        let (url, shared) = (url(&listener)?, Shared::new(self.settings));
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let world = shared.clone();
        let thread = thread::Builder::new().name("xero-mock".to_owned());
        let thread = thread.spawn(move || runtime.block_on(serve_until(stopped, listener, world)))?;
        let _running = Running::Thread { stop: Some(stop), thread: Some(thread) };
        Ok(Mock { url, shared, _running })
    }
}

impl Mock {
    /// A mock with all defaults on any free port, on the caller's tokio runtime.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// A mock with all defaults on any free port, on a thread of its own.
    pub fn start_blocking() -> io::Result<Self> {
        Self::builder().start_blocking()
    }

    /// Chooses port, time and mode.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The mock's present time.
    pub fn now(&self) -> SystemTime {
        self.shared.lock().now()
    }

    /// Moves the mock's clock forward.
    pub fn advance(&self, by: Duration) {
        self.shared.lock().clock.advance(by);
    }

    /// Sets the mock's clock; it runs on from there.
    pub fn set_time(&self, now: SystemTime) {
        self.shared.lock().clock.set(now);
    }

    /// Switches private apps off, as Xero did on 30 September 2021, or on again.
    pub fn private_apps_off(&self, off: bool) {
        self.shared.lock().private_apps_off = off;
    }

    /// Adds a private app as the portal does. `organisation` is an id or an exact name.
    pub fn create_private_app(
        &self,
        name: &str,
        organisation: &str,
        certificate_pem: &str,
    ) -> Result<PrivateApp, Error> {
        self.shared.lock().add_app(name, organisation, certificate_pem.as_bytes()).cloned()
    }

    /// The app with this consumer key as it is now, also when it was deleted.
    pub fn app(&self, consumer_key: &str) -> Option<PrivateApp> {
        self.shared.lock().apps.by_key(consumer_key).cloned()
    }

    /// Disconnects the app, as a user does inside the organisation. A second call changes nothing.
    pub fn revoke(&self, consumer_key: &str) -> Result<(), Error> {
        self.shared.lock().set_state(consumer_key, AppState::Disconnected)
    }

    /// Deletes the app in the portal, of any kind, by its consumer key or client id. A second call finds no app.
    pub fn delete_app(&self, key: &str) -> Result<(), Error> {
        self.shared.lock().delete_app(key)
    }

    /// Replaces the app's certificate; requests signed with the old key fail from then on.
    pub fn replace_certificate(&self, consumer_key: &str, certificate_pem: &str) -> Result<(), Error> {
        self.shared.lock().replace_certificate(consumer_key, certificate_pem.as_bytes())
    }

    /// Leaves the app without a certificate, which the portal itself does not offer.
    pub fn remove_certificate(&self, consumer_key: &str) -> Result<(), Error> {
        self.shared.lock().apps.change(consumer_key)?.certificate = None;
        Ok(())
    }

    /// Orders a fault for the next matching requests; faults queue in the order given.
    pub fn fault(&self, fault: impl Into<FaultRule>) {
        self.shared.lock().faults.add(fault.into());
    }

    /// Drops all faults that have not come yet.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// All requests since the start or the last reset, but those to `/_mock/`.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.shared.lock().journal.entries().to_vec()
    }

    /// Waits until every connection that was made so far has ended, and with it what was asked over it; false when that
    /// takes longer. A client that was killed may have left a request behind.
    pub fn settle(&self, within: Duration) -> bool {
        let address = self.url.trim_start_matches("http://");
        let Ok(last) = TcpStream::connect(address) else { return false };
        let own = last.local_addr().ok();
        let all_accepted = self.shared.wait(within, |world| world.connections.last == own);
        drop(last);
        all_accepted && self.shared.wait(within, |world| world.connections.open == 0)
    }

    /// Forgets the requests so far, and nothing else.
    pub fn clear_journal(&self) {
        self.shared.lock().journal.clear();
    }

    /// Back to the start: no apps, seeded books, clock and mode as built, no faults, empty journal.
    pub fn reset(&self) {
        self.shared.lock().reset();
    }
}

/// What keeps the mock alive.
#[derive(Debug)]
enum Running {
    Task(AbortHandle),
    Thread { stop: Option<oneshot::Sender<()>>, thread: Option<thread::JoinHandle<()>> },
}

impl Drop for Running {
    fn drop(&mut self) {
        match self {
            Self::Task(task) => task.abort(),
            Self::Thread { stop, thread } => {
                drop(stop.take());
                if let Some(thread) = thread.take() {
                    // A panic of the server was already reported by its thread.
                    let _ = thread.join();
                }
            }
        }
    }
}

async fn serve_until(stopped: oneshot::Receiver<()>, listener: StdListener, world: Shared) {
    let listener =
        TcpListener::from_std(listener).expect("the listener does not block, and this is a runtime");
    tokio::select! {
        () = server::serve(listener, world) => {}
        _ = stopped => {}
    }
}

fn url(listener: &StdListener) -> io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}
