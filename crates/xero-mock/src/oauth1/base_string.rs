//! The signature base string (RFC 5849 section 3.4.1).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `METHOD&url&parameters`, each part percent-encoded. `url` is the base string URI without query;
/// `parameters` are decoded names and values, in any order (RFC 5849 section 3.4.1.1).
pub fn base_string(method: &str, url: &str, parameters: &[(String, String)]) -> String {
    let method = method.to_ascii_uppercase();
    format!("{}&{}&{}", encode(&method), encode(url), encode(&normalise_parameters(parameters)))
}

/// `name=value` pairs joined by `&`, sorted by encoded name, then by encoded value. `oauth_signature` and
/// `realm` stay out (RFC 5849 section 3.4.1.3.2).
pub fn normalise_parameters(parameters: &[(String, String)]) -> String {
    let signed = parameters.iter().filter(|(name, _)| name != "oauth_signature" && name != "realm");
    let mut encoded: Vec<(String, String)> =
        signed.map(|(name, value)| (encode(name), encode(value))).collect();
    encoded.sort();
    let pairs: Vec<String> = encoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The base string URI that Xero's server saw: lower-case authority, no port 80, path as sent.
/// In a path it wrote `;`, `[` and `]` in the other form than the client, so no such request ever verified.
pub(super) fn signed_url(host: &str, path: &str) -> String {
    let host = host.to_ascii_lowercase();
    let authority = host.strip_suffix(":80").unwrap_or(&host);
    format!("http://{authority}{}", other_form(path))
}

pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

const TWO_FORMS: [(&str, &str); 3] = [(";", "%3B"), ("[", "%5B"), ("]", "%5D")];

fn other_form(path: &str) -> String {
    let mut rewritten = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let (sent, seen) = swap(rest).unwrap_or_else(|| {
            let (head, _) = rest.split_at(first.len_utf8());
            (head.len(), head)
        });
        rewritten.push_str(seen);
        rest = &rest[sent..];
    }
    rewritten
}

/// How many bytes at the start of `rest` the server rewrites, and to what.
fn swap(rest: &str) -> Option<(usize, &str)> {
    TWO_FORMS.iter().find_map(|(raw, escaped)| {
        let is_escaped = rest.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(escaped));
        if rest.starts_with(raw) { Some((1, *escaped)) } else { is_escaped.then_some((3, *raw)) }
    })
}

#[cfg(test)]
mod tests {
    use super::{encode, other_form, signed_url};

    #[test]
    fn encodes_all_but_unreserved() {
        assert_eq!(encode("abcABC123-._~"), "abcABC123-._~");
        assert_eq!(
            encode("%+&=*\n \u{7f}\u{80}\u{3001}!'()"),
            "%25%2B%26%3D%2A%0A%20%7F%C2%80%E3%80%81%21%27%28%29"
        );
    }

    #[test]
    fn brackets_and_semicolons_change_form() {
        assert_eq!(other_form("/a;b/%5bx]é"), "/a%3Bb/[x%5Dé");
        assert_eq!(other_form("/plain%20path"), "/plain%20path");
    }

    #[test]
    fn authority_is_lower_case_without_the_default_port() {
        assert_eq!(signed_url("EXAMPLE.com:80", "/Path"), "http://example.com/Path");
        assert_eq!(signed_url("127.0.0.1:8790", "/"), "http://127.0.0.1:8790/");
    }
}
