//! The parts of a PKCS#12 file that are encrypted as a whole, opened to see what they ask for in their turn.

use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit, block_padding::Pkcs7};
use des::TdesEde3;
use pkcs5::EncryptionScheme;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use rc2::Rc2;
use sha1::Sha1;
use x509_parser::asn1_rs::{Any, FromBer};
use zeroize::Zeroizing;

use crate::survey::{elements, unsigned};

const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";

/// `EncryptedData` (RFC 7292 section 4.1): the DER of its algorithm, and what it encrypts.
pub(crate) struct EncryptedPart {
    algorithm: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl EncryptedPart {
    /// All parts of a file, in file order; what does not look like one is passed over.
    pub(crate) fn all(file: &[u8]) -> Vec<Self> {
        let safe = path(file, &[0, 1, 1, 0]).map(|string| contents(&string)).unwrap_or_default();
        let Some(infos) = elements(&safe).next() else { return vec![] };
        elements(infos.data).filter_map(|info| Self::of(&info)).collect()
    }

    fn of(info: &Any<'_>) -> Option<Self> {
        let kind = elements(info.data).next()?.oid().ok()?;
        if kind.to_id_string() != ENCRYPTED_DATA {
            return None;
        }
        let content = path(info.data, &[1, 0, 1])?;
        let (algorithm_on, _) = Any::from_ber(content.data).ok()?;
        let (after, _) = Any::from_ber(algorithm_on).ok()?;
        let algorithm = algorithm_on[..algorithm_on.len() - after.len()].to_vec();
        Some(Self { algorithm, ciphertext: contents(&elements(after).next()?) })
    }

    /// The plain text, where the password and the algorithm fit.
    pub(crate) fn decrypt(&self, password: &str) -> Option<Zeroizing<Vec<u8>>> {
        let plain = match EncryptionScheme::try_from(self.algorithm.as_slice()) {
            Ok(scheme) => scheme.decrypt(password, &self.ciphertext).ok(),
            Err(_) => self.decrypt_pkcs12(password),
        };
        plain.map(Zeroizing::new)
    }

    /// The algorithms of RFC 7292 appendix C that the reader knows.
    fn decrypt_pkcs12(&self, password: &str) -> Option<Vec<u8>> {
        let oid = path(&self.algorithm, &[0, 0])?.oid().ok()?.to_id_string();
        match oid.as_str() {
            "1.2.840.113549.1.12.1.3" => self.cbc::<TdesEde3>(password, 24),
            "1.2.840.113549.1.12.1.6" => self.cbc::<Rc2>(password, 5),
            _ => None,
        }
    }

    fn cbc<C: KeyInit + BlockCipherDecrypt>(&self, password: &str, key_size: usize) -> Option<Vec<u8>> {
        let salt = path(&self.algorithm, &[0, 1, 0])?;
        let rounds = i32::try_from(unsigned(&path(&self.algorithm, &[0, 1, 1])?)).ok()?;
        let derive = |kind, size| {
            derive_key_utf8::<Sha1>(password, salt.data, kind, rounds, size).ok().map(Zeroizing::new)
        };
        let (key, iv) = (derive(Pkcs12KeyType::EncryptionKey, key_size)?, derive(Pkcs12KeyType::Iv, 8)?);
        let cipher = cbc::Decryptor::<C>::new_from_slices(&key, &iv).ok()?;
        cipher.decrypt_padded_vec::<Pkcs7>(&self.ciphertext).ok()
    }
}

/// The element at the end of a way down: at each step the number of a child.
fn path<'a>(bytes: &'a [u8], way: &[usize]) -> Option<Any<'a>> {
    let (first, further) = way.split_first()?;
    let element = elements(bytes).nth(*first)?;
    if further.is_empty() { Some(element) } else { path(element.data, further) }
}

/// The bytes of a string, also of one that was cut in chunks (BER, X.690 section 8.7.3).
fn contents(string: &Any<'_>) -> Vec<u8> {
    if string.header.is_constructed() {
        elements(string.data).flat_map(|chunk| chunk.data.to_vec()).collect()
    } else {
        string.data.to_vec()
    }
}
