//! Who asks, and what they may: tokens, their roles and tenants, their rates.
//!
//! A handler says in its arguments whom it serves: [`Read`], [`Submit`], [`Admin`], [`Operator`]. A request whose token
//! is in use costs one hash and no word with the queue.

mod bearer;
mod cache;
mod document;
mod expires;
mod guesses;
mod keeper;
mod lookup;
mod pace;
mod peer;
mod role;
mod secret;
mod token;
mod tokens;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::request::Parts;

use self::bearer::Bearer;
use self::cache::Known;
pub use self::document::{MadeTokenDocument, TokenDocument};
pub use self::expires::Expires;
use self::guesses::Guesses;
use self::keeper::Keeper;
use self::lookup::{Lookup, NotLooked};
use self::pace::retry_after;
pub(crate) use self::peer::Peer;
pub(crate) use self::role::{Admin, Operator, Read, Submit};
use self::secret::Hash;
pub use self::token::{Role, Token};
pub use self::tokens::Tokens;
use super::problem::{Code, Problem};
use super::settings::{Rate, Settings};
use crate::queue::{Error, Queue, Timestamp};

/// Knows the tokens.
pub(crate) struct Access {
    lookup: Arc<Lookup>,
    keeper: Keeper,
    guesses: Guesses,
    rate: Option<Rate>,
    /// What the paces of tokens count from.
    began_at: Instant,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The public part of the token.
    pub(crate) token: String,
    pub(crate) role: Role,
    /// Whose jobs it sees; all if none.
    pub(crate) tenant: Option<String>,
    /// When the token is over.
    pub(crate) expires_at: Option<Timestamp>,
}

impl Access {
    /// Inside a runtime: it looks after tokens in the background.
    pub(crate) fn new(queue: Arc<dyn Queue>, settings: &Settings) -> Self {
        let lookup = Arc::new(Lookup::new(Tokens::new(queue), settings.queue_timeout));
        let keeper = Keeper::start(Arc::clone(&lookup));
        Access { lookup, keeper, guesses: Guesses::default(), rate: settings.rate, began_at: Instant::now() }
    }

    /// Who sent this request. Counts it against the token's rate.
    pub(crate) async fn principal(&self, parts: &Parts) -> Result<Arc<Principal>, Problem> {
        let Bearer::Text(text) = Bearer::of(&parts.headers) else {
            return Err(Problem::new(Code::Unauthorized, "expected `Authorization: Bearer amp_…`"));
        };
        let peer = Peer::address(parts);
        let found = self.known(text, peer).await?;
        let now = Instant::now();
        let Some(known) = found.filter(|known| !known.is_over(now)) else { return Err(self.refuse(peer, now)) };
        if known.asks(now) {
            self.keeper.ask(&known.principal.token);
        }
        self.take(&known, now)?;
        tracing::Span::current().record("token", &*known.principal.token);
        Ok(Arc::clone(&known.principal))
    }

    /// Whether a token that was good is good still: for what goes on after its request was let in.
    pub(crate) async fn holds(&self, principal: &Principal) -> bool {
        match self.lookup.find(&principal.token, || false).await {
            Ok(found) => found.is_some_and(|known| !known.is_over(Instant::now())),
            Err(_) => false,
        }
    }

    /// The tokens of the queue.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.lookup.tokens
    }

    /// Revokes a token: from the answer on it is refused here, and on other servers within seconds. False if it is the
    /// last of an operator, which stays.
    pub(crate) async fn revoke(&self, token: &Token) -> Result<bool, Error> {
        let is_revoked = self.lookup.tokens.revoke_unless_last(token).await?;
        if is_revoked {
            self.lookup.cache.forget(&token.id, Instant::now());
        }
        Ok(is_revoked)
    }

    /// The token that this text is.
    async fn known(&self, text: &str, peer: IpAddr) -> Result<Option<Arc<Known>>, Problem> {
        let Some(id) = secret::id_of(text) else { return Ok(None) };
        let is_suspect = || self.guesses.is_suspect(peer, Instant::now());
        match self.lookup.find(id, is_suspect).await {
            Ok(found) => Ok(found.filter(|known| known.hash == Hash::of(text))),
            Err(NotLooked::Queue(error)) => Err(error.into()),
            Err(NotLooked::Crowded) => {
                let detail = "too many unknown tokens of this address are being looked up; whether this one is good is not known";
                Err(Problem::new(Code::TooManyRequests, detail).retry_after(1))
            }
        }
    }

    fn refuse(&self, peer: IpAddr, now: Instant) -> Problem {
        match self.guesses.failed(peer, now) {
            Some(wait) => slow_down(wait),
            None => Problem::new(Code::Unauthorized, "the token is not known here, or is over"),
        }
    }

    fn take(&self, known: &Known, now: Instant) -> Result<(), Problem> {
        let Some(rate) = self.rate else { return Ok(()) };
        known.pace.take(rate, now - self.began_at).map_err(|wait| {
            let detail = format!("expected at most {} requests a second of one token", rate.per_second);
            Problem::new(Code::TooManyRequests, detail).retry_after(retry_after(wait))
        })
    }
}

/// To an address that presents tokens that are none.
fn slow_down(wait: Duration) -> Problem {
    let detail = "too many tokens came from this address that are not known here; a good one passes";
    Problem::new(Code::TooManyRequests, detail).retry_after(retry_after(wait))
}

impl Principal {
    fn of(token: &Token) -> Self {
        let Token { id, role, tenant, expires_at, .. } = token.clone();
        Principal { token: id, role, tenant, expires_at }
    }

    /// Whether this tenant's things are for it to see.
    pub(crate) fn sees(&self, tenant: Option<&str>) -> bool {
        self.tenant.is_none() || self.tenant.as_deref() == tenant
    }
}
