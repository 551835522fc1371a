//! The portal as a browser uses it, without JavaScript.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use xero_mock::{DEMO_COMPANY, HEXAGON_TOOLS, MAX_PRIVATE_APPS};

use super::support::{Answer, Answered as _, Bench, key_pair, make_key_pair, openssl, other_key_pair};

/// What a person filled in; `file` and `text` are the two ways to give a certificate.
struct Filled<'a> {
    name: &'a str,
    organisation: &'a str,
    file: Option<(&'a str, Vec<u8>)>,
    text: &'a str,
    terms: bool,
}

fn filled() -> Filled<'static> {
    let file = Some(("public.cer", key_pair().certificate.clone().into_bytes()));
    Filled { name: "Stock keeper", organisation: HEXAGON_TOOLS.id, file, text: "", terms: true }
}

fn form(filled: &Filled<'_>) -> Form {
    let (file_name, bytes) = filled.file.clone().unwrap_or(("", Vec::new()));
    let mut form = Form::new()
        .text("app-type", "private")
        .text("name", filled.name.to_owned())
        .text("organisation", filled.organisation.to_owned())
        .part("certificate", Part::bytes(bytes).file_name(file_name.to_owned()))
        .text("certificate-text", filled.text.to_owned());
    if filled.terms {
        form = form.text("terms", "yes");
    }
    form
}

fn submit(bench: &Bench, filled: &Filled<'_>) -> Answer {
    bench.plain(Method::POST, "/myapps/new").multipart(form(filled)).answered()
}

fn open(bench: &Bench, path: &str) -> Answer {
    bench.plain(Method::GET, path).answered()
}

/// The value of the input with this id.
fn input<'a>(page: &'a str, id: &str) -> &'a str {
    let after = page.split_once(&format!("id=\"{id}\" value=\"")).unwrap_or_else(|| panic!("no {id}")).1;
    after.split_once('"').unwrap().0
}

#[track_caller]
fn assert_refused(answer: &Answer, field: &str, sentence: &str) {
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert!(answer.body.contains(&format!("<li><a href=\"#{field}\">")), "{field}: {}", answer.body);
    let escaped = sentence.replace('\'', "&#39;");
    assert!(answer.body.contains(&escaped), "{sentence}: {}", answer.body);
}

