//! The tokens of a queue, as entries of it: hashed, shown once. For the command and for the server alike.

use std::sync::Arc;

use super::secret::{Hash, fresh_id, fresh_text, is_id};
use super::token::{Role, Token, check_tenant, check_token_name};
use crate::queue::{Entry, EntryKey, Error, Expected, Queue, Timestamp};

/// What tokens are among the entries of a queue.
const KIND: &str = "token";
/// The id of the first token: always the same, so that of two servers that start together one makes it. No random id
/// has a `0`.
const FIRST_ID: &str = "firsttoken00";
/// The most tokens of one tenant, and of those without one: whoever makes them in a loop is stopped. Those that are over
/// make room for others.
const MAX_TOKENS: usize = 1_000;

/// The tokens of a queue.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<dyn Queue>);

/// A token, and which change of it this is.
pub(super) struct Stored {
    pub(super) token: Token,
    revision: u64,
}

impl Tokens {
    /// The tokens that this queue keeps.
    #[must_use]
    pub fn new(queue: Arc<dyn Queue>) -> Self {
        Tokens(queue)
    }

    /// Makes a token, and gives the secret text with it: it is nowhere else.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or a tenant that breaks a rule, an end that has passed, and the thousand-and-first
    /// token of a tenant, where those that are over do not count; else the queue's.
    pub async fn make(
        &self,
        name: &str,
        role: Role,
        tenant: Option<String>,
        expires_at: Option<Timestamp>,
    ) -> Result<(Token, String), Error> {
        check_token_name(name)?;
        tenant.as_deref().map_or(Ok(()), check_tenant)?;
        let made_at = self.0.clock().await?;
        if let Some(end) = expires_at.filter(|end| *end <= made_at) {
            return Err(Error::invalid("expires", "a moment in the future", end.to_string()));
        }
        self.make_room(tenant.as_deref(), made_at).await?;
        let (token, text) = new(fresh_id(), name, role, tenant, made_at, expires_at);
        if self.0.put_entry(&entry(&token), Expected::Nothing, None).await? {
            return Ok((token, text));
        }
        Err(Error::Unavailable("the id of a new token was taken; try again".to_owned()))
    }

    /// Refuses one token more than a tenant may have. Those that are over do not count, and go when there are too many of
    /// them, those first that have been over for the longest time.
    async fn make_room(&self, tenant: Option<&str>, now: Timestamp) -> Result<(), Error> {
        let mut tokens = self.list().await?;
        tokens.retain(|token| token.tenant.as_deref() == tenant);
        let too_many = (tokens.len() + 1).saturating_sub(MAX_TOKENS);
        tokens.retain(|token| token.is_over(now));
        if tokens.len() < too_many {
            return Err(Error::invalid("tenant", format!("at most {MAX_TOKENS} tokens; revoke some"), "as many"));
        }
        tokens.sort_by_key(|token| token.expires_at);
        for token in tokens.iter().take(too_many) {
            self.revoke(&token.id).await?;
        }
        Ok(())
    }

    /// Makes the token that a new server starts with: an admin's without a tenant, named `first`. None if there is any
    /// token, or if another server was faster.
    ///
    /// # Errors
    /// The queue's.
    pub async fn first(&self) -> Result<Option<(Token, String)>, Error> {
        if !self.is_empty().await? {
            return Ok(None);
        }
        let made_at = self.0.clock().await?;
        let (token, text) = new(FIRST_ID.to_owned(), "first", Role::Admin, None, made_at, None);
        let is_made = self.0.put_entry(&entry(&token), Expected::Nothing, None).await?;
        Ok(is_made.then_some((token, text)))
    }

    /// Every token, oldest first, with those that are over, as far as they are kept.
    ///
    /// # Errors
    /// The queue's.
    pub async fn list(&self) -> Result<Vec<Token>, Error> {
        let mut tokens = Vec::new();
        let mut last: Option<String> = None;
        loop {
            let page = self.0.entries(KIND, last.as_deref()).await?;
            let Some(entry) = page.last() else { break };
            last = Some(entry.key.name.clone());
            tokens.extend(page.into_iter().filter_map(read).map(|stored| stored.token));
        }
        tokens.sort_by(|one, other| (one.made_at, &one.id).cmp(&(other.made_at, &other.id)));
        Ok(tokens)
    }

    /// Whether there is none.
    ///
    /// # Errors
    /// The queue's.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.0.entries(KIND, None).await?.is_empty())
    }

    /// Forgets a token, and says whether there was one. Servers that have used it refuse it within five seconds.
    ///
    /// # Errors
    /// The queue's.
    pub async fn revoke(&self, id: &str) -> Result<bool, Error> {
        if !is_id(id) {
            return Ok(false);
        }
        self.0.delete_entry(&EntryKey::new(KIND, id)).await
    }

    /// As [`revoke`](Tokens::revoke), but takes it back when no operator would be left: false then. Of two that revoke
    /// each other's at once, at least one stays.
    pub(super) async fn revoke_unless_last(&self, token: &Token) -> Result<bool, Error> {
        if token.is_operator() && !self.has_operator_beside(&token.id).await? {
            return Ok(false);
        }
        self.revoke(&token.id).await?;
        if token.is_operator() && !self.has_operator_beside(&token.id).await? {
            self.0.put_entry(&entry(token), Expected::Nothing, None).await?;
            return Ok(false);
        }
        Ok(true)
    }

    async fn has_operator_beside(&self, id: &str) -> Result<bool, Error> {
        let now = self.0.clock().await?;
        Ok(self.list().await?.iter().any(|token| token.id != id && token.is_operator() && !token.is_over(now)))
    }

    /// One token, whether it is over or not.
    ///
    /// # Errors
    /// The queue's.
    pub async fn get(&self, id: &str) -> Result<Option<Token>, Error> {
        Ok(self.stored(id).await?.map(|stored| stored.token))
    }

    pub(super) async fn stored(&self, id: &str) -> Result<Option<Stored>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.0.entry(&EntryKey::new(KIND, id)).await?.and_then(read))
    }

    /// Writes when a token was last used, unless somebody changed or revoked it meanwhile.
    pub(super) async fn write_use(&self, stored: &Stored, used_at: Timestamp) -> Result<(), Error> {
        let token = Token { used_at: Some(used_at), ..stored.token.clone() };
        self.0.put_entry(&entry(&token), Expected::Revision(stored.revision), None).await.map(drop)
    }

    /// The queue's clock.
    pub(super) async fn clock(&self) -> Result<Timestamp, Error> {
        self.0.clock().await
    }
}

fn new(
    id: String,
    name: &str,
    role: Role,
    tenant: Option<String>,
    made_at: Timestamp,
    expires_at: Option<Timestamp>,
) -> (Token, String) {
    let text = fresh_text(&id);
    let (name, hash) = (name.to_owned(), Hash::of(&text));
    (Token { id, name, role, tenant, made_at, expires_at, used_at: None, hash }, text)
}

fn entry(token: &Token) -> Entry {
    let document = serde_json::to_value(token).expect("plain data with string keys has a JSON form");
    Entry::new(EntryKey::new(KIND, &*token.id), document)
}

/// What cannot be read is no token: it opens nothing.
fn read(entry: Entry) -> Option<Stored> {
    let Entry { key, document, revision, .. } = entry;
    match serde_json::from_value::<Token>(document) {
        Ok(token) if token.id == key.name => Some(Stored { token, revision }),
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(token = %key.name, %error, "a stored token cannot be read");
            None
        }
    }
}
