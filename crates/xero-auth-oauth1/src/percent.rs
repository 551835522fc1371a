//! Percent-encoding as RFC 5849 section 3.6 wants it, and from a query's encoding to that.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, percent_encode};

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text as UTF-8, everything outside `A-Z a-z 0-9 - . _ ~` as `%XX` in capitals. Borrows what needs no change.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    pieces(text).into()
}

/// As [`encode`], in pieces for [`String::extend`].
pub(crate) fn pieces(text: &str) -> PercentEncode<'_> {
    percent_encode(text.as_bytes(), ENCODED)
}

/// One name or value of a query or form, decoded (`+` and `%20` are both a space) and encoded anew.
///
/// Works on bytes, so that what is not UTF-8 keeps its bytes.
pub(crate) fn encode_anew(form_encoded: &str) -> Cow<'_, str> {
    if is_unreserved(form_encoded) {
        return Cow::Borrowed(form_encoded);
    }
    let mut out = String::with_capacity(form_encoded.len() * 3 / 2);
    for (i, word) in form_encoded.split('+').enumerate() {
        if i > 0 {
            out.push_str("%20");
        }
        let decoded: Cow<'_, [u8]> = percent_decode_str(word).into();
        out.extend(percent_encode(&decoded, ENCODED));
    }
    Cow::Owned(out)
}

/// Whether encoding would change nothing.
pub(crate) fn is_unreserved(text: &str) -> bool {
    pieces(text).next().is_none_or(|first| first.len() == text.len() && !first.starts_with('%'))
}

/// The pairs of a query or form as they stand: the name, and the value if there is a `=`.
pub(crate) fn pairs(form: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    form.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encodes_as_the_table_of_the_oauth_wiki() {
        let table = [
            ("abcABC123", "abcABC123"),
            ("-._~", "-._~"),
            ("%", "%25"),
            ("+", "%2B"),
            ("&=*", "%26%3D%2A"),
            ("\n", "%0A"),
            (" ", "%20"),
            ("\u{7f}", "%7F"),
            ("\u{80}", "%C2%80"),
            ("\u{3001}", "%E3%80%81"),
            ("\u{1f600}", "%F0%9F%98%80"),
            ("-_.!~*'()", "-_.%21~%2A%27%28%29"),
            ("", ""),
        ];
        for (plain, encoded) in table {
            assert_eq!(encode(plain), encoded);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept() {
        assert_eq!(encode_anew("%ff%FE+a"), "%FF%FE%20a");
    }

    #[test]
    fn a_percent_sign_alone_is_itself() {
        assert_eq!(encode_anew("100%"), "100%25");
        assert_eq!(encode_anew("%zz"), "%25zz");
    }

    #[test]
    fn what_needs_no_change_is_borrowed() {
        assert!(matches!(encode_anew("DueDate-1.0_~"), Cow::Borrowed(_)));
        assert!(matches!(encode("DueDate"), Cow::Borrowed(_)));
    }

    #[test]
    fn pairs_know_a_missing_value_from_an_empty_one() {
        let found: Vec<_> = pairs("a&b=&&c=d=e&=f").collect();
        assert_eq!(found, [("a", None), ("b", Some("")), ("c", Some("d=e")), ("", Some("f"))]);
    }

    proptest! {
        #[test]
        fn round_trip(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            prop_assert_eq!(percent_decode_str(&encoded).decode_utf8().unwrap(), text.as_str());
            prop_assert_eq!(encode_anew(&encoded), encoded.as_ref());
            prop_assert_eq!(is_unreserved(&text), encoded == text);
        }

        #[test]
        fn any_form_encoding_becomes_the_same(text in any::<String>()) {
            let by_form: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            prop_assert_eq!(encode_anew(&by_form), encode(&text));
            let lower = encode(&text).replace("%20", "+").to_ascii_lowercase();
            let lower_plain = percent_decode_str(&lower.replace('+', " ")).decode_utf8_lossy().into_owned();
            prop_assert_eq!(encode_anew(&lower), encode(&lower_plain));
        }
    }
}
