//! Login and consent as a browser without JavaScript meets them.

use reqwest::Method;
use serde_json::json;
use xero_mock::{Consent, DEMO_COMPANY, HEXAGON_TOOLS, MAPLE_FLORIST, NIHON_SHOJI};

use super::rig::{CALLBACK, ORGANISATION, Rig, SCOPES, parameter, text};
use super::support::{Answer, Answered as _};

/// A browser: it keeps the cookie, and follows redirects one at a time.
struct Browser<'a> {
    rig: &'a Rig,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(rig: &'a Rig) -> Self {
        Self { rig, cookie: String::new() }
    }

    fn open(&mut self, path: &str) -> Answer {
        let answer = self.rig.request(Method::GET, path).header("Cookie", &self.cookie).answered();
        self.keep(answer)
    }

    fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.rig.request(Method::POST, path).header("Cookie", &self.cookie);
        let answer = request.form(fields).answered();
        self.keep(answer)
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        if let Some(cookie) = answer.headers.get("set-cookie") {
            self.cookie = format!("other=1; {}", cookie.split(';').next().unwrap());
        }
        answer
    }

    /// Opens the app's address and logs in; gives the address of the consent page.
    fn log_in(&mut self, url: &str, email: &str) -> String {
        let login = self.open(url.strip_prefix(self.rig.mock.url()).unwrap()).header("location").to_owned();
        let page = self.open(&login);
        let sent = self.send(&action(&page), &[("email", email), ("password", "any")]);
        assert_eq!(sent.status, 303, "{}", sent.body);
        let consent = self.open(sent.header("location"));
        assert_eq!(consent.status, 302, "{}", consent.body);
        consent.header("location").to_owned()
    }
}

/// Where the page's form goes.
fn action(page: &Answer) -> String {
    assert_eq!(page.status / 100, if page.status == 422 { 4 } else { 2 }, "{page:?}");
    let after = page.body.split_once("action=\"").unwrap().1;
    after.split_once('"').unwrap().0.replace("&#38;", "&").replace("&amp;", "&")
}

/// Values of the radio buttons or checkboxes.
fn choices(page: &Answer, kind: &str) -> Vec<String> {
    let input = format!("<input type=\"{kind}\" name=\"organisation\" value=\"");
    let inputs = page.body.split(&input).skip(1);
    inputs.map(|rest| rest.split_once('"').unwrap().0.to_owned()).collect()
}

#[test]
fn a_person_logs_in_chooses_and_comes_back_with_a_code() {
    let rig = Rig::web();
    let mut browser = Browser::new(&rig);
    let consent = browser.log_in(&rig.authorize_url(SCOPES, &[]), "ada@example.com");
    let page = browser.open(&consent);
    assert!(page.body.contains("<h1>Night sync wants access</h1>"), "{}", page.body);
    for words in ["keep access while you are away", "view contacts", "Ada Byron", "accounting.settings"] {
        assert!(page.body.contains(words), "{words}");
    }
    let ids = [DEMO_COMPANY.id, MAPLE_FLORIST.id, HEXAGON_TOOLS.id, NIHON_SHOJI.id];
    assert_eq!(choices(&page, "radio"), ids);
    let fields = [("organisation", MAPLE_FLORIST.id), ("decision", "allow")];
    let sent = browser.send(&action(&page), &fields);
    let location = sent.header("location");
    assert_eq!(sent.status, 303);
    assert!(location.starts_with(&format!("{CALLBACK}?code=")), "{location}");
    let tokens = rig.exchange(&parameter(location, "code").unwrap()).json();
    assert_eq!(rig.organisation(&tokens, MAPLE_FLORIST.id).status, 200);
    assert_eq!(parameter(location, "state").as_deref(), Some("st ate/1"));
}

