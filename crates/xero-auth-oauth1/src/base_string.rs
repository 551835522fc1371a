//! The signature base string of RFC 5849 section 3.4.1, and each of its stages.

use url::{Position, Url};

use crate::{
    Error, Request,
    percent::{Pair, encode, encode_again, encode_anew, encode_pair, pairs},
};

/// The base string URI (RFC 5849 section 3.4.1.2): scheme, host in lower case, port unless it is the scheme's own,
/// and the path as it stands, `/` if it is empty. Neither query nor fragment nor user name.
///
/// # Errors
/// [`Error::Scheme`] for anything but `https` and `http`.
pub fn base_string_uri(url: &Url) -> Result<String, Error> {
    match url.scheme() {
        "https" | "http" => {
            Ok([&url[..Position::BeforeUsername], &url[Position::BeforeHost..Position::AfterPath]].concat())
        }
        _ => Err(Error::Scheme),
    }
}

/// The parameters of query, form and protocol, encoded, sorted by encoded name and then encoded value, joined by
/// `=` and `&` (RFC 5849 section 3.4.1.3.2).
///
/// `protocol` has plain texts, [`Request::protocol_parameter`] included by the caller; `realm` and
/// `oauth_signature` do not belong in it. `+` in a query or form is a space, as `%20` is; a parameter without `=`
/// counts as one with an empty value.
pub fn normalized_parameters(request: &Request<'_>, protocol: &[(&str, &str)]) -> String {
    let (protocol, form) = (protocol.iter().map(encode_pair).collect::<Vec<_>>(), form(request));
    let mut out = String::new();
    for (name, value) in sorted(&protocol, &form) {
        out.extend([if out.is_empty() { "" } else { "&" }, name, "=", value]);
    }
    out
}

/// The base string (RFC 5849 section 3.4.1.1): method in capitals, base string URI and normalised parameters, each
/// encoded, joined by `&`. It is ASCII.
pub fn base_string(method: &str, uri: &str, parameters: &str) -> String {
    let mut out = until_parameters(method, uri);
    out.push_str(&encode(parameters));
    out
}

/// The [`base_string`] of a request, made in one go.
pub(crate) fn base_string_of(request: &Request<'_>, protocol: &[Pair<'_>]) -> Result<String, Error> {
    let mut out = until_parameters(request.method, &base_string_uri(request.url)?);
    let form = form(request);
    for (i, (name, value)) in sorted(protocol, &form).into_iter().enumerate() {
        let and = if i == 0 { "" } else { "%26" };
        out.extend([and, &encode_again(name), "%3D", &encode_again(value)]);
    }
    Ok(out)
}

fn until_parameters(method: &str, uri: &str) -> String {
    let mut out = String::with_capacity(512);
    out.push_str(&encode(method));
    out.make_ascii_uppercase();
    out.extend(["&", &encode(uri), "&"]);
    out
}

fn form<'a>(request: &Request<'a>) -> Vec<Pair<'a>> {
    let form_encoded = [request.url.query(), request.form].into_iter().flatten().flat_map(pairs);
    form_encoded.map(|(name, value)| (encode_anew(name), encode_anew(value.unwrap_or_default()))).collect()
}

fn sorted<'a>(protocol: &'a [Pair<'a>], form: &'a [Pair<'a>]) -> Vec<&'a Pair<'a>> {
    let mut parameters: Vec<_> = protocol.iter().chain(form).collect();
    parameters.sort_unstable();
    parameters
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
        assert_eq!(uri("https://user:pw@api.xero.com:8443/p#f"), "https://api.xero.com:8443/p");
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
        fn in_one_go_as_in_stages(query in any::<String>(), form in any::<String>(), name in any::<String>()) {
            let mut at = url("https://h.test/p a");
            at.set_query(Some(&query));
            let request = Request::new("post", &at).form(&form);
            let protocol = [(&*name, "1.0"), ("oauth_nonce", &*form)];
            let stages = base_string("POST", "https://h.test/p%20a", &normalized_parameters(&request, &protocol));
            let encoded: Vec<_> = protocol.iter().map(encode_pair).collect();
            prop_assert_eq!(base_string_of(&request, &encoded).unwrap(), stages);
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
