//! Tokens as clients and the command's `--json` see them. The secret is in one document, once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::token::{Role, Token};
use crate::wire::Moment;

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenDocument {
    /// Its public part.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Whose things it sees; everybody's if null.
    pub tenant: Option<String>,
    /// When it was made.
    pub made_at: Moment,
    /// From when on it is refused; null for never.
    pub expires_at: Option<Moment>,
    /// When it was last used, to the minute; null for never.
    pub used_at: Option<Moment>,
}

/// A token that was just made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeTokenDocument {
    /// The whole token. It is told here and never again.
    pub token: String,
    /// What is known of it.
    #[serde(flatten)]
    pub known: TokenDocument,
}

impl From<&Token> for TokenDocument {
    fn from(token: &Token) -> Self {
        let Token { id, name, role, tenant, made_at, expires_at, used_at, .. } = token.clone();
        let (made_at, expires_at, used_at) = (Moment(made_at), expires_at.map(Moment), used_at.map(Moment));
        TokenDocument { id, name, role, tenant, made_at, expires_at, used_at }
    }
}
