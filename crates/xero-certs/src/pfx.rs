//! PKCS#12 files (`.pfx`, RFC 7292): opened whoever wrote them, and written in two forms.

use p12_keystore::{
    EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, Pkcs12Archive, PrivateKeyChain,
    error::Error as Reader,
};

use crate::{
    Certificate, Error, FileKind, Password, PrivateKey,
    aws_lc::{self, Pkcs12, Unread},
    survey::Survey,
};

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
    /// Derivation rounds are counted before any is done, so that a hostile file costs no more than about a second.
    pub fn open(file: &[u8], password: Option<&Password>) -> Result<Self, Error> {
        let (survey, file) = Survey::of_pfx(file)?;
        survey.refusal().map_or(Ok(()), Err)?;
        decrypt(file, &survey, password.map_or("", Password::expose))
            .map_err(|error| match error {
                Error::WrongPassword if password.is_none() => Error::PasswordNeeded,
                error => error,
            })?
            .pair()
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

/// What was found in a file, before it is known what belongs together.
struct Contents {
    keys: Vec<Result<PrivateKey, Error>>,
    certificates: Vec<Certificate>,
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

impl From<Pkcs12Archive> for Contents {
    fn from(archive: Pkcs12Archive) -> Self {
        Self {
            keys: archive.keys.iter().map(|bag| PrivateKey::from_der(bag.key.as_der())).collect(),
            certificates: archive
                .certs
                .iter()
                .filter_map(|bag| Certificate::from_der(bag.cert.as_der()).ok())
                .collect(),
        }
    }
}

impl From<Pkcs12> for Contents {
    fn from(found: Pkcs12) -> Self {
        Self {
            keys: found.key.map(PrivateKey::from_rsa).into_iter().collect(),
            certificates: found
                .certificates
                .iter()
                .filter_map(|der| Certificate::from_der(der).ok())
                .collect(),
        }
    }
}

/// Tries the readers and the ways in which a password may have been encoded.
fn decrypt(file: &[u8], survey: &Survey, password: &str) -> Result<Contents, Error> {
    let mut failure = None;
    for candidate in encodings(password) {
        survey.look_inside(file, &candidate)?;
        match Pkcs12Archive::from_pkcs12(file, &candidate) {
            Ok(archive) => return Ok(archive.into()),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let failure = failure.map_or(Error::WrongPassword, |error| explain(&error, survey));
    // aws-lc reads RC4, the absent password and BER, which the first reader does not.
    let may_help = password.is_empty() || !matches!(failure, Error::WrongPassword);
    match may_help.then(|| aws_lc::open_pkcs12(file, password)) {
        Some(Ok(found)) => Ok(found.into()),
        Some(Err(Unread::WrongPassword)) if survey.indefinite => Err(Error::WrongPassword),
        _ if is_portable(password) => Err(failure),
        _ => Err(Error::UnsupportedPassword),
    }
}

/// False for characters outside the Basic Multilingual Plane, which neither reader encodes as OpenSSL does.
fn is_portable(password: &str) -> bool {
    password.chars().all(|c| u32::from(c) <= 0xFFFF)
}

/// The password as it is, and as OpenSSL before 1.1 wrote it: each byte of its UTF-8 form as a character of its own.
fn encodings(password: &str) -> Vec<String> {
    let widened = password.bytes().map(char::from).collect::<String>();
    if password.is_ascii() { vec![password.to_owned()] } else { vec![password.to_owned(), widened] }
}

/// What the reader's error means for the person.
fn explain(error: &Reader, survey: &Survey) -> Error {
    const DAMAGED: Error = Error::Damaged("its contents do not parse");
    match error {
        Reader::MacError(_) => Error::WrongPassword,
        Reader::UnpadError | Reader::Pkcs5Error(_) if !survey.has_mac => Error::WrongPassword,
        _ if survey.indefinite => Error::UnsupportedAlgorithm {
            oid: "X.690".to_owned(),
            name: "BER encoding of indefinite length",
            container: FileKind::Pfx,
        },
        _ => survey.unsupported(FileKind::Pfx).unwrap_or(DAMAGED),
    }
}
