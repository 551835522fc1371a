//! Xero's xoauth: connections in a file, secrets and tokens in this system's keychain.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    foreign_login::{ForeignLogin, filled, filled_secret},
    other_keychain, source_file,
    token_json::from_json,
};
use crate::{
    Context,
    args::ImportFrom,
    failure::{Failure, Kind, Outcome},
    keys::keychain::Trouble,
    show,
    ui::{Ui, one_line},
};

/// The service that its entries are filed under. The user is the connection's name for the client secret, and the name
/// with an ending for the tokens.
const SERVICE: &str = "com.xero.xoauth";
const TOKENS: &str = ":token_set";
/// Xero, among the servers that it may have been set up for.
const XERO: &str = "https://identity.xero.com";
const REDIRECT_URI: &str = "http://localhost:8080/callback";

/// One of its connections, in its file.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Client {
    #[serde(default)]
    authority: String,
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_id: String,
    /// Null where there are none.
    scopes: Option<Vec<String>>,
}

/// Its file.
pub(super) struct Xoauth {
    path: PathBuf,
    clients: BTreeMap<String, Client>,
}

pub(super) fn open(args: &ImportFrom) -> Outcome<Xoauth> {
    let path = match &args.file {
        Some(path) if path.is_dir() => path.join("xoauth.json"),
        Some(path) => path.clone(),
        None => source_file::at_home(&[".xoauth", "xoauth.json"])?,
    };
    if !path.exists() {
        return Err(source_file::missing(&path, "file of xoauth"));
    }
    let clients = serde_json::from_slice(&source_file::plain(&path)?).map_err(|error| {
        Failure::usage(format!("{} is not a file of xoauth (line {})", path.display(), error.line()))
            .hint("it is called xoauth.json and lies in .xoauth in the home directory")
    })?;
    Ok(Xoauth { path, clients })
}

impl Xoauth {
    pub(super) fn profiles(&self) -> Vec<String> {
        self.clients.keys().cloned().collect()
    }

    pub(super) fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// The login of one connection, with its secrets from the keychain.
    pub(super) fn login(&self, context: &Context, name: &str) -> Outcome<ForeignLogin> {
        let Some(client) = self.clients.get(name) else {
            let message = format!("xoauth has no connection {name:?}");
            return Err(
                Failure::usage(message).hint(format!("there are: {}", show::few(&self.profiles(), name)))
            );
        };
        client.check(name)?;
        let (ui, desktop) = (&context.ui, client.grant_type == "PKCE");
        let tokens = client.entry(ui, name, &format!("{name}{TOKENS}"), "no login")?;
        let secret = if desktop { None } else { Some(client.entry(ui, name, name, "no client secret")?) };
        let place = format!("xoauth's {}", one_line(name));
        let tokens = from_json(tokens.as_bytes(), &place)?;
        Ok(ForeignLogin {
            profile: Some(name.to_owned()),
            client_id: filled(&client.client_id),
            client_secret: secret.and_then(|secret| filled_secret(&secret)),
            desktop,
            scopes: client.scopes.clone().unwrap_or_default(),
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            delete: format!("xoauth clean {}", show::quoted(&one_line(name))),
            ..tokens
        })
    }
}

impl Client {
    fn check(&self, name: &str) -> Outcome {
        let id = show::quoted(&one_line(&self.client_id));
        if self.authority.trim_end_matches('/') != XERO {
            let authority = one_line(&self.authority);
            return Err(Failure::usage(format!("xoauth's {name} is for {authority} and not for Xero"))
                .hint("name another one with --profile"));
        }
        match self.grant_type.as_str() {
            "PKCE" | "authorization_code" => Ok(()),
            "client_credentials" => Err(Failure::usage(format!(
                "xoauth's {name} is a custom connection: there is no login to import"
            ))
            .hint(format!("xeroctl connect --kind custom --client-id {id}"))),
            other => Err(Failure::usage(format!("xoauth's {name} is of an unknown kind, {other:?}"))
                .hint("name another one with --profile")),
        }
    }
}

impl Client {
    /// An entry of the keychain; `lacking` is what is not there where there is none.
    fn entry(&self, ui: &Ui, name: &str, user: &str, lacking: &str) -> Outcome<Zeroizing<String>> {
        other_keychain::read(ui, SERVICE, user).map_err(|trouble| {
            let (name, id) = (one_line(name), show::quoted(&one_line(&self.client_id)));
            if matches!(trouble, Trouble::NoEntry) {
                let kind = if self.grant_type == "PKCE" { "desktop" } else { "web" };
                let message = format!("xoauth keeps {lacking} for {name} in this system's keychain");
                return Failure::new(Kind::NeedsPerson, message)
                    .hint(format!("xeroctl connect --kind {kind} --client-id {id}"));
            }
            let why = trouble.with_entry_of("xoauth");
            Failure::new(Kind::Other, format!("xoauth's {name} cannot be read: {why}")).hint(format!(
                "where xoauth works: xoauth token {} | xeroctl import --from token-json - --client-id {id}",
                show::quoted(&name)
            ))
        })
    }
}
