//! What stands between a store and its server, and loses an answer or cuts the link when it is told.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Passes on what the two say, from a port of its own.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    lose: AtomicBool,
    cut: [AtomicBool; 2],
    lost: AtomicUsize,
    silent: Mutex<bool>,
    speaks: Condvar,
}

impl Proxy {
    pub(crate) fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = Arc::new(Told::default());
        let shared = told.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
                pass(client, server, shared.clone());
            }
        });
        Self { port, told }
    }

    /// The answer to the next COMMIT of one who writes is lost, and the link with it.
    pub(crate) fn lose_a_commit(&self) {
        self.told.lose.store(true, Ordering::SeqCst);
    }

    /// The link is cut in the middle of the next transaction that writes, or reads, before its end was asked for.
    pub(crate) fn cut_in_a_transaction(&self, writes: bool) {
        self.told.cut[usize::from(writes)].store(true, Ordering::SeqCst);
    }

    /// What the store says waits until [`go_on`](Self::go_on).
    pub(crate) fn be_silent(&self) {
        *self.told.silent.lock().unwrap() = true;
    }

    pub(crate) fn go_on(&self) {
        *self.told.silent.lock().unwrap() = false;
        self.told.speaks.notify_all();
    }

    /// How many answers were lost, and links cut.
    pub(crate) fn lost(&self) -> usize {
        self.told.lost.load(Ordering::SeqCst)
    }
}

fn pass(client: TcpStream, server: TcpStream, told: Arc<Told>) {
    let losing = Arc::new(AtomicBool::new(false));
    let (from_client, to_client) = (client.try_clone().unwrap(), client);
    let (from_server, to_server) = (server.try_clone().unwrap(), server);
    let (flag, shared) = (losing.clone(), told.clone());
    thread::spawn(move || {
        drop(asks(&from_client, &to_server, &shared, &flag));
        drop(to_server.shutdown(Shutdown::Both));
    });
    thread::spawn(move || {
        drop(answers(&from_server, &to_client, &told, &losing));
        drop(from_server.shutdown(Shutdown::Both));
        drop(to_client.shutdown(Shutdown::Both));
    });
}

/// Message by message: the first has no letter before its length.
fn asks(mut from: &TcpStream, mut to: &TcpStream, told: &Told, losing: &AtomicBool) -> io::Result<()> {
    let (mut first, mut begun) = (true, None);
    loop {
        let mut head = vec![0; if first { 4 } else { 5 }];
        from.read_exact(&mut head)?;
        let length = u32::from_be_bytes(head[head.len() - 4..].try_into().unwrap());
        let mut body = vec![0; length as usize - 4];
        from.read_exact(&mut body)?;
        let sql = if first || head[0] != b'Q' { "".into() } else { String::from_utf8_lossy(&body) };
        if sql.starts_with("BEGIN") {
            begun = Some(sql.contains("FOR UPDATE"));
        } else if sql.starts_with("COMMIT") {
            let lose = begun.take() == Some(true) && told.lose.swap(false, Ordering::SeqCst);
            losing.fetch_or(lose, Ordering::SeqCst);
        } else if begun.is_some_and(|writes| told.cut[usize::from(writes)].swap(false, Ordering::SeqCst)) {
            told.lost.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        first = false;
        let silent = told.silent.lock().unwrap();
        drop(told.speaks.wait_while(silent, |silent| *silent).unwrap());
        to.write_all(&[head, body].concat())?;
    }
}

/// The client says nothing more before it has the answer: what comes now is that.
fn answers(mut from: &TcpStream, mut to: &TcpStream, told: &Told, losing: &AtomicBool) -> io::Result<()> {
    let mut some = [0; 16 * 1024];
    loop {
        let count = from.read(&mut some)?;
        if losing.load(Ordering::SeqCst) {
            told.lost.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        if count == 0 {
            return Ok(());
        }
        to.write_all(&some[..count])?;
    }
}
