//! BER made DER (X.690): lengths become definite and as short as can be, strings in chunks are joined.

use zeroize::Zeroizing;

use super::budget::Budget;
use crate::Error;

pub(super) const BREAKS_OFF: Error = Error::Damaged("its structure breaks off");

const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const CONSTRUCTED: u8 = 0x20;
const CONTEXT_0: u8 = 0xA0;

type Bytes = Zeroizing<Vec<u8>>;

/// One value, from the first byte to the last. What is inside primitive strings stays as it is.
pub(super) fn to_der(ber: &[u8], budget: &mut Budget) -> Result<Bytes, Error> {
    let (der, rest) = element(ber, 0, false, budget)?;
    if rest.is_empty() { Ok(der) } else { Err(BREAKS_OFF) }
}

/// One element and what stands behind it. `third` says that it is the third of its sequence: a `[0]` there is the
/// encrypted content of `EncryptedContentInfo` (RFC 5652 section 6.1), an OCTET STRING under another tag.
fn element<'a>(
    ber: &'a [u8],
    depth: usize,
    third: bool,
    budget: &mut Budget,
) -> Result<(Bytes, &'a [u8]), Error> {
    budget.element(depth)?;
    let (tag, length, body) = header(ber).ok_or(BREAKS_OFF)?;
    if tag & CONSTRUCTED == 0 {
        let (content, rest) = length.and_then(|length| body.split_at_checked(length)).ok_or(BREAKS_OFF)?;
        return Ok((value(tag, &[content]), rest));
    }
    let (parts, rest) = children(body, length, (depth, tag), budget)?;
    let chunks = || parts.iter().map(|part| chunk(part)).collect::<Option<Vec<_>>>();
    if tag == OCTET_STRING | CONSTRUCTED {
        return Ok((value(OCTET_STRING, &chunks().ok_or(BREAKS_OFF)?), rest));
    }
    if let (true, CONTEXT_0, Some(chunks)) = (third, tag, chunks()) {
        return Ok((value(CONTEXT_0 & !CONSTRUCTED, &chunks), rest));
    }
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_slice()).collect();
    Ok((value(tag, &parts), rest))
}

/// The elements inside an element that is `parent.0` levels down and has the tag `parent.1`.
fn children<'a>(
    body: &'a [u8],
    length: Option<usize>,
    parent: (usize, u8),
    budget: &mut Budget,
) -> Result<(Vec<Bytes>, &'a [u8]), Error> {
    let (mut inner, after) = match length {
        Some(length) => body.split_at_checked(length).ok_or(BREAKS_OFF)?,
        None => (body, [].as_slice()),
    };
    let mut parts = Vec::new();
    loop {
        if length.is_some() && inner.is_empty() {
            return Ok((parts, after));
        }
        if length.is_none() && inner.starts_with(&[0, 0]) {
            return Ok((parts, &inner[2..]));
        }
        let third = parent.1 == SEQUENCE && parts.len() == 2;
        let (part, rest) = element(inner, parent.0 + 1, third, budget)?;
        parts.push(part);
        inner = rest;
    }
}

/// The content of an OCTET STRING in DER.
fn chunk(der: &[u8]) -> Option<&[u8]> {
    header(der).filter(|(tag, ..)| *tag == OCTET_STRING).map(|(_, _, content)| content)
}

/// Tag, length (none where it is indefinite), and all that follows.
fn header(ber: &[u8]) -> Option<(u8, Option<usize>, &[u8])> {
    let (&tag, rest) = ber.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let has_high_number = tag & 0x1F == 0x1F;
    match first {
        _ if has_high_number => None,
        0..0x80 => Some((tag, Some(first.into()), rest)),
        0x80 => Some((tag, None, rest)),
        0x81..=0x84 => {
            let (size, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            Some((tag, Some(size.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))), rest))
        }
        _ => None,
    }
}

/// One value in DER. The space is taken once, so that nothing is left behind unwiped.
fn value(tag: u8, parts: &[&[u8]]) -> Bytes {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let big_endian = length.to_be_bytes();
    let size = &big_endian[big_endian.iter().take_while(|byte| **byte == 0).count()..];
    let mut der = Zeroizing::new(Vec::with_capacity(2 + size.len() + length));
    der.push(tag);
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => der.push(short),
        _ => {
            der.push(0x80 | u8::try_from(size.len()).expect("a usize has 8 bytes at most"));
            der.extend_from_slice(size);
        }
    }
    parts.iter().for_each(|part| der.extend_from_slice(part));
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(ber: &[u8]) -> Option<Vec<u8>> {
        to_der(ber, &mut Budget::default()).ok().map(|der| der.to_vec())
    }

    #[test]
    fn lengths_become_definite_and_chunks_are_joined() {
        assert_eq!(der(&[0x30, 0x80, 2, 1, 3, 0, 0]), Some(vec![0x30, 3, 2, 1, 3]));
        assert_eq!(der(&[0x30, 0x83, 0, 0, 2, 5, 0]), Some(vec![0x30, 2, 5, 0]));
        assert_eq!(der(&[0x24, 0x80, 4, 1, 7, 0x24, 3, 4, 1, 8, 0, 0]), Some(vec![4, 2, 7, 8]));
        assert_eq!(der(&[4, 4, 0x30, 0x80, 0, 0]), Some(vec![4, 4, 0x30, 0x80, 0, 0]));
    }

    #[test]
    fn only_the_third_of_a_sequence_is_a_string_under_another_tag() {
        let third = [0x30, 0x80, 5, 0, 5, 0, 0xA0, 0x80, 4, 1, 7, 0, 0, 0, 0];
        let second = [0x30, 0x80, 5, 0, 0xA0, 0x80, 4, 1, 7, 0, 0, 0, 0];
        assert_eq!(der(&third), Some(vec![0x30, 7, 5, 0, 5, 0, 0x80, 1, 7]));
        assert_eq!(der(&second), Some(vec![0x30, 7, 5, 0, 0xA0, 3, 4, 1, 7]));
    }

    #[test]
    fn what_breaks_off_is_refused() {
        let whole = [0x30, 0x80, 0x24, 0x80, 4, 1, 7, 0, 0, 0, 0];
        assert!(der(&whole).is_some());
        assert!((0..whole.len()).all(|end| der(&whole[..end]).is_none()));
        for wrong in
            [[0x30, 0x85, 0, 0].as_slice(), &[0x3F, 1, 0], &[4, 0x80, 0, 0], &[5, 0, 5], &[0x24, 2, 5, 0]]
        {
            assert_eq!(der(wrong), None, "{wrong:?}");
        }
    }
}
