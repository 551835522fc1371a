//! A way from a host to a server, which is watched, and cut at a chosen exchange.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::link::{Flow, Link, linger_not};
use super::wire::{Client, Exchange, answer};
use crate::process::DEADLINE;

/// Passes on what it hears, until it is cut. Dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Way {
    shared: Arc<Shared>,
    listener: Arc<TcpListener>,
    address: SocketAddr,
}

/// Where a way is cut, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// At the exchange of this number since it was armed.
    pub(crate) at: usize,
    /// The server has it and has answered, and the answer is lost; else the server never has it.
    pub(crate) forwarded: bool,
    pub(crate) how: How,
}

/// What becomes of a way that is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The link is reset; the next one is whole.
    Reset,
    /// All links are reset, and so is each new one, until the way is mended.
    Gone,
    /// Nothing passes any more, in either direction, until the way is mended; nobody is told.
    Silent,
}

/// What is spoken on a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Postgres,
    /// Anything: it is passed on as it comes, and never cut.
    Any,
}

#[derive(Debug)]
struct Shared {
    speech: Speech,
    state: Mutex<State>,
    changed: Arc<Condvar>,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    cut: Option<Cut>,
    /// The exchanges since it was armed: the text of those that are simple queries.
    seen: Vec<String>,
    struck: bool,
    gone: bool,
    silent: bool,
    last: Option<SocketAddr>,
    links: Vec<Weak<Link>>,
}

impl Way {
    /// From the listener to the target, which is connected to where this is called.
    pub(crate) fn open(listener: TcpListener, target: SocketAddr, speech: Speech) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let state = State {
            target,
            cut: None,
            seen: Vec::new(),
            struck: false,
            gone: false,
            silent: false,
            last: None,
            links: Vec::new(),
        };
        let shared = Arc::new(Shared { speech, state: Mutex::new(state), changed: Arc::default() });
        let listener = Arc::new(listener);
        let (hears, passes) = (Arc::clone(&listener), Arc::clone(&shared));
        thread::spawn(move || {
            while let Ok((client, from)) = hears.accept() {
                let shared = Arc::clone(&passes);
                thread::spawn(move || Shared::serve(&shared, client, from));
            }
        });
        Ok(Self { shared, listener, address })
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it at that exchange from now on, or counts alone.
    pub(crate) fn arm(&self, cut: Option<Cut>) {
        let mut state = self.shared.state();
        (state.cut, state.struck) = (cut, false);
        state.seen.clear();
    }

