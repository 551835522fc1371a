//! Published RSA-SHA1 signatures, checked by the mock's own verifier. Only the public halves of the keys are here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::x509::SubjectPublicKeyInfo;
use xero_mock::PublicKey;
use xero_mock::oauth1::base_string;

struct Vector {
    key: &'static str,
    method: &'static str,
    url: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    base_string: &'static str,
    signature: &'static str,
}

impl Vector {
    fn key(&self) -> PublicKey {
        let der = STANDARD.decode(self.key).unwrap();
        let (_, info) = SubjectPublicKeyInfo::from_der(&der).unwrap();
        let ParsedKey::RSA(rsa) = info.parsed().unwrap() else { panic!("the key is RSA") };
        PublicKey::new(rsa.modulus, rsa.exponent)
    }
}

#[test]
fn published_base_strings_and_signatures_agree() {
    for (number, vector) in VECTORS.iter().enumerate() {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut parameters: Vec<(String, String)> = vector.parameters.iter().map(owned).collect();
        parameters.push(("oauth_signature".to_owned(), vector.signature.to_owned()));
        parameters.push(("realm".to_owned(), "Photos".to_owned()));
        let made = base_string(vector.method, vector.url, &parameters);
        assert_eq!(made, vector.base_string, "V{}", number + 1);
        let signature = STANDARD.decode(vector.signature).unwrap();
        assert!(vector.key().verifies_rsa_sha1(made.as_bytes(), &signature), "V{}", number + 1);
        let altered = made.replacen("oauth_nonce", "oauth_Nonce", 1);
        assert_ne!(altered, made);
        assert!(!vector.key().verifies_rsa_sha1(altered.as_bytes(), &signature), "V{} altered", number + 1);
    }
}

const XERO_SDK_KEY: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDgddfjxA1FMvN2OO70GjG5kBRSL310NJjM6DpYOxvS87PFXNFTLNKwtLrDpyt4SEDQNFozw53bl1q7TBdmy0ZEp7NOB5BQqtjW4FwvMEK0BGP8nxaiL/LQj08ARFdJaH0lIs0ZoDJkUPCl3DMOBVPs1oFQYdIFHZ1GBN0o9V45FwIDAQAB";

