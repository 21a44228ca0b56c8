//! Names of what belongs to tenants: stored as `TENANT:NAME`, shown to the tenant without the prefix.

use std::borrow::Cow;

use super::access::Principal;
use super::problem::{Problem, Result};
use crate::queue::{check_name, check_part};

/// Between a tenant and a name. In no name and no tenant that comes in over the API.
const BETWEEN: char = ':';

/// The longest name that comes in over the API, in bytes.
const MAX_NAME_BYTES: usize = 200;

impl Principal {
    /// The name under which what this principal calls by that name is stored. Whoever has no tenant says stored names.
    pub(crate) fn stored_name<'a>(&self, field: &str, name: &'a str) -> Result<Cow<'a, str>> {
        let may_have_tenant = self.tenant.is_none();
        let is_plain = |c: char| !c.is_control() && (may_have_tenant || c != BETWEEN);
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.chars().all(is_plain) {
            let expected =
                format!("a name of at most {MAX_NAME_BYTES} bytes without `{BETWEEN}` and control characters");
            return Err(Problem::invalid(field, expected, shown(name)));
        }
        Ok(match &self.tenant {
            Some(tenant) => Cow::Owned(format!("{tenant}{BETWEEN}{name}")),
            None => Cow::Borrowed(name),
        })
    }

    /// The name under which something new is stored that this principal calls so: plain, and of nobody else.
    pub(crate) fn new_name(&self, name: &str) -> Result<String> {
        check_part("name", name)?;
        let stored = self.stored_name("name", name)?.into_owned();
        // With the tenant it may be too long.
        check_name("name", &stored)?;
        Ok(stored)
    }

    /// What a list of stored names goes on after, whose last shown name is this one; none if no list ends with it.
    pub(crate) fn stored_after(&self, after: &str) -> Option<String> {
        let is_possible = after.len() <= MAX_NAME_BYTES && !after.contains('\0');
        is_possible.then(|| self.own_names().unwrap_or_default() + after)
    }

    /// What this principal calls what is stored under that name; none if it is somebody else's.
    pub(crate) fn shown_name<'a>(&self, stored: &'a str) -> Option<&'a str> {
        match &self.tenant {
            Some(tenant) => stored.strip_prefix(tenant.as_str())?.strip_prefix(BETWEEN),
            None => Some(stored),
        }
    }

    /// How all names begin that are its own; none if it has no tenant and may say every name.
    pub(crate) fn own_names(&self) -> Option<String> {
        self.tenant.as_ref().map(|tenant| format!("{tenant}{BETWEEN}"))
    }

    /// The tenant of what this principal makes, where it asks for this one.
    pub(crate) fn tenant_of(&self, asked: Option<String>) -> Result<Option<String>> {
        match (&self.tenant, asked) {
            (Some(own), Some(asked)) if *own != asked => Err(Problem {
                field: Some("tenant".to_owned()),
                ..Problem::new(super::problem::Code::Forbidden, "expected the token's own tenant, found another")
            }),
            (Some(own), _) => Ok(Some(own.clone())),
            (None, asked) => {
                asked.as_deref().map_or(Ok(()), |tenant| check_part("tenant", tenant))?;
                Ok(asked)
            }
        }
    }
}

/// A text in a refusal: not longer than a line.
fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::Role;
    use super::*;

    fn principal(tenant: Option<&str>) -> Principal {
        let tenant = tenant.map(str::to_owned);
        Principal { token: String::new(), role: Role::Admin, tenant, expires_at: None }
    }

    #[test]
    fn a_tenant_sees_its_own_names_without_the_prefix() {
        let acme = principal(Some("acme"));
        assert_eq!(acme.stored_name("name", "resize").expect("a name"), "acme:resize");
        assert_eq!(acme.shown_name("acme:resize"), Some("resize"));
        assert_eq!(acme.shown_name("acmeresize"), None);
        assert_eq!(acme.shown_name("resize"), None);
        assert!(acme.stored_name("name", "other:resize").is_err());
    }

    #[test]
    fn whoever_has_no_tenant_says_and_sees_stored_names() {
        let all = principal(None);
        assert_eq!(all.stored_name("name", "acme:resize").expect("a name"), "acme:resize");
        assert_eq!(all.shown_name("acme:resize"), Some("acme:resize"));
        for name in ["", "a\nb", "\0", &"a".repeat(201)] {
            assert!(all.stored_name("name", name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_new_name_is_plain_and_short_with_its_tenant_and_of_nobody_else() {
        for name in ["", "a b", "ä", "a\0", "acme:resize", &"a".repeat(101)] {
            assert!(principal(None).new_name(name).is_err(), "{name:?}");
            assert!(principal(Some("b")).new_name(name).is_err(), "{name:?}");
        }
        assert!(principal(None).new_name(&"a".repeat(100)).is_ok());
        assert!(principal(Some("acme")).new_name(&"a".repeat(96)).is_err());
        assert_eq!(principal(Some("acme")).new_name("a/b").expect("a name"), "acme:a/b");
    }

    #[test]
    fn a_list_of_a_tenant_begins_and_goes_on_among_its_own_names() {
        assert_eq!(principal(Some("acme")).stored_after("").as_deref(), Some("acme:"));
        assert_eq!(principal(None).stored_after("b").as_deref(), Some("b"));
        assert_eq!(principal(None).stored_after("\0"), None);
    }

    #[test]
    fn a_tenant_makes_what_is_its_own_and_nothing_else() {
        let text = |text: &str| Some(text.to_owned());
        let acme = principal(Some("acme"));
        assert_eq!(acme.tenant_of(None).expect("its own"), text("acme"));
        assert_eq!(acme.tenant_of(text("acme")).expect("its own"), text("acme"));
        assert!(acme.tenant_of(text("other")).is_err());
        assert_eq!(principal(None).tenant_of(text("acme")).expect("any"), text("acme"));
        assert!(principal(None).tenant_of(text("a:b")).is_err());
    }
}
