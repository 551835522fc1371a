//! The pages before consent: log in, log out, and the one that says what went wrong.

use askama::Template;
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use cookie::{Cookie, SameSite};

use super::authorize::escape;
use super::client::form_pairs;
use super::identity::Session;
use crate::page::{STYLE, page};
use crate::user::{self, USERS, User};
use crate::world::World;

const COOKIE_NAME: &str = "mock-xero-session";
const LOGIN: &str = "/identity/user/login";

/// What every page of the identity server has around it.
pub(super) struct Frame {
    pub(super) style: &'static str,
    /// Who is logged in.
    pub(super) user: Option<String>,
    pub(super) log_out: String,
}

impl Frame {
    pub(super) fn of(session: Option<&Session>, here: &str) -> Self {
        let log_out = format!("/identity/user/logout?ReturnUrl={}", escape(here));
        Self { style: STYLE, user: session.map(|session| session.user.name()), log_out }
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    frame: Frame,
    action: String,
    email: String,
    problem: Option<&'static str>,
    users: &'static [User],
}

#[derive(Template)]
#[template(path = "sorry.html")]
struct Sorry {
    frame: Frame,
    text: String,
}

/// The last word of a page flow that leads back to no app.
#[derive(Template)]
#[template(path = "finished.html")]
pub(super) struct Finished {
    pub(super) frame: Frame,
    pub(super) title: &'static str,
    pub(super) sentence: String,
}

/// Who is logged in, by the cookie.
pub(super) fn session(world: &World, headers: &HeaderMap) -> Option<Session> {
    world.identity.session(&cookie_value(headers)?).cloned()
}

/// Sends the browser to the login page and, after it, back here.
pub(super) fn log_in_first(here: &str) -> Response {
    sent_to(StatusCode::FOUND, &format!("{LOGIN}?ReturnUrl={}", escape(here)))
}

pub(super) fn show_login(parts: &Parts) -> Response {
    login_page(StatusCode::OK, parts, String::new(), None)
}

pub(super) fn log_in(world: &mut World, parts: &Parts, body: &[u8]) -> Response {
    let form = form_pairs(&parts.headers, body);
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let refuse =
        |problem| login_page(StatusCode::UNPROCESSABLE_ENTITY, parts, field("email").to_owned(), problem);
    let Some(user) = user::by_email(field("email")) else {
        return refuse(Some("Nobody here has this email address. Choose one of those below."));
    };
    if field("password").is_empty() {
        return refuse(Some("Enter a password. Any one does."));
    }
    let value = world.identity.log_in(Session::of(user, world.now()));
    let mut response = match return_url(parts) {
        Some(back) => sent_to(StatusCode::SEE_OTHER, &back),
        None => page(StatusCode::OK, &logged_in(user)),
    };
    set_cookie(&mut response, Cookie::new(COOKIE_NAME, value));
    response
}

pub(super) fn log_out(world: &mut World, parts: &Parts) -> Response {
    if let Some(value) = cookie_value(&parts.headers) {
        world.identity.log_out(&value);
    }
    let mut response = match return_url(parts) {
        Some(back) => log_in_first(&back),
        None => sent_to(StatusCode::FOUND, LOGIN),
    };
    let mut ended = Cookie::new(COOKIE_NAME, "");
    ended.make_removal();
    set_cookie(&mut response, ended);
    response
}

/// Sends the browser to the error page with this text.
pub(super) fn fail(world: &mut World, text: &str) -> Response {
    let id = world.identity.keep_error(text);
    sent_to(StatusCode::FOUND, &format!("/identity/error?errorId={id}"))
}

/// The status is assumed; the page itself says 500.
pub(super) fn show_error(world: &World, parts: &Parts) -> Response {
    let id = query_value(parts, "errorId").unwrap_or_default();
    let text = world.identity.error(&id).unwrap_or("unknown error").to_owned();
    page(StatusCode::INTERNAL_SERVER_ERROR, &Sorry { frame: Frame::of(None, ""), text })
}

pub(super) fn sent_to(status: StatusCode, location: &str) -> Response {
    let location =
        HeaderValue::from_bytes(location.as_bytes()).expect("addresses have no control characters");
    (status, [(LOCATION, location)]).into_response()
}

pub(super) fn query_value(parts: &Parts, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn login_page(status: StatusCode, parts: &Parts, email: String, problem: Option<&'static str>) -> Response {
    let back = return_url(parts).unwrap_or_default();
    let action = format!("{LOGIN}?ReturnUrl={}", escape(&back));
    page(status, &Login { frame: Frame::of(None, ""), action, email, problem, users: &USERS })
}

fn logged_in(user: &User) -> Finished {
    let sentence = format!("You are {}. Go back to the app that sent you here.", user.name());
    Finished { frame: Frame::of(None, ""), title: "You are logged in", sentence }
}

/// Where to go on after login; only to the identity server's own pages.
fn return_url(parts: &Parts) -> Option<String> {
    let url = query_value(parts, "ReturnUrl")?;
    let own = url.to_ascii_lowercase().starts_with("/identity/");
    (own && url.bytes().all(|octet| octet.is_ascii_graphic())).then_some(url)
}

fn cookie_value(headers: &HeaderMap) -> Option<String> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = texts.flat_map(|text| Cookie::split_parse(text.to_owned())).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == COOKIE_NAME).map(|cookie| cookie.value().to_owned())
}

fn set_cookie(response: &mut Response, mut cookie: Cookie<'_>) {
    cookie.set_path("/");
    cookie.set_http_only(true);
    // Lax: a link of another program leads here, and the log-in still counts.
    cookie.set_same_site(SameSite::Lax);
    let value = HeaderValue::from_str(&cookie.to_string()).expect("a cookie of the mock is ASCII");
    response.headers_mut().insert(SET_COOKIE, value);
}

/// What a user may connect, in words.
fn organisations_of(user: &User) -> String {
    match user.organisations() {
        [] => "no organisations".to_owned(),
        names => names.join(", "),
    }
}
