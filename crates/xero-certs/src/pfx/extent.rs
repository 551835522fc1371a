//! Where a PKCS#12 file begins and ends, and what it is if it is none.

use x509_parser::asn1_rs::{Any, FromBer, Header, Tag};

use super::ber::BREAKS_OFF;
use crate::{Error, FileKind, MAX_FILE, file_kind::elements};

/// The part of `bytes` that is the file: bytes behind its end are ignored.
pub(super) fn extent(bytes: &[u8]) -> Result<&[u8], Error> {
    check_whole(bytes)?;
    match Any::from_ber(bytes) {
        Ok((rest, outer)) if starts_right(outer.data) => Ok(&bytes[..bytes.len() - rest.len()]),
        _ => Err(Error::NotPfx(FileKind::of(bytes))),
    }
}

/// Refuses what is too large, what is something else, and what ends early.
fn check_whole(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() > MAX_FILE {
        return Err(Error::TooLarge { limit: MAX_FILE });
    }
    if bytes.first() != Some(&0x30) || std::str::from_utf8(bytes).is_ok() {
        return Err(Error::NotPfx(FileKind::of(bytes)));
    }
    let Ok((body, header)) = Header::from_ber(bytes) else {
        return Err(Error::Truncated { announced: bytes.len() + 1, found: bytes.len() });
    };
    if let Ok(length) = header.length().definite() {
        let announced = length.saturating_add(bytes.len() - body.len());
        if announced > bytes.len() && (elements(body).next().is_none() || starts_right(body)) {
            return Err(Error::Truncated { announced, found: bytes.len() });
        }
    } else if Any::from_ber(bytes).is_err() {
        return Err(BREAKS_OFF);
    }
    Ok(())
}

/// True where the first element is version 3, the only one there is.
fn starts_right(body: &[u8]) -> bool {
    elements(body).next().is_some_and(|version| version.tag() == Tag::Integer && version.data == [3])
}
