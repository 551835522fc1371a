//! What a trial showed: a decision about what was seen, without side effects.

use std::ops::RangeInclusive;

use crate::args::Mode;

/// What a command that is to print a token did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It printed a token that the server accepts.
    Good,
    /// It asked for a login; whether it said that an answer had not arrived.
    Login { explained: bool, said: String },
    /// It failed otherwise, or printed what nobody accepts.
    Failed(String),
}

/// What may come of a fault.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    /// Whether a reply may really be lost by it: then strict rotation costs a login, whatever a client does.
    pub(crate) reply_lost: bool,
    /// Requests with a refresh token while the fault is there.
    pub(crate) during: RangeInclusive<u64>,
    /// Afterwards, where no login is needed.
    pub(crate) after: RangeInclusive<u64>,
}

/// What was seen in one trial.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The server took the refresh token while the fault was there.
    pub(crate) taken: bool,
    /// The disturbed command had what it asked for, or had made it last: from then on nothing excuses a loss.
    pub(crate) kept: bool,
    pub(crate) during: u64,
    pub(crate) after: u64,
    /// The answers to the same question after the fault, up to the first good one.
    pub(crate) answers: Vec<Answer>,
    /// Something else that was to hold and does not.
    pub(crate) broken: Option<String>,
    /// A command that ran at the same time and got no token.
    pub(crate) unserved: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next command had a token.
    AtOnce,
    /// A later one had.
    Later,
    /// The reply was really lost and nothing forgives that; the message said so.
    Login,
    Lost(String),
    /// Nothing is lost, but more or fewer requests were made than the fault explains, or somebody got no token.
    Miscounted(String),
}

/// How many requests may be made before a login is asked for: the token, and the one before it.
const BEFORE_LOGIN: u64 = 3;

impl Seen {
    pub(crate) fn verdict(&self, mode: Mode, allowed: &Allowed) -> Verdict {
        if let Some(broken) = &self.broken {
            return Verdict::Lost(broken.clone());
        }
        match self.answers.last() {
            Some(Answer::Good) => self.counted(allowed),
            Some(Answer::Login { explained, said }) => self.login(*explained, said, mode, allowed),
            Some(Answer::Failed(why)) => Verdict::Lost(format!("no token came: {why}")),
            None => Verdict::Lost("nothing was asked".to_owned()),
        }
    }

    fn counted(&self, allowed: &Allowed) -> Verdict {
        if let Some(unserved) = &self.unserved {
            return Verdict::Miscounted(unserved.clone());
        }
        for (when, count, range) in
            [("during the fault", self.during, &allowed.during), ("after it", self.after, &allowed.after)]
        {
            if !range.contains(&count) {
                let (least, most) = (range.start(), range.end());
                return Verdict::Miscounted(format!("{count} requests {when} instead of {least} to {most}"));
            }
        }
        if self.answers.len() == 1 { Verdict::AtOnce } else { Verdict::Later }
    }

    fn login(&self, explained: bool, said: &str, mode: Mode, allowed: &Allowed) -> Verdict {
        let excused = mode == Mode::Strict && allowed.reply_lost && self.taken && !self.kept;
        match (excused, explained, self.after <= BEFORE_LOGIN) {
            (false, ..) => Verdict::Lost(format!("a login is asked for, and no reply was lost: {said}")),
            (_, false, _) => {
                Verdict::Lost(format!("the login is due, but the message does not say what happened: {said}"))
            }
            (.., false) => {
                Verdict::Miscounted(format!("{} requests before a login is asked for", self.after))
            }
            _ => Verdict::Login,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(answers: Vec<Answer>) -> Seen {
        Seen { taken: true, kept: false, during: 1, after: 1, answers, broken: None, unserved: None }
    }

    const ALLOWED: Allowed = Allowed { reply_lost: true, during: 0..=1, after: 1..=1 };
    const LOGIN: Answer = Answer::Login { explained: true, said: String::new() };

    #[test]
    fn a_token_at_once_or_later() {
        assert_eq!(seen(vec![Answer::Good]).verdict(Mode::Strict, &ALLOWED), Verdict::AtOnce);
        let later = seen(vec![Answer::Failed("busy".to_owned()), Answer::Good]);
        assert_eq!(later.verdict(Mode::Grace, &ALLOWED), Verdict::Later);
        let never = seen(vec![Answer::Good, Answer::Failed("busy".to_owned())]);
        assert!(matches!(never.verdict(Mode::Grace, &ALLOWED), Verdict::Lost(_)));
        assert!(matches!(seen(Vec::new()).verdict(Mode::Grace, &ALLOWED), Verdict::Lost(_)));
    }

    #[test]
    fn a_login_is_excused_only_by_a_lost_reply_in_strict_mode() {
        let lost =
            |seen: &Seen, mode, allowed: &Allowed| matches!(seen.verdict(mode, allowed), Verdict::Lost(_));
        let login = seen(vec![LOGIN]);
        assert_eq!(login.verdict(Mode::Strict, &ALLOWED), Verdict::Login);
        assert!(lost(&login, Mode::Grace, &ALLOWED));
        assert!(lost(&login, Mode::Strict, &Allowed { reply_lost: false, ..ALLOWED }));
        assert!(lost(&Seen { taken: false, ..login.clone() }, Mode::Strict, &ALLOWED));
        assert!(lost(&Seen { kept: true, ..login.clone() }, Mode::Strict, &ALLOWED));
        assert!(lost(
            &seen(vec![Answer::Login { explained: false, said: String::new() }]),
            Mode::Strict,
            &ALLOWED
        ));
        let storm = Seen { after: 4, ..login };
        assert!(matches!(storm.verdict(Mode::Strict, &ALLOWED), Verdict::Miscounted(_)));
    }

    #[test]
    fn every_request_must_be_explained() {
        let good = seen(vec![Answer::Good]);
        for wrong in [
            Seen { during: 2, ..good.clone() },
            Seen { after: 0, ..good.clone() },
            Seen { after: 2, ..good.clone() },
        ] {
            assert!(matches!(wrong.verdict(Mode::Grace, &ALLOWED), Verdict::Miscounted(_)), "{wrong:?}");
        }
        let unserved = Seen { unserved: Some("3 of 8".to_owned()), ..good.clone() };
        assert_eq!(unserved.verdict(Mode::Grace, &ALLOWED), Verdict::Miscounted("3 of 8".to_owned()));
        let broken = Seen { broken: Some("verify".to_owned()), ..good };
        assert_eq!(broken.verdict(Mode::Grace, &ALLOWED), Verdict::Lost("verify".to_owned()));
    }
}
