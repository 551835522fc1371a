//! Frames of HTTP/2 (RFC 9113), written and read by hand.

use std::net::SocketAddr;

use crate::wire::Wire;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_LENGTH: usize = 9;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// A request without a body.
pub(crate) const WHOLE: u8 = END_STREAM | END_HEADERS;

/// What HPACK has for `:status: 200` (RFC 7541, appendix A).
const STATUS_200: u8 = 0x88;

/// A frame that has come.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a reset or of a farewell.
    pub(crate) fn code(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        Some(u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap()))
    }

    pub(crate) fn is_success(&self) -> bool {
        self.kind == HEADERS && self.payload.first() == Some(&STATUS_200)
    }

    fn is_refusal(&self) -> bool {
        match self.kind {
            HEADERS => !self.is_success(),
            RST_STREAM => true,
            GOAWAY => self.code() != Some(0),
            _ => false,
        }
    }
}

/// True where somebody was told no: by a status, a reset, or a farewell with a reason.
pub(crate) fn is_refused(frames: &[Frame]) -> bool {
    frames.iter().any(Frame::is_refusal) && !frames.iter().any(Frame::is_success)
}

/// A client that has begun to speak HTTP/2, with settings of its own.
pub(crate) async fn client(address: SocketAddr, settings: &[u8]) -> Wire {
    let mut wire = Wire::to(address).await;
    wire.write([PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()).await;
    wire
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field as HPACK's literal that nobody keeps.
pub(crate) fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name.as_ref(), value.as_ref()] {
        bytes.extend(length(text.len()));
        bytes.extend(text);
    }
    bytes
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
fn length(mut number: usize) -> Vec<u8> {
    if number < 127 {
        return vec![u8::try_from(number).unwrap()];
    }
    let mut bytes = vec![127];
    number -= 127;
    while number >= 128 {
        bytes.push(u8::try_from(number % 128 + 128).unwrap());
        number /= 128;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

/// All frames that come until the connection ends, or is broken off.
pub(crate) async fn rest(wire: &mut Wire) -> Vec<Frame> {
    let (bytes, mut frames) = (wire.rest_as_bytes().await, Vec::new());
    let mut left = &*bytes;
    while let Some((head, after)) = left.split_at_checked(HEAD_LENGTH) {
        let Some((payload, after)) = after.split_at_checked(payload_length(head)) else { break };
        frames.push(read(head, payload.to_vec()));
        left = after;
    }
    frames
}

/// The next frame.
pub(crate) async fn next(wire: &mut Wire) -> Frame {
    let head = wire.exactly(HEAD_LENGTH).await;
    let payload = wire.exactly(payload_length(&head)).await;
    read(&head, payload)
}

fn payload_length(head: &[u8]) -> usize {
    usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])
}

fn read(head: &[u8], payload: Vec<u8>) -> Frame {
    let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
    Frame { kind: head[3], stream, payload }
}
