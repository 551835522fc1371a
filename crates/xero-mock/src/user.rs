//! The people who can log in. All are invented; any password but an empty one is theirs.

use uuid::Uuid;

use crate::organisation::{DEMO_COMPANY, HEXAGON_TOOLS, MAPLE_FLORIST, NIHON_SHOJI, Tenant};

/// A person with an e-mail address and the organisations that they may connect.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) given_name: &'static str,
    pub(crate) family_name: &'static str,
    pub(crate) email: &'static str,
    /// Names of organisations.
    organisations: &'static [&'static str],
    /// Whether they look after the clients as well.
    has_clients: bool,
}

pub(crate) static USERS: [User; 3] = [
    User {
        given_name: "Ada",
        family_name: "Byron",
        email: "ada@example.com",
        organisations: &[DEMO_COMPANY.name, MAPLE_FLORIST.name, HEXAGON_TOOLS.name, NIHON_SHOJI.name],
        has_clients: true,
    },
    User {
        given_name: "Ben",
        family_name: "Okafor",
        email: "ben@example.com",
        organisations: &[MAPLE_FLORIST.name, HEXAGON_TOOLS.name],
        has_clients: false,
    },
    User {
        given_name: "Cleo",
        family_name: "None",
        email: "cleo@example.com",
        organisations: &[],
        has_clients: false,
    },
];

/// The user with this address, in any case.
pub(crate) fn by_email(email: &str) -> Option<&'static User> {
    USERS.iter().find(|user| user.email.eq_ignore_ascii_case(email.trim()))
}

/// The user with this claim `sub`.
pub(crate) fn by_subject(subject: &str) -> Option<&'static User> {
    USERS.iter().find(|user| user.subject() == subject)
}

impl User {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }

    /// Names of the organisations that they may connect.
    pub(crate) fn organisations(&self) -> &'static [&'static str] {
        self.organisations
    }

    pub(crate) fn may_connect(&self, tenant: &Tenant) -> bool {
        self.organisations.contains(&tenant.organisation.name)
            || self.has_clients && tenant.organisation.is_client()
    }

    /// The claim `xero_userid`, the same in every mock.
    pub(crate) fn id(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, self.email.as_bytes())
    }

    /// The claim `sub`: 32 hexadecimal characters, the same in every mock.
    pub(crate) fn subject(&self) -> String {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, self.email.as_bytes()).simple().to_string()
    }
}
