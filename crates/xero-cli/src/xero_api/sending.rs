//! How a call is sent: when Xero's limits allow it, and again where that may help.

use std::{
    collections::VecDeque,
    time::{Duration, Instant, SystemTime},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use connection_store::{
    ApiAnswer, AppKind, Call as Counted, Connection, Limits, RequestHeaders, Store, Told, Wait,
};
use reqwest::{
    Client, Method,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue},
};
use url::Url;
use xero_certs::Certificate;

use super::{Authority, Call, Refusal, Reply, Trial, client, host, unreachable_server};
use crate::{
    failure::{Failure, Kind, Outcome},
    show,
    ui::Ui,
};

/// Under this name a write that is sent twice is done once (Xero keeps the answer for six minutes).
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// How often a call is sent again for the sake of a server in trouble.
const REPEATS: usize = 3;
/// A wait for a limit that is longer is told of.
const WORTH_A_WORD: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How long a call waits, and whether it is sent again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For the limits and between two tries, in all.
    longest: Duration,
    repeats: usize,
    /// Who is told of a wait.
    ui: Option<Ui>,
}

impl Patience {
    /// For a moment while others are served; the first answer counts.
    pub(crate) const SHORT: Self = Self { longest: Duration::from_secs(2), repeats: 0, ui: None };

    /// As long as this in all, and a server in trouble is asked again.
    pub(crate) fn of(longest: Duration, ui: Ui) -> Self {
        Self { longest, repeats: REPEATS, ui: Some(ui) }
    }

    fn say(&self, text: impl FnOnce() -> String) {
        if let Some(ui) = self.ui {
            ui.say(text());
        }
    }

    fn say_waiting(&self, wait: Wait) {
        let seconds = wait.time.as_secs_f64().ceil();
        if wait.time > WORTH_A_WORD {
            self.say(|| format!("The rate limit{} is used up: waiting {seconds} seconds.", wait.limit));
        }
    }

    /// The pauses between tries: each twice as long as the one before, and none quite the same.
    fn pauses(&self) -> VecDeque<Duration> {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_times(self.repeats)
            .with_jitter();
        pauses.build().collect()
    }
}

/// What came of one try.
enum Tried {
    Answered(Reply),
    /// The connection broke off before the whole answer was here.
    BrokenOff(Failure),
}

/// Sends a call when the limits allow it, authorised anew, and again: with a fresh signature or token where that may help,
/// after the time that Xero names, and where the server is in trouble and the call does no harm twice.
pub(crate) async fn send(call: &Call, timeout: Duration, authority: &Authority<'_>) -> Outcome<Reply> {
    let until = Instant::now() + call.patience.longest;
    let sending = Sending { client: client(&call.url, timeout)?, call, authority, until };
    let (mut pauses, mut limited) = (call.patience.pauses(), None);
    loop {
        let tried = match sending.attempt().await {
            Ok(tried) => tried,
            // The limit that was told of will not be over in time.
            Err(failure) => return limited.filter(|_| failure.kind == Kind::RateLimited).ok_or(failure),
        };
        let wait = tried.limit(authority.kind());
        let pause = match wait {
            Some(wait) => (call.patience.repeats > 0).then_some(wait.time),
            None if !tried.is_trouble() || !call.may_repeat() => None,
            None => pauses.pop_front().inspect(|_| call.patience.say(|| tried.trouble())),
        };
        let Some(pause) = pause.filter(|pause| Instant::now() + *pause < until) else {
            return tried.into_reply();
        };
        wait.into_iter().for_each(|wait| call.patience.say_waiting(wait));
        tokio::time::sleep(pause).await;
        limited = tried.into_reply().ok().filter(|_| wait.is_some());
    }
}

impl Call {
    /// Whether it does the same when it is sent twice.
    fn may_repeat(&self) -> bool {
        let named = || self.headers.contains_key(IDEMPOTENCY_KEY);
        self.method == Method::GET || (self.method != Method::DELETE && named())
    }
}

impl Tried {
    fn is_trouble(&self) -> bool {
        match self {
            Self::Answered(reply) => reply.status.is_server_error(),
            Self::BrokenOff(_) => true,
        }
    }

    /// The limit that refused it, and how long to keep away: whether or not calls are counted.
    fn limit(&self, kind: AppKind) -> Option<Wait> {
        let Self::Answered(reply) = self else { return None };
        let wait = Wait::after(reply.told(kind).refused?);
        Some(Wait { time: wait.time.max(FIRST_PAUSE), ..wait })
    }

    /// What to say of it before it is tried again.
    fn trouble(&self) -> String {
        match self {
            Self::Answered(reply) => {
                format!("Xero's server is in trouble (status {}). Once more.", reply.status.as_u16())
            }
            Self::BrokenOff(failure) => format!("{}. Once more.", failure.message),
        }
    }

    fn into_reply(self) -> Outcome<Reply> {
        match self {
            Self::Answered(reply) => Ok(reply),
            Self::BrokenOff(failure) => Err(failure),
        }
    }
}

impl Reply {
    fn is_limited(&self, kind: AppKind) -> bool {
        self.told(kind).refused.is_some()
    }

    /// What it says of the limits.
    fn told(&self, kind: AppKind) -> Told {
        let headers = self.texts();
        let answer = ApiAnswer { status: self.status.as_u16(), headers: &headers, body: &self.body };
        Told::read(kind, &answer, SystemTime::now())
    }

