//! Environment files: `KEY=VALUE` lines with the names that samples for Xero use.

use std::{collections::HashMap, io};

use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    foreign_login::{ForeignLogin, filled, filled_secret},
    source_file,
    token_json::moment,
};
use crate::{
    Context,
    args::ImportFrom,
    failure::{Failure, Outcome},
    ui::{Ui, one_line},
};

/// What names begin with; a name with `XERO_` counts before the same without.
const BEGINNINGS: [&str; 4] = ["XERO_", "XERO_OAUTH2_", "XERO_OAUTH_", ""];
const CLIENT_ID: &[&str] = &["CLIENT_ID"];
const CLIENT_SECRET: &[&str] = &["CLIENT_SECRET"];
const REFRESH_TOKEN: &[&str] = &["REFRESH_TOKEN"];
const ACCESS_TOKEN: &[&str] = &["ACCESS_TOKEN"];
const ID_TOKEN: &[&str] = &["ID_TOKEN"];
const TENANT: &[&str] = &["TENANT_ID", "ORGANISATION_ID", "ORGANIZATION_ID"];
const REDIRECT_URI: &[&str] =
    &["REDIRECT_URI", "REDIRECT_URL", "REDIRECT_URIS", "CALLBACK_URI", "CALLBACK_URL"];
const SCOPES: &[&str] = &["SCOPES", "SCOPE"];
const EXPIRES: &[&str] = &["TOKEN_EXPIRES_AT", "EXPIRES_AT"];
const ALL: [&[&str]; 9] =
    [CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN, ID_TOKEN, TENANT, REDIRECT_URI, SCOPES, EXPIRES];

pub(super) fn read(context: &Context, args: &ImportFrom) -> Outcome<ForeignLogin> {
    let (bytes, place) = source_file::named(&context.ui, args)?;
    let variables = Variables::parse(&context.ui, &bytes, &place)?;
    Ok(variables.into_login(place))
}

/// What a file sets. Only names that are understood are kept; the process's own variables stay as they are.
struct Variables(HashMap<String, Zeroizing<String>>);

impl Variables {
    fn parse(ui: &Ui, bytes: &[u8], place: &str) -> Outcome<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut found = HashMap::new();
        let mut odd = 0;
        for line in dotenvy::from_read_iter(bytes) {
            match line {
                Ok((name, value)) => {
                    let value = Zeroizing::new(value);
                    // As shells and most libraries have it: the last one counts.
                    if is_known(&name) {
                        found.insert(name, value);
                    }
                }
                Err(dotenvy::Error::LineParse(line, _)) => {
                    check_odd(&Zeroizing::new(line), place)?;
                    odd += 1;
                }
                Err(error) => return Err(not_text(&error, place)),
            }
        }
        if odd > 0 {
            ui.warn(format!("{place}: what is not KEY=VALUE was passed over ({odd} times)"));
        }
        Ok(Self(found))
    }

    fn find(&self, names: &[&str]) -> Option<&str> {
        let full = BEGINNINGS.iter().flat_map(|start| names.iter().map(move |name| format!("{start}{name}")));
        full.into_iter()
            .find_map(|name| self.0.get(&name))
            .map(|value| value.trim())
            .filter(|text| !text.is_empty())
    }

    fn into_login(self, place: String) -> ForeignLogin {
        let text = |names| self.find(names).and_then(filled);
        let secret = |names| self.find(names).and_then(filled_secret);
        let words = |names| -> Vec<String> {
            let words = self.find(names).unwrap_or_default().split([' ', ',']);
            words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        ForeignLogin {
            client_id: text(CLIENT_ID),
            client_secret: secret(CLIENT_SECRET),
            refresh_token: secret(REFRESH_TOKEN),
            access_token: secret(ACCESS_TOKEN),
            access_expires_at: text(EXPIRES).and_then(|at| moment(&Value::String(at))),
            id_token: secret(ID_TOKEN),
            scopes: words(SCOPES),
            tenant: text(TENANT),
            redirect_uris: words(REDIRECT_URI),
            delete: format!("take the lines with tokens out of {place}"),
            place,
            ..ForeignLogin::default()
        }
    }
}

fn is_known(name: &str) -> bool {
    let endings = || ALL.iter().flat_map(|names| names.iter());
    BEGINNINGS
        .iter()
        .filter_map(|start| name.strip_prefix(start))
        .any(|rest| endings().any(|end| rest == *end))
}

/// A line that cannot be read is passed over, unless it begins with a name that is wanted.
fn check_odd(text: &str, place: &str) -> Outcome {
    let name = |line: &str| -> String {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        line.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    match text.lines().map(name).find(|name| is_known(name)) {
        Some(name) => {
            Err(Failure::usage(format!("{place}: the value of {} cannot be read", one_line(&name)))
                .hint("put it in single quotes, and see that each quotation ends"))
        }
        None => Ok(()),
    }
}

fn not_text(error: &dotenvy::Error, place: &str) -> Failure {
    let kind = match error {
        dotenvy::Error::Io(error) => error.kind(),
        _ => io::ErrorKind::InvalidData,
    };
    Failure::usage(format!("{place} is not an environment file ({kind})"))
        .hint("it must be text in UTF-8, with lines KEY=VALUE; --from token-json reads JSON")
}
