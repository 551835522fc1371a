//! Xero's own command line: profiles in one file, tokens in another, each sealed with AES-256-GCM.
//!
//! A sealed text is Base64 of `nonce (12) ‖ tag (16) ‖ ciphertext`, without associated data. The key is 32 bytes: in
//! Base64 in this system's keychain or in a file beside the tokens, or what scrypt makes of a passphrase and a salt file.

use std::{collections::BTreeMap, path::PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    foreign_login::{ForeignLogin, filled},
    other_keychain, source_file,
    token_json::moment,
};
use crate::{
    Context,
    args::{ImportFrom, SourcePassphrase},
    failure::{Failure, Kind, Outcome},
    secrets::{file_line, first_line, read_small, stdin_line},
    show,
    ui::{Ui, one_line},
};

const TOKENS: &str = "tokens.json";
const KEY_FILE: &str = ".encryption-key";
const SALT_FILE: &str = ".encryption-key.salt";
const SERVICE: &str = "xero-command-line";
const USER: &str = "encryption-key";
const REDIRECT_URI: &str = "http://localhost:8742/callback";
const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
/// What Node.js gives scrypt where nothing is said: N = 2^14, r = 8, p = 1.
const SCRYPT: (u8, u32, u32) = (14, 8, 1);
const TRIES: usize = 3;

type Key = Zeroizing<[u8; KEY_LEN]>;

/// Its folder.
pub(super) struct XeroCli {
    folder: PathBuf,
    apps: BTreeMap<String, Profile>,
    tokens: BTreeMap<String, Sealed>,
}

#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    client_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sealed {
    access_token: String,
    refresh_token: String,
    expires_at: Option<Value>,
    tenant_id: Option<String>,
}

pub(super) fn open(context: &Context, args: &ImportFrom) -> Outcome<XeroCli> {
    let folder = match &args.file {
        Some(folder) => folder.clone(),
        None => source_file::at_home(&[".config", "xero-command-line"])?,
    };
    let tokens = folder.join(TOKENS);
    if !tokens.exists() {
        return Err(source_file::missing(&folder, "folder of xero-cli with a file tokens.json"));
    }
    let config = folder.join("config.json");
    let apps = if config.exists() {
        parse::<Config>(&source_file::plain(&config)?, "config.json")?.profiles
    } else {
        BTreeMap::new()
    };
    let tokens = parse(&source_file::secret(&context.ui, &tokens)?, TOKENS)?;
    Ok(XeroCli { folder, apps, tokens })
}

fn parse<T: for<'a> Deserialize<'a>>(bytes: &[u8], name: &str) -> Outcome<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        Failure::usage(format!("{name} is not one of xero-cli's (line {})", error.line()))
            .hint("name the folder of xero-cli, in which config.json and tokens.json lie")
    })
}

impl XeroCli {
    /// Those that are logged in.
    pub(super) fn profiles(&self) -> Vec<String> {
        self.tokens.keys().cloned().collect()
    }

    pub(super) fn place(&self) -> String {
        self.folder.display().to_string()
    }

    /// What to do about a profile that is there and has no login.
    pub(super) fn not_logged_in(&self, name: &str) -> Option<Failure> {
        let app = self.apps.get(name)?;
        let id = show::quoted(&one_line(&app.client_id));
        let message = format!("xero-cli's profile {} is not logged in", one_line(name));
        Some(
            Failure::new(Kind::NeedsPerson, message)
                .hint(format!("xeroctl connect --kind desktop --client-id {id}")),
        )
    }

    /// The logins of these profiles, opened with the one key that they share.
    pub(super) fn logins(
        &self,
        context: &Context,
        args: &ImportFrom,
        names: &[String],
    ) -> Outcome<Vec<Outcome<ForeignLogin>>> {
        let chosen: Vec<_> = names.iter().filter_map(|name| Some((name, self.tokens.get(name)?))).collect();
        let fits =
            |key: &Key| chosen.iter().any(|(_, sealed)| open_sealed(key, &sealed.refresh_token).is_some());
        let key = self.key(context, &args.passphrase, fits)?;
        Ok(chosen.iter().map(|(name, sealed)| self.login(&key, name, sealed)).collect())
    }

