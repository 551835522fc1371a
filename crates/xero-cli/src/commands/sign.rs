//! `xeroctl sign`: the Authorization header for a request that something else sends.

use connection_store::AppKind;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use crate::{
    Context,
    args::Sign,
    commands::request::body,
    failure::{Failure, Outcome},
    show,
    xero_api::{self, Call},
};

pub(crate) fn run(context: &Context, args: &Sign) -> Outcome {
    let Context { ui, global, .. } = context;
    let store = context.open_store()?;
    let connection = store.connection(args.using.name().as_deref())?;
    xero_api::check_server(global, &connection)?;
    if connection.app.kind != AppKind::Private {
        let what = format!("{} sends a token and signs nothing", connection.name);
        return Err(Failure::usage(what).hint(format!("xeroctl token {}", show::quoted(&connection.name))));
    }
    let mut call = Call::new(&connection.app.server, &args.method, &args.path)?;
    if let Some(form) = &args.form {
        call.body = Some(body(form)?);
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    }
    let request = call.signable()?;
    let signed = context.block_on(async { Ok(store.authorise(&connection, &request).await?) })?;
    let base_string = signed.base_string().unwrap_or_default();
    ui.document(json!({
        "method": call.method.as_str(),
        "url": call.url.as_str(),
        "header": { "name": "Authorization", "value": signed.expose_authorization() },
        "base_string": base_string,
    }))?;
    match args.base_string {
        true => ui.data(base_string),
        false => ui.data(format!("Authorization: {}", signed.expose_authorization())),
    }
}
