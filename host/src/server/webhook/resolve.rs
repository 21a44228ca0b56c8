//! Which addresses a host's name has at the moment. Nothing of it is kept: every try asks again.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::in_flight::{InFlight, Place};
use super::target::Target;

/// Questions at once: each has a thread for as long as the system's resolver takes, which nothing can stop. A quarter of
/// the threads that tokio has for such.
const MAX_QUESTIONS: usize = 128;

/// And for one tenant, or for one name of no tenant's: who has servers of
/// names that do not answer leaves the others seven eighths.
const MAX_QUESTIONS_OF_EACH: usize = 16;

/// The answer, in time.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Finds the addresses of hosts. Whatever it answers is judged before it is connected to.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of a name, in the order in which they are to be tried. [`io::ErrorKind::WouldBlock`] if as much is
    /// asked as may be at once: the delivery is put off then, which counts as no try.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
}

/// The questions that go on.
#[derive(Debug)]
pub(super) struct Questions {
    resolver: Arc<dyn Resolve>,
    under_way: InFlight,
}

/// The right to one question; a target that names an address needs none.
#[derive(Debug)]
pub(super) struct Turn {
    _place: Option<Place>,
}

impl Questions {
    /// So many wait for their turn as tries go on at once for one tenant: each of those has a slot already.
    pub(super) fn new(resolver: Arc<dyn Resolve>, most_waiting: usize) -> Self {
        Questions { resolver, under_way: InFlight::with_waiting(MAX_QUESTIONS_OF_EACH, most_waiting) }
    }

    /// A turn among those that ask for this tenant, or for this host, if one comes in time.
    pub(super) async fn turn(&self, target: &Target, owner: &str, wait: Duration) -> Option<Turn> {
        if target.address.is_some() {
            return Some(Turn { _place: None });
        }
        Some(Turn { _place: Some(self.under_way.take(owner, wait).await?) })
    }

    /// The addresses of a name.
    pub(super) async fn ask(&self, host: &str, turn: Turn) -> io::Result<Vec<IpAddr>> {
        let (resolver, host) = (Arc::clone(&self.resolver), host.to_owned());
        let asked = tokio::spawn(async move {
            // Given back when the resolver is done, not when nobody waits for it any more: it may keep a thread so long.
            let _turn = turn;
            resolver.resolve(&host).await
        });
        asked.await.map_err(io::Error::other)?
    }
}

/// What the system's resolver says.
#[derive(Clone, Debug)]
pub struct SystemResolver {
    questions: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        SystemResolver { questions: Arc::new(Semaphore::new(MAX_QUESTIONS)) }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        let name = name.to_owned();
        Box::pin(async move {
            let permit = Arc::clone(&self.questions).try_acquire_owned();
            let permit = permit.map_err(|_| io::Error::from(io::ErrorKind::WouldBlock))?;
            let asked = tokio::task::spawn_blocking(move || {
                // Given back when the thread is free, not when nobody waits for it any more.
                let _permit = permit;
                (name, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect())
            });
            asked.await.map_err(io::Error::other)?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::WebhookSettings;
    use super::*;

    #[derive(Debug)]
    struct Silent;

    impl Resolve for Silent {
        fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_any_more_keeps_its_turn_and_nobody_elses() {
        let questions = Questions::new(Arc::new(Silent), 64);
        let target = |url: &str| Target::parse(url, &WebhookSettings::default()).expect("a target");
        let (named, addressed) = (target("https://example.com"), target("https://1.1.1.1"));
        let turn = async |target, owner| questions.turn(target, owner, Duration::ZERO).await;
        for owner in ["tenant:slow", "example.com"] {
            for _ in 0..MAX_QUESTIONS_OF_EACH {
                let turn = turn(&named, owner).await.expect("a turn");
                let asked = questions.ask("example.com", turn);
                assert!(tokio::time::timeout(Duration::from_millis(1), asked).await.is_err(), "it never answers");
            }
            assert!(turn(&named, owner).await.is_none());
            assert!(turn(&addressed, owner).await.is_some(), "nobody is asked for that");
        }
        assert!(turn(&named, "tenant:other").await.is_some());
    }
}