#[test]
fn the_forms_have_stable_names() {
    let rig = Rig::web();
    let mut browser = Browser::new(&rig);
    let login = browser.open("/identity/user/login");
    for id in ["name=\"email\"", "name=\"password\"", "id=\"log-in\""] {
        assert!(login.body.contains(id), "{id}");
    }
    for user in ["ada@example.com", "ben@example.com", "cleo@example.com", "no organisations"] {
        assert!(login.body.contains(user), "{user}");
    }
    let consent = browser.log_in(&rig.authorize_url(SCOPES, &[]), "ada@example.com");
    let page = browser.open(&consent);
    for id in ["id=\"allow-access\"", "id=\"cancel\""] {
        assert!(page.body.contains(id), "{id}");
    }
    assert!(!page.body.contains("id=\"continue\""), "nothing is connected yet");
}

#[test]
fn an_unknown_address_or_an_empty_password_brings_the_form_again() {
    let rig = Rig::web();
    let mut browser = Browser::new(&rig);
    let url = rig.authorize_url(SCOPES, &[]);
    let login = browser.open(url.strip_prefix(rig.mock.url()).unwrap()).header("location").to_owned();
    let page = browser.open(&login);
    let unknown = browser.send(&action(&page), &[("email", "\"<eve@example.com>"), ("password", "x")]);
    assert_eq!(unknown.status, 422);
    assert!(unknown.body.contains("Nobody here has this email address."), "{}", unknown.body);
    assert!(unknown.body.contains("&#60;eve@example.com") || unknown.body.contains("&lt;eve@example.com"));
    let empty = browser.send(&action(&unknown), &[("email", "ada@example.com"), ("password", "")]);
    assert_eq!(empty.status, 422);
    assert!(empty.body.contains("Enter a password.") && empty.body.contains("value=\"ada@example.com\""));
    let good = browser.send(&action(&empty), &[("email", " ADA@example.com"), ("password", "x")]);
    assert_eq!(good.status, 303);
}

#[test]
fn the_cookie_is_kept_from_scripts_and_lasts_until_log_out() {
    let rig = Rig::web();
    let mut browser = Browser::new(&rig);
    let sent = browser.send("/identity/user/login", &[("email", "ada@example.com"), ("password", "x")]);
    let cookie = sent.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"),
        "{cookie}"
    );
    assert!(sent.body.contains("You are logged in") && sent.body.contains("Ada Byron"));
    let url = rig.authorize_url(SCOPES, &[]);
    let path = url.strip_prefix(rig.mock.url()).unwrap();
    let straight = browser.open(path);
    assert!(straight.header("location").starts_with("/identity/user/consent?"), "{straight:?}");
    let page = browser.open(straight.header("location"));
    let out = page.body.split_once("id=\"log-out\" href=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let old = browser.cookie.clone();
    let left = browser.open(&out);
    assert!(
        left.header("location").starts_with("/identity/user/login?ReturnUrl=%2Fidentity%2Fconnect"),
        "{left:?}"
    );
    for cookie in [old, browser.cookie.clone(), "mock-xero-session=invented".to_owned()] {
        browser.cookie = cookie;
        assert!(browser.open(path).header("location").starts_with("/identity/user/login"));
        assert!(
            browser.open(straight.header("location")).header("location").starts_with("/identity/user/login")
        );
    }
}

#[test]
fn cancel_goes_back_with_an_error() {
    let rig = Rig::web();
    let url = rig.authorize_url(SCOPES, &[]);
    let expected = format!("{CALLBACK}?error=access_denied&state=st%20ate%2F1");
    assert_eq!(rig.mock.consent(&url, &Consent::cancel()), Ok(expected.clone()));
    let mut browser = Browser::new(&rig);
    let consent = browser.log_in(&url, "cleo@example.com");
    let sent = browser.send(&consent, &[("decision", "cancel"), ("organisation", DEMO_COMPANY.id)]);
    assert_eq!((sent.status, sent.header("location")), (303, expected.as_str()));
}