    fn login(&self, key: &Key, name: &str, sealed: &Sealed) -> Outcome<ForeignLogin> {
        let place = format!("xero-cli's profile {}", one_line(name));
        let open = |text: &str| {
            open_sealed(key, text).ok_or_else(|| {
                Failure::new(
                    Kind::Other,
                    format!("{place}: the tokens were sealed with another key, or are damaged"),
                )
                .hint("leave this profile out; `xeroctl connect` makes its connection anew")
            })
        };
        Ok(ForeignLogin {
            profile: Some(name.to_owned()),
            client_id: self.apps.get(name).and_then(|app| filled(&app.client_id)),
            desktop: true,
            access_token: Some(open(&sealed.access_token)?).filter(|token| !token.is_empty()),
            refresh_token: Some(open(&sealed.refresh_token)?).filter(|token| !token.is_empty()),
            access_expires_at: sealed.expires_at.as_ref().and_then(moment),
            tenant: sealed.tenant_id.as_deref().and_then(filled),
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            delete: format!("xero logout -p {}", show::quoted(&one_line(name))),
            place,
            ..ForeignLogin::default()
        })
    }

    /// The key that opens a login: by the passphrase that is given, from the file, from the keychain, by one asked for.
    fn key(
        &self,
        context: &Context,
        given: &SourcePassphrase,
        fits: impl Fn(&Key) -> bool + Copy,
    ) -> Outcome<Key> {
        if given.is_given() {
            let passphrase = match &given.source_passphrase_file {
                Some(path) => file_line(path)?,
                None => stdin_line("the passphrase")?,
            };
            return Some(self.derived(&passphrase)?).filter(fits).ok_or_else(wrong_passphrase);
        }
        if let Some(key) = self.key_in_file(&context.ui)?.filter(fits) {
            return Ok(key);
        }
        let why = match other_keychain::read(&context.ui, SERVICE, USER) {
            Ok(text) => match from_base64(&text).filter(fits) {
                Some(key) => return Ok(key),
                None => "the key in this system's keychain is another".to_owned(),
            },
            Err(trouble) => trouble.with_entry_of("xero-cli"),
        };
        if self.folder.join(SALT_FILE).exists() && context.ui.interactive() {
            return self.by_asking(&context.ui, fits);
        }
        Err(self.no_key(why))
    }

    fn by_asking(&self, ui: &Ui, fits: impl Fn(&Key) -> bool) -> Outcome<Key> {
        for _ in 0..TRIES {
            let typed = Zeroizing::new(ui.ask_hidden("Passphrase of xero-cli (its XERO_TOKEN_PASSPHRASE):")?);
            match self.derived(&typed)? {
                key if fits(&key) => return Ok(key),
                _ => ui.say("The passphrase is wrong. Try again."),
            }
        }
        Err(wrong_passphrase())
    }

    fn no_key(&self, why: String) -> Failure {
        let failure = Failure::new(Kind::Other, "the key of xero-cli's tokens is not to be had");
        let with_salt = self.folder.join(SALT_FILE).exists();
        Failure { causes: vec![why], ..failure }.hint(if with_salt {
            "if it was used with a passphrase: --source-passphrase-file FILE or --source-passphrase-stdin"
        } else {
            "run this where the keychain of its user is unlocked; otherwise `xeroctl connect --kind desktop` logs in anew"
        })
    }

    fn key_in_file(&self, ui: &Ui) -> Outcome<Option<Key>> {
        let path = self.folder.join(KEY_FILE);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = source_file::secret(ui, &path)?;
        Ok(std::str::from_utf8(&bytes).ok().and_then(from_base64))
    }