const VECTORS: [Vector; 5] = [
    // OAuth wiki, TestCases
    Vector {
        key: "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0YjCwIfYoprq/FQO6lb3asXrxLlJFuCvtinTF5p0GxvQGu5O3gYytUvtC2JlYzypSRjVxwxrsuRcP3e641SdASwfrmzyvIgP08N4S0IFzEURkV1wp/IpH7kH41EtbmUmrXSwfNZsnQRE5SYSOhh+LcK2wyQkdgcMv11l4KoBkcwIDAQAB",
        method: "GET",
        url: "http://photos.example.net/photos",
        parameters: &[
            ("file", "vacaction.jpg"),
            ("size", "original"),
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_nonce", "13917289812797014437"),
            ("oauth_signature_method", "RSA-SHA1"),
            ("oauth_timestamp", "1196666512"),
            ("oauth_version", "1.0"),
        ],
        base_string: "GET&http%3A%2F%2Fphotos.example.net%2Fphotos&file%3Dvacaction.jpg%26oauth_consumer_key%3Ddpf43f3p2l4k3l03%26oauth_nonce%3D13917289812797014437%26oauth_signature_method%3DRSA-SHA1%26oauth_timestamp%3D1196666512%26oauth_version%3D1.0%26size%3Doriginal",
        signature: "jvTp/wX1TYtByB1m+Pbyo0lnCOLIsyGCH7wke8AUs3BpnwZJtAuEJkvQL2/9n4s5wUmUl4aCI4BwpraNx4RtEXMe5qg5T1LVTGliMRpKasKsW//e+RinhejgCuzoH26dyF8iY2ZZ/5D1ilgeijhV/vBka5twt399mXwaYdCwFYE=",
    },
    // Xero's own .NET library, a request token
    Vector {
        key: XERO_SDK_KEY,
        method: "POST",
        url: "https://photos.example.net/request_token",
        parameters: &[
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_nonce", "hsu94j3884jdopsl"),
            ("oauth_signature_method", "RSA-SHA1"),
            ("oauth_timestamp", "1191242090"),
            ("oauth_version", "1.0"),
        ],
        base_string: "POST&https%3A%2F%2Fphotos.example.net%2Frequest_token&oauth_consumer_key%3Ddpf43f3p2l4k3l03%26oauth_nonce%3Dhsu94j3884jdopsl%26oauth_signature_method%3DRSA-SHA1%26oauth_timestamp%3D1191242090%26oauth_version%3D1.0",
        signature: "aIIAFPjD0uavubFeL/Hz4LSV6NsvAbrvfnPF6OcgGfhML5ezO0+E+tofLgp1SHbLyNFM7D1p/SJN1J4MY7T3HzvM8HX+3u5Q+Ui+en0/ewHZ+3ar6BA7r3zOYqDn8rfCGSnweia3fFYmjkeS8NvKShnewUu0jUFbnG4RXw8BiEk=",
    },
    // The same library, an access token
    Vector {
        key: XERO_SDK_KEY,
        method: "POST",
        url: "https://photos.example.net/access_token",
        parameters: &[
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_nonce", "hsu94j3884jdopsl"),
            ("oauth_signature_method", "RSA-SHA1"),
            ("oauth_timestamp", "1191242090"),
            ("oauth_token", "hh5s93j4hdidpola"),
            ("oauth_verifier", "hfdp7dh39dks9884"),
            ("oauth_version", "1.0"),
        ],
        base_string: "POST&https%3A%2F%2Fphotos.example.net%2Faccess_token&oauth_consumer_key%3Ddpf43f3p2l4k3l03%26oauth_nonce%3Dhsu94j3884jdopsl%26oauth_signature_method%3DRSA-SHA1%26oauth_timestamp%3D1191242090%26oauth_token%3Dhh5s93j4hdidpola%26oauth_verifier%3Dhfdp7dh39dks9884%26oauth_version%3D1.0",
        signature: "32vGleSAIeMbgW9E0pC+PUkyZ1Y05zuEd+FZwg+w4jZzj3E1zldbrGY5SnVpypZfjixWuHMtV4mwGwptwiTZRkrLBudWqJDEddvlwuIMY1j6WkQulz/IXzbGuPNgTya/KTEhQ5IExJXCKE1LZ9bNsMXBDpyi7/ayZe9ONqoVzS8=",
    },
    // The example of RFC 5849 section 3.4.1.1, signed by oauthlib's tests; a3 comes from query and form
    Vector {
        key: "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDk1/bxyS8Q8jiheHeYYp/4rEKJopeQRRKKpZI4s5i+UPwVpupGAlwXWfzXwSMaKPAoKJNdu7tqKRniqst5uoHXw98gj0x7zamu0Ck1LtQ4c7pFMVah5IYGhBi2E9ycNS329W27nJPWNCbESTu7snVlG8V8mfvGGg3xNjTMO7IdrwIDAQAB",
        method: "post",
        url: "http://example.com/request",
        parameters: &[
            ("b5", "=%3D"),
            ("a3", "a"),
            ("c@", ""),
            ("a2", "r b"),
            ("c2", ""),
            ("a3", "2 q"),
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_nonce", "7d8f3e4a"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
        ],
        base_string: "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7",
        signature: "mFY2KOEnlYWsTvUA+5kxuBIcvBYXu+ljw9ttVJQxKduMueGSVPCB1tK1PlqVLK738HK0t19ecBJfb6rMxUwrriw+MlBO+jpojkZIWccw1J4cAb4qu4M81DbpUAq4j/1w/QyTR4TWCODlEfN7Zfgy8+pf+TjiXfIwRC1jEWbuL1E=",
    },
    // requests-oauthlib, 2048 bits; the slash of an empty path stays
    Vector {
        key: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApF1JaMSN8TEsh4N4O/5SpEAVLivJyLH+Cgl3OQBPGgJkt8cg49oasl+5iJS+VdrILxWM9/JCJyURpUuslX4Eb4eUBtQ0x5BaPa8+S2NLdGTaL7nBOO8o8n0C5FEUU+qlEip79KE8aqOj+OC44VsIquSmOvWIQD26n3fCVlgwoRBD1gzzsDOeaSyzpKrZR851Kh6rEmF2qjJ8jt6EkxMsRNACmBomzgA4M1TTsisSUO87444pe35Z4/n5c735o2fZMrGgMwiJNh7rT8SYxtIkxngioiGnwkxGQxQ4NzPAHg+XSY0J04pNm7KqTkgtxyrqOANJLIjXlR+U9SQ90NjHVQIDAQAB",
        method: "POST",
        url: "https://i.b/",
        parameters: &[
            ("oauth_consumer_key", "foo"),
            ("oauth_nonce", "abc"),
            ("oauth_signature_method", "RSA-SHA1"),
            ("oauth_timestamp", "123"),
            ("oauth_version", "1.0"),
        ],
        base_string: "POST&https%3A%2F%2Fi.b%2F&oauth_consumer_key%3Dfoo%26oauth_nonce%3Dabc%26oauth_signature_method%3DRSA-SHA1%26oauth_timestamp%3D123%26oauth_version%3D1.0",
        signature: "j8WF8PGjojT82aUDd2EL+z7HCoHInFzWUpiEKMCy+J2cYHWcBS7mXlmFDLgAKV0P/yX4TrpXODYnJ6dRWdfghqwDpi/lQmB2jxCiGMdJoYxh3c5zDf26gEbGdP6D7OSsp5HUnzH6sNkmVjuE/xoJcHJdc23H6GhOs7VJ2LWNdbhKWP/MMlTrcoQDn8lz/b24WsJ6ae1txkUzpFOOlLM8aTdNtGL4OtsubOlRhNqnAFq93FyhXg0KjzUyIZzmMX9Vx90jTks5QeBGYcLE0Op2iHb2u/O+EgdwFchgEwE5LgMUyHUI4F3Wglp28yHOAMjPkI/kWMvpxtMrU3Z3KN31WQ==",
    },
];