#[test]
fn each_user_sees_their_own_organisations_and_those_connected_already() {
    let rig = Rig::web();
    rig.tokens(SCOPES, &Consent::allow(&[HEXAGON_TOOLS.id]).by("ben@example.com"));
    let mut browser = Browser::new(&rig);
    let consent = browser.log_in(&rig.authorize_url(SCOPES, &[]), "ben@example.com");
    let page = browser.open(&consent);
    assert_eq!(choices(&page, "radio"), [MAPLE_FLORIST.id, HEXAGON_TOOLS.id]);
    assert_eq!(page.body.matches("Connected already").count(), 1);
    assert!(page.body.contains(">Continue with 1 organisation</button>"), "{}", page.body);
    let nothing = browser.send(&action(&page), &[("decision", "allow")]);
    assert_eq!(nothing.status, 422);
    assert!(nothing.body.contains("Choose an organisation."), "{}", nothing.body);
    let stranger = browser.send(&consent, &[("decision", "allow"), ("organisation", DEMO_COMPANY.id)]);
    assert!(stranger.body.contains("Choose one of your organisations."), "{}", stranger.body);
    let on = browser.send(&consent, &[("decision", "continue"), ("organisation", MAPLE_FLORIST.id)]);
    let tokens = rig.exchange(&parameter(on.header("location"), "code").unwrap()).json();
    let list = rig.connections(&text(&tokens["access_token"]));
    assert_eq!((list.as_array().unwrap().len(), &list[0]["tenantId"]), (1, &json!(HEXAGON_TOOLS.id)));
}

#[test]
fn a_user_without_organisations_is_told() {
    let rig = Rig::web();
    let mut browser = Browser::new(&rig);
    let consent = browser.log_in(&rig.authorize_url(SCOPES, &[]), "cleo@example.com");
    let page = browser.open(&consent);
    assert!(page.body.contains("You have no organisations"), "{}", page.body);
    let sent = browser.send(&consent, &[("decision", "allow")]);
    assert!(parameter(sent.header("location"), "code").is_some(), "{sent:?}");
    let who = browser.open(rig.authorize_url("openid email", &[]).strip_prefix(rig.mock.url()).unwrap());
    let page = browser.open(who.header("location"));
    assert!(!page.body.contains("You have no organisations") && page.body.contains("know who you are"));
}

#[test]
fn bulk_apps_show_checkboxes_unless_told_not_to() {
    let rig = Rig::web();
    rig.mock.bulk_connections(&rig.app.client_id, true).unwrap();
    let mut browser = Browser::new(&rig);
    let consent = browser.log_in(&rig.authorize_url(SCOPES, &[]), "ben@example.com");
    let page = browser.open(&consent);
    assert_eq!(choices(&page, "checkbox"), [MAPLE_FLORIST.id, HEXAGON_TOOLS.id]);
    let both =
        [("organisation", MAPLE_FLORIST.id), ("organisation", HEXAGON_TOOLS.id), ("decision", "allow")];
    let sent = browser.send(&consent, &both);
    let tokens = rig.exchange(&parameter(sent.header("location"), "code").unwrap()).json();
    assert_eq!(rig.connections(&text(&tokens["access_token"])).as_array().unwrap().len(), 2);
    let again = browser.open(&consent);
    assert!(again.body.contains(">Continue with 2 organisations</button>"), "{}", again.body);
    let single = rig.authorize_url(SCOPES, &[("acr_values", "bulk_connect:false")]);
    let path = browser.open(single.strip_prefix(rig.mock.url()).unwrap()).header("location").to_owned();
    let page = browser.open(&path);
    assert_eq!((choices(&page, "radio").len(), choices(&page, "checkbox").len()), (2, 0));
}

#[test]
fn at_the_cap_the_error_page_comes() {
    let rig = Rig::web();
    rig.mock.connection_cap(Some(0));
    let mut browser = Browser::new(&rig);
    let consent = browser.log_in(&rig.authorize_url(SCOPES, &[]), "ada@example.com");
    let sent = browser.send(&consent, &[("decision", "allow"), ("organisation", DEMO_COMPANY.id)]);
    assert_eq!(sent.status, 302);
    let page = browser.open(sent.header("location"));
    assert!(page.body.contains("Error: access_denied : The app has as many connections"), "{}", page.body);
}

