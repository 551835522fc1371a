//! `xeroctl gateway token new`: a client of a gateway, and its token.

use serde_json::json;
use xero_certs::{Existing, check_path};
use xero_gateway::{Clients, GatewayToken};

use super::clients::{read, unusable, write};
use crate::{
    Context,
    args::GatewayTokenNew,
    failure::{Failure, Outcome},
};

/// At the head of a new file.
const HEAD: &str =
    "# Clients of `xeroctl gateway`. sha256 is that of the token; lists limit a client to what is in them.\n";

pub(super) fn run(context: &Context, args: &GatewayTokenNew) -> Outcome {
    let before = if args.clients.exists() { read(&args.clients)?.1 } else { HEAD.to_owned() };
    let token = GatewayToken::generate().map_err(|error| unusable(&error))?;
    let text = format!("{}\n\n{}", before.trim_end(), entry(args, &token));
    // What is written can be read: the name, methods and paths are looked at here.
    Clients::read(&text).map_err(|error| unusable(&error))?;
    if let Some(path) = &args.token_file {
        check_path(path, Existing::Keep).map_err(|error| {
            Failure::output(&error).hint("name another file with --token-file; a token is not written over")
        })?;
        write(path, format!("{}\n", token.expose()).as_bytes())?;
    }
    write(&args.clients, text.as_bytes())?;
    tell(context, args, &token)
}

fn tell(context: &Context, args: &GatewayTokenNew, token: &GatewayToken) -> Outcome {
    let ui = &context.ui;
    ui.say(format!("{} is a client in {} now.", args.client, args.clients.display()));
    let place = args.token_file.as_ref().map(|path| path.display().to_string());
    let kept =
        place.as_ref().map_or("shown this once".to_owned(), |place| format!("in {place}, for you alone"));
    ui.say(format!("Its token is {kept}; a gateway that runs takes it after SIGHUP (kill -HUP)."));
    let shown = place.is_none().then(|| token.expose());
    ui.document(json!({
        "client": args.client,
        "clients": args.clients.display().to_string(),
        "token": shown,
        "token_file": place,
    }))?;
    shown.map_or(Ok(()), |token| ui.data(token))
}

/// JSON's texts and lists are those of TOML.
fn entry(args: &GatewayTokenNew, token: &GatewayToken) -> String {
    let mut lines = vec![
        "[[client]]".to_owned(),
        format!("name = {}", json!(args.client)),
        format!("sha256 = {}", json!(token.sha256())),
    ];
    let methods: Vec<String> = args.method.iter().map(|method| method.to_ascii_uppercase()).collect();
    for (name, list) in [("connections", &args.connection), ("methods", &methods), ("paths", &args.path)] {
        if !list.is_empty() {
            lines.push(format!("{name} = {}", json!(list)));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}
