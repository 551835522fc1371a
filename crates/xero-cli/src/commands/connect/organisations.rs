//! Which of the organisations that a consent reaches are connected.

use xero_auth_oauth2::TenantLink;

use crate::{
    Context,
    failure::{Failure, Kind, Outcome},
    ui::one_line,
};

/// The organisations that a consent reaches, those just consented first.
pub(crate) struct Reach {
    pub(crate) links: Vec<TenantLink>,
    /// How many of them, from the first, were just consented.
    pub(crate) just: usize,
}

impl Reach {
    /// Puts the organisations of this consent first.
    pub(crate) fn of(links: Vec<TenantLink>, consent: Option<&str>) -> Self {
        let is_new = |link: &TenantLink| consent.is_some() && link.consent.as_deref() == consent;
        let (mut links, others): (Vec<_>, Vec<_>) = links.into_iter().partition(is_new);
        let just = links.len();
        links.extend(others);
        Self { links, just }
    }

    /// The organisations named, or chosen from the list, or the only one.
    pub(crate) fn choose(&self, context: &Context, wanted: &[String]) -> Outcome<Vec<&TenantLink>> {
        if self.links.is_empty() {
            return Err(Failure::new(Kind::NeedsPerson, "the consent reaches no organisation").hint(
                "consent again and choose an organisation; the person who logs in must be a user of it with the right to connect apps",
            ));
        }
        if !wanted.is_empty() {
            let mut found: Vec<&TenantLink> = Vec::new();
            for name in wanted {
                let new = self.named(name)?.into_iter();
                let new: Vec<_> =
                    new.filter(|link| found.iter().all(|one| one.tenant_id != link.tenant_id)).collect();
                found.extend(new);
            }
            return Ok(found);
        }
        match (self.just, self.links.as_slice()) {
            (_, [only]) => Ok(vec![only]),
            _ if context.ui.interactive() => self.ask(context),
            (1, [first, ..]) => Ok(vec![first]),
            _ => Err(Failure::usage("several organisations can be connected and none was chosen")
                .hint(format!("give --organisation with one of: {}; or `all`", self.listed()))),
        }
    }

    fn ask(&self, context: &Context) -> Outcome<Vec<&TenantLink>> {
        let lines = (0..self.links.len()).map(|at| self.line(at)).collect();
        let chosen = context.ui.choose_many("Which organisations?", lines, self.just)?;
        Ok(chosen.into_iter().map(|at| &self.links[at]).collect())
    }

    fn named(&self, wanted: &str) -> Outcome<Vec<&TenantLink>> {
        if wanted == "all" {
            let count = if self.just > 0 { self.just } else { self.links.len() };
            return Ok(self.links[..count].iter().collect());
        }
        let by = |fits: &dyn Fn(&TenantLink) -> bool| {
            self.links.iter().filter(|link| fits(link)).collect::<Vec<_>>()
        };
        let tries = [
            by(&|link| link.tenant_id.eq_ignore_ascii_case(wanted)),
            by(&|link| name(link) == wanted),
            by(&|link| name(link).to_lowercase() == wanted.to_lowercase()),
        ];
        let found = tries.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
        match found.len() {
            1 => Ok(found),
            0 => Err(Failure::usage(format!("the consent does not reach {wanted:?}"))
                .hint(format!("it reaches: {}", self.listed()))),
            _ => {
                let ids: Vec<_> = found.iter().map(|link| link.tenant_id.as_str()).collect();
                Err(Failure::usage(format!("there are {} organisations named {wanted:?}", ids.len()))
                    .hint(format!("give the id of the one you mean: {}", ids.join(" or "))))
            }
        }
    }

    fn listed(&self) -> String {
        (0..self.links.len()).map(|at| self.line(at)).collect::<Vec<_>>().join(", ")
    }

    /// The name, with the id where another has the same name.
    fn line(&self, at: usize) -> String {
        let link = &self.links[at];
        let name = name(link);
        let same = self.links.iter().filter(|other| self::name(other) == name).count();
        if same > 1 { format!("{name} ({})", one_line(&link.tenant_id)) } else { name }
    }
}

/// The organisation's name, or its id where Xero gives none.
pub(crate) fn name(link: &TenantLink) -> String {
    one_line(link.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&link.tenant_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(links: &[(&str, &str)]) -> Reach {
        let list = links.iter().map(|(id, name)| {
            format!(r#"{{"id":"link-{id}","authEventId":"{name}","tenantId":"{id}","tenantName":"{name}"}}"#)
        });
        let list = format!("[{}]", list.collect::<Vec<_>>().join(","));
        Reach { links: serde_json::from_str(&list).unwrap(), just: 0 }
    }

    #[test]
    fn organisations_are_known_by_id_and_by_name() {
        let reach = reach(&[("1", "Maple"), ("2", "maple"), ("3", "Demo"), ("4", "Twin"), ("5", "Twin")]);
        let ids = |wanted| {
            reach.named(wanted).map(|found| found.iter().map(|link| link.tenant_id.as_str()).collect())
        };
        assert_eq!(ids("1").unwrap(), ["1"]);
        assert_eq!(ids("maple").unwrap(), ["2"], "the same letters before other ones");
        assert_eq!(ids("DEMO").unwrap(), ["3"]);
        assert_eq!(ids("all").unwrap(), ["1", "2", "3", "4", "5"]);
        let found: Outcome<Vec<&str>> = ids("Twin");
        let two = found.unwrap_err();
        assert_eq!(two.kind, Kind::Usage);
        assert!(two.hint.unwrap().contains("4 or 5"));
        assert_eq!(ids("Nobody").unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn organisations_of_one_name_are_told_apart() {
        let reach = reach(&[("4", "Twin"), ("5", "Twin"), ("6", "Other")]);
        assert_eq!(reach.listed(), "Twin (4), Twin (5), Other");
    }

    #[test]
    fn those_just_consented_come_first() {
        let links = reach(&[("1", "old"), ("2", "new"), ("3", "old"), ("4", "new")]).links;
        let reach = Reach::of(links, Some("new"));
        assert_eq!(reach.just, 2);
        assert_eq!(reach.links.iter().map(|link| link.tenant_id.as_str()).collect::<String>(), "2413");
    }
}
