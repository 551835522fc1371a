//! The portal's forms for web, desktop and custom apps, as a browser uses them, without JavaScript.

use reqwest::Method;
use xero_mock::{Consent, DEMO_COMPANY, MAX_REDIRECT_URIS, Mock};

use super::rig::{CALLBACK, Rig, SCOPES, basic, parameter};
use super::support::{Answer, Answered as _};

struct Portal {
    rig: Rig,
}

impl Portal {
    /// A mock with one web app already.
    fn new() -> Self {
        Self { rig: Rig::web() }
    }

    fn mock(&self) -> &Mock {
        &self.rig.mock
    }

    fn open(&self, path: &str) -> Answer {
        self.rig.get(path)
    }

    fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.rig.request(Method::POST, path).form(fields).answered()
    }

    fn create(&self, change: &[(&str, &str)]) -> Answer {
        let mut fields = vec![
            ("app-type", "web"),
            ("name", "Stock keeper"),
            ("company-url", "https://example.com"),
            ("redirect-uri", CALLBACK),
            ("terms", "yes"),
        ];
        fields.retain(|(name, _)| change.iter().all(|(other, _)| other != name));
        fields.extend(change);
        self.send("/myapps/new", &fields)
    }

    /// Creates an app that the form allows; gives the path of its page.
    fn created(&self, change: &[(&str, &str)]) -> String {
        let answer = self.create(change);
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.header("location").to_owned()
    }
}

fn input<'a>(page: &'a str, id: &str) -> &'a str {
    let after =
        page.split_once(&format!("id=\"{id}\" value=\"")).unwrap_or_else(|| panic!("no {id}: {page}")).1;
    after.split_once('"').unwrap().0
}

/// The text that a browser shows for an attribute's value.
fn unescaped(text: &str) -> String {
    text.replace("&#43;", "+").replace("&#61;", "=").replace("&#47;", "/").replace("&#38;", "&")
}

fn redirect_uris(page: &str) -> Vec<&str> {
    let inputs = page.split("name=\"redirect-uri\" value=\"").skip(1);
    inputs.map(|rest| rest.split_once('"').unwrap().0).collect()
}

#[track_caller]
fn assert_refused(answer: &Answer, field: &str, sentence: &str) {
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert!(
        answer.body.contains(&format!("<li><a href=\"#{field}\">{sentence}")),
        "{field}: {}",
        answer.body
    );
}

#[test]
fn a_web_app_is_created_gets_a_secret_once_and_works() {
    let portal = Portal::new();
    let path = portal.created(&[]);
    let page = portal.open(&path).body;
    let client_id = input(&page, "client-id").to_owned();
    assert!(page.contains("id=\"generate-secret\"") && !page.contains("id=\"client-secret\""));
    assert!(page.contains("id=\"connections\">0 connections<") && page.contains("Web app"));
    let first = portal.send(&format!("{path}/secret"), &[]);
    let first = unescaped(input(&first.body, "client-secret"));
    let later = portal.open(&path).body;
    assert!(!later.contains("id=\"client-secret\"") && later.contains("it was shown once"), "{later}");
    let second = portal.send(&format!("{path}/secret"), &[]);
    let second = unescaped(input(&second.body, "client-secret"));
    let url = portal.rig.authorize_url(SCOPES, &[("client_id", &client_id)]);
    let location = portal.mock().consent(&url, &Consent::allow(&[DEMO_COMPANY.id])).unwrap();
    let code = parameter(&location, "code").unwrap();
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    for (secret, status) in [(first, 400), (second, 200)] {
        let request = portal.rig.request(Method::POST, "/connect/token").form(&form);
        assert_eq!(request.header("Authorization", basic(&client_id, &secret)).answered().status, status);
    }
    assert!(portal.open(&path).body.contains("id=\"connections\">1 connection<"));
    let list = portal.open("/myapps").body;
    assert!(list.contains("Stock keeper") && list.contains("Web app · 1 connection"), "{list}");
}

#[test]
fn a_desktop_app_has_no_secret() {
    let portal = Portal::new();
    let path = portal.created(&[("app-type", "mobile-desktop")]);
    let page = portal.open(&path).body;
    assert_eq!(input(&page, "client-id").len(), 32);
    assert!(!page.contains("id=\"generate-secret\"") && page.contains("has no secret"), "{page}");
    assert_refused(
        &portal.send(&format!("{path}/secret"), &[]),
        "generate-secret",
        "A mobile or desktop app has no",
    );
}

