//! What Xero's server was known to refuse, or to sign otherwise than RFC 5849 has it.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{
    Error, Place, Request,
    percent::{encode_anew, pairs},
};

impl Request<'_> {
    /// The request as Xero reads it, or the reason why Xero would answer `signature_invalid`.
    ///
    /// Xero reads no form body but that of a `POST`, so any other form is taken out. Refused are: characters in the
    /// path that Xero signs otherwise (`; [ ]`) or that a client must encode; a slash at the end of the path; a user
    /// name in the URL; parameters that are repeated (names compared without case), have no `=`, are not UTF-8, have
    /// a name that would need encoding, or bear an `oauth_` name. Nothing is repaired in the URL or the body, because
    /// they are sent by the caller as they are.
    pub fn as_xero_reads(&self) -> Result<Self, Error> {
        let form = self.form.filter(|_| self.method.eq_ignore_ascii_case("POST"));
        check_url(self.url)?;
        check_parameters(Place::Query, self.url.query().unwrap_or_default())?;
        check_parameters(Place::Form, form.unwrap_or_default())?;
        Ok(Self { form, ..self.clone() })
    }
}

fn check_url(url: &Url) -> Result<(), Error> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::UserInfo);
    }
    if url.path().ends_with('/') {
        return Err(Error::TrailingSlash);
    }
    if let Some(byte) = percent_decode_str(url.path()).find(|byte| b";[]".contains(byte)) {
        return Err(Error::PathCharacter { character: byte.into() });
    }
    match url.path().chars().find(|c| !is_path_character(*c)) {
        Some(character) => Err(Error::RawPathCharacter { character }),
        None => Ok(()),
    }
}

/// RFC 3986 section 3.3, with the `/` between segments and the `%` of what is encoded.
fn is_path_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()*+,=:@/%".contains(c)
}

fn check_parameters(place: Place, form: &str) -> Result<(), Error> {
    let mut seen = Vec::new();
    for (i, (name, value)) in pairs(form).enumerate() {
        let position = i + 1;
        let value = value.ok_or(Error::NoValue { place, position })?;
        let name = encode_anew(name);
        if name.contains('%') {
            return Err(Error::ParameterName { place, position });
        }
        if name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("oauth_")) {
            return Err(Error::ProtocolParameter { place, name: name.to_ascii_lowercase() });
        }
        if percent_decode_str(value).decode_utf8().is_err() {
            return Err(Error::NotUtf8 { place, position });
        }
        if seen.iter().any(|earlier: &Cow<'_, str>| earlier.eq_ignore_ascii_case(&name)) {
            return Err(Error::Repeated { place, name: name.to_ascii_lowercase() });
        }
        seen.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        Request::new("GET", &url.parse().unwrap()).as_xero_reads().unwrap_err().to_string()
    }

    #[test]
    fn paths_that_xero_signs_otherwise() {
        for (path, character) in
            [("a;b", ';'), ("a%3bb", ';'), ("a[b", '['), ("a%5Bb", '['), ("a]b", ']'), ("a%5db", ']')]
        {
            assert_eq!(
                refusal(&format!("https://api.xero.com/Attachments/{path}.pdf")),
                format!(
                    "the path has {character:?}, raw or encoded, which Xero signs differently from its clients"
                )
            );
        }
        assert_eq!(
            refusal("https://api.xero.com/Attachments/a|b.pdf"),
            "the path has '|' in the clear: percent-encode it"
        );
    }

    #[test]
    fn slash_at_the_end_and_user_name() {
        let slash = "the path ends in `/`, and Xero's server and clients disagree on whether it is signed";
        assert_eq!(refusal("https://api.xero.com"), slash);
        assert_eq!(refusal("https://api.xero.com/api.xro/2.0/Invoices/"), slash);
        let user = "the URL has a user name or password, which cannot be sent beside an OAuth signature";
        assert_eq!(refusal("https://me@api.xero.com/a"), user);
        assert_eq!(refusal("https://:pw@api.xero.com/a"), user);
    }

    #[test]
    fn parameters() {
        let of = |query| refusal(&format!("https://api.xero.com/a?{query}"));
        assert_eq!(
            of("a=1&b"),
            "query parameter 2 has no `=`, and Xero leaves such parameters out of the signature"
        );
        assert_eq!(
            of("page=1&Page=2"),
            "the query has the parameter `page` more than once, and Xero joins such parameters into one"
        );
        assert_eq!(
            of("c%40=1"),
            "the name of query parameter 1 has a character that Xero does not encode when it signs"
        );
        assert_eq!(of("a=%ff"), "the value of query parameter 1 is not UTF-8");
        assert_eq!(
            of("a=1&oauth_token=x"),
            "the query has the parameter `oauth_token`, which belongs to the signature"
        );
    }

    #[test]
    fn what_clients_are_known_to_have_sent_is_admitted() {
        for url in [
            "https://api.xero.com/api.xro/2.0/Invoices?where=Date%20%3E%20DateTime(2018%2C6%2C9)&order=DueDate%20DESC",
            "https://api.xero.com/api.xro/2.0/Contacts?where=Name%3d%3d%22Caf%C3%A9+%26+Co%22&page=1",
            "https://api.xero.com/api.xro/2.0/Invoices/243216c5/Attachments/my%20file%20(1)'s.pdf",
            "https://api.xero.com/api.xro/2.0/Invoices?order=&&page=1#fragment",
        ] {
            assert!(Request::new("GET", &url.parse().unwrap()).as_xero_reads().is_ok(), "{url}");
        }
    }

    #[test]
    fn a_form_counts_with_post_alone() {
        let url = "https://api.xero.com/a".parse().unwrap();
        let form = |method| Request::new(method, &url).form("a=1&a=2").as_xero_reads().map(|r| r.form);
        assert!(matches!(form("POST"), Err(Error::Repeated { place: Place::Form, .. })));
        assert!(matches!(form("PUT"), Ok(None)));
    }
}
