//! What a token is: whom it stands for, what it allows, until when.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret::Hash;
use crate::queue::{Error, Timestamp, check_part};

/// The longest name, in characters: it stands in a table.
const MAX_NAME_CHARS: usize = 100;

/// What a token allows. Each role may what the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Read,
    /// Run and enqueue jobs, change them, store programs.
    Submit,
    /// Everything: schedules, queues, tokens, secrets.
    Admin,
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Token {
    /// Its public part.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Whose things it sees; everybody's if none.
    pub tenant: Option<String>,
    /// When it was made.
    pub made_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
    /// The SHA-256 of the whole token, in hexadecimal digits.
    pub(super) hash: Hash,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Read, Role::Submit, Role::Admin];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Submit => "submit",
            Role::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let role = Role::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| format!("expected `read`, `submit` or `admin`, found {text:?}"))
    }
}

impl Token {
    /// Whether it is refused from now on.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it may everything: an admin's without a tenant.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.role == Role::Admin && self.tenant.is_none()
    }
}

/// A token's name is for people: any text on one line.
pub(super) fn check_token_name(name: &str) -> Result<(), Error> {
    if (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid("name", format!("1 to {MAX_NAME_CHARS} characters on one line"), format!("{name:?}")))
}

/// A tenant stands before `:` in the names of its things.
pub(super) fn check_tenant(tenant: &str) -> Result<(), Error> {
    check_part("tenant", tenant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_is_read_by_its_name() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("operator".parse::<Role>().is_err_and(|said| said.contains("\"operator\"")));
    }

    #[test]
    fn names_are_one_line_and_tenants_are_plain() {
        for name in ["ci", "Ada's laptop", "söze", &"x".repeat(100)] {
            assert_eq!(check_token_name(name), Ok(()), "{name}");
        }
        for name in ["", "a\nb", "\u{1b}[2J", &"x".repeat(101)] {
            assert!(check_token_name(name).is_err(), "{name}");
        }
        assert_eq!(check_tenant("acme"), Ok(()));
        for tenant in ["", "a:b", "a b", "ä", ":"] {
            assert!(check_tenant(tenant).is_err(), "{tenant}");
        }
    }
}
