//! The signature base string of RFC 5849 section 3.4.1, and each of its stages.

use std::borrow::Cow;

use url::Url;

use crate::{
    Error, Request,
    percent::{encode, encode_anew, pairs, pieces},
};

/// The base string URI (RFC 5849 section 3.4.1.2): scheme, host in lower case, port unless it is the scheme's own,
/// and the path as it stands, `/` if it is empty. Neither query nor fragment nor user name.
///
/// # Errors
/// [`Error::Scheme`] for anything but `https` and `http`.
pub fn base_string_uri(url: &Url) -> Result<String, Error> {
    let host = url.host_str().filter(|_| matches!(url.scheme(), "https" | "http")).ok_or(Error::Scheme)?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok([url.scheme(), "://", host, &port, url.path()].concat())
}

/// The parameters of query, form and protocol, encoded, sorted by encoded name and then encoded value, joined by
/// `=` and `&` (RFC 5849 section 3.4.1.3.2).
///
/// `protocol` has plain texts, [`Request::protocol_parameter`] included by the caller; `realm` and
/// `oauth_signature` do not belong in it. `+` in a query or form is a space, as `%20` is; a parameter without `=`
/// counts as one with an empty value.
pub fn normalized_parameters(request: &Request<'_>, protocol: &[(&str, &str)]) -> String {
    let form_encoded = [request.url.query(), request.form].into_iter().flatten().flat_map(pairs);
    let mut parameters: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_encoded
        .map(|(name, value)| (encode_anew(name), encode_anew(value.unwrap_or_default())))
        .chain(protocol.iter().map(|(name, value)| (encode(name), encode(value))))
        .collect();
    parameters.sort_unstable();
    joined(&parameters)
}

/// The base string (RFC 5849 section 3.4.1.1): method in capitals, base string URI and normalised parameters, each
/// encoded, joined by `&`. It is ASCII.
pub fn base_string(method: &str, uri: &str, parameters: &str) -> String {
    let mut out = String::with_capacity(method.len() + (uri.len() + parameters.len()) * 3 / 2);
    out.extend(pieces(&method.to_ascii_uppercase()));
    for part in [uri, parameters] {
        out.push('&');
        out.extend(pieces(part));
    }
    out
}

fn joined(parameters: &[(Cow<'_, str>, Cow<'_, str>)]) -> String {
    let length = parameters.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let mut out = String::with_capacity(length);
    for (name, value) in parameters {
        if !out.is_empty() {
            out.push('&');
        }
        out.extend([name, "=", value]);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn normalized(query: &str) -> String {
        normalized_parameters(&Request::new("GET", &url(&format!("https://h.test/p?{query}"))), &[])
    }

    #[test]
    fn uri_has_lower_case_host_no_default_port_and_the_path_as_sent() {
        let uri = |text| base_string_uri(&url(text)).unwrap();
        assert_eq!(uri("HTTP://EXAMPLE.com:80/r%20v/X?id=123#f"), "http://example.com/r%20v/X");
        assert_eq!(uri("https://www.example.net:8080/?q=1"), "https://www.example.net:8080/");
        assert_eq!(uri("https://user:pw@api.xero.com"), "https://api.xero.com/");
        assert_eq!(uri("https://[::1]:8443/a%2fb"), "https://[::1]:8443/a%2fb");
        assert!(matches!(base_string_uri(&url("mailto:a@b.test")), Err(Error::Scheme)));
        assert!(matches!(base_string_uri(&url("ftp://h.test/")), Err(Error::Scheme)));
    }

    #[test]
    fn sorted_by_name_then_value_and_not_by_the_joined_text() {
        assert_eq!(normalized("a%5B0%5D=1&a=2"), "a=2&a%5B0%5D=1");
        assert_eq!(normalized("a=x!y&a=x+y"), "a=x%20y&a=x%21y");
        assert_eq!(normalized("x!y=a&x=a"), "x=a&x%21y=a");
    }

    #[test]
    fn plus_and_percent_20_are_the_same_and_percent_2b_is_not() {
        assert_eq!(normalized("a=1+2"), "a=1%202");
        assert_eq!(normalized("a=1%202"), "a=1%202");
        assert_eq!(normalized("a=1%2B2"), "a=1%2B2");
    }

    #[test]
    fn empty_query_leaves_nothing() {
        assert_eq!(normalized(""), "");
        assert_eq!(base_string("get", "http://h.test/", ""), "GET&http%3A%2F%2Fh.test%2F&");
    }

    proptest! {
        #[test]
        fn order_of_parameters_does_not_matter(
            (pairs, shuffled) in vec(any::<(String, String)>(), 0..8)
                .prop_flat_map(|pairs| (Just(pairs.clone()), Just(pairs).prop_shuffle())),
        ) {
            let of = |pairs: &[(String, String)]| {
                normalized(&form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
            };
            prop_assert_eq!(of(&pairs), of(&shuffled));
        }

        #[test]
        fn spaces_may_be_written_either_way(words in vec("[^+%&=#]*", 1..5)) {
            let encoded: Vec<_> = words.iter().map(|word| encode(word)).collect();
            prop_assert_eq!(
                normalized(&format!("a={}", encoded.join("+"))),
                normalized(&format!("a={}", encoded.join("%20")))
            );
        }

        #[test]
        fn place_of_a_parameter_does_not_matter(name in "[^\u{0}]+", value in any::<String>()) {
            let pair = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            let (with, without) = (url(&format!("https://h.test/p?{pair}")), url("https://h.test/p"));
            let in_query = normalized_parameters(&Request::new("POST", &with), &[]);
            let in_form = normalized_parameters(&Request::new("POST", &without).form(&pair), &[]);
            let in_protocol = normalized_parameters(&Request::new("POST", &without), &[(&name, &value)]);
            prop_assert_eq!(&in_query, &in_form);
            prop_assert_eq!(&in_query, &in_protocol);
        }
    }
}
