//! The tokens of one authorisation, in clear for as long as they are handled, sealed wherever they are kept.

use std::time::{Duration, SystemTime};

use xero_auth_oauth2::{AccessToken, RefreshToken, Scopes, User};

use crate::{
    Access, Authorisation, Error,
    place::{self, Holder},
    record::{seconds, system_time},
    seal::{Place, SealingKey},
};

/// How many lines a whole grant has; the last one may have line ends of its own.
const WHOLE: usize = 8;
/// The scope that gives a refresh token.
const OFFLINE: &str = "offline_access";

/// What a consent or a refresh gave, as it is to be written.
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) generation: i64,
    pub(crate) user: User,
    pub(crate) consent: Option<String>,
    pub(crate) scopes: Scopes,
    /// What client credentials ask for.
    pub(crate) asked: Option<Scopes>,
    /// When it was sent for.
    pub(crate) at: SystemTime,
    pub(crate) access: Option<(AccessToken, SystemTime)>,
    pub(crate) refresh: Option<RefreshToken>,
    /// The token that this one took the place of, and when it was first spent.
    pub(crate) previous: Option<(RefreshToken, SystemTime)>,
}

/// A grant that was kept whole.
pub(crate) enum Rescued {
    /// It can be written.
    Grant(Box<Grant>),
    /// A new consent has taken its place.
    OfAnotherConsent,
}

/// A grant with its tokens sealed.
pub(crate) struct SealedGrant<'a> {
    pub(crate) grant: &'a Grant,
    pub(crate) scopes: String,
    pub(crate) asked: Vec<u8>,
    pub(crate) access: Option<(Vec<u8>, i64)>,
    pub(crate) refresh: Option<Vec<u8>>,
    pub(crate) previous: Option<(Vec<u8>, i64)>,
    /// The refresh token as it is kept where the authorisation has gone on; there where one was spent for it.
    pub(crate) spare: Option<Vec<u8>>,
}

/// An authorisation as it is stored: what may be shown, and what is sealed.
pub(crate) struct StoredAuthorisation {
    pub(crate) authorisation: Authorisation,
    pub(crate) asked: Option<Vec<u8>>,
    pub(crate) access: Option<Vec<u8>>,
    pub(crate) refresh: Option<Vec<u8>>,
    pub(crate) previous: Option<(Vec<u8>, SystemTime)>,
    pub(crate) lease_until: Option<SystemTime>,
    pub(crate) lease_owner: Option<String>,
    /// When the lease ends by the clock that nobody sets.
    pub(crate) lease_ends: Option<Duration>,
}

/// The refresh token of a leader that came too late, as it is stored.
pub(crate) struct StoredSpare {
    pub(crate) id: i64,
    /// The one that it would have been.
    pub(crate) generation: i64,
    pub(crate) token: Vec<u8>,
    pub(crate) kept_at: i64,
}

