//! Calls that come together go together: what many callers ask for at about the same time is one transaction, so that
//! they share one write to the disk. Each is still answered for itself, and fails alone.
//!
//! What is done for a group is not known here.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::postgres::PgConnection;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::connection::{Pools, Stop, Work, attempt};
use super::tell::Teller;
use crate::job::JobId;
use crate::queue::Error;
use crate::queue::signal::Happened;

/// The most calls in one group, and about the most bytes: a caller waits for all of the group.
const MAX_CALLS: usize = 512;
const MAX_BYTES: usize = 4 << 20;
/// The most calls that wait. Whoever comes then waits before the door instead of inside.
const MAX_WAITING: usize = 1_024;

/// Something that is asked for.
pub(super) trait Call: Clone + Send + Sync + 'static {
    /// What it gives.
    type Answer: Send + 'static;

    /// The jobs that it is about. No two calls of a group have one of them in common.
    fn jobs(&self) -> impl Iterator<Item = JobId>;

    /// About how many bytes it has; none if it must be done alone.
    fn weight(&self) -> Option<usize>;

    /// Does all of them, and answers in the same order. What is refused was not done; the rest was.
    fn run<'c>(connection: &'c mut PgConnection, calls: &'c [Self]) -> Work<'c, Answers<Self::Answer>>;
}

/// What became of a group.
#[derive(Debug)]
pub(super) struct Answers<A> {
    pub(super) answers: Vec<Result<A, Error>>,
    /// What is told when it is committed, which it is.
    pub(super) happened: Happened,
}

/// Where calls are taken in.
#[derive(Debug)]
pub(super) struct Door<C: Call>(mpsc::Sender<Asked<C>>);

#[derive(Debug)]
struct Asked<C: Call> {
    call: C,
    reply: oneshot::Sender<Result<C::Answer, Error>>,
}

impl<C: Call> Door<C> {
    /// Opens a door with so many behind it, each with one group at a time. They end when it is dropped and all is done.
    pub(super) fn open(flushers: usize, pools: &Pools, teller: &Arc<Teller>) -> Self {
        let (door, waiting) = mpsc::channel(MAX_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..flushers {
            let flusher = Flusher { waiting: Arc::clone(&waiting), pools: pools.clone(), teller: Arc::clone(teller) };
            tokio::spawn(flusher.flush());
        }
        Door(door)
    }

    /// Asks, and waits for the answer. What was asked is done even if nobody waits any more.
    pub(super) async fn ask(&self, call: C) -> Result<C::Answer, Error> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Asked { call, reply }).await.map_err(|_| Error::Closed)?;
        answer.await.unwrap_or(Err(Error::Closed))
    }
}

struct Flusher<C: Call> {
    waiting: Arc<Mutex<mpsc::Receiver<Asked<C>>>>,
    pools: Pools,
    teller: Arc<Teller>,
}

impl<C: Call> Flusher<C> {
    async fn flush(self) {
        let mut next = Vec::new();
        loop {
            if next.len() < MAX_CALLS && self.gather(&mut next).await == 0 && next.is_empty() {
                return;
            }
            let group = take_group(&mut next);
            let (calls, replies): (Vec<_>, Vec<_>) = group.into_iter().map(|asked| (asked.call, asked.reply)).unzip();
            for (reply, answer) in replies.into_iter().zip(self.run(calls).await) {
                // Whoever asked may have gone; the work is done all the same.
                let _ = reply.send(answer);
            }
        }
    }

    /// Takes what waits, and waits for the first if there is nothing to do.
    async fn gather(&self, next: &mut Vec<Asked<C>>) -> usize {
        if next.is_empty() {
            return self.waiting.lock().await.recv_many(next, MAX_CALLS).await;
        }
        // Another may hold it and wait for the next call, which may never come.
        let Ok(mut waiting) = self.waiting.try_lock() else { return 0 };
        std::iter::from_fn(|| waiting.try_recv().ok())
            .take(MAX_CALLS - next.len())
            .map(|asked| next.push(asked))
            .count()
    }

    async fn run(&self, calls: Vec<C>) -> Vec<Result<C::Answer, Error>> {
        let stop = match attempt(&self.pools.hot, &calls[..], C::run).await {
            Ok(done) => {
                self.teller.tell(done.happened);
                return done.answers;
            }
            Err(stop) => stop,
        };
        let many = calls.len();
        let error = stop.into_error();
        if many == 1 || error.is_temporary() || error == Error::Closed {
            return calls.iter().map(|_| Err(error.clone())).collect();
        }
        // One of them is at fault, and nobody knows which.
        let mut answers = Vec::with_capacity(many);
        for call in calls {
            let done = attempt(&self.pools.hot, std::slice::from_ref(&call), C::run).await.map_err(Stop::into_error);
            answers.push(done.and_then(|done| {
                self.teller.tell(done.happened);
                done.answers.into_iter().next().unwrap_or(Err(Error::Closed))
            }));
        }
        answers
    }
}

/// Takes from the front what can go together, and leaves the rest.
fn take_group<C: Call>(waiting: &mut Vec<Asked<C>>) -> Vec<Asked<C>> {
    let (mut group, mut rest) = (Vec::new(), Vec::new());
    let (mut jobs, mut bytes) = (HashSet::new(), 0);
    for asked in waiting.drain(..) {
        let fits = match asked.call.weight() {
            // Alone, and first of what comes.
            None => group.is_empty(),
            Some(weight) => {
                bytes += weight;
                (group.is_empty() || bytes <= MAX_BYTES) && asked.call.jobs().all(|job| !jobs.contains(&job))
            }
        };
        if fits && rest.is_empty() {
            jobs.extend(asked.call.jobs());
            if asked.call.weight().is_none() {
                bytes = usize::MAX / 2;
            }
            group.push(asked);
        } else {
            rest.push(asked);
        }
    }
    *waiting = rest;
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Fake(Option<usize>, JobId);

    impl Call for Fake {
        type Answer = ();

        fn jobs(&self) -> impl Iterator<Item = JobId> {
            std::iter::once(self.1)
        }

        fn weight(&self) -> Option<usize> {
            self.0
        }

        fn run<'c>(_: &'c mut PgConnection, calls: &'c [Self]) -> Work<'c, Answers<()>> {
            let answers = calls.iter().map(|_| Ok(())).collect();
            Box::pin(async { Ok(Answers { answers, happened: Happened::default() }) })
        }
    }

    fn groups(calls: &[Fake]) -> Vec<usize> {
        let mut waiting = calls.iter().map(|call| Asked { call: call.clone(), reply: oneshot::channel().0 }).collect();
        let mut sizes = Vec::new();
        while sizes.len() < calls.len() {
            match take_group(&mut waiting).len() {
                0 => break,
                size => sizes.push(size),
            }
        }
        sizes
    }

    #[test]
    fn calls_go_together_unless_they_are_about_the_same_or_too_large_or_alone() {
        let fresh = || JobId::fresh();
        let same = fresh();
        assert_eq!(groups(&[Fake(Some(1), fresh()), Fake(Some(1), fresh())]), [2]);
        assert_eq!(groups(&[Fake(Some(1), same), Fake(Some(1), same), Fake(Some(1), fresh())]), [1, 2]);
        assert_eq!(groups(&[Fake(Some(MAX_BYTES), fresh()), Fake(Some(1), fresh())]), [1, 1]);
        assert_eq!(groups(&[Fake(Some(1), fresh()), Fake(None, fresh()), Fake(Some(1), fresh())]), [1, 1, 1]);
    }
}
