//! What a producer of the chaos tests asks for: jobs whose end can be worked out from what was asked.
//!
//! The program is `fixtures/told.wat`; what it makes of its kwargs is worked out here a second time.

use std::path::Path;
use std::time::Duration;

use ampule::queue::{Backoff, Callback, NewJob, RetryPolicy};
use ampule::{Grants, Job, Kwargs};
use serde::{Deserialize, Serialize};

use crate::dice::Dice;
use crate::guest::fixture;

/// The name under which the program is stored.
pub const PROGRAM: &str = "told";

/// The closure that is told of a return.
pub const RETURNED: &str = "returned";

/// The closure that is told of a failure.
pub const FAILED: &str = "failed";

/// What the job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Does {
    /// Returns the hash of its kwargs.
    Return,
    /// Fails, each time.
    Fail,
    /// Traps, which is not worth another try.
    Trap,
    /// Returns or fails by chance.
    Waver,
}

/// A job that is asked for. Plain data, so that a journal can hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number: no other job of a history has it.
    pub n: u64,
    /// What it does.
    pub does: Does,
    /// How long it sleeps first, in milliseconds.
    pub ms: u64,
    /// How many bytes of no meaning its kwargs carry.
    pub pad: usize,
    /// After how many milliseconds it is due.
    pub delay_ms: u64,
    /// How often it is tried.
    pub tries: u32,
    /// The queue it waits in.
    pub queue: String,
    /// Whose it is.
    pub tenant: Option<String>,
    /// Whether closures are told of its end.
    pub told: bool,
    /// The job that gets its value. It is told of as this one is.
    pub then: Option<Box<Order>>,
}

impl Order {
    /// A job that returns at once, of which nobody is told.
    #[must_use]
    pub fn new(n: u64) -> Self {
        let queue = "default".to_owned();
        Order {
            n,
            does: Does::Return,
            ms: 0,
            pad: 0,
            delay_ms: 0,
            tries: 10,
            queue,
            tenant: None,
            told: false,
            then: None,
        }
    }

    /// A job of any kind, with numbers from `n`, of which it takes at most four.
    pub fn any(n: u64, dice: &mut Dice) -> Self {
        let does = match dice.below(10) {
            0 => Does::Fail,
            1 => Does::Trap,
            2 => Does::Waver,
            _ => Does::Return,
        };
        let mut order = Order { does, ms: dice.below(60), told: dice.percent(40), ..Order::new(n) };
        order.tries = [2, 10, 10][usize::try_from(dice.below(3)).expect("small")];
        if dice.percent(15) {
            order.delay_ms = dice.below(400);
        }
        if dice.percent(15) {
            // Past what is kept in the hot row.
            order.pad = 3_000;
        }
        if dice.percent(50) {
            order.tenant = Some(format!("tenant-{}", dice.below(3)));
        }
        if dice.percent(25) {
            order.then = Some(Box::new(Order {
                told: order.told,
                then: dice
                    .percent(30)
                    .then(|| Box::new(Order { told: order.told, tenant: order.tenant.clone(), ..Order::new(n + 2) })),
                tenant: order.tenant.clone(),
                ..Order::new(n + 1)
            }));
        }
        order
    }

    /// The program that does it all.
    ///
    /// # Panics
    /// If the fixture is no program.
    #[must_use]
    pub fn program() -> Vec<u8> {
        ampule::assemble(&fixture("told")).expect("the fixture is a program")
    }

    /// The job that is enqueued, and those that follow from it. Runs append to the journal in `directory`.
    #[must_use]
    pub fn job(&self, directory: &Path) -> NewJob {
        let grants = Grants::none().writable_directory(directory, "/journal");
        let job = Job::new(PROGRAM).name(format!("n{}", self.n)).kwargs(self.kwargs(None)).grants(grants);
        let retry = RetryPolicy {
            attempts: self.tries,
            backoff: Backoff::Delays(vec![Duration::from_millis(10)]),
            ..RetryPolicy::default()
        };
        let mut new = NewJob::new(job).queue(&self.queue).retry(retry).tag("chaos");
        new.tenant.clone_from(&self.tenant);
        if self.delay_ms > 0 {
            new = new.delay(Duration::from_millis(self.delay_ms));
        }
        let told = |closure: &str| self.told.then(|| self.told_by(closure));
        new.payload.at_return = match &self.then {
            Some(then) => Some(Callback::job(then.job(directory))),
            None => told(RETURNED),
        };
        new.payload.at_err = told(FAILED);
        new
    }

    fn told_by(&self, closure: &str) -> Callback {
        let kwargs = Kwargs::new().with("n", self.n).expect("a number is JSON");
        Callback::Closure { name: closure.to_owned(), kwargs }
    }

    /// What the program is given; the value of the job before it, if it follows from one.
    ///
    /// # Panics
    /// Never: all of it is JSON.
    #[must_use]
    pub fn kwargs(&self, before: Option<u32>) -> Kwargs {
        let put = |kwargs: Kwargs, name: &str, value: u64| kwargs.with(name, value).expect("a number is JSON");
        let kwargs = put(put(put(Kwargs::new(), "do", self.does as u64), "n", self.n), "ms", self.ms);
        let kwargs = kwargs.with("pad", "p".repeat(self.pad)).expect("text is JSON");
        match before {
            Some(value) => put(kwargs, "result", value.into()),
            None => kwargs,
        }
    }

    /// What the program returns, if it returns.
    #[must_use]
    pub fn value(&self, before: Option<u32>) -> u32 {
        let text = self.kwargs(before).to_json();
        text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}
