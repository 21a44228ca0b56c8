//! Embeds Ampule: loads a program, runs it three times, and is told how each run ended.
//!
//! `cargo run --example embed`. The program doubles `n` where it is small, loops for ever where it is 0, and traps
//! where it is large; a real one would be built with the guest SDK.

use std::time::Duration;

use ampule::{BoxError, Event, Job, Kwargs, Runner};

const PROGRAM: &str = r#"(module
    (import "ampule" "_return" (func $return (param i32 i32)))
    (import "ampule" "kwargs_read" (func $kwargs_read (param i32)))
    (memory (export "memory") 1)
    (func (export "run") (local $digit i32)
        ;; The kwargs are `{"n":D}`, and D is the sixth byte.
        (call $kwargs_read (i32.const 0))
        (local.set $digit (i32.load8_u (i32.const 5)))
        (if (i32.eq (local.get $digit) (i32.const 48)) (then (loop (br 0))))
        (if (i32.gt_u (local.get $digit) (i32.const 52)) (then unreachable))
        (i32.store8 (i32.const 5) (i32.add (i32.mul (i32.sub (local.get $digit) (i32.const 48)) (i32.const 2)) (i32.const 48)))
        (call $return (i32.const 5) (i32.const 1))))"#;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let runner = Runner::builder().pool_size(8).build()?;
    let program = runner.load_wat(PROGRAM).await?;

    for n in [3, 0, 7] {
        let call = Job::new(&program)
            .kwarg("n", n)?
            .timeout(Duration::from_millis(200))
            .at_return(|value, kwargs| {
                println!("{}: {value}", kwargs.to_json());
                Ok::<(), BoxError>(())
            })
            .at_return_kwargs(Kwargs::new().with("n", n)?)
            .at_err(move |failure, _| {
                println!("{n} failed, {failure}");
                Ok::<(), BoxError>(())
            });
        // The call returns at once; the closures are called on this runtime when the run has ended.
        let handle = runner.run_async(call)?;
        let mut events = handle.events();
        while let Some(event) = events.next().await {
            if let Event::Return(value) = event {
                println!("{n} has returned {value} and goes on");
            }
        }
        let outcome = handle.await;
        println!("{n} used {:?} of fuel in {:?}", outcome.usage.fuel, outcome.usage.wall);
    }
    runner.shutdown(Duration::from_secs(1)).await;
    Ok(())
}