#[test]
fn all_that_is_missing_is_named_at_once_and_what_was_typed_stays() {
    let portal = Portal::new();
    let answer = portal.send("/myapps/new", &[("app-type", "web")]);
    assert_refused(&answer, "name", "Enter a name for the app.");
    assert_refused(&answer, "company-url", "Enter the address of your company");
    assert_refused(&answer, "redirect-uri", "Enter a redirect URI.");
    assert_refused(&answer, "terms", "Agree to the terms");
    assert!(answer.body.contains("value=\"web\" checked"), "{}", answer.body);
    let answer = portal.create(&[("terms", ""), ("app-type", "mobile-desktop")]);
    assert_refused(&answer, "terms", "Agree to the terms");
    assert_eq!(redirect_uris(&answer.body), [CALLBACK]);
    assert!(answer.body.contains("name=\"company-url\" value=\"https://example.com\""));
    assert!(answer.body.contains("value=\"mobile-desktop\" checked"));
}

#[test]
fn names_and_addresses_follow_the_portals_rules() {
    let portal = Portal::new();
    for name in ["My Xero", "xEROx"] {
        assert_refused(&portal.create(&[("name", name)]), "name", "The name must not contain the word Xero.");
    }
    assert_refused(&portal.create(&[("name", "Night sync")]), "name", "Another app has this name already.");
    for url in ["http://example.com", "example.com"] {
        assert_refused(&portal.create(&[("company-url", url)]), "company-url", "Enter the address");
    }
    let address = portal.create(&[("redirect-uri", "http://127.0.0.1:8742/callback")]);
    assert_refused(&address, "redirect-uri", "With http only the name localhost is allowed");
    for uri in ["http://zynk.com/", "zynk:callback", "https://*.zynk.com/"] {
        assert_refused(&portal.create(&[("redirect-uri", uri)]), "redirect-uri", "“");
    }
    portal.created(&[("redirect-uri", "https://zynk.com/")]);
}

#[test]
fn redirect_uris_are_added_changed_and_removed() {
    let portal = Portal::new();
    let path = portal.created(&[]);
    let save = format!("{path}/redirect-uris");
    let two = [("redirect-uri", CALLBACK), ("redirect-uri", "https://zynk.com/")];
    assert_eq!(portal.send(&save, &two).status, 303);
    assert_eq!(redirect_uris(&portal.open(&path).body), [CALLBACK, "https://zynk.com/"]);
    let without_first = [two[0], two[1], ("redirect-uri", ""), ("remove", "0")];
    assert_eq!(portal.send(&save, &without_first).status, 303);
    assert_eq!(redirect_uris(&portal.open(&path).body), ["https://zynk.com/"]);
    let refused = portal.send(&save, &[two[1], ("redirect-uri", "http://127.0.0.1/")]);
    assert_refused(&refused, "redirect-uri", "With http only the name localhost");
    assert_eq!(redirect_uris(&refused.body), ["https://zynk.com/", "http://127.0.0.1/"]);
    assert_eq!(redirect_uris(&portal.open(&path).body), ["https://zynk.com/"], "nothing was saved");
    assert_refused(&portal.send(&save, &[]), "redirect-uri", "Enter a redirect URI.");
    let many: Vec<String> =
        (0..=MAX_REDIRECT_URIS).map(|port| format!("http://localhost:{}/", 4000 + port)).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|uri| ("redirect-uri", uri.as_str())).collect();
    assert_refused(&portal.send(&save, &many), "redirect-uri", "An app can have at most 50 redirect URIs.");
    assert_eq!(portal.send(&save, &many[1..]).status, 303);
    assert_eq!(portal.send("/myapps/none/redirect-uris", &two).status, 404);
}

