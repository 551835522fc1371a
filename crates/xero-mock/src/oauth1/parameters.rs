//! Collects the parameters of a signed request from its header, its query and a POST's form.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use super::base_string::{base_string, signed_url};

/// A request as OAuth sees it. Parameters are decoded: the header's first, then the query's, then the form's.
#[derive(Debug)]
pub(crate) struct Signed {
    method: String,
    url: String,
    parameters: Vec<(String, String)>,
}

impl Signed {
    pub(crate) fn read(parts: &Parts, body: &[u8]) -> Self {
        let host = header(&parts.headers, HOST.as_str());
        let mut parameters = authorization_parameters(header(&parts.headers, AUTHORIZATION.as_str()));
        parameters.extend(form_parameters(parts.uri.query().unwrap_or_default().as_bytes()));
        // RFC 5849 section 3.4.1.3.1 signs the form of any method; Xero's server did so for POST alone.
        if parts.method == Method::POST && is_form(&parts.headers) {
            parameters.extend(form_parameters(body));
        }
        Self { method: parts.method.to_string(), url: signed_url(host, parts.uri.path()), parameters }
    }

    /// The first value of this name; an empty one counts as missing.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.parameters.iter().filter(|(key, value)| key == name && !value.is_empty());
        values.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn base_string(&self) -> String {
        base_string(&self.method, &self.url, &self.parameters)
    }
}

pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let essence = header(headers, CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Splits on every comma, takes single quotes, double quotes or none, and reads `+` as a space.
fn authorization_parameters(header: &str) -> Vec<(String, String)> {
    let Some((scheme, rest)) = header.trim().split_once(' ') else {
        return Vec::new();
    };
    if !scheme.eq_ignore_ascii_case("OAuth") {
        return Vec::new();
    }
    rest.split(',').filter_map(header_pair).collect()
}

fn header_pair(pair: &str) -> Option<(String, String)> {
    let (name, value) = pair.split_once('=')?;
    Some((name.trim().to_owned(), decode(unquoted(value.trim()))))
}

fn unquoted(value: &str) -> &str {
    let inside = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

/// The pairs of a query or form as ASP.NET collects them: a part without `=` is dropped, and values of one name
/// are joined by a comma, where RFC 5849 would keep them apart.
fn form_parameters(encoded: &[u8]) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let named = encoded.split(|&octet| octet == b'&').filter(|part| part.contains(&b'='));
    for (name, value) in named.flat_map(form_urlencoded::parse) {
        match pairs.iter_mut().find(|(earlier, _)| *earlier == name) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => pairs.push((name.into_owned(), value.into_owned())),
        }
    }
    pairs
}

/// Percent-decoding in which `+` is a space.
fn decode(value: &str) -> String {
    let spaced = value.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{authorization_parameters, form_parameters};

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn header_takes_any_quotes_and_any_case_of_the_scheme() {
        let read = authorization_parameters(r#"oauth a="1", b='2',c=3 , tenantType='X', d="%2B+%2F""#);
        let expected = [("a", "1"), ("b", "2"), ("c", "3"), ("tenantType", "X"), ("d", "+ /")];
        assert_eq!(read, expected.map(|(name, value)| pair(name, value)));
    }

    #[test]
    fn other_schemes_carry_no_parameters() {
        assert!(authorization_parameters("Bearer a=\"1\"").is_empty());
        assert!(authorization_parameters("OAuth").is_empty());
    }

    #[test]
    fn query_joins_repeated_names_and_drops_parts_without_equals() {
        let read = form_parameters(b"a=1&flag&b=x+y%2B&a=2&empty=");
        assert_eq!(read, [pair("a", "1,2"), pair("b", "x y+"), pair("empty", "")]);
    }
}
