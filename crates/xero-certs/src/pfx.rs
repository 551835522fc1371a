//! PKCS#12 files (`.pfx`, RFC 7292): opened whoever wrote them, and written in two forms.

mod bags;
mod ber;
pub(crate) mod budget;
mod candidate;
mod cipher;
mod extent;
mod mac;
mod pbkdf2;

use p12_keystore::{EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKeyChain};

use self::{bags::Contents, extent::extent};
use crate::{Certificate, Error, Password, PrivateKey};

/// Key-derivation rounds in what we write. Below the 300,000 at which .NET's loader refuses by default.
const ITERATIONS: u32 = 200_000;

/// A private key with the certificate that belongs to it.
#[derive(Debug)]
pub struct Pfx {
    /// The private key.
    pub key: PrivateKey,
    /// The certificate whose public key is the key's own.
    pub certificate: Certificate,
    /// Other certificates in the file, such as the chain above, in file order.
    pub others: Vec<Certificate>,
}

/// How a PKCS#12 file is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PfxForm {
    /// AES-256 with PBKDF2-HMAC-SHA256, and an HMAC-SHA256 over the file.
    #[default]
    Modern,
    /// Triple DES and SHA-1, for .NET Framework and Windows before Server 2019. Weak: choose a long password.
    Compatible,
}

impl Pfx {
    /// Opens a PKCS#12 file. Of several keys and certificates, the first key that has its certificate is taken; they
    /// are matched by public key, whatever the file's own labels say.
    ///
    /// No password and an empty password are the same here: both of the ways in which programs write it are tried.
    /// Derivation rounds are counted before they are done, so that a hostile file costs no more than a few seconds.
    pub fn open(file: &[u8], password: Option<&Password>) -> Result<Self, Error> {
        let contents = Contents::read(extent(file)?, password.map_or("", Password::expose));
        match contents {
            Err(Error::WrongPassword) if password.is_none() => Err(Error::PasswordNeeded),
            contents => contents?.pair(),
        }
    }

    /// Writes a PKCS#12 file with 200,000 key-derivation rounds. No password writes the empty one.
    ///
    /// # Errors
    /// [`Error::UnsupportedPassword`] for characters outside the Basic Multilingual Plane, [`Error::KeyMismatch`]
    /// where the certificate is not the key's.
    pub fn seal(&self, password: Option<&Password>, form: PfxForm) -> Result<Vec<u8>, Error> {
        let password = password.map_or("", Password::expose);
        if !is_portable(password) {
            return Err(Error::UnsupportedPassword);
        }
        if !self.certificate.belongs_to(&self.key) {
            return Err(Error::KeyMismatch);
        }
        let (encryption, mac) = match form {
            PfxForm::Modern => (EncryptionAlgorithm::PbeWithHmacSha256AndAes256, MacAlgorithm::HmacSha256),
            PfxForm::Compatible => {
                (EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc, MacAlgorithm::HmacSha1)
            }
        };
        let mut store = KeyStore::new();
        store.add_entry("xero", KeyStoreEntry::PrivateKeyChain(self.chain()?));
        store
            .writer(password)
            .encryption_algorithm(encryption)
            .encryption_iterations(ITERATIONS)
            .mac_algorithm(mac)
            .mac_iterations(ITERATIONS)
            .write()
            .map_err(|_| Error::Crypto("write the PFX file"))
    }

    fn chain(&self) -> Result<PrivateKeyChain, Error> {
        const FAILED: Error = Error::Crypto("write the PFX file");
        let key = p12_keystore::PrivateKey::from_der(&self.key.to_pkcs8_der()?).map_err(|_| FAILED)?;
        let certificates = std::iter::once(&self.certificate)
            .chain(&self.others)
            .map(|certificate| p12_keystore::Certificate::from_der(certificate.der()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| FAILED)?;
        Ok(PrivateKeyChain::new([1_u8].as_slice(), key, certificates))
    }
}

impl Contents {
    fn pair(mut self) -> Result<Pfx, Error> {
        if self.keys.is_empty() {
            return Err(Error::NoKey);
        }
        let mut refused = None;
        for key in self.keys {
            match key {
                Ok(key) => {
                    if let Some(at) = self.certificates.iter().position(|one| one.belongs_to(&key)) {
                        let certificate = self.certificates.remove(at);
                        self.certificates.retain(|other| *other != certificate);
                        return Ok(Pfx { key, certificate, others: self.certificates });
                    }
                }
                Err(error) => refused = Some(error),
            }
        }
        let unmatched = if self.certificates.is_empty() { Error::NoCertificate } else { Error::KeyMismatch };
        Err(refused.unwrap_or(unmatched))
    }
}

/// False for characters outside the Basic Multilingual Plane, which the writer cannot encode.
fn is_portable(password: &str) -> bool {
    password.chars().all(|c| u32::from(c) <= 0xFFFF)
}
