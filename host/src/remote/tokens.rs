//! Tokens of a server, which an admin lists, makes and revokes there.

use http::Method;
use serde::{Deserialize, Serialize};

use super::RemoteQueue;
use super::http::Ask;
use crate::queue::{Error, Timestamp};
use crate::server::{MadeTokenDocument, Role, TokenDocument};
use crate::wire::Moment;

#[derive(Deserialize)]
struct Known {
    tokens: Vec<TokenDocument>,
}

#[derive(Serialize)]
struct TokenRequest<'a> {
    name: &'a str,
    role: Role,
    tenant: Option<&'a str>,
    expires: Option<Moment>,
}

impl RemoteQueue {
    /// The tokens that whoever asks may see, oldest first.
    ///
    /// # Errors
    /// [`Error::Refused`] to whoever is no admin, [`Error::Away`] if the server cannot be reached.
    pub async fn tokens(&self) -> Result<Vec<TokenDocument>, Error> {
        let known: Known = self.http.ask(Ask::get(&["v1", "tokens"])).await?.document()?;
        Ok(known.tokens)
    }

    /// Makes a token. Its text is in what this gives and nowhere else; called twice it makes two.
    ///
    /// # Errors
    /// As [`RemoteQueue::tokens`], and [`Error::Refused`] for one that would reach further than that of whoever asks.
    pub async fn make_token(
        &self,
        name: &str,
        role: Role,
        tenant: Option<&str>,
        expires_at: Option<Timestamp>,
    ) -> Result<MadeTokenDocument, Error> {
        let request = TokenRequest { name, role, tenant, expires: expires_at.map(Moment) };
        self.http.ask(Ask::new(Method::POST, &["v1", "tokens"]).json(&request)?).await?.document()
    }

    /// Revokes a token, by its public part.
    ///
    /// # Errors
    /// As [`RemoteQueue::tokens`], and [`Error::Refused`] if there is none of this id, or it is an operator's last one.
    pub async fn revoke_token(&self, id: &str) -> Result<(), Error> {
        self.http.ask(Ask::new(Method::DELETE, &["v1", "tokens", id])).await?.nothing()
    }
}
