//! What a source string costs beside a process of its own: Python against `python3 -c`, JavaScript against `node -e`,
//! and against `pyeryx`, which runs Python in wasm too, where it is installed.
//!
//! All do the least that answers (hand out 1+2), one after the other in rounds, so that a machine that slows down slows
//! all of them. Prints the median wall time and the CPU time of one run, and the ratios. The processes are the
//! interpreters themselves: a version manager's shim would add its own start to each.
//!
//! `cargo bench --bench interpreters --features interpreters`, with `-- python` for one of them; `AMPULE_BENCH_PYERYX` names a Python that has `pyeryx`.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ampule::{Interpreter, Job, Runner};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 15;
const RUNS: usize = 100;
const PROCESSES: usize = 4;
const SOURCE: &str = "_return(1+2)";

/// Runs Python in a fresh sandbox of pyeryx, as often as it is told to, and prints seconds of wall and CPU for each.
const PYERYX: &str = "
import sys, time, eryx
def once():
    return eryx.Sandbox().execute('print(1+2)')
once()
for _ in range(int(sys.argv[1])):
    wall, cpu = time.perf_counter(), time.process_time()
    once()
    print(time.perf_counter() - wall, time.process_time() - cpu)
";

/// Samples of one way, each of one run.
#[derive(Default)]
struct Way {
    name: &'static str,
    walls: Vec<Duration>,
    cpu: Duration,
    runs: u32,
}

impl Way {
    fn new(name: &'static str) -> Self {
        Way { name, ..Way::default() }
    }

    fn median(&mut self) -> Duration {
        self.walls.sort();
        self.walls.get(self.walls.len() / 2).copied().unwrap_or_default()
    }

    fn cpu_each(&self) -> Duration {
        self.cpu / self.runs.max(1)
    }
}

struct Ways {
    python: Way,
    javascript: Way,
    python3: Way,
    node: Way,
    pyeryx: Way,
}

impl Default for Ways {
    fn default() -> Self {
        Ways {
            python: Way::new("python, a job"),
            javascript: Way::new("javascript, a job"),
            python3: Way::new("python3 -c"),
            node: Way::new("node -e"),
            pyeryx: Way::new("pyeryx, a sandbox"),
        }
    }
}

fn main() {
    let caller = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-cache");
    let mut builder = Runner::builder().guest_threads(1).pool_size(64).cache_directory(cache);
    for interpreter in Interpreter::carried() {
        builder = builder.interpreter(interpreter);
    }
    let runner = builder.build().expect("a runner");
    for language in ["python", "javascript"] {
        caller.block_on(runner.prepare(language)).expect("a carried interpreter");
    }
    let python3_path = real_python();
    // Names after `--` choose ways; cargo adds its own flags.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_chosen = |way: &Way| chosen.is_empty() || chosen.iter().any(|name| way.name.contains(name.as_str()));
    let one_of_each = |ways: &mut Ways| {
        if is_chosen(&ways.python) {
            jobs(&caller, &runner, "python", &mut ways.python);
        }
        if is_chosen(&ways.javascript) {
            jobs(&caller, &runner, "javascript", &mut ways.javascript);
        }
        if is_chosen(&ways.python3) {
            processes(python3_path.as_deref(), &["-c", "print(1+2)"], &mut ways.python3);
        }
        if is_chosen(&ways.node) {
            processes(Some("node"), &["-e", "console.log(1+2)"], &mut ways.node);
        }
        if is_chosen(&ways.pyeryx) {
            sandboxes(&mut ways.pyeryx);
        }
    };
    // Warms caches and pools.
    one_of_each(&mut Ways::default());
    let mut ways = Ways::default();
    for _ in 0..ROUNDS {
        one_of_each(&mut ways);
    }
    let Ways { mut python, mut javascript, mut python3, mut node, mut pyeryx } = ways;
    println!("{:<22} {:>12} {:>12}", "", "median", "CPU");
    for way in [&mut python, &mut python3, &mut pyeryx, &mut javascript, &mut node] {
        if way.runs == 0 {
            println!("{:<22} not here, so not measured", way.name);
            continue;
        }
        let median = way.median();
        println!("{:<22} {:>12} {:>12}", way.name, shown(median), shown(way.cpu_each()));
    }
    ratio("python3 -c", &mut python3, "a Python job", &mut python);
    ratio("pyeryx", &mut pyeryx, "a Python job", &mut python);
    ratio("node -e", &mut node, "a JavaScript job", &mut javascript);
    caller.block_on(runner.shutdown(Duration::from_secs(1)));
}

/// One after the other: what a caller waits for, and what the process spends.
fn jobs(caller: &tokio::runtime::Runtime, runner: &Runner, language: &str, way: &mut Way) {
    let cpu = cpu_of_this_process();
    for _ in 0..RUNS {
        let started = Instant::now();
        let outcome =
            caller.block_on(async { runner.run_async(Job::source(language, SOURCE)).expect("accepted").await });
        way.walls.push(started.elapsed());
        assert_eq!(outcome.result.expect("it returns"), 3);
    }
    way.cpu += cpu_of_this_process() - cpu;
    way.runs += RUNS as u32;
}

fn processes(program: Option<&str>, arguments: &[&str], way: &mut Way) {
    let Some(program) = program else { return };
    let cpu = cpu_of_children();
    for _ in 0..PROCESSES {
        let started = Instant::now();
        let Ok(output) = Command::new(program).args(arguments).stdin(Stdio::null()).output() else { return };
        way.walls.push(started.elapsed());
        assert_eq!(output.stdout, b"3\n", "{program}");
    }
    way.cpu += cpu_of_children() - cpu;
    way.runs += PROCESSES as u32;
}

fn sandboxes(way: &mut Way) {
    let Some(python) = std::env::var_os("AMPULE_BENCH_PYERYX") else { return };
    let output = Command::new(python).args(["-c", PYERYX, "20"]).output().expect("the Python that has pyeryx");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut numbers = line.split(' ').map(|number| number.parse().expect("seconds"));
        let mut next = || Duration::from_secs_f64(numbers.next().expect("wall and CPU"));
        way.walls.push(next());
        way.cpu += next();
        way.runs += 1;
    }
}

/// The interpreter behind whatever `python3` on the path is.
fn real_python() -> Option<String> {
    let code = "import os, sys; print(os.path.realpath(sys.executable))";
    let output = Command::new("python3").args(["-c", code]).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn cpu_of_this_process() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// User and system time of the children that were waited for, which Linux counts in hundredths of a second.
fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(") ").next().expect("the fields after the name");
    let ticks: u64 = after_name.split(' ').skip(13).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum();
    Duration::from_millis(ticks * 10)
}

fn shown(duration: Duration) -> String {
    format!("{:.1} µs", duration.as_secs_f64() * 1e6)
}

fn ratio(other_name: &str, other: &mut Way, our_name: &str, ours: &mut Way) {
    if other.runs == 0 || ours.runs == 0 {
        return;
    }
    let wall = other.median().as_secs_f64() / ours.median().as_secs_f64();
    let cpu = other.cpu_each().as_secs_f64() / ours.cpu_each().as_secs_f64();
    println!("{other_name} takes {wall:.1} times as long as {our_name}, and {cpu:.1} times the CPU");
}