    /// The value of a header that is a number.
    fn number(&self, name: &str) -> Option<u32> {
        self.headers.get(name)?.to_str().ok()?.trim().parse().ok()
    }
}

/// A call on its way.
struct Sending<'a> {
    client: Client,
    call: &'a Call,
    authority: &'a Authority<'a>,
    until: Instant,
}

impl Sending<'_> {
    /// One try, and what belongs to it: a fresh signature or token, or the second key.
    async fn attempt(&self) -> Outcome<Tried> {
        let (authorisation, tried) = self.exchange(self.authority).await?;
        let Tried::Answered(reply) = tried else { return Ok(tried) };
        match reply.refusal(self.authority.kind()) {
            Some(refusal) if self.authority.try_again(&refusal, &authorisation).await? => {
                tracing::info!("refused; once more with a fresh authorisation");
                Ok(self.exchange(self.authority).await?.1)
            }
            Some(Refusal::Signed(_)) => self.second_key(reply).await,
            _ => Ok(Tried::Answered(reply)),
        }
    }

    /// While the portal changes over to another certificate there are two keys, and it takes one of them. The one that it
    /// takes is the first from then on.
    async fn second_key(&self, refused: Reply) -> Outcome<Tried> {
        let Authority::Stored(store, connection) = self.authority else {
            return Ok(Tried::Answered(refused));
        };
        let second = connection.app.second.as_ref().and_then(|second| second.certificate.as_ref());
        let Some(second) = second.filter(|_| !refused.is_limited(AppKind::Private)) else {
            return Ok(Tried::Answered(refused));
        };
        let trial = Trial { store, connection, consumer_key: None, certificate: Some(second) };
        match self.exchange(&Authority::Trial(trial)).await?.1 {
            Tried::Answered(reply) if reply.status.is_success() => {
                prefer(store, connection, second);
                Ok(Tried::Answered(reply))
            }
            _ => Ok(Tried::Answered(refused)),
        }
    }

    /// Waits for the limits, authorises and sends; notes what the answer says.
    async fn exchange(&self, authority: &Authority<'_>) -> Outcome<(RequestHeaders, Tried)> {
        let counted = self.admitted().await?;
        let authorisation = authority.authorise(&self.call.signable()?).await?;
        let tried = self.once(&authorisation).await?;
        if let Tried::Answered(reply) = &tried {
            let told = reply.told(authority.kind());
            counted.into_iter().for_each(|counted| counted.end(&told));
            self.note_limits(reply);
        }
        Ok((authorisation, tried))
    }

    /// `None` where it is not counted: a connection that is being made.
    async fn admitted(&self) -> Outcome<Option<Counted>> {
        let Authority::Stored(store, connection) = self.authority else { return Ok(None) };
        let patience = self.until.saturating_duration_since(Instant::now());
        Ok(Some(store.admit(connection, patience, |wait| self.call.patience.say_waiting(wait)).await?))
    }

    async fn once(&self, authorisation: &RequestHeaders) -> Outcome<Tried> {
        let Call { method, url, body, .. } = self.call;
        let mut request =
            self.client.request(method.clone(), url.clone()).headers(self.headers(authorisation)?);
        if let Some(body) = body {
            request = request.body(body.clone());
        }
        // Queries and bodies hold other people's data: neither is logged.
        tracing::info!(connection = self.authority.name(), %method, host = host(url), path = url.path(), "sending");
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return broken_off(error, url),
        };
        match Reply::read(response, self.call).await? {
            Ok(reply) => Ok(Tried::Answered(reply)),
            Err(error) => broken_off(error, url),
        }
    }

    /// What the connection says stands alone, whatever else was given.
    fn headers(&self, authorisation: &RequestHeaders) -> Outcome<HeaderMap> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        headers.extend(self.call.headers.clone());
        for (name, value) in authorisation.iter() {
            let cannot = || {
                Failure::new(Kind::Other, format!("{name} of this connection cannot be sent as a header")).hint(format!(
                    "what is kept of its organisation is damaged: make it anew with `xeroctl connect {} --replace`",
                    show::quoted(self.authority.name())
                ))
            };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| cannot())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| cannot())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// Keeps what an answer says of Xero's limits. A request that was answered does not fail for that.
    fn note_limits(&self, reply: &Reply) {
        let Authority::Stored(store, connection) = self.authority else { return };
        let limits = Limits {
            seen_at: store.clock().now(),
            day_left: reply.number("x-daylimit-remaining"),
            minute_left: reply.number("x-minlimit-remaining"),
            app_minute_left: reply.number("x-appminlimit-remaining"),
        };
        if limits.day_left.is_some() || limits.minute_left.is_some() {
            drop(store.note_limits(connection, &limits));
        }
    }
}

/// The server has done what was asked: that the key cannot be kept as the first is no reason to ask it again.
fn prefer(store: &Store, connection: &Connection, certificate: &Certificate) {
    match store.prefer_key(&connection.app.id, certificate) {
        Ok(_) => tracing::info!("the server takes the app's second key: it is the first from now on"),
        Err(error) => {
            tracing::warn!(%error, "the server takes the app's second key, which cannot be kept as the first");
        }
    }
}

/// A connection that could not be made, or a server that took too long, is not tried again: whoever called learns it soon.
fn broken_off(error: reqwest::Error, url: &Url) -> Outcome<Tried> {
    let again = !error.is_connect() && !error.is_timeout() && !error.is_builder();
    let failure = unreachable_server(error, url);
    if again { Ok(Tried::BrokenOff(failure)) } else { Err(failure) }
}
