//! Who may use a gateway: those of a file, or whoever has the token of this run.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use serde_json::json;
use xero_certs::{Access, Existing, NewFile, write_files};
use xero_gateway::{ClientError, Clients, Gateway, GatewayToken};

use crate::{
    Context, args,
    failure::{Failure, Kind, Outcome},
    keys::private_file::{self, Role},
    show,
    signals::Anew,
    ui::Ui,
};

const ROLE: Role = Role { what: "clients file", option: "--clients" };
/// What the one client is called where there is no file of them.
const ONLY: &str = "token";
/// How tokens begin, and more than one has with its line end.
const TOKEN: &str = "xgw_";
const LONGEST_TOKEN: usize = 128;

/// The clients, and what is told of them.
pub(super) struct Who {
    pub(super) clients: Clients,
    pub(super) said: String,
    /// The file that the token of this run goes to.
    pub(super) token_file: Option<PathBuf>,
    /// The token of this run.
    token: Option<GatewayToken>,
}

/// Changes nothing yet.
pub(super) fn who(context: &Context, args: &args::Gateway) -> Outcome<Who> {
    if let Some(path) = &args.clients {
        return of_file(path);
    }
    if args.token_file.is_none() && (context.ui.json || !std::io::stderr().is_terminal()) {
        return Err(Failure::usage("nobody could use the gateway: there is nowhere to show its token")
            .hint("say who may use it with --clients FILE, or where the token goes with --token-file FILE"));
    }
    args.token_file.as_deref().map_or(Ok(()), only_a_token)?;
    let token = GatewayToken::generate().map_err(|error| unusable(&error))?;
    let clients = Clients::one(ONLY, &token);
    let said = match &args.token_file {
        Some(path) => format!("whoever has the token in {}", path.display()),
        None => "whoever has the token of this run".to_owned(),
    };
    Ok(Who { clients, said, token_file: args.token_file.clone(), token: Some(token) })
}

fn of_file(path: &Path) -> Outcome<Who> {
    let clients = read(path)?.0;
    let names: Vec<&str> = clients.names().collect();
    if names.is_empty() {
        let path = path.display();
        let quoted = show::quoted(&path.to_string());
        return Err(Failure::usage(format!("there is no client in {path}"))
            .hint(format!("`xeroctl gateway token new NAME --clients {quoted}`")));
    }
    let said = format!("{}, of {}", names.join(", "), path.display());
    Ok(Who { clients, said, token_file: None, token: None })
}

/// Reads the file anew whenever it is asked for. One that cannot be used changes nothing; one without a client lets nobody in.
pub(super) async fn keep_up(context: &Context, path: &Path, gateway: &Gateway, mut anew: Anew) -> Outcome {
    loop {
        anew.asked().await;
        match read(path) {
            Ok((clients, _)) => {
                let names: Vec<&str> = clients.names().collect();
                let who = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
                context.ui.say(format!("Clients:      {who}, of {}, from now on", path.display()));
                let fields = json!({ "clients": names });
                gateway.replace_clients(clients);
                super::event(context, "clients_read", fields)?;
            }
            Err(failure) => {
                Ui::explain(&failure);
                context.ui.tell("The clients are those from before.");
                super::event(context, "clients_kept", failure.document())?;
            }
        }
    }
}

impl Who {
    /// Writes the token of this run where it is to go, or gives what is to be shown.
    pub(super) fn keep(&self) -> Outcome<Option<&GatewayToken>> {
        match (&self.token_file, &self.token) {
            (Some(path), Some(token)) => {
                write(path, format!("{}\n", token.expose()).as_bytes())?;
                Ok(None)
            }
            (_, token) => Ok(token.as_ref()),
        }
    }
}

/// A file of clients and its text.
pub(super) fn read(path: &Path) -> Outcome<(Clients, String)> {
    let bytes = private_file::read(path, ROLE)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let clients = Clients::read(&text).map_err(|error| {
        Failure::usage(format!("{} cannot be used", path.display()))
            .because(&error)
            .hint("`xeroctl gateway token new` makes such a file")
    })?;
    Ok((clients, text))
}

/// A token takes the place of an older one, and of nothing else.
fn only_a_token(path: &Path) -> Outcome {
    let there = std::fs::read(path).unwrap_or_default();
    if there.is_empty() || (there.starts_with(TOKEN.as_bytes()) && there.len() <= LONGEST_TOKEN) {
        return Ok(());
    }
    Err(Failure::usage(format!("{} is there already, and is no token of a gateway", path.display()))
        .hint("name another file; nothing was changed"))
}

/// Writes a file for its user alone, in place of the one that was there.
pub(super) fn write(path: &Path, contents: &[u8]) -> Outcome {
    let file = NewFile { path, contents, access: Access::Private };
    write_files(&[file], Existing::Replace).map_err(|error| Failure::output(&error))
}

pub(super) fn unusable(error: &ClientError) -> Failure {
    let kind = if matches!(error, ClientError::Random) { Kind::Other } else { Kind::Usage };
    Failure::new(kind, error.to_string()).hint("`xeroctl help gateway token new` says what an entry takes")
}
