//! How many streams are open, in all and of each token: each is a connection and a reader of the queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::problem::{Code, Problem};
use super::super::settings::Settings;

/// After how long a refused client may try again: streams last long, so a second would be too soon.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The streams of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    all: usize,
    /// Of each token that has any.
    of_tokens: HashMap<String, usize>,
}

/// The right to one stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    streams: Streams,
    token: String,
}

impl Streams {
    /// A stream for this token.
    ///
    /// # Errors
    /// `too_many_requests` if there are as many as there may be.
    pub(super) fn seat(&self, token: &str, settings: &Settings) -> Result<Seat, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_token = open.of_tokens.get(token).copied().unwrap_or_default();
        let refusal = if of_token >= settings.max_streams_per_token {
            Some(format!("this token has {of_token} streams open, as many as it may"))
        } else if open.all >= settings.max_streams {
            Some("as many streams are open as may be".to_owned())
        } else {
            None
        };
        if let Some(detail) = refusal {
            return Err(Problem::new(Code::TooManyRequests, detail).retry_after(RETRY_AFTER_SECONDS));
        }
        open.all += 1;
        *open.of_tokens.entry(token.to_owned()).or_default() += 1;
        Ok(Seat { streams: self.clone(), token: token.to_owned() })
    }
}

impl Streams {
    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(count) = open.of_tokens.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                open.of_tokens.remove(&self.token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_ends_makes_room_for_another() {
        let settings = Settings { max_streams: 3, max_streams_per_token: 2, ..Settings::default() };
        let streams = Streams::default();
        let seat = |token| streams.seat(token, &settings);
        let first = seat("a").expect("room");
        let _second = seat("a").expect("room");
        assert_eq!(seat("a").expect_err("its share is used up").code, Code::TooManyRequests);
        let _other = seat("b").expect("room for others");
        assert_eq!(seat("c").expect_err("no room at all").code, Code::TooManyRequests);
        drop(first);
        let _third = seat("a").expect("room again");
        assert_eq!(streams.0.lock().expect("not poisoned").of_tokens.len(), 2);
    }
}