#[test]
fn an_app_is_created_shown_listed_and_works() {
    let mut bench = Bench::new();
    assert!(open(&bench, "/").body.contains("href=\"/myapps\""));
    assert!(open(&bench, "/myapps").body.contains("href=\"/myapps/new\""));
    let empty = open(&bench, "/myapps/new").body;
    for id in ["name", "organisation", "certificate", "certificate-text", "terms", "create-app"] {
        assert!(empty.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(!empty.contains("role=\"alert\""));
    let created = submit(&bench, &filled());
    assert_eq!(created.status, 303, "{}", created.body);
    let page = open(&bench, created.header("location")).body;
    assert!(page.contains("OAuth 1.0a Credentials"));
    let key = input(&page, "consumer-key").to_owned();
    let app = bench.mock.app(&key).unwrap();
    assert_eq!((app.name.as_str(), app.organisation.as_str()), ("Stock keeper", HEXAGON_TOOLS.id));
    assert_eq!(input(&page, "consumer-secret"), app.consumer_secret);
    assert!(open(&bench, "/myapps").body.contains("Stock keeper"));
    bench.app = app;
    assert_eq!(bench.get("/api.xro/2.0/Organisation").json()["Organisations"][0]["Name"], HEXAGON_TOOLS.name);
}

#[test]
fn the_page_shows_the_fingerprint_that_openssl_prints() {
    let bench = Bench::new();
    let page = open(&bench, &format!("/myapps/{}", bench.app.id)).body;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c"), &key_pair().certificate).unwrap();
    let printed = openssl(folder.path(), &["x509", "-in", "c", "-noout", "-fingerprint", "-sha1"]);
    let fingerprint = String::from_utf8(printed).unwrap().trim_end().split_once('=').unwrap().1.to_owned();
    assert!(page.contains(&format!("id=\"certificate-fingerprint\">{fingerprint}</dd>")), "{fingerprint}");
    assert!(page.contains("CN=Test of the mock"));
    assert!(page.contains("RSA, 2048 bits"));
}

#[test]
fn pasted_text_and_url_encoded_forms_do_as_well() {
    let bench = Bench::new();
    let pasted = format!("\r\n  {}\r\n", key_pair().certificate.replace('\n', "\r\n"));
    let created = submit(&bench, &Filled { file: None, text: &pasted, ..filled() });
    assert_eq!(created.status, 303, "{}", created.body);
    let certificate = key_pair().certificate.as_str();
    let fields = [
        ("app-type", "private"),
        ("name", "Plain"),
        ("organisation", HEXAGON_TOOLS.id),
        ("certificate-text", certificate),
        ("terms", "yes"),
    ];
    let created = bench.plain(Method::POST, "/myapps/new").form(&fields).answered();
    assert_eq!(created.status, 303, "{}", created.body);
}

#[test]
fn an_empty_form_names_all_that_is_missing_at_once() {
    let bench = Bench::new();
    let answer = bench.plain(Method::POST, "/myapps/new").form(&[("x", "y")]).answered();
    assert_refused(&answer, "app-type", "Choose Private app");
    assert_refused(&answer, "name", "Enter a name for the app.");
    assert_refused(&answer, "organisation", "Choose the organisation that the app acts for.");
    assert_refused(&answer, "certificate", "Upload a certificate file or paste the certificate's text.");
    assert_refused(&answer, "terms", "Agree to the terms and conditions");
    assert!(open(&bench, "/myapps").body.matches("<li class=\"row\">").count() == 1);
}

#[test]
fn each_missing_field_keeps_what_was_typed() {
    let bench = Bench::new();
    let answer = submit(&bench, &Filled { name: "  ", ..filled() });
    assert_refused(&answer, "name", "Enter a name for the app.");
    assert!(answer.body.contains(key_pair().certificate.lines().nth(1).unwrap()), "{}", answer.body);
    assert!(answer.body.contains(&format!("<option value=\"{}\" selected>", HEXAGON_TOOLS.id)));
    let answer = submit(&bench, &Filled { organisation: "elsewhere", ..filled() });
    assert_refused(&answer, "organisation", "Choose the organisation");
    assert!(answer.body.contains("value=\"Stock keeper\""));
    assert_refused(&submit(&bench, &Filled { terms: false, ..filled() }), "terms", "Agree to the terms");
}

type Upload = (&'static str, Vec<u8>, &'static str);

/// Uploads that hold a private key, and what the page says.
fn private_uploads(folder: &Path) -> Vec<Upload> {
    let private = "This is a private key. It must stay with you and must not be shared";
    let pfx = "This is a .pfx file, which holds your private key. It must stay with you and must not";
    let both = [key_pair().certificate.as_bytes(), key_pair().key.as_bytes()].concat();
    let run = |command: &str| openssl(folder, &command.split(' ').collect::<Vec<_>>());
    vec![
        ("key.pem", key_pair().key.clone().into_bytes(), private),
        ("rsa.pem", run("rsa -in k -traditional"), private),
        ("locked.pem", run("pkey -in k -aes128 -passout pass:x"), private),
        ("key.der", run("pkey -in k -outform DER"), private),
        ("rsa.der", run("rsa -in k -outform DER -traditional"), private),
        ("both.pem", both, private),
        ("a.pfx", run("pkcs12 -export -inkey k -in c -passout pass:x"), pfx),
    ]
}

/// Uploads that are no usable certificate, and what the page says.
fn bad_uploads(folder: &Path) -> Vec<Upload> {
    let other = "This is not a certificate but another kind of key file.";
    let unreadable = "This cannot be read as a base-64 encoded X.509 certificate";
    let short = "The certificate's RSA key has 768 bits. At least 1024 are needed";
    let run = |command: &str| openssl(folder, &command.split(' ').collect::<Vec<_>>());
    let cut = key_pair().certificate.as_bytes()[..300].to_vec();
    run("ecparam -name prime256v1 -genkey -noout -out ec");
    vec![
        ("der.cer", run("x509 -in c -outform DER"), "This certificate is in binary (DER) form."),
        ("public.pem", run("pkey -in k -pubout"), other),
        ("request.csr", run("req -new -key k -subj /CN=x"), other),
        ("ec.cer", run("req -x509 -key ec -subj /CN=x"), "The certificate's key is not an RSA key."),
        ("short.cer", make_key_pair("rsa:768").certificate.into_bytes(), short),
        ("cut.cer", cut, unreadable),
        ("text.cer", b"hello".to_vec(), unreadable),
        ("bytes.cer", vec![0x30, 0x84, 0xff, 0xff], unreadable),
        ("empty.cer", b"\r\n ".to_vec(), "Upload a certificate file or paste"),
    ]
}

#[test]
fn every_bad_certificate_gets_its_sentence() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let replace = format!("/myapps/{}/certificate", bench.app.id);
    std::fs::write(folder.path().join("k"), &key_pair().key).unwrap();
    std::fs::write(folder.path().join("c"), &key_pair().certificate).unwrap();
    let uploads = [private_uploads(folder.path()), bad_uploads(folder.path())].concat();
    assert_eq!(uploads.len(), 16);
    for (name, bytes, sentence) in uploads {
        let answer = submit(&bench, &Filled { file: Some((name, bytes.clone())), ..filled() });
        assert_refused(&answer, "certificate", sentence);
        assert!(
            !answer.body.contains(key_pair().key.lines().nth(1).unwrap()),
            "{name}: a private key came back"
        );
        let form = Form::new().part("certificate", Part::bytes(bytes).file_name(name));
        let answer = bench.plain(Method::POST, &replace).multipart(form).answered();
        assert_refused(&answer, "certificate", sentence);
    }
    assert_eq!(bench.get("/api.xro/2.0/Organisation").status, 200, "the old certificate stayed");
}

#[test]
fn expired_certificates_are_refused() {
    let bench = Bench::new();
    bench.mock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    assert_refused(&submit(&bench, &filled()), "certificate", "This certificate has already expired.");
    let page = open(&bench, &format!("/myapps/{}", bench.app.id)).body;
    assert!(page.contains("This certificate has expired."));
}

#[test]
fn an_organisation_has_two_private_apps_at_most() {
    let bench = Bench::new();
    assert_eq!(submit(&bench, &Filled { organisation: DEMO_COMPANY.id, ..filled() }).status, 303);
    let third = submit(&bench, &Filled { organisation: DEMO_COMPANY.id, ..filled() });
    assert_refused(&third, "organisation", "This organisation already has 2 private apps");
    assert_eq!(MAX_PRIVATE_APPS, 2);
    bench.mock.delete_app(&bench.app.consumer_key).unwrap();
    assert_eq!(submit(&bench, &Filled { organisation: DEMO_COMPANY.id, ..filled() }).status, 303);
}

#[test]
fn certificates_are_replaced_on_their_page() {
    let bench = Bench::new();
    let path = format!("/myapps/{}/certificate", bench.app.id);
    assert!(open(&bench, &path).body.contains("id=\"save-certificate\""));
    let form = Form::new().text("certificate-text", other_key_pair().certificate.clone());
    let saved = bench.plain(Method::POST, &path).multipart(form).answered();
    assert_eq!((saved.status, saved.header("location")), (303, format!("/myapps/{}", bench.app.id).as_str()));
    let certificate = bench.mock.app(&bench.app.consumer_key).unwrap().certificate.unwrap();
    assert_eq!(certificate.key_bits, 1024);
}

#[test]
fn apps_are_disconnected_and_deleted_after_a_question() {
    let bench = Bench::new();
    let path = format!("/myapps/{}", bench.app.id);
    let gone = bench.plain(Method::POST, &format!("{path}/disconnect")).answered();
    assert_eq!((gone.status, gone.header("location")), (303, path.as_str()));
    assert!(open(&bench, &path).body.contains("A user disconnected this app"));
    assert_eq!(bench.get("/api.xro/2.0/Organisation").status, 401);
    assert!(open(&bench, &format!("{path}/delete")).body.contains("id=\"confirm-delete\""));
    let deleted = bench.plain(Method::POST, &format!("{path}/delete")).answered();
    assert_eq!((deleted.status, deleted.header("location")), (303, "/myapps"));
    assert!(open(&bench, "/myapps").body.contains("You have no apps yet."));
    for path in [path.clone(), format!("{path}/certificate"), format!("{path}/delete")] {
        assert_eq!(open(&bench, &path).status, 404);
    }
    assert_eq!(bench.plain(Method::POST, &format!("{path}/delete")).answered().status, 404);
}

#[test]
fn what_people_enter_is_escaped_on_every_page() {
    let bench = Bench::new();
    let hostile = "<script>alert('1')</script>\"&";
    let created = submit(&bench, &Filled { name: hostile, ..filled() });
    let path = created.header("location");
    let refused =
        submit(&bench, &Filled { name: hostile, text: "</textarea><script>", file: None, ..filled() });
    let mut pages = vec![refused.body];
    for page in ["/myapps", path, &format!("{path}/certificate"), &format!("{path}/delete")] {
        pages.push(open(&bench, page).body);
    }
    assert_eq!(pages.len(), 5);
    for page in pages {
        assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
}

#[test]
fn pages_load_nothing_and_say_whose_they_are() {
    let bench = Bench::new();
    for path in ["/", "/myapps", "/myapps/new", "/myapps/nothing"] {
        let page = open(&bench, path);
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(page.body.contains("This is the mock Xero developer portal"));
        assert!(page.body.contains("name=\"viewport\""));
        assert!(!page.body.contains("src="));
    }
    bench.mock.private_apps_off(true);
    assert!(open(&bench, "/myapps").body.contains("OAuth 1.0a is switched off."));
}

#[test]
fn pasted_text_comes_back_unless_it_is_a_private_key() {
    let bench = Bench::new();
    let replace = format!("/myapps/{}/certificate", bench.app.id);
    for (text, shown) in [("MIIC no armour", true), (key_pair().key.as_str(), false)] {
        let line = text.lines().next_back().unwrap();
        let answer = submit(&bench, &Filled { file: None, text, ..filled() });
        assert_eq!((answer.status, answer.body.contains(line)), (422, shown));
        let form = Form::new().text("certificate-text", text.to_owned());
        let answer = bench.plain(Method::POST, &replace).multipart(form).answered();
        assert_eq!((answer.status, answer.body.contains(line)), (422, shown));
    }
}
