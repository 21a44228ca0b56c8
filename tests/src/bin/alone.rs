//! What must have a process to itself. `alone compile LOG metered|unmetered` is a compiler child that adds a line to
//! LOG each time it is started. `alone soak DIRECTORY` runs a thousand mixed jobs and prints, as JSON, what it had
//! before and after: threads, descriptors, slots.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use ampule::{Failure, Grants, Job, JobHandle, Kind, Program, Runner, Value};
use ampule_tests::guest::{fixture, returning, speaking};
use ampule_tests::{builder, ended, load};
use serde_json::json;

/// How many jobs a soak runs.
const JOBS: usize = 1_000;

/// How many of them are under way at once: more than there are slots.
const AT_ONCE: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match &arguments[1..] {
        ["compile", log, metering] => return compile(log, *metering == "metered"),
        ["soak", directory] => soak(directory),
        _ => Err("expected `compile LOG metered|unmetered` or `soak DIRECTORY`".into()),
    };
    done.map_or_else(
        |error| {
            eprintln!("{error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn compile(log: &str, metering: bool) -> ExitCode {
    let noted = fs::OpenOptions::new().create(true).append(true).open(log).and_then(|mut log| writeln!(log, "one"));
    let compiled = noted.map_err(|error| error.to_string()).and_then(|()| {
        ampule::compile_child(metering, io::stdin().lock(), io::stdout().lock()).map_err(|error| error.to_string())
    });
    match compiled {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn soak(directory: &str) -> Result<(), Box<dyn Error>> {
    let caller = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // What the engine keeps for the whole process, such as the threads of its compiler, is there from now on.
    caller.block_on(run_many(directory, AT_ONCE))?;
    let before = json!({"threads": threads(), "descriptors": descriptors()});
    let (busy, kinds) = caller.block_on(run_many(directory, JOBS))?;
    let after = json!({"threads": threads(), "descriptors": descriptors()});
    println!("{}", json!({"before": before, "busy": busy, "after": after, "kinds": kinds}));
    Ok(())
}

/// Runs the jobs, and shuts the runner down. Gives what is in use with the runner still up, early and late, and how
/// many runs ended in which way.
async fn run_many(directory: &str, jobs: usize) -> Result<(Value, Value), Box<dyn Error>> {
    let runner = builder().pool_size(8).build()?;
    let programs = Programs::load(&runner).await;
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    let mut early = Value::Null;
    for batch in 0..jobs / AT_ONCE {
        let handles: Result<Vec<_>, _> =
            (0..AT_ONCE).map(|number| programs.start(&runner, directory, number)).collect();
        for handle in handles? {
            let kind = match ended(handle).await.result {
                Ok(_) => "returned".to_owned(),
                Err(failure) => failure.kind.to_string(),
            };
            *kinds.entry(kind).or_default() += 1;
        }
        if batch == 0 {
            early = in_use(&runner);
        }
    }
    let late = in_use(&runner);
    let shutdown = runner.shutdown(Duration::from_secs(60)).await;
    let busy = json!({"early": early, "late": late, "stopped": shutdown.stopped, "left": shutdown.left});
    Ok((busy, json!(kinds)))
}

fn in_use(runner: &Runner) -> Value {
    let load = runner.load_now();
    json!({
        "descriptors": descriptors(), "alive": load.alive, "waiting": load.waiting, "free_slots": load.free_slots,
    })
}

struct Programs {
    returns: Program,
    traps: Program,
    loops: Program,
    sleeps: Program,
    opens: Program,
    grows: Program,
    fails: Program,
}

impl Programs {
    async fn load(runner: &Runner) -> Self {
        let sleep = fixture("sleep").replace("NANOSECONDS", "3600000000000");
        let open =
            fixture("open_for_ever").replace("COUNT", "40").replace("(call $number (local.get $errno))", "unreachable");
        Programs {
            returns: load(runner, &returning(&["8", "13"])).await,
            traps: load(runner, &fixture("unreachable")).await,
            loops: load(runner, &fixture("loop")).await,
            sleeps: load(runner, &sleep).await,
            opens: load(runner, &open).await,
            grows: load(runner, &fixture("grow").replace("THEN", "unreachable")).await,
            fails: load(runner, &speaking(&[("$fail", br#"{"message":"no"}"#)], "")).await,
        }
    }

    /// One of the ways in which a run can go; each is as frequent as the others.
    fn start(&self, runner: &Runner, directory: &str, number: usize) -> Result<JobHandle, ampule::Error> {
        let short = Duration::from_millis(2);
        match number % 10 {
            0 => runner.run_async(Job::new(&self.returns)),
            1 => runner.run_async(Job::new(&self.returns).at_return(|_, _| Err("no ink")).at_err(|_, _| Err("none"))),
            2 => runner.run_async(Job::new(&self.traps)),
            3 => runner.run_async(Job::new(&self.loops).fuel(50_000)),
            4 => runner.run_async(Job::new(&self.loops).timeout(short)),
            5 => runner.run_async(Job::new(&self.sleeps).timeout(short)),
            6 => runner.run_async(Job::new(&self.opens).grants(Grants::none().directory(directory, "/data"))),
            7 => runner.run_async(Job::new(&self.grows).memory_bytes(1 << 20)),
            8 => runner.run_async(Job::new(&self.fails)),
            _ => {
                let handle = runner.run_async(Job::new(&self.loops).at_err(expect_cancelled))?;
                handle.cancel();
                Ok(handle)
            }
        }
    }
}

fn expect_cancelled(failure: Failure, _: ampule::Kwargs) -> Result<(), Failure> {
    if failure.kind == Kind::Cancelled { Ok(()) } else { Err(failure) }
}

/// The thread that ends a runtime has done its work when the shutdown ends, and may yet be on its way out.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() != "ampule-shutdown").count()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
