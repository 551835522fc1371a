//! `xeroctl request`: sends a request with a connection's authority and prints the answer.

use std::io::Read;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value, json};
use xero_certs::{Access, Existing, NewFile, check_path, write_files};

use crate::{
    Context,
    args::Request,
    failure::{Failure, Outcome},
    store_access,
    xero_api::{self, Authority, Call, Reply},
};

pub(crate) fn run(context: &Context, args: &Request) -> Outcome {
    let Context { ui, global } = context;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    if let Some(path) = &args.output {
        check_path(path, existing).map_err(|error| Failure::output(&error))?;
    }
    let store = store_access::open(ui, global)?;
    let connection = store.connection(args.using.connection.as_deref())?;
    xero_api::check_server(global, &connection)?;
    let mut call = Call::new(&connection.app.server, &args.method, &args.path)?;
    for text in &args.headers {
        let (name, value) = xero_api::header(text)?;
        call.headers.insert(name, value);
    }
    if let Some(data) = &args.data {
        call.body = Some(body(data)?);
        call.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    let authority = Authority::Stored(&store, &connection);
    let reply = context.block_on(xero_api::send(&call, context.timeout(), &authority))?;
    let problem = reply.problem();
    if ui.json && problem.is_none() {
        return ui.document(document(&reply));
    }
    if !ui.json {
        print(context, args, &reply, existing)?;
    }
    match problem {
        Some(problem) => Err(problem.into()),
        None => Ok(()),
    }
}

/// The body that `@FILE` or `-` names.
pub(crate) fn body(data: &str) -> Outcome<Vec<u8>> {
    if data == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::usage("standard input cannot be read").because(&error))?;
        return Ok(bytes);
    }
    let Some(path) = data.strip_prefix('@') else {
        return Err(Failure::usage("a body is given as @FILE, or as - for standard input"));
    };
    std::fs::read(path).map_err(|error| Failure::unreadable(path.as_ref(), &error))
}

fn print(context: &Context, args: &Request, reply: &Reply, existing: Existing) -> Outcome {
    if args.include {
        context.ui.data(format!("HTTP {}", reply.status))?;
        for (name, value) in &reply.headers {
            context.ui.data(format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))?;
        }
        context.ui.data("")?;
    }
    match &args.output {
        Some(path) if reply.status.is_success() => {
            let file = NewFile { path, contents: &reply.body, access: Access::Private };
            write_files(&[file], existing).map_err(|error| Failure::output(&error))?;
            context.ui.say(format!("{} bytes written to {}", reply.body.len(), path.display()));
            Ok(())
        }
        _ if reply.body.is_empty() => Ok(()),
        _ => {
            context.ui.raw(&reply.body)?;
            // An answer without a line end would run into the next prompt.
            if reply.body.ends_with(b"\n") { Ok(()) } else { context.ui.raw(b"\n") }
        }
    }
}

fn document(reply: &Reply) -> Value {
    let headers: Map<String, Value> = reply
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let body = serde_json::from_slice(&reply.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&reply.body).into_owned()));
    json!({ "status": reply.status.as_u16(), "headers": headers, "body": body })
}
