//! The example logs in at the mock.

use xero_auth_oauth2::{Endpoints, Error};
use xero_mock::{Consent, MAPLE_FLORIST, Mock};

use crate::log_in::Login;

const REDIRECT: &str = "http://localhost:8742/callback";

#[tokio::test]
async fn a_person_logs_in_by_two_addresses() {
    let mock = Mock::start().await.unwrap();
    let app = mock.create_desktop_app("Example", &[REDIRECT]).unwrap();
    let begin =
        || Login::begin(Endpoints::at(&mock.url().parse().unwrap()), &app.client_id, REDIRECT).unwrap();
    let login = begin();
    let pasted = mock.consent(&login.address(), &Consent::allow(&[MAPLE_FLORIST.id])).unwrap();
    let strange = begin().finish(&pasted).await;
    assert_eq!(strange.unwrap_err(), Error::StateMismatch);
    let (answer, links) = login.finish(&pasted).await.unwrap();
    assert!(answer.refresh_token.is_some() && answer.access.is_ok());
    assert_eq!(links.iter().map(|link| link.tenant_id.as_str()).collect::<Vec<_>>(), [MAPLE_FLORIST.id]);
    assert_eq!(login.finish(&pasted).await.unwrap_err(), Error::InvalidGrant, "a code is good once");
}
