#![doc = include_str!("../README.md")]

mod app;
mod authorisation;
mod backend;
mod bundle;
mod clock;
mod connection;
mod database;
mod error;
mod event;
mod finding;
mod grant;
mod host;
mod ledger;
mod limits;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod refresh;
mod request;
mod seal;
mod server;
mod store;
mod store_key;
mod traffic;

pub use app::{App, AppChanges, AppKind, NewApp, NewSecret, Rank, SecondSecret};
pub use authorisation::{Access, Authorisation, Handed, HandedWay, NeedsLogin, NewAuthorisation};
pub use bundle::{Bundle, Packed};
pub use clock::{Clock, ManualClock, SystemClock};
pub use connection::{
    Connection, NewConnection, NewPrivateConnection, Organisation, check_name, is_unseen, quoted,
};
pub use error::{DatabaseError, Error, Reason};
pub use event::{Event, EventKind, Machine};
pub use finding::Finding;
pub use host::{Host, Ownership};
pub use limits::Limits;
#[cfg(feature = "postgres")]
pub use postgres::PostgresAddress;
pub use refresh::{GRACE, Need};
pub use request::{ApiRequest, RequestHeaders, sign_private};
pub use server::Server;
pub use store::{
    Call, Destination, Existing, Export, Fitted, Imported, Importing, LockedStore, Logins, MoveStep, Moved,
    Replace, Restored, Restoring, Status, Store,
};
pub use store_key::{DerivedKey, KeyBytes, KeySlot, Lock, NewKey, Passphrase, StoreKey};
pub use traffic::{A_MINUTE, AN_APP_MINUTE, AT_ONCE, Pace, Patience, Told, Wait};
/// What a refused signature means (OAuth 1.0a).
pub use xero_auth_oauth1::{Answer as SignatureAnswer, Problem as SignatureProblem, Retry as SignatureRetry};
/// What the public names above are made of, and what a refused token means, so that this crate can be linked alone.
pub use xero_auth_oauth2::{
    AccessToken, ApiAnswer, ApiProblem, AppIdentity, ClientId, ClientSecret, Endpoints, Limit, RedirectUri,
    RefreshToken, Scopes, TenantLink, User, is_loopback,
};
/// By which the keys of a private app are told apart.
pub use xero_certs::Certificate;
