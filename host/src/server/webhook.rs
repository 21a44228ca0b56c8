//! Webhooks: the ends of jobs, told over HTTP to whoever the job names, signed as Standard Webhooks 1.0 has it.
//!
//! A delivery is a job of the queue `@http`, so that its tries, waits and history are the queue's. A worker hands each
//! try to a [`Deliverer`], which is all that this module adds: it judges the target, connects, signs, sends, and reads
//! no more of the answer than anybody needs. It follows no redirect and keeps no connection.

mod address;
mod answer;
mod bounded;
mod budget;
mod connect;
mod deliver;
mod document;
mod fault;
mod header;
mod in_flight;
mod measure;
mod message;
mod network;
mod port;
mod record;
mod resolve;
mod secrets;
mod settings;
mod sign;
mod target;
mod tls;
mod trace;

pub use self::deliver::Deliverer;
pub(crate) use self::document::{WebhookDocument, WebhookSecretDocument, WebhookSummaryDocument};
pub use self::network::Network;
pub use self::port::PortRange;
pub use self::resolve::{Resolve, Resolving, SystemResolver};
pub(crate) use self::secrets::{MAX_SECRETS, Refused, Secrets, Signing};
pub use self::settings::WebhookSettings;
pub(crate) use self::sign::Secret;
use self::target::Target;
use super::problem::Problem;
use crate::queue::Webhook;

/// Refuses a webhook that could never be delivered under these settings. What a host name means is not asked: it is
/// judged with every try, for it may change.
///
/// # Errors
/// A problem that names what is wrong: `url`, or one of the `headers`.
pub(crate) fn check(settings: &WebhookSettings, webhook: &Webhook) -> Result<(), Problem> {
    Target::parse(&webhook.url, settings)
        .map_err(|refusal| Problem::invalid("url", refusal.expected, refusal.found))?;
    header::check(&webhook.headers)
        .map_err(|refusal| Problem::invalid(format!("headers.{}", refusal.name), refusal.expected, refusal.found))
}
