//! `xeroctl request`: sends a request with a connection's authority and prints the answer.

mod counter;
mod pages;

use std::{
    io::{IsTerminal, Read},
    time::Duration,
};

use connection_store::{AppKind, Connection};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use xero_auth_oauth2::{ApiProblem, needed_for};
use xero_certs::{Access, Existing, NewFile, check_path, write_files};

use self::{counter::Counter, pages::Pages};
use crate::{
    Context,
    args::Request,
    failure::{Failure, Outcome},
    secrets::stdin_unreadable,
    show,
    ui::one_line,
    xero_api::{self, Authority, Call, IDEMPOTENCY_KEY, Patience, Refusal, Reply},
};

pub(crate) fn run(context: &Context, args: &Request) -> Outcome {
    let Context { ui, global, .. } = context;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    if let Some(path) = &args.output {
        check_path(path, existing).map_err(|error| Failure::output(&error))?;
    }
    let store = context.open_store()?;
    let connection = store.connection(args.using.name().as_deref())?;
    xero_api::check_server(global, &connection)?;
    let mut call = Call::new(&connection.app.server, &args.method, &args.path)?;
    prepare(&mut call, context, args)?;
    let authority = Authority::Stored(&store, &connection);
    let reply = match args.asking.paginate {
        true => context.ask_xero(all_pages(context, &mut call, &authority))?,
        false => context.ask_xero(xero_api::send(&call, context.timeout(), &authority))?,
    };
    if let Some(refusal) = reply.refusal(connection.app.kind) {
        // What it says comes first where it can be shown, and its status and next step in any case.
        drop(print_refused(context, args, &reply));
        return Err(refused(refusal, &connection, &call, &reply));
    }
    let Some(path) = &args.output else {
        ui.document(document(&reply, json!({ "body": body_json(&reply) })))?;
        return print(context, args, &reply);
    };
    let file = NewFile { path, contents: &reply.body, access: Access::Private };
    write_files(&[file], existing).map_err(|error| Failure::output(&error))?;
    ui.say(format!("{} bytes written to {}", reply.body.len(), path.display()));
    let written = json!({ "output": path.display().to_string(), "bytes": reply.body.len() });
    ui.document(document(&reply, written))
}

fn print_refused(context: &Context, args: &Request, reply: &Reply) -> Outcome {
    print(context, args, reply)?;
    let whole = reply.body.is_empty() || reply.body.ends_with(b"\n");
    if context.ui.json || whole || std::io::stdout().is_terminal() {
        return Ok(());
    }
    // What follows on standard error may go to the same place.
    context.ui.raw(b"\n")
}

fn refused(refusal: Refusal, connection: &Connection, call: &Call, reply: &Reply) -> Failure {
    let answer = Some(Box::new(json!({ "status": reply.status.as_u16(), "body": body_json(reply) })));
    let needed = match &refusal {
        Refusal::Bearer(ApiProblem::MissingScope) => scope_hint(connection, call),
        _ => None,
    };
    let failure = xero_api::refused(refusal, connection);
    let hint = needed.or_else(|| failure.hint.clone());
    Failure { answer, hint, ..failure }
}

/// Headers, query and body.
fn prepare(call: &mut Call, context: &Context, args: &Request) -> Outcome {
    let asking = &args.asking;
    for text in &args.headers {
        let (name, value) = xero_api::header(text)?;
        call.headers.append(name, value);
    }
    for query in &asking.queries {
        let (name, value) = query.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Failure::usage("a query is not of the form NAME=VALUE").hint("as in: --query page=2")
        })?;
        call.url.query_pairs_mut().append_pair(name, value);
    }
    for (name, value) in [("where", &asking.r#where), ("order", &asking.order)] {
        if let Some(value) = value {
            call.url.query_pairs_mut().append_pair(name, value);
        }
    }
    if let Some(since) = &asking.modified_since {
        set(&mut call.headers, IF_MODIFIED_SINCE, since, "--modified-since")?;
    }
    if let Some(data) = &args.data {
        call.body = Some(body(data)?);
        call.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    let key = HeaderName::from_static(IDEMPOTENCY_KEY);
    let writes = [Method::POST, Method::PUT, Method::PATCH].contains(&call.method);
    match &asking.idempotency_key {
        Some(given) => set(&mut call.headers, key, given, "--idempotency-key")?,
        None if writes && !call.headers.contains_key(&key) => {
            set(&mut call.headers, key, &Uuid::new_v4().to_string(), "--idempotency-key")?;
        }
        None => {}
    }
    if asking.paginate && call.method != Method::GET {
        return Err(Failure::usage("only what is read has pages").hint("leave --paginate out"));
    }
    call.patience = Patience::of(Duration::from_secs(asking.max_wait), context.ui);
    // Pages are counted, and not measured.
    call.watcher = (!asking.paginate).then_some(context.ui);
    Ok(())
}

/// The value of a header by an option that takes digits, letters and signs of ASCII alone.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the command line takes nothing else")
}