#[test]
fn login_leads_to_the_identity_servers_own_pages_only() {
    let rig = Rig::web();
    let mut browser = Browser::new(&rig);
    for elsewhere in
        ["https://evil.example/", "//evil.example/identity/", "/myapps", "/identity/x%0d%0aSet-Cookie:a"]
    {
        let escaped: String = form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
        let path = format!("/identity/user/login?ReturnUrl={escaped}");
        let sent = browser.send(&path, &[("email", "ada@example.com"), ("password", "x")]);
        let expected = if elsewhere.starts_with("/identity/") { elsewhere } else { "" };
        assert_eq!(sent.header("location"), expected, "{elsewhere}");
    }
    let broken = browser.send(
        "/identity/user/login?ReturnUrl=/identity/%0aX:1",
        &[("email", "ada@example.com"), ("password", "x")],
    );
    assert_eq!((broken.status, broken.header("location")), (200, ""));
}

#[test]
fn pages_are_framed_by_nobody_and_forms_lead_to_the_app_only() {
    let rig = Rig::web();
    let mut browser = Browser::new(&rig);
    let consent = browser.log_in(&rig.authorize_url(SCOPES, &[]), "ada@example.com");
    let page = browser.open(&consent);
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' http://localhost:8742; base-uri 'none'; frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert_eq!(page.header("cache-control"), "no-store");
    let login = browser.open("/identity/user/login");
    assert!(login.header("content-security-policy").contains("form-action 'self'; "));
    for page in [page, login] {
        assert!(page.body.contains("name=\"viewport\"") && page.body.contains("It is not run by Xero"));
        assert!(!page.body.contains("<script") && !page.body.contains("src="));
    }
}

#[test]
fn names_of_apps_are_escaped() {
    let rig = Rig::with(|mock| mock.create_web_app("<script>alert(1)</script>", &[CALLBACK]).unwrap());
    let mut browser = Browser::new(&rig);
    let consent = browser.log_in(&rig.authorize_url(SCOPES, &[("state", "\"><script>")]), "ada@example.com");
    let page = browser.open(&consent);
    assert!(!page.body.contains("<script"), "{}", page.body);
    assert!(page.body.contains("&#60;script&#62;alert(1)"), "{}", page.body);
    assert_eq!(rig.get("/identity/error?errorId=<script>").body.matches("<script").count(), 0);
}

#[test]
fn a_custom_connections_user_follows_the_link_of_the_mail() {
    let rig =
        Rig::with(|mock| mock.create_custom_app("Till", HEXAGON_TOOLS.id, &["accounting.settings"]).unwrap());
    let mut browser = Browser::new(&rig);
    let link = format!("/identity/user/custom-connection?id={}", rig.app.id);
    let login = browser.open(&link).header("location").to_owned();
    let page = browser.open(&login);
    let sent = browser.send(&action(&page), &[("email", "ben@example.com"), ("password", "x")]);
    let other = browser.open(sent.header("location"));
    assert_eq!(other.status, 403);
    assert!(other.body.contains("This link is not for you"), "{}", other.body);
    browser.send(&action(&page), &[("email", "ada@example.com"), ("password", "x")]);
    let page = browser.open(&link);
    assert_eq!(choices(&page, "radio"), [DEMO_COMPANY.id, MAPLE_FLORIST.id, HEXAGON_TOOLS.id]);
    let cancelled = browser.send(&link, &[("decision", "cancel")]);
    assert!(cancelled.body.contains("Nothing was connected"), "{}", cancelled.body);
    assert_eq!(browser.send(&link, &[("decision", "allow")]).status, 422);
    let japan = browser.send(&link, &[("decision", "allow"), ("organisation", NIHON_SHOJI.id)]);
    assert_eq!(japan.status, 422);
    let done = browser.send(&link, &[("decision", "allow"), ("organisation", MAPLE_FLORIST.id)]);
    assert!(done.body.contains("Till may now act for Maple Florist Ltd."), "{}", done.body);
    let tokens = rig.token(&[("grant_type", "client_credentials")]).json();
    let answer = rig.call(Method::GET, ORGANISATION, &text(&tokens["access_token"]), "");
    assert_eq!(answer.json()["Organisations"][0]["Name"], MAPLE_FLORIST.name);
    assert_eq!(browser.open("/identity/user/custom-connection?id=none").status, 404);
}
