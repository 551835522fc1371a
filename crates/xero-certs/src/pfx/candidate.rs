//! The ways in which a password may have been written into a file.

use zeroize::Zeroizing;

/// One way.
pub(super) struct Candidate<'a> {
    /// For the algorithms of RFC 7292: UTF-16, big endian, with two zero bytes at the end (appendix B.1).
    pub(super) bmp: Zeroizing<Vec<u8>>,
    /// For those of RFC 8018.
    pub(super) utf8: &'a str,
}

impl<'a> Candidate<'a> {
    /// The password as typed, and what programs have made of it besides.
    ///
    /// The absent password of Windows has no bytes at all, the empty one has two; OpenSSL before 1.1 took each byte of
    /// the UTF-8 form for a character.
    pub(super) fn all(password: &'a str) -> Vec<Self> {
        let typed = Self { bmp: bmp(password.encode_utf16(), password.len()), utf8: password };
        if password.is_empty() {
            return vec![typed, Self { bmp: Zeroizing::default(), utf8: "" }];
        }
        if password.is_ascii() {
            return vec![typed];
        }
        vec![typed, Self { bmp: bmp(password.bytes().map(u16::from), password.len()), utf8: password }]
    }
}

/// `most` bounds the number of units, so that no half-filled buffer is left behind unwiped.
fn bmp(units: impl Iterator<Item = u16>, most: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * most + 2));
    units.chain([0]).for_each(|unit| bytes.extend_from_slice(&unit.to_be_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_password_has_its_spellings() {
        let spellings =
            |password| Candidate::all(password).iter().map(|one| one.bmp.to_vec()).collect::<Vec<_>>();
        assert_eq!(spellings("a"), [[0, b'a', 0, 0]]);
        assert_eq!(spellings(""), [vec![0, 0], vec![]]);
        assert_eq!(spellings("é"), [vec![0, 0xE9, 0, 0], vec![0, 0xC3, 0, 0xA9, 0, 0]]);
        assert_eq!(spellings("😀")[0], [0xD8, 0x3D, 0xDE, 0x00, 0, 0]);
    }
}