impl Grant {
    pub(crate) fn seal(&self, key: &SealingKey) -> Result<SealedGrant<'_>, Error> {
        let (holder, scopes) = (self.holder(), self.scopes.to_string());
        let access = self.access.as_ref().map(|(token, expires_at)| {
            let expires_at = seconds(*expires_at);
            let sealed = key.seal(&holder.access(&scopes, expires_at), token.expose().as_bytes())?;
            Ok::<_, Error>((sealed, expires_at))
        });
        let previous = self.previous.as_ref().map(|(token, spent_at)| {
            let spent_at = seconds(*spent_at);
            let sealed = key.seal(&holder.previous(spent_at), token.expose().as_bytes())?;
            Ok::<_, Error>((sealed, spent_at))
        });
        let refresh = self.refresh.as_ref();
        let spare = refresh.filter(|_| self.previous.is_some());
        let spare = spare.map(|token| key.seal(&holder.spare(seconds(self.at)), token.expose().as_bytes()));
        let refresh = refresh.map(|token| key.seal(&holder.refresh(), token.expose().as_bytes()));
        let asked = self.asked.as_ref().map(Scopes::to_string).unwrap_or_default();
        Ok(SealedGrant {
            grant: self,
            asked: key.seal(&holder.asked(), asked.as_bytes())?,
            access: access.transpose()?,
            refresh: refresh.transpose()?,
            previous: previous.transpose()?,
            spare: spare.transpose()?,
            scopes,
        })
    }

    /// All of it in one sealed value, for the time until it can be written. Of what stands in clear in the row there is only
    /// what tells whether it is the same consent.
    pub(crate) fn seal_whole(&self, key: &SealingKey) -> Result<Vec<u8>, Error> {
        let token = |token: Option<&str>| token.unwrap_or_default().to_owned();
        let (access, expires_at) = self.access.as_ref().map(|(token, end)| (token.expose(), *end)).unzip();
        let (previous, spent_at) = self.previous.as_ref().map(|(token, at)| (token.expose(), *at)).unzip();
        let lines = zeroize::Zeroizing::new([
            seconds(self.at).to_string(),
            token(self.refresh.as_ref().map(RefreshToken::expose)),
            token(previous),
            spent_at.map_or(0, seconds).to_string(),
            token(access),
            expires_at.map_or(0, seconds).to_string(),
            self.scopes.to_string(),
            self.holder().origin(),
        ]);
        let clear = zeroize::Zeroizing::new(lines.join("\n"));
        key.seal(&place::rescued(&self.id, self.generation), clear.as_bytes())
    }

    /// The access token for a caller.
    pub(crate) fn access(&self) -> Option<Access> {
        let (token, expires_at) = self.access.clone()?;
        Some(Access { token, expires_at, generation: self.generation })
    }

    pub(crate) fn holder(&self) -> Holder<'_> {
        Holder {
            id: &self.id,
            app: &self.app,
            user: self.user.id.as_deref(),
            consent: self.consent.as_deref(),
            generation: self.generation,
        }
    }
}

impl SealedGrant<'_> {
    /// What is sealed in it.
    pub(crate) fn values(&self) -> Vec<&[u8]> {
        let Self { asked, access, refresh, previous, spare, .. } = self;
        let beside = [access, previous].into_iter().flatten().map(|(sealed, _)| sealed.as_slice());
        let alone = [refresh, spare].into_iter().flatten().map(Vec::as_slice);
        [asked.as_slice()].into_iter().chain(beside).chain(alone).collect()
    }
}

impl StoredAuthorisation {
    /// The access token of a row that has the time when one ends.
    pub(crate) fn open_access(&self, key: &SealingKey) -> Result<Access, Error> {
        let Authorisation { scopes, access_expires_at, generation, .. } = &self.authorisation;
        let expires_at = access_expires_at.unwrap_or(SystemTime::UNIX_EPOCH);
        let place = self.holder().access(&scopes.to_string(), seconds(expires_at));
        let sealed = self.access.as_deref().unwrap_or_default();
        let token = AccessToken::new(&open(key, &place, sealed)?).map_err(|_| place.tampered())?;
        Ok(Access { token, expires_at, generation: *generation })
    }

    pub(crate) fn open_refresh(&self, key: &SealingKey) -> Result<Option<RefreshToken>, Error> {
        let place = self.holder().refresh();
        self.refresh.as_ref().map(|sealed| open_refresh(key, &place, sealed)).transpose()
    }

    /// True where there was a refresh token and there is none any more: nothing but a hand in the file takes it away.
    pub(crate) fn lost_refresh(&self) -> bool {
        let granted = self.authorisation.scopes.iter().any(|scope| scope == OFFLINE);
        self.refresh.is_none() && (granted || self.previous.is_some())
    }

    /// What client credentials ask for; `None`: nothing.
    pub(crate) fn open_asked(&self, key: &SealingKey) -> Result<Option<Scopes>, Error> {
        let sealed = self.asked.as_deref().unwrap_or_default();
        let asked = Scopes::granted(open(key, &self.holder().asked(), sealed)?.split(' '));
        Ok(Some(asked).filter(|asked| !asked.is_empty()))
    }

    /// The refresh token before, and when it was first spent.
    pub(crate) fn open_previous(
        &self,
        key: &SealingKey,
    ) -> Result<Option<(RefreshToken, SystemTime)>, Error> {
        let Some((sealed, spent_at)) = &self.previous else { return Ok(None) };
        let place = self.holder().previous(seconds(*spent_at));
        Ok(Some((open_refresh(key, &place, sealed)?, *spent_at)))
    }

