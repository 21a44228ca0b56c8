//! How many requests are worked on at once. Those that wait for a job, or stream, have ceilings of their own and step
//! out of this one.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::super::App;
use super::super::problem::{Code, Problem};

/// How many requests are worked on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ceiling(Arc<AtomicUsize>);

/// A request that is worked on, as an extension of it. The last clone gives its place back.
#[derive(Clone, Debug)]
pub(crate) struct InRequest(Arc<Place>);

#[derive(Debug)]
struct Place {
    ceiling: Ceiling,
    is_left: AtomicBool,
}

impl Ceiling {
    /// A place for one request.
    ///
    /// # Errors
    /// `busy` if there is none.
    pub(super) fn enter(&self, most: usize) -> Result<InRequest, Problem> {
        let room = |there| (there < most).then_some(there + 1);
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, room) {
            Ok(_) => Ok(InRequest(Arc::new(Place { ceiling: self.clone(), is_left: AtomicBool::new(false) }))),
            Err(_) => Err(Problem::new(Code::Busy, "as many requests are worked on as may be").retry_after(1)),
        }
    }
}

impl InRequest {
    /// Of a request that takes no place.
    fn nowhere() -> Self {
        InRequest(Arc::new(Place { ceiling: Ceiling::default(), is_left: AtomicBool::new(true) }))
    }

    /// Gives the place back before the request ends: from now on it only waits.
    pub(crate) fn leave(&self) {
        self.0.leave();
    }
}

impl Place {
    fn leave(&self) {
        if !self.is_left.swap(true, Ordering::AcqRel) {
            self.ceiling.0.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl FromRequestParts<App> for InRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(InRequest::nowhere))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back_once() {
        let ceiling = Ceiling::default();
        let (first, second) = (ceiling.enter(2).expect("room"), ceiling.enter(2).expect("room"));
        assert_eq!(ceiling.enter(2).expect_err("it is full").code, Code::Busy);
        first.leave();
        first.leave();
        drop(first);
        let third = ceiling.enter(2).expect("room again");
        assert!(ceiling.enter(2).is_err());
        drop((second, third));
        assert_eq!(ceiling.0.load(Ordering::Acquire), 0);
    }
}
