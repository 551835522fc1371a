//! A connection of a client on a way, and the one to the server that belongs to it.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use nix::sys::socket::{setsockopt, sockopt::Linger};

/// Both connections; dropped, they are closed.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    flow: Mutex<Flow>,
    turned: Condvar,
    /// Is told when the link has ended.
    ended: Arc<Condvar>,
}

/// What becomes of the server's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Passes,
    /// They are held back, and the next turn of the client is waited for.
    Held,
    /// It has come.
    Answered,
    Reset,
}

impl Link {
    pub(super) fn new(client: TcpStream, server: TcpStream, ended: Arc<Condvar>) -> Self {
        Self { client, server, flow: Mutex::new(Flow::Passes), turned: Condvar::new(), ended }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, flow: Flow) {
        let mut now = self.flow();
        if *now != Flow::Reset {
            *now = flow;
        }
        drop(now);
        self.turned.notify_all();
    }

    pub(super) fn is_reset(&self) -> bool {
        *self.flow() == Flow::Reset
    }

    /// Both ends hear that it was reset, when those who read from it have let go of it.
    pub(super) fn reset(&self) {
        self.set(Flow::Reset);
        for stream in [&self.client, &self.server] {
            linger_not(stream);
            let _gone_already = stream.shutdown(Shutdown::Read);
        }
    }

    /// Nothing more comes for this end.
    pub(super) fn end(&self, stream: &TcpStream) {
        if !self.is_reset() {
            let _gone_already = stream.shutdown(Shutdown::Write);
        }
    }

    pub(super) fn wait_for_answer(&self) {
        drop(self.turned.wait_while(self.flow(), |flow| *flow == Flow::Held));
    }

    /// Holds back what the server says while it must not be heard. False: there is more of it to come.
    pub(super) fn lets_pass(&self, turn: bool) -> bool {
        let mut flow = self.flow();
        if *flow == Flow::Held && !turn {
            return false;
        }
        if *flow == Flow::Held {
            *flow = Flow::Answered;
            self.turned.notify_all();
        }
        drop(self.turned.wait_while(flow, |flow| *flow == Flow::Answered));
        true
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.ended.notify_all();
    }
}

/// Closed, it is reset.
pub(super) fn linger_not(stream: &TcpStream) {
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    let _gone_already = setsockopt(stream, Linger, &linger);
}
