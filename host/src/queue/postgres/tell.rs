//! Tells others what happened, and hears what they tell.
//!
//! A commit that holds a notification waits for all others that do: one lock of the whole server, measured here at a
//! sixth of the commits without. So nothing is notified in a transaction that stores anything; a task of its own does it
//! afterwards, for many at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgListener, PgPool};
use tokio::sync::{Notify, watch};

use super::connection::{Pools, Work, within};
use crate::job::JobId;
use crate::queue::signal::{Bell, Happened};

/// The channel. A payload is some of the letters `r`, `e` and `c`, for ready, ended and cancels, and who sent it.
const CHANNEL: &str = "ampule";
/// How long what happens is gathered after others were told.
const GATHER: Duration = Duration::from_millis(5);
/// How long nobody is told anything if that failed; those who wait look from time to time.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a silent connection is tried: a network that went away says nothing.
const TRY_AFTER: Duration = Duration::from_secs(30);
/// How long it may take to answer.
const TRY_FOR: Duration = Duration::from_secs(10);
/// The longest wait before the next attempt to connect.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Rings here, and tells others.
#[derive(Debug)]
pub(super) struct Teller {
    bell: Arc<Bell>,
    /// Who this is, so that it does not hear itself.
    name: String,
    pending: Mutex<Happened>,
    wake: Notify,
}

impl Teller {
    /// Starts those who tell and listen. They end when `open` is dropped.
    pub(super) fn start(pools: &Pools, bell: &Arc<Bell>, open: &watch::Sender<()>) -> Arc<Self> {
        let teller = Arc::new(Teller {
            bell: Arc::clone(bell),
            name: JobId::fresh().to_string(),
            pending: Mutex::default(),
            wake: Notify::new(),
        });
        tokio::spawn(until_closed(open.subscribe(), Arc::clone(&teller).tell_others(pools.hasty.clone())));
        tokio::spawn(until_closed(open.subscribe(), Arc::clone(&teller).listen(pools.listening.clone())));
        teller
    }

    /// Says what was committed.
    pub(super) fn tell(&self, happened: Happened) {
        if happened.is_nothing() {
            return;
        }
        self.bell.ring(happened);
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).add(happened);
        self.wake.notify_one();
    }

    async fn tell_others(self: Arc<Self>, pool: PgPool) {
        loop {
            self.wake.notified().await;
            let happened = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
            if happened.is_nothing() {
                continue;
            }
            let letters = [(happened.ready, "r"), (happened.ended, "e"), (happened.cancels, "c")];
            let letters: String = letters.into_iter().filter_map(|(did, letter)| did.then_some(letter)).collect();
            let told = within(&pool, &format!("{letters} {}", self.name), notify).await;
            if let Err(error) = &told {
                // Whoever waits looks by itself, only later.
                tracing::debug!(%error, "other processes were not told");
            }
            tokio::time::sleep(if told.is_ok() { GATHER } else { PAUSE }).await;
        }
    }

    /// Listens for ever, on one connection after the other.
    async fn listen(self: Arc<Self>, pool: PgPool) {
        let mut backoff = Duration::from_millis(100);
        loop {
            match self.connect(&pool).await {
                Ok(mut listener) => {
                    backoff = Duration::from_millis(100);
                    // Nobody knows what was told before.
                    self.bell.ring(Happened::ANYTHING);
                    let error = self.hear(&mut listener).await;
                    tracing::debug!(%error, "the connection that listens is lost");
                    self.bell.ring(Happened::ANYTHING);
                }
                Err(error) => tracing::debug!(%error, "nothing to listen on"),
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    async fn connect(&self, pool: &PgPool) -> sqlx::Result<PgListener> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    /// Rings for what is heard, until the connection is lost.
    async fn hear(&self, listener: &mut PgListener) -> String {
        loop {
            match tokio::time::timeout(TRY_AFTER, listener.try_recv()).await {
                Ok(Ok(Some(told))) => self.ring(told.payload()),
                Ok(Ok(None)) => return "closed".to_owned(),
                Ok(Err(error)) => return error.to_string(),
                Err(_) => {
                    let trial = sqlx::query("SELECT 1").execute(&mut *listener);
                    match tokio::time::timeout(TRY_FOR, trial).await {
                        Ok(Ok(_)) => {}
                        Ok(Err(error)) => return error.to_string(),
                        Err(_) => return "silent".to_owned(),
                    }
                }
            }
        }
    }

    fn ring(&self, payload: &str) {
        let (letters, name) = payload.split_once(' ').unwrap_or((payload, ""));
        if name == self.name {
            return;
        }
        let told = |letter| letters.contains(letter);
        self.bell.ring(Happened { ready: told('r'), ended: told('e'), cancels: told('c') });
    }
}

fn notify<'c>(connection: &'c mut PgConnection, payload: &'c String) -> Work<'c, ()> {
    Box::pin(async move {
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(connection).await?;
        Ok(())
    })
}

/// Does this until the queue is closed.
async fn until_closed(mut open: watch::Receiver<()>, task: impl Future<Output = ()>) {
    tokio::select! {
        // Nothing is ever sent: it resolves when the sender is gone.
        _ = open.changed() => {}
        () = task => {}
    }
}