#[test]
fn a_custom_connection_chooses_scopes_and_its_user() {
    let portal = Portal::new();
    let path = portal.created(&[("app-type", "custom"), ("redirect-uri", "")]);
    let page = portal.open(&path).body;
    assert!(page.contains("value=\"accounting.settings\"") && !page.contains("value=\"openid\""), "{page}");
    assert!(!page.contains("id=\"invitation\"") && !page.contains("OAuth 2.0 redirect URIs"));
    let connect = format!("{path}/connect");
    let empty = portal.send(&connect, &[]);
    assert_refused(&empty, "scopes", "Choose at least one scope.");
    assert_refused(&empty, "authorising-user", "Nobody here has this e-mail address.");
    let unknown = portal.send(&connect, &[("scope", "files"), ("authorising-user", "eve@example.com")]);
    assert_refused(&unknown, "authorising-user", "Nobody here");
    assert!(unknown.body.contains("value=\"files\" checked") && unknown.body.contains("eve@example.com"));
    let broad = [("scope", "accounting.transactions"), ("authorising-user", "ada@example.com")];
    assert_refused(
        &portal.send(&connect, &broad),
        "scopes",
        "The scope “accounting.transactions” is not offered",
    );
    let good = [
        ("scope", "accounting.settings"),
        ("scope", "accounting.contacts.read"),
        ("authorising-user", "ada@example.com"),
    ];
    assert_eq!(portal.send(&connect, &good).status, 303);
    let page = portal.open(&path).body;
    let link = page.split_once("id=\"invitation\" href=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    assert!(link.starts_with("/identity/user/custom-connection?id="), "{link}");
    let client_id = input(&page, "client-id");
    portal.mock().authorise_custom_app(client_id).unwrap();
    let connected = portal.open(&path).body;
    assert!(
        connected.contains("id=\"connected-to\"") && connected.contains(DEMO_COMPANY.name),
        "{connected}"
    );
    assert!(connected.contains("id=\"generate-secret\""));
    let app = portal.mock().client_app(client_id).unwrap();
    assert_eq!(app.scopes, ["accounting.settings", "accounting.contacts.read"]);
    assert_eq!(portal.send(&connect, &good).status, 303);
    let again = portal.open(&path).body;
    assert!(again.contains("id=\"invitation\"") && !again.contains("id=\"connected-to\""), "{again}");
}

#[test]
fn scopes_and_connection_are_a_custom_connections_only() {
    let portal = Portal::new();
    let path = portal.created(&[]);
    let refused = portal
        .send(&format!("{path}/connect"), &[("scope", "files"), ("authorising-user", "ada@example.com")]);
    assert_refused(&refused, "scopes", "Only custom connections choose their scopes here.");
}

#[test]
fn an_app_is_deleted_after_a_question() {
    let portal = Portal::new();
    let path = portal.created(&[]);
    let question = portal.open(&format!("{path}/delete"));
    assert!(question.body.contains("Its connections and tokens end"), "{}", question.body);
    let done = portal.send(&format!("{path}/delete"), &[]);
    assert_eq!((done.status, done.header("location")), (303, "/myapps"));
    assert_eq!(portal.open(&path).status, 404);
    assert!(!portal.open("/myapps").body.contains("Stock keeper"));
    assert_eq!(portal.send(&format!("{path}/delete"), &[]).status, 404);
    assert_eq!(portal.send(&format!("{path}/secret"), &[]).status, 404);
    assert_eq!(portal.send(&format!("{path}/connect"), &[]).status, 404);
}

#[test]
fn what_people_enter_is_escaped() {
    let portal = Portal::new();
    let hostile = "<script>alert('1')</script>\"&";
    let path = portal.created(&[("name", hostile), ("company-url", "https://example.com/\"><script>")]);
    let refused = portal.create(&[("name", hostile), ("redirect-uri", "\"><script>")]);
    for page in [portal.open(&path), portal.open("/myapps"), portal.open(&format!("{path}/delete")), refused]
    {
        assert!(page.body.contains("&#60;script&#62;alert"), "{}", page.body);
        assert!(!page.body.contains("<script"), "{}", page.body);
    }
}

#[test]
fn the_form_shows_the_fields_of_the_chosen_kind_only() {
    let portal = Portal::new();
    let page = portal.open("/myapps/new").body;
    for kind in ["web", "mobile-desktop", "custom", "private"] {
        assert!(page.contains(&format!("name=\"app-type\" value=\"{kind}\"")), "{kind}");
        assert!(page.contains(&format!(".kinds:has([value={kind}]:checked) .only:not(.for-")), "{kind}");
    }
    for (id, kinds) in
        [("company-url", "for-web for-desktop for-custom"), ("redirect-uri", "for-web for-desktop")]
    {
        assert!(
            page.contains(&format!(
                "<div class=\"field only {kinds}\">\n<label class=\"label\" for=\"{id}\">"
            )),
            "{id}"
        );
    }
}
