//! Entries that other programs made in this system's keychain.

use zeroize::Zeroizing;

use crate::{
    keys::keychain::{Trouble, read_of},
    ui::Ui,
};

/// What the library marks values with that it keeps as hexadecimal or Base64 digits, on macOS.
const HEX: &str = "go-keyring-encoded:";
const BASE64: &str = "go-keyring-base64:";

/// The text of an entry.
#[cfg(not(windows))]
pub(super) fn read(ui: &Ui, service: &str, user: &str) -> Result<Zeroizing<String>, Trouble> {
    let bytes = read_of(ui, service, user)?;
    decoded(&bytes).ok_or_else(|| Trouble::Refused("the entry holds no text".to_owned()))
}

/// On Windows these programs file their entries under names of their own making, in pieces where they are long.
#[cfg(windows)]
pub(super) fn read(_: &Ui, _: &str, _: &str) -> Result<Zeroizing<String>, Trouble> {
    Err(Trouble::Refused("other programs' entries are not read on Windows".to_owned()))
}

fn decoded(bytes: &[u8]) -> Option<Zeroizing<String>> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let bytes = if let Some(digits) = text.strip_prefix(HEX) {
        from_hex(digits)?
    } else if let Some(digits) = text.strip_prefix(BASE64) {
        Zeroizing::new(STANDARD.decode(digits).ok()?)
    } else {
        return Some(Zeroizing::new(text.to_owned()));
    };
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

fn from_hex(digits: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = digits.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(value(*high)? << 4 | value(*low)?),
        _ => None,
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    for two in digits.chunks(2) {
        bytes.push(pair(two)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_values_are_decoded() {
        for (stored, expected) in [
            ("plain\n", Some("plain")),
            ("go-keyring-encoded:7b0a7D", Some("{\n}")),
            ("go-keyring-base64:ewp9", Some("{\n}")),
            ("go-keyring-encoded:7b0", None),
            ("go-keyring-encoded:zz", None),
            ("go-keyring-encoded:ff", None),
            ("go-keyring-base64:e", None),
        ] {
            assert_eq!(decoded(stored.as_bytes()).as_ref().map(|text| text.as_str()), expected, "{stored}");
        }
        assert_eq!(decoded(b"\xff").as_deref(), None);
    }
}
