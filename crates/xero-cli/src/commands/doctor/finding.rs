//! What a check came to: how bad it is, what, why, and the command that mends it.

use serde_json::{Value, json};

use crate::{
    commands::keepalive::report::worst,
    failure::{Failure, Kind},
    ui::one_line,
};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Ok,
    /// To be known; nothing has to be done.
    Note,
    /// It works today.
    Warning,
    Problem,
}

impl Mark {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What one check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) mark: Mark,
    /// The connection, host or file that it is about; empty where it is about none.
    about: String,
    what: String,
    causes: Vec<String>,
    pub(super) mend: Option<String>,
    /// What gives the exit status, of warnings and problems.
    kind: Option<Kind>,
    /// False where it could not be looked at.
    checked: bool,
}

impl Finding {
    fn new(check: &'static str, mark: Mark, what: impl Into<String>) -> Self {
        let (about, what) = (String::new(), what.into());
        Self { check, mark, about, what, causes: Vec::new(), mend: None, kind: None, checked: true }
    }

    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Mark::Ok, what)
    }

    pub(super) fn note(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Mark::Note, what)
    }

    /// A check that could not be made, and why.
    pub(super) fn not_checked(check: &'static str, why: impl AsRef<str>) -> Self {
        Self { checked: false, ..Self::note(check, format!("not checked: {}", why.as_ref())) }
    }

    pub(super) fn warning(check: &'static str, kind: Kind, what: impl Into<String>) -> Self {
        Self { kind: Some(kind), ..Self::new(check, Mark::Warning, what) }
    }

    pub(super) fn problem(check: &'static str, kind: Kind, what: impl Into<String>) -> Self {
        Self { kind: Some(kind), ..Self::new(check, Mark::Problem, what) }
    }

    /// What failed, with its own words and advice.
    pub(super) fn of_failure(check: &'static str, failure: Failure) -> Self {
        let Failure { kind, message, causes, hint, .. } = failure;
        Self { causes, mend: hint, ..Self::problem(check, kind, message) }
    }

    /// The same, better or worse.
    pub(super) fn marked(self, mark: Mark) -> Self {
        Self { mark, ..self }
    }

    pub(super) fn about(self, about: impl Into<String>) -> Self {
        Self { about: about.into(), ..self }
    }

    pub(super) fn because(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    /// True for what has to be mended.
    pub(super) fn is_trouble(&self) -> bool {
        self.mark >= Mark::Warning
    }

    /// For people: the line, and below it why, and what to do next.
    pub(super) fn text(&self) -> String {
        let about = if self.about.is_empty() { String::new() } else { format!("{}: ", self.about) };
        let what = one_line(&format!("{about}{}", self.what));
        let mut text = format!("{:<9}{:<14}{what}", self.mark.word(), self.check);
        for cause in &self.causes {
            text.push_str(&format!("\n  because: {}", one_line(cause)));
        }
        if let Some(mend) = &self.mend {
            text.push_str(&format!("\n  next: {}", one_line(mend)));
        }
        text
    }

    pub(super) fn document(&self) -> Value {
        json!({
            "check": self.check,
            "mark": self.mark.word(),
            "checked": self.checked,
            "about": (!self.about.is_empty()).then_some(&self.about),
            "what": self.what,
            "because": self.causes,
            "next": self.mend,
            "kind": self.kind.map(Kind::word),
        })
    }
}

/// The kind of the worst problem, or of the worst warning where there is no problem.
pub(super) fn status(findings: &[Finding]) -> Option<Kind> {
    let mark = findings.iter().filter(|one| one.is_trouble()).map(|one| one.mark).max()?;
    worst(findings.iter().filter(|one| one.mark == mark).filter_map(|one| one.kind))
}

/// `12 checks: 1 problem, 2 warnings.`
pub(super) fn summary(findings: &[Finding]) -> String {
    let count = |mark: Mark| findings.iter().filter(|one| one.mark == mark).count();
    let said = |mark: Mark| match count(mark) {
        0 => None,
        1 => Some(format!("1 {}", mark.word())),
        more => Some(format!("{more} {}s", mark.word())),
    };
    let parts: Vec<_> = [Mark::Problem, Mark::Warning, Mark::Note].into_iter().filter_map(said).collect();
    let parts = if parts.is_empty() { "all is well".to_owned() } else { parts.join(", ") };
    format!("{} checks: {parts}.", findings.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_that_of_the_worst() {
        let problem = |kind| Finding::problem("x", kind, "");
        let warning = |kind| Finding::warning("x", kind, "");
        for (findings, status_of) in [
            (vec![], None),
            (vec![Finding::ok("x", ""), Finding::note("x", ""), Finding::not_checked("x", "")], None),
            (vec![warning(Kind::EndsSoon), Finding::note("x", "")], Some(11)),
            (vec![warning(Kind::Other), warning(Kind::NeedsPerson)], Some(4)),
            (vec![warning(Kind::StoreUnusable), problem(Kind::Temporary)], Some(5)),
            (vec![problem(Kind::Refused), problem(Kind::StoreUnusable)], Some(9)),
        ] {
            assert_eq!(status(&findings).map(Kind::status), status_of, "{findings:?}");
        }
    }

    #[test]
    fn summaries() {
        assert_eq!(summary(&[Finding::ok("x", "")]), "1 checks: all is well.");
        let some = [Finding::note("x", ""), Finding::problem("x", Kind::Other, ""), Finding::note("x", "")];
        assert_eq!(summary(&some), "3 checks: 1 problem, 2 notes.");
    }
}
