//! A server that is told of logins: takes one request after the other, and always gives the same answer.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
};

/// A webhook on this machine. Dropped, its port refuses.
pub(crate) struct Webhook {
    address: String,
    received: Receiver<(String, String)>,
    serving: Option<JoinHandle<()>>,
}

impl Webhook {
    /// One that answers with this status; where it is a redirect, back to itself.
    pub(crate) fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, received) = channel();
        let serving = Some(thread::spawn(move || serve(&listener, status, &sender)));
        Self { address, received, serving }
    }

    /// Its URL, with a secret in it.
    pub(crate) fn url(&self, secret: &str) -> String {
        format!("http://{}/{secret}", self.address)
    }

    /// Path and body of the next request.
    pub(crate) fn received(&self) -> (String, String) {
        self.received.recv().unwrap()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // A connection without a request ends it.
        drop(TcpStream::connect(&self.address));
        if let Some(serving) = self.serving.take() {
            drop(serving.join());
        }
    }
}

fn serve(listener: &TcpListener, status: u16, sender: &Sender<(String, String)>) {
    for stream in listener.incoming() {
        let Some(request) = answer(&stream.unwrap(), status) else { return };
        sender.send(request).unwrap();
    }
}

fn answer(stream: &TcpStream, status: u16) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut path, mut length, mut line) = (None, 0, String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        match (line.split_once(':'), &path) {
            (_, None) => path = line.split(' ').nth(1).map(str::to_owned),
            (Some((name, value)), _) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap();
            }
            _ => {}
        }
        line.clear();
    }
    let path = path?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let mut stream = stream;
    stream.write_all(head.as_bytes()).unwrap();
    Some((path, String::from_utf8(body).unwrap()))
}
