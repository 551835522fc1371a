//! A person's consent: the browser is sent to Xero, and comes back with a code.

use std::{sync::mpsc, time::Duration};

use url::Url;
use xero_auth_oauth2::{
    AuthorizationCode, AuthorizationRequest, ClientId, Endpoints, Listener, Nonce, Pkce, RedirectUri,
    ReturnPage, Scopes, State, read_callback,
};
use zeroize::Zeroizing;

use crate::{
    Context,
    args::Consenting,
    failure::{Failure, Kind, Outcome},
    secrets,
    ui::Ui,
};

const RETURN_TO: &str = "the terminal window in which xeroctl runs";
/// How long a browser may take to say that it cannot be opened.
const BROWSER_PATIENCE: Duration = Duration::from_secs(1);

/// What is asked for.
pub(crate) struct Request<'a> {
    pub(crate) endpoints: Endpoints,
    pub(crate) redirect_uris: &'a [RedirectUri],
    pub(crate) scopes: &'a Scopes,
}

/// What one attempt is recognised by when it comes back.
pub(crate) struct Attempt {
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) state: State,
    pub(crate) pkce: Pkce,
    pub(crate) nonce: Nonce,
}

/// A consent that was given, not yet exchanged for tokens.
pub(crate) struct Consent {
    pub(crate) code: AuthorizationCode,
    pub(crate) attempt: Attempt,
}

impl Attempt {
    pub(crate) fn new(redirect_uri: RedirectUri) -> Outcome<Self> {
        Ok(Self {
            redirect_uri,
            state: State::generate()?,
            pkce: Pkce::generate()?,
            nonce: Nonce::generate()?,
        })
    }

    /// The address that a person opens.
    pub(crate) fn address(&self, client_id: &ClientId, request: &Request<'_>) -> Url {
        let Self { redirect_uri, state, pkce, nonce } = self;
        let scopes = request.scopes;
        AuthorizationRequest { client_id, redirect_uri, scopes, state, pkce, nonce: Some(nonce) }
            .url(&request.endpoints)
    }
}

/// What a job can do instead of `connect`.
pub(crate) const CONNECT: &str = "run it on a terminal, or begin with `xeroctl connect begin`, or give --no-browser or \
     --paste and open the address elsewhere";
/// What a job can do instead of `reauth`.
pub(crate) const REAUTH: &str = "run it on a terminal, or begin with `xeroctl reauth begin`, or give --no-browser or --paste and open the address \
     elsewhere";

/// Refuses where nobody can consent, before anything else is done.
pub(crate) fn must_be_possible(context: &Context, consenting: &Consenting, instead: &str) -> Outcome {
    if context.ui.interactive() || consenting.no_browser || consenting.paste {
        return Ok(());
    }
    Err(Failure::new(Kind::NeedsPerson, "a person must consent in a browser, and there is no terminal")
        .hint(instead))
}

/// Has a person consent: in the browser of this machine, or in any browser with the address pasted.
pub(crate) fn obtain(
    context: &Context,
    client_id: &ClientId,
    request: &Request<'_>,
    consenting: &Consenting,
) -> Outcome<Consent> {
    let first = first_uri(client_id, request.redirect_uris)?;
    if consenting.paste || !request.redirect_uris.iter().any(RedirectUri::is_loopback) {
        if !context.ui.interactive() && !consenting.paste {
            return Err(Failure::usage(
                "the redirect URI is on another host, and no one can be asked for the address",
            )
            .hint("give --paste and the address on standard input"));
        }
        return pasted(context, client_id, request, (Attempt::new(first.clone())?, consenting));
    }
    let listener = Listener::bind(request.redirect_uris)?;
    let attempt = Attempt::new(listener.redirect_uri().clone())?;
    show_address(context, &attempt.address(client_id, request), consenting);
    let limit = Duration::from_secs(consenting.wait);
    let spinner = context.ui.spinner("Waiting for the consent in the browser", limit);
    let page = ReturnPage { return_to: RETURN_TO.to_owned() };
    let code = context.block_on(async { Ok(listener.wait(&attempt.state, limit, &page).await?) });
    drop(spinner);
    Ok(Consent { code: code?, attempt })
}

/// The one that is used where no port is listened at. An app that was imported may have none yet.
pub(super) fn first_uri<'a>(client_id: &ClientId, known: &'a [RedirectUri]) -> Outcome<&'a RedirectUri> {
    known.first().ok_or_else(|| {
        Failure::usage("no redirect URI is known of the app").hint(format!(
            "xeroctl apps edit {} --redirect-uri URI, with one that the portal has",
            client_id.as_str()
        ))
    })
}

fn show_address(context: &Context, address: &Url, consenting: &Consenting) {
    let ui = &context.ui;
    // Whoever pastes has the browser elsewhere.
    let opens = ui.interactive() && !consenting.no_browser && !consenting.paste;
    ui.tell(if !opens {
        "Open this address in a browser, log in and allow access:"
    } else {
        "Your browser opens this address; log in and allow access:"
    });
    ui.tell(format!("\n  {address}\n"));
    if opens {
        open_browser(*ui, address.to_string());
    }
}

/// Some launchers stay until the browser is closed: nobody waits for those.
fn open_browser(ui: Ui, address: String) {
    let (opened, is_open) = mpsc::channel();
    std::thread::spawn(move || opened.send(open::that(address).is_ok()).ok());
    if let Ok(false) = is_open.recv_timeout(BROWSER_PATIENCE) {
        ui.say("No browser could be opened here: open the address yourself. If that browser is on another machine,");
        ui.say("end this with Ctrl-C and run the same command with --paste.");
    }
}

fn pasted(
    context: &Context,
    client_id: &ClientId,
    request: &Request<'_>,
    (attempt, consenting): (Attempt, &Consenting),
) -> Outcome<Consent> {
    let ui = &context.ui;
    show_address(context, &attempt.address(client_id, request), consenting);
    ui.say(format!(
        "At the end the browser shows a page of {}, or that it cannot be opened:",
        attempt.redirect_uri.as_str()
    ));
    ui.say("copy the whole address from the browser's address line.");
    loop {
        let typed = match ui.interactive() {
            true => Zeroizing::new(ui.ask_hidden("Paste the address (it is not shown):")?),
            false => secrets::stdin_line("the address")?,
        };
        match read_callback(&typed, &attempt.redirect_uri, &attempt.state) {
            Ok(code) => return Ok(Consent { code, attempt }),
            Err(error) if ui.interactive() && is_a_slip(&error) => Ui::explain(&error.into()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Errors of copying, after which the same login can still be finished.
fn is_a_slip(error: &xero_auth_oauth2::Error) -> bool {
    use xero_auth_oauth2::Error::{NotACallback, StateMismatch};
    matches!(error, NotACallback { .. } | StateMismatch)
}
