//! What a guest hands to the host, with any two integers: never a panic of the host, always a classified end.
//!
//! The guest's memory is one page of the digit 1, so what is inside is a number for as long as it has few digits.

use ampule::{Job, Kind, Outcome, Runner, TrapCode};
use ampule_tests::guest::fixture;
use ampule_tests::{builder, load, run};
use proptest::prelude::*;
use tokio::runtime::Runtime;

const MEMORY_BYTES: u64 = 65_536;

/// As many ones as a number of JSON's reader can have: 1.1e308 is one, and 1.1e309 is infinite.
const MOST_DIGITS: u64 = 309;

/// Any integer, and the interesting ones often.
fn integer() -> impl Strategy<Value = i32> {
    let edges =
        [0, 1, -1, 308, 309, 310, 65_534, 65_535, 65_536, 65_537, i32::MAX, i32::MAX - 1, i32::MIN, i32::MIN + 1];
    prop_oneof![any::<i32>(), 0..70_000, prop::sample::select(edges.to_vec())]
}

fn is_inside(ptr: i32, len: i32) -> bool {
    u64::from(ptr as u32) + u64::from(len as u32) <= MEMORY_BYTES
}

/// One runner for all cases of a test.
struct Host {
    caller: Runtime,
    runner: Runner,
}

impl Host {
    fn new() -> Self {
        let caller = Runtime::new().expect("a runtime");
        Host { caller, runner: builder().pool_size(1).guest_threads(1).build().expect("a runner") }
    }

    fn run(&self, call: &str) -> Outcome {
        self.caller.block_on(async {
            let program = load(&self.runner, &fixture("return_at").replace("FUNCTION", call)).await;
            run(&self.runner, Job::new(&program).name("of nine b").kwarg("a", "b").expect("a string")).await
        })
    }
}

fn kind_and_trap(outcome: &Outcome) -> (Option<Kind>, Option<TrapCode>) {
    let failure = outcome.result.as_ref().err();
    (failure.map(|failure| failure.kind), failure.and_then(|failure| failure.trap))
}

const RETURNED: (Option<Kind>, Option<TrapCode>) = (None, None);
const BAD_RETURN: (Option<Kind>, Option<TrapCode>) = (Some(Kind::BadReturn), None);
const BAD_CALL: (Option<Kind>, Option<TrapCode>) = (Some(Kind::Trap), Some(TrapCode::HostCall));

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_two_integers_returned_are_a_value_or_a_bad_return(cases in prop::collection::vec((integer(), integer()), 8)) {
        let host = Host::new();
        for (ptr, len) in cases {
            let outcome = host.run(&format!("$_return (i32.const {ptr}) (i32.const {len})"));
            let is_value = is_inside(ptr, len) && (1..=MOST_DIGITS).contains(&u64::from(len as u32));
            prop_assert_eq!(kind_and_trap(&outcome), if is_value { RETURNED } else { BAD_RETURN }, "{} {}", ptr, len);
        }
    }

    #[test]
    fn any_two_integers_logged_are_a_line_or_a_bad_call(cases in prop::collection::vec((integer(), integer(), integer()), 8)) {
        let host = Host::new();
        for (level, ptr, len) in cases {
            let outcome = host.run(&format!("$log (i32.const {level}) (i32.const {ptr}) (i32.const {len})"));
            let expected = if is_inside(ptr, len) { RETURNED } else { BAD_CALL };
            prop_assert_eq!(kind_and_trap(&outcome), expected, "{} {} {}", level, ptr, len);
        }
    }

    #[test]
    fn any_two_integers_of_progress_are_a_number_or_a_bad_call(cases in prop::collection::vec((integer(), integer()), 8)) {
        let host = Host::new();
        for (ptr, len) in cases {
            let outcome = host.run(&format!("$progress (i32.const {ptr}) (i32.const {len})"));
            let is_value = is_inside(ptr, len) && (1..=MOST_DIGITS).contains(&u64::from(len as u32));
            prop_assert_eq!(kind_and_trap(&outcome), if is_value { RETURNED } else { BAD_CALL }, "{} {}", ptr, len);
        }
    }

    #[test]
    fn any_two_integers_of_a_failure_are_a_bad_call_for_no_number_is_one(cases in prop::collection::vec((integer(), integer()), 8)) {
        let host = Host::new();
        for (ptr, len) in cases {
            let outcome = host.run(&format!("$fail (i32.const {ptr}) (i32.const {len})"));
            prop_assert_eq!(kind_and_trap(&outcome), BAD_CALL, "{} {}", ptr, len);
        }
    }

    #[test]
    fn any_place_to_write_is_inside_or_a_bad_call(cases in prop::collection::vec(integer(), 8)) {
        let host = Host::new();
        for ptr in cases {
            // Both are nine bytes: `{"a":"b"}` and `of nine b`. The source is empty.
            for (function, bytes) in [("$kwargs_read", 9), ("$name_read", 9), ("$source_read", 0)] {
                let outcome = host.run(&format!("{function} (i32.const {ptr})"));
                let expected = if is_inside(ptr, bytes) { RETURNED } else { BAD_CALL };
                prop_assert_eq!(kind_and_trap(&outcome), expected, "{} {}", function, ptr);
            }
        }
    }
}
