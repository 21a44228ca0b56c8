//! Which addresses a host's name has at the moment. Nothing of it is kept: every try asks again.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// Questions at once: each has a thread for as long as the system's resolver takes, which nothing can stop. A quarter of
/// the threads that tokio has for such.
const MAX_QUESTIONS: usize = 128;

/// The answer, in time.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Finds the addresses of hosts. Whatever it answers is judged before it is connected to.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of a name, in the order in which they are to be tried. [`io::ErrorKind::WouldBlock`] if as much is
    /// asked as may be at once: the delivery is put off then, which counts as no try.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
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