    pub(crate) fn open_spare(&self, key: &SealingKey, spare: &StoredSpare) -> Result<RefreshToken, Error> {
        open_refresh(key, &self.holder_at(spare.generation).spare(spare.kept_at), &spare.token)
    }

    /// True where the grant's own refresh token is the stored one, or the one before. A grant without one is known by its
    /// access token.
    pub(crate) fn has_kept(&self, grant: &Grant, key: &SealingKey) -> bool {
        let stored = self.authorisation.generation;
        let Some(token) = &grant.refresh else {
            let access = self.open_access(key).ok().zip(grant.access.as_ref());
            let same = access.is_some_and(|(own, (token, _))| own.token.expose() == token.expose());
            return stored == grant.generation && same;
        };
        let own = match stored.checked_sub(grant.generation) {
            Some(0) => self.open_refresh(key).ok().flatten(),
            Some(1) => self.open_previous(key).ok().flatten().map(|(token, _)| token),
            _ => None,
        };
        own.is_some_and(|own| own.expose() == token.expose())
    }

    /// What [`Grant::seal_whole`] sealed for this authorisation and generation. `None`: it was changed.
    pub(crate) fn open_whole(&self, key: &SealingKey, generation: i64, sealed: &[u8]) -> Option<Rescued> {
        let there = &self.authorisation;
        let clear = open(key, &place::rescued(&there.id, generation), sealed).ok()?;
        let lines: Vec<_> = clear.splitn(WHOLE, '\n').collect();
        let [at, refresh, previous, spent_at, access, expires_at, scopes, origin] = lines[..] else {
            return None;
        };
        if origin != self.holder().origin() {
            return Some(Rescued::OfAnotherConsent);
        }
        let time = |text: &str| system_time(text.parse().ok()?);
        let access = AccessToken::new(access).ok().zip(time(expires_at));
        Some(Rescued::Grant(Box::new(Grant {
            id: there.id.clone(),
            app: there.app.clone(),
            generation,
            user: there.user.clone(),
            consent: there.consent.clone(),
            scopes: Scopes::granted(scopes.split(' ')),
            asked: None,
            at: time(at)?,
            access,
            refresh: Some(RefreshToken::new(refresh).ok()?),
            previous: RefreshToken::new(previous).ok().zip(time(spent_at)),
        })))
    }

    /// Every sealed value of the row with its column and its place.
    pub(crate) fn sealed_values(&self) -> Vec<(&'static str, Place<'_>, &[u8])> {
        let Authorisation { scopes, access_expires_at, .. } = &self.authorisation;
        let (holder, scopes) = (self.holder(), scopes.to_string());
        let expires_at = access_expires_at.map_or(0, seconds);
        let previous = self.previous.as_ref();
        [
            self.asked.as_deref().map(|asked| ("asked", holder.asked(), asked)),
            self.access.as_deref().map(|access| ("access", holder.access(&scopes, expires_at), access)),
            self.refresh.as_deref().map(|refresh| ("refresh", holder.refresh(), refresh)),
            previous.map(|(sealed, spent_at)| {
                ("previous", holder.previous(seconds(*spent_at)), sealed.as_slice())
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What a token is sealed for that belongs to another generation of this row.
    pub(crate) fn holder_at(&self, generation: i64) -> Holder<'_> {
        Holder { generation, ..self.holder() }
    }

    fn holder(&self) -> Holder<'_> {
        let Authorisation { id, app, user, consent, generation, .. } = &self.authorisation;
        Holder { id, app, user: user.id.as_deref(), consent: consent.as_deref(), generation: *generation }
    }
}

fn open_refresh(key: &SealingKey, place: &Place<'_>, sealed: &[u8]) -> Result<RefreshToken, Error> {
    RefreshToken::new(&open(key, place, sealed)?).map_err(|_| place.tampered())
}

fn open(key: &SealingKey, place: &Place<'_>, sealed: &[u8]) -> Result<zeroize::Zeroizing<String>, Error> {
    let clear = key.open(place, sealed)?;
    let text = std::str::from_utf8(&clear).map_err(|_| place.tampered())?;
    Ok(zeroize::Zeroizing::new(text.to_owned()))
}