    /// The exchanges since it was armed; the text of those that are simple queries.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.shared.state().seen.clone()
    }

    pub(crate) fn struck(&self) -> bool {
        self.shared.state().struck
    }

    /// Waits until it is cut; false where that never happens before `over`.
    pub(crate) fn wait_until_struck(&self, over: impl Fn() -> bool) -> bool {
        const LOOK: Duration = Duration::from_millis(20);
        let mut state = self.shared.state();
        while !state.struck && !over() {
            let waited = self.shared.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.struck
    }

    /// Cuts all links now.
    pub(crate) fn strike(&self, how: How) {
        self.shared.strike(how);
    }

    /// From now on all that comes passes.
    pub(crate) fn mend(&self) {
        let mut state = self.shared.state();
        (state.cut, state.gone, state.silent) = (None, false, false);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// New links go there.
    pub(crate) fn turn_to(&self, target: SocketAddr) {
        self.shared.state().target = target;
    }

    /// Waits until all that clients have sent who are gone has been passed on. The probe is made where they were.
    pub(crate) fn settle(&self, probe: impl FnOnce(SocketAddr) -> io::Result<TcpStream>) -> io::Result<()> {
        let probe = probe(self.address)?;
        let own = Some(probe.local_addr()?);
        let mut probe = Some(probe);
        let waiting = |state: &mut State| {
            if state.last == own {
                drop(probe.take());
            }
            state.links.retain(|link| link.strong_count() > 0);
            probe.is_some() || !state.links.is_empty()
        };
        let waited = self.shared.changed.wait_timeout_while(self.shared.state(), DEADLINE, waiting);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.mend();
        self.shared.strike(How::Gone);
        let _wakes = nix::sys::socket::shutdown(self.listener.as_raw_fd(), nix::sys::socket::Shutdown::Read);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds back whoever calls while the way is silent. False: it is gone.
    fn passes(&self) -> bool {
        let state = self.changed.wait_while(self.state(), |state| state.silent);
        !state.unwrap_or_else(PoisonError::into_inner).gone
    }

    fn serve(shared: &Arc<Self>, client: TcpStream, from: SocketAddr) {
        let passes = shared.passes();
        let target = shared.state().target;
        let server = passes.then(|| TcpStream::connect(target).ok()).flatten();
        let Some(server) = server else {
            linger_not(&client);
            drop(client);
            return shared.has_come(from, None);
        };
        let delayed = [&client, &server].map(|stream| stream.set_nodelay(true));
        drop(delayed);
        let link = Arc::new(Link::new(client, server, Arc::clone(&shared.changed)));
        shared.has_come(from, Some(&link));
        let (back, passing) = (Arc::clone(&link), Arc::clone(shared));
        thread::spawn(move || {
            // Whoever reads from it learns of the end.
            let _hung_up = passing.backwards(&back);
            back.end(&back.client);
        });
        let _hung_up = shared.forwards(&link);
        link.end(&link.server);
    }

    fn has_come(&self, from: SocketAddr, link: Option<&Arc<Link>>) {
        let mut state = self.state();
        state.last = Some(from);
        state.links.retain(|link| link.strong_count() > 0);
        state.links.extend(link.map(Arc::downgrade));
        let gone = state.gone;
        drop(state);
        self.changed.notify_all();
        if let Some(link) = link.filter(|_| gone) {
            link.reset();
        }
    }

    /// From the client to the server.
    fn forwards(&self, link: &Link) -> io::Result<()> {
        let mut client = Client::default();
        while let Some(exchange) = self.heard(&mut client, link)? {
            if !self.passes() {
                return Ok(());
            }
            match self.counted(&exchange) {
                Some(cut) => self.struck(link, &exchange, cut)?,
                None => (&link.server).write_all(&exchange.bytes)?,
            }
            if link.is_reset() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The exchange at which the way is cut. What is held back by a silence goes on after it.
    fn struck(&self, link: &Link, exchange: &Exchange, cut: Cut) -> io::Result<()> {
        let answered = exchange.answered && cut.forwarded;
        if answered {
            link.set(Flow::Held);
        }
        if cut.forwarded {
            (&link.server).write_all(&exchange.bytes)?;
        }
        if answered {
            link.wait_for_answer();
        }
        self.cut(link, cut.how);
        if !cut.forwarded && !link.is_reset() {
            (&link.server).write_all(&exchange.bytes)?;
        }
        link.set(Flow::Passes);
        Ok(())
    }

    /// From the server to the client.
    fn backwards(&self, link: &Link) -> io::Result<()> {
        let mut held = Vec::new();
        loop {
            let heard = match self.speech {
                Speech::Postgres => answer(&mut &link.server),
                Speech::Any => some(&link.server).map(|bytes| bytes.map(|bytes| (bytes, true))),
            };
            let (ended, turn) = match heard {
                Ok(Some((bytes, turn))) => {
                    held.extend(bytes);
                    (false, turn)
                }
                Ok(None) | Err(_) => (true, true),
            };
            if !link.lets_pass(turn) {
                continue;
            }
            if link.is_reset() || !self.passes() {
                return Ok(());
            }
            (&link.client).write_all(&held)?;
            held.clear();
            if ended {
                return Ok(());
            }
        }
    }

    fn heard(&self, client: &mut Client, link: &Link) -> io::Result<Option<Exchange>> {
        match self.speech {
            Speech::Postgres => client.next(&mut &link.client),
            Speech::Any => {
                let bytes = some(&link.client)?;
                Ok(bytes.map(|bytes| Exchange { bytes, answered: false, query: None }))
            }
        }
    }

    /// Notes the exchange; how the way is cut at it, if it is.
    fn counted(&self, exchange: &Exchange) -> Option<Cut> {
        let mut state = self.state();
        state.seen.push(exchange.query.clone().unwrap_or_default());
        let number = state.seen.len() - 1;
        state.cut.filter(|cut| cut.at == number)
    }

    /// Does to the way what was asked for, at this link. A silent one goes on when it is mended.
    fn cut(&self, link: &Link, how: How) {
        if how == How::Reset {
            link.reset();
            self.state().struck = true;
            self.changed.notify_all();
            return;
        }
        self.strike(how);
        self.passes();
    }

    fn strike(&self, how: How) {
        let mut state = self.state();
        state.struck = true;
        state.gone |= how == How::Gone;
        state.silent |= how == How::Silent;
        let links: Vec<_> = state.links.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        self.changed.notify_all();
        if how != How::Silent {
            links.iter().for_each(|link| link.reset());
        }
    }
}

/// What there is to read; none: the other end has hung up.
fn some(mut stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; 16 << 10];
    let read = stream.read(&mut bytes)?;
    bytes.truncate(read);
    Ok((read > 0).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each query with a note and its turn, until its client hangs up; what it heard.
    fn server() -> (SocketAddr, std::sync::mpsc::Receiver<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = std::sync::mpsc::channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let mut client = Client::default();
                while let Ok(Some(exchange)) = client.next(&mut &stream) {
                    let _nobody_asks = sender.send(exchange.bytes);
                    let _gone_already = (&stream).write_all(b"N\0\0\0\x06hiZ\0\0\0\x05I");
                }
            }
        });
        (address, heard)
    }

    const ANSWER: usize = 13;

    fn way() -> (Way, std::sync::mpsc::Receiver<Vec<u8>>) {
        let (address, heard) = server();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        (Way::open(listener, address, Speech::Postgres).unwrap(), heard)
    }

    fn query(text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len() + 5).unwrap().to_be_bytes();
        [b"Q", &length[..], text.as_bytes(), b"\0"].concat()
    }

    /// Begins a session.
    fn session(way: &Way) -> TcpStream {
        let mut stream = TcpStream::connect(way.address()).unwrap();
        stream.write_all(b"\0\0\0\x08\0\x03\0\0").unwrap();
        let mut answer = [0; ANSWER];
        stream.read_exact(&mut answer).unwrap();
        stream
    }

    fn ask(mut stream: &TcpStream, text: &str) -> io::Result<()> {
        stream.write_all(&query(text))?;
        let mut answer = [0; ANSWER];
        stream.read_exact(&mut answer)
    }

    #[test]
    fn a_link_is_cut_before_the_server_hears_or_after_it_has_answered() {
        for forwarded in [false, true] {
            let (way, heard) = way();
            way.arm(Some(Cut { at: 2, forwarded, how: How::Reset }));
            let stream = session(&way);
            ask(&stream, "BEGIN").unwrap();
            assert!(!way.struck());
            let cut = ask(&stream, "COMMIT").unwrap_err();
            assert_eq!(cut.kind(), io::ErrorKind::ConnectionReset);
            assert!(way.struck());
            assert_eq!(way.seen(), ["", "BEGIN", "COMMIT"]);
            ask(&session(&way), "SELECT").unwrap();
            let heard: Vec<Vec<u8>> = heard.try_iter().collect();
            assert_eq!(heard.contains(&query("COMMIT")), forwarded);
        }
    }

    #[test]
    fn who_is_cut_off_stays_so_until_the_way_is_mended() {
        let (way, _heard) = way();
        let stream = session(&way);
        way.strike(How::Gone);
        assert!(ask(&stream, "SELECT").is_err());
        let refused = TcpStream::connect(way.address()).and_then(|stream| ask(&stream, "SELECT"));
        assert!(refused.is_err());
        way.mend();
        ask(&session(&way), "SELECT").unwrap();
    }

    #[test]
    fn nothing_passes_a_silent_way_and_nothing_of_it_is_lost() {
        let (way, heard) = way();
        let stream = session(&way);
        heard.recv().unwrap();
        way.strike(How::Silent);
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert_eq!(ask(&stream, "COMMIT").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(heard.try_recv().is_err());
        way.mend();
        stream.set_read_timeout(None).unwrap();
        let mut answer = [0; ANSWER];
        (&stream).read_exact(&mut answer).unwrap();
        assert_eq!(heard.recv().unwrap(), query("COMMIT"));
    }
}