    fn derived(&self, passphrase: &str) -> Outcome<Key> {
        let path = self.folder.join(SALT_FILE);
        let salt = first_line(&read_small(&path)?, &path.display().to_string())?;
        let salt = STANDARD.decode(salt.trim()).ok().filter(|salt| !salt.is_empty()).ok_or_else(|| {
            Failure::new(Kind::Other, format!("{} holds no salt", path.display()))
                .hint("the tokens cannot be opened with a passphrase without it")
        })?;
        let (log_n, r, p) = SCRYPT;
        let params = scrypt::Params::new(log_n, r, p).expect("constants within the bounds");
        let mut key = Key::default();
        scrypt::scrypt(passphrase.as_bytes(), &salt, &params, key.as_mut())
            .expect("a length within the bounds");
        Ok(key)
    }
}

fn wrong_passphrase() -> Failure {
    Failure::new(Kind::Other, "the passphrase does not open xero-cli's tokens")
        .hint("give what XERO_TOKEN_PASSPHRASE was at its last login")
}

fn from_base64(text: &str) -> Option<Key> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
    Some(Zeroizing::new(<[u8; KEY_LEN]>::try_from(bytes.as_slice()).ok()?))
}

/// None: another key, or not what was sealed.
fn open_sealed(key: &Key, sealed: &str) -> Option<Zeroizing<String>> {
    let packed = STANDARD.decode(sealed.trim()).ok()?;
    let (nonce, rest) = packed.split_at_checked(NONCE_LEN)?;
    let (tag, ciphertext) = rest.split_at_checked(TAG_LEN)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice()).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = Zeroizing::new([ciphertext, tag].concat());
    let clear = key.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
    std::str::from_utf8(clear).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Node.js's crypto, as xero-cli does: key of 32 bytes `k`, nonce of 12 bytes `n`.
    const SEALED: &str = "bm5ubm5ubm5ubm5uiqCXPK50rczZYuBRLxB71/kbldV3xuCqJAR/K+jMwg==";
    /// scrypt of `correct horse` with 16 bytes `s`, by Node.js.
    const DERIVED: &str = "nW1AYiW0bA+X4veBJSkeWcwTu3FlFAwMaO/8pAvdjgE=";

    #[test]
    fn opens_what_node_sealed() {
        let key = Zeroizing::new([b'k'; KEY_LEN]);
        assert_eq!(open_sealed(&key, SEALED).as_ref().map(|text| text.as_str()), Some("a refresh token"));
        assert!(open_sealed(&Zeroizing::new([b'l'; KEY_LEN]), SEALED).is_none());
        let packed = STANDARD.decode(SEALED).unwrap();
        for length in 0..packed.len() {
            assert!(open_sealed(&key, &STANDARD.encode(&packed[..length])).is_none(), "{length}");
        }
        for at in 0..packed.len() {
            let mut changed = packed.clone();
            changed[at] ^= 1;
            assert!(open_sealed(&key, &STANDARD.encode(&changed)).is_none(), "{at}");
        }
        assert!(open_sealed(&key, "not Base64!").is_none());
    }

    #[test]
    fn derives_what_node_derives() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(SALT_FILE), STANDARD.encode([b's'; 16])).unwrap();
        let cli =
            XeroCli { folder: folder.path().to_owned(), apps: BTreeMap::new(), tokens: BTreeMap::new() };
        let key = cli.derived("correct horse").map_err(|failure| failure.message).unwrap();
        assert_eq!(STANDARD.encode(key.as_slice()), DERIVED);
    }

    #[test]
    fn keys_have_32_bytes() {
        assert!(from_base64(&format!(" {}\n", STANDARD.encode([1; 32]))).is_some());
        for wrong in ["", "x", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33]), "\u{e9}"] {
            assert!(from_base64(wrong).is_none(), "{wrong}");
        }
    }
}
