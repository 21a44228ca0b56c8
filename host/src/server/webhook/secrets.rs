//! The secrets that sign a tenant's webhooks, kept as one document for each tenant beside the jobs.
//!
//! One is made when it is first needed. A rotation adds another; the one before it signs too for a while, so that
//! receivers have time to learn the new one. Every change is a compare-and-set, so servers may race.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::sign::Secret;
use crate::queue::{Entry, EntryKey, Error, Expected, Queue, Timestamp};

/// What secrets are among the entries of a queue.
const KIND: &str = "webhook-secret";
/// Secrets of one tenant at once: each makes every signature longer.
pub(crate) const MAX_SECRETS: usize = 5;
/// The longest that a rotated one signs: a year.
const MAX_KEEP: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How often a change is tried again because somebody else's came first.
const MAX_RACES: usize = 20;

/// The secrets that a queue keeps.
#[derive(Clone, Debug)]
pub(crate) struct Secrets(Arc<dyn Queue>);

/// A secret that signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signing {
    /// By which it is deleted.
    pub(crate) id: String,
    /// The secret.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub(crate) secret: Secret,
    /// When it was made.
    pub(crate) made_at: Timestamp,
    /// Until when it signs; always if none.
    pub(crate) ends_at: Option<Timestamp>,
}

/// What is stored of one tenant: the newest first.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    secrets: Vec<Signing>,
}

/// Why a change was not made.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The queue's fault.
    Queue(Error),
    /// As many as there may be sign already.
    Full,
    /// It signs already.
    Known,
    /// There is no such secret.
    Unknown,
    /// It is the one that is not on its way out; another must come first.
    Newest,
}

impl Secrets {
    /// The secrets that this queue keeps.
    pub(crate) fn new(queue: Arc<dyn Queue>) -> Self {
        Secrets(queue)
    }

    /// Those that sign for this tenant now, the newest first. There is always one: it is made if need be.
    ///
    /// # Errors
    /// The queue's.
    pub(crate) async fn signing(&self, tenant: Option<&str>) -> Result<Vec<Signing>, Error> {
        let now = self.0.clock().await?;
        let (stored, _) = self.load(tenant).await?;
        let signing = stored.at(now);
        if !signing.is_empty() {
            return Ok(signing);
        }
        let made = self.change(tenant, |signing, now| {
            if signing.is_empty() {
                signing.push(Signing::new(Secret::fresh(), now));
            }
            Ok(())
        });
        made.await.map_err(|refused| match refused {
            Refused::Queue(error) => error,
            other => Error::Database(format!("a secret could not be made: {other:?}")),
        })
    }

    /// Makes this secret the newest, or a fresh one; the one before it signs for so long yet. Answers with all.
    ///
    /// # Errors
    /// The queue's, [`Refused::Full`], [`Refused::Known`].
    pub(crate) async fn rotate(
        &self,
        tenant: Option<&str>,
        given: Option<Secret>,
        keep: Duration,
    ) -> Result<Vec<Signing>, Refused> {
        self.change(tenant, |signing, now| {
            if signing.len() >= MAX_SECRETS {
                return Err(Refused::Full);
            }
            if signing.iter().any(|known| Some(&known.secret) == given.as_ref()) {
                return Err(Refused::Known);
            }
            for old in signing.iter_mut().filter(|old| old.ends_at.is_none()) {
                old.ends_at = Some(now + keep.min(MAX_KEEP));
            }
            signing.insert(0, Signing::new(given.clone().unwrap_or_else(Secret::fresh), now));
            Ok(())
        })
        .await
    }

    /// Lets one that was rotated sign no more. Answers with the rest.
    ///
    /// # Errors
    /// The queue's, [`Refused::Unknown`], [`Refused::Newest`].
    pub(crate) async fn delete(&self, tenant: Option<&str>, id: &str) -> Result<Vec<Signing>, Refused> {
        self.change(tenant, |signing, _| {
            let place = signing.iter().position(|known| known.id == id).ok_or(Refused::Unknown)?;
            if signing[place].ends_at.is_none() {
                return Err(Refused::Newest);
            }
            signing.remove(place);
            Ok(())
        })
        .await
    }

    /// Changes what signs now; what signs no more is forgotten on the way.
    async fn change(
        &self,
        tenant: Option<&str>,
        mut change: impl FnMut(&mut Vec<Signing>, Timestamp) -> Result<(), Refused>,
    ) -> Result<Vec<Signing>, Refused> {
        for _ in 0..MAX_RACES {
            let now = self.0.clock().await.map_err(Refused::Queue)?;
            let (stored, expected) = self.load(tenant).await.map_err(Refused::Queue)?;
            let mut secrets = stored.at(now);
            change(&mut secrets, now)?;
            let stored = Stored { secrets };
            let document = serde_json::to_value(&stored).expect("plain data with string keys has a JSON form");
            let entry = Entry::new(key(tenant), document);
            if self.0.put_entry(&entry, expected, None).await.map_err(Refused::Queue)? {
                return Ok(stored.secrets);
            }
        }
        Err(Refused::Queue(Error::Unavailable("others change the secrets all the time".to_owned())))
    }

    async fn load(&self, tenant: Option<&str>) -> Result<(Stored, Expected), Error> {
        let Some(entry) = self.0.entry(&key(tenant)).await? else {
            return Ok((Stored::default(), Expected::Nothing));
        };
        let stored = serde_json::from_value(entry.document);
        // Its text may hold a secret, so it is not repeated.
        let unreadable = |_| Error::Corrupt { job: None, message: "the secrets of webhooks".to_owned() };
        Ok((stored.map_err(unreadable)?, Expected::Revision(entry.revision)))
    }
}

/// The entry of a tenant. Tenants have names of their own, so that none can be called as the place of those without.
fn key(tenant: Option<&str>) -> EntryKey {
    EntryKey::new(KIND, tenant.map_or_else(|| "none".to_owned(), |tenant| format!("tenant:{tenant}")))
}

impl Stored {
    fn at(self, now: Timestamp) -> Vec<Signing> {
        self.secrets.into_iter().filter(|secret| secret.ends_at.is_none_or(|ends_at| now < ends_at)).collect()
    }
}

impl Signing {
    fn new(secret: Secret, made_at: Timestamp) -> Self {
        Signing { id: uuid::Uuid::now_v7().to_string(), secret, made_at, ends_at: None }
    }
}

fn write<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    secret.text().serialize(serializer)
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    Secret::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
