//! What PostgreSQL's protocol (its manual, chapter "Frontend/Backend Protocol") says of where a message ends, and of
//! whose turn it is.

use std::io::{self, Read};

/// Reads from a client, one exchange at a time: all messages up to one that the server answers.
#[derive(Debug, Default)]
pub(crate) struct Client {
    begun: bool,
}

/// What a client sends at once.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) bytes: Vec<u8>,
    /// The server answers, and then it is the client's turn again.
    pub(crate) answered: bool,
    /// The text of a simple query.
    pub(crate) query: Option<String>,
}

/// No message is longer.
const LONGEST: usize = 64 << 20;
/// Waits for the client's next query.
const READY: u8 = b'Z';

impl Client {
    /// None: the client has hung up.
    pub(crate) fn next(&mut self, from: &mut impl Read) -> io::Result<Option<Exchange>> {
        let mut bytes = Vec::new();
        loop {
            if !self.begun {
                self.begun = true;
                let answered = message(from, None, &mut bytes)?;
                return Ok(answered.then_some(Exchange { bytes, answered: true, query: None }));
            }
            let mut kind = [0];
            if from.read(&mut kind)? == 0 {
                return Ok(None);
            }
            let start = bytes.len();
            message(from, Some(kind[0]), &mut bytes)?;
            match kind[0] {
                b'Q' => return Ok(Some(Exchange { query: query(&bytes[start..]), bytes, answered: true })),
                b'S' | b'p' => return Ok(Some(Exchange { bytes, answered: true, query: None })),
                b'X' => return Ok(Some(Exchange { bytes, answered: false, query: None })),
                _ => {}
            }
        }
    }
}

/// One message of the server; whether it is the client's turn after it. None: the server has hung up.
pub(crate) fn answer(from: &mut impl Read) -> io::Result<Option<(Vec<u8>, bool)>> {
    let (mut kind, mut bytes) = ([0], Vec::new());
    if from.read(&mut kind)? == 0 {
        return Ok(None);
    }
    message(from, Some(kind[0]), &mut bytes)?;
    Ok(Some((bytes, kind[0] == READY)))
}

/// Whether there was one.
fn message(from: &mut impl Read, kind: Option<u8>, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; 4];
    if kind.is_none() && from.read(&mut length[..1])? == 0 {
        return Ok(false);
    }
    from.read_exact(&mut length[usize::from(kind.is_none())..])?;
    let rest = (u32::from_be_bytes(length) as usize).saturating_sub(length.len());
    if rest > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    bytes.extend(kind);
    bytes.extend(length);
    let start = bytes.len();
    bytes.resize(start + rest, 0);
    from.read_exact(&mut bytes[start..])?;
    Ok(true)
}

fn query(message: &[u8]) -> Option<String> {
    let text = message.get(5..message.len().checked_sub(1)?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(kind: &str, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [kind.as_bytes(), &length, body].concat()
    }

    #[test]
    fn an_exchange_ends_where_the_server_answers() {
        let start = sent("", &[0, 3, 0, 0, 0]);
        let prepare = [sent("P", b"\0SELECT 1\0\0\0"), sent("D", b"S\0"), sent("S", b"")].concat();
        let commit = sent("Q", b"COMMIT\0");
        let end = sent("X", b"");
        let all = [&start[..], &prepare, &commit, &end].concat();
        let (mut from, mut client) = (&all[..], Client::default());
        for (bytes, answered, query) in [
            (&start, true, None),
            (&prepare, true, None),
            (&commit, true, Some("COMMIT".to_owned())),
            (&end, false, None),
        ] {
            let exchange = client.next(&mut from).unwrap().unwrap();
            assert_eq!((&exchange.bytes, exchange.answered, exchange.query), (bytes, answered, query));
        }
        assert!(client.next(&mut from).unwrap().is_none());
        assert!(Client::default().next(&mut &prepare[..3]).is_err(), "cut off");
    }

    #[test]
    fn the_turn_is_the_clients_when_the_server_is_ready() {
        let all = [sent("1", b""), sent("Z", b"I")].concat();
        let mut from = &all[..];
        assert_eq!(answer(&mut from).unwrap(), Some((sent("1", b""), false)));
        assert_eq!(answer(&mut from).unwrap(), Some((sent("Z", b"I"), true)));
        assert_eq!(answer(&mut from).unwrap(), None);
    }
}