/// Sets the header that an option stands for, which cannot be given twice.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str, option: &str) -> Outcome {
    if headers.contains_key(&name) {
        return Err(Failure::usage(format!("{option} and --header both give {name}"))
            .hint(format!("leave one of them out: {option} sets this header")));
    }
    headers.insert(name, self::value(value));
    Ok(())
}

/// A refusal of one page is the answer.
async fn all_pages(context: &Context, call: &mut Call, authority: &Authority<'_>) -> Outcome<Reply> {
    let counter = Counter::new(context.ui);
    let mut pages = Pages::of(&call.url);
    loop {
        call.url = pages.url();
        let reply = xero_api::send(call, context.timeout(), authority).await?;
        if !reply.status.is_success() {
            return Ok(reply);
        }
        if !pages.take(&reply)? {
            drop(counter);
            context.ui.say(format!("{} pages.", pages.fetched));
            if pages.again {
                context.ui.warn(
                    "the same full page came twice: this list does not count pages, and there may be more of it than this",
                );
            }
            return Ok(Reply { body: pages.whole().to_string().into_bytes(), ..reply });
        }
        counter.at(&pages);
    }
}

/// The new consent that a call needs, with the scopes that it must have. None where nobody knows which.
fn scope_hint(connection: &Connection, call: &Call) -> Option<String> {
    let login = connection.authorisation.as_ref().filter(|_| connection.app.kind != AppKind::Custom)?;
    let needed = needed_for(call.method.as_str(), call.url.path());
    // Where one of them was granted the reason is another.
    let needed = needed.first().filter(|_| !needed.iter().any(|scope| login.scopes.contains(scope)))?;
    let granted = login.scopes.without_openid();
    let scopes = format!("{granted} {needed}");
    Some(format!(
        "{needed} is needed: consent again with `xeroctl reauth {} --scopes '{}'`",
        show::quoted(&connection.name),
        scopes.trim()
    ))
}

/// The body that `@FILE` or `-` names.
pub(crate) fn body(data: &str) -> Outcome<Vec<u8>> {
    if data == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|error| stdin_unreadable(&error))?;
        return Ok(bytes);
    }
    let Some(path) = data.strip_prefix('@') else {
        return Err(Failure::usage("a body is given as @FILE, or as - for standard input")
            .hint("write the body to a file and give its name after an @"));
    };
    std::fs::read(path).map_err(|error| Failure::unreadable(path.as_ref(), &error))
}

/// The answer as it is; on a terminal without what could steer it.
fn print(context: &Context, args: &Request, reply: &Reply) -> Outcome {
    let ui = &context.ui;
    if ui.json {
        return Ok(());
    }
    if args.include {
        ui.data(format!("HTTP {}", reply.status))?;
        for (name, value) in &reply.headers {
            ui.data(one_line(&format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))))?;
        }
        ui.data("")?;
    }
    if reply.body.is_empty() {
        return Ok(());
    }
    if !std::io::stdout().is_terminal() {
        return ui.raw(&reply.body);
    }
    match std::str::from_utf8(&reply.body) {
        Ok(text) => ui.data(text.trim_end()),
        Err(_) => Err(Failure::usage("the answer is not text").hint("write it to a file with --output FILE")),
    }
}

fn document(reply: &Reply, more: Value) -> Value {
    let headers: Map<String, Value> = reply
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let mut document = json!({ "status": reply.status.as_u16(), "headers": headers });
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    document
}

fn body_json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&reply.body).into_owned()))
}
