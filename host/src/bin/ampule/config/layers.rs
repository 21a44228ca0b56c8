//! Puts together what flags, variables and the file say, and tells of all that is wrong with any of it.
//!
//! Flags go before variables, variables before the file, the file before the defaults. What is overridden must be right
//! all the same: it comes into force as soon as what hides it is taken away.

use std::collections::BTreeMap;
use std::fmt;

use super::fields::{FIELDS, Field};
use super::given::{Given, Place, Said};
use super::service::Service;

/// How alike two keys must be, from 0 to 1, for one to be offered in place of the other.
const ALIKE: f64 = 0.8;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    place: Place,
    key: Option<String>,
    message: String,
}

/// What came of it.
pub(super) struct Effective {
    pub(super) service: Service,
    /// Where the value of a key stands, if it is not the default.
    pub(super) places: BTreeMap<&'static str, Place>,
}

impl Wrong {
    pub(super) fn at(place: Place, message: String) -> Self {
        Wrong { place, key: None, message }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {}", self.place, self.message),
            None => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

/// Lays what was said over the defaults, the last one on top.
pub(super) fn merge(defaults: Service, said: Vec<Said>, wrong: &mut Vec<Wrong>) -> Effective {
    let mut effective = Effective { service: defaults, places: BTreeMap::new() };
    for Said { key, value, place } in said {
        // A table without keys says nothing.
        if value == Given::Other("table") && is_table(&key) {
            continue;
        }
        let Some(field) = field(&key) else {
            wrong.push(Wrong::at(place, format!("there is no key `{key}`{}", offer(&key))));
            continue;
        };
        match (field.set)(&mut effective.service, &value) {
            Ok(()) => {
                effective.places.insert(field.key, place);
            }
            Err(message) => wrong.push(Wrong { place, key: Some(key), message }),
        }
    }
    wrong.extend(together(&effective));
    effective
}

/// What each alone may be, and both together not.
fn together(effective: &Effective) -> Option<Wrong> {
    let place = |key| effective.places.get(key).cloned().unwrap_or(Place::Default);
    let service = &effective.service;
    let error = service.runner.limits.check().err()?;
    Some(Wrong::at(place("runner.memory"), format!("runner: {error}")))
}

pub(super) fn field(key: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.key == key)
}

fn is_table(key: &str) -> bool {
    FIELDS.iter().any(|field| field.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// What may have been meant.
pub(super) fn offer(key: &str) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    // A key in the wrong table is as good a guess as one that is misspelt.
    let likeness = |other: &str| strsim::jaro_winkler(key, other).max(strsim::jaro_winkler(&last(key), &last(other)));
    let nearest = FIELDS.iter().map(|field| (likeness(field.key), field.key));
    match nearest.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((_, other)) => format!("; did you mean `{other}`?"),
        None => "; `ampule config` prints all that there are".to_owned(),
    }
}
