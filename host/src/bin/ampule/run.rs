//! `ampule run`: one job from its arguments to its exit code.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ampule::{
    Compiler, Digest, Failure, Grants, Job, JobHandle, Kind, Kwargs, LimitOverrides, LoadError, Outcome, Program,
    Runner, RunnerBuilder, Value,
};

use crate::args::{CacheArgs, JobArgs, RunArgs};
use crate::config::Config;
use crate::exit::{self, Fault};
use crate::live::Live;
use crate::program::{Content, Source};
use crate::signals::Signals;
use crate::{executable, job_help, on_server, report, typed_kwargs, wire};

/// The most that is read for `--kwargs` and `--stdin`, which are held in memory.
const INPUT_BYTES: u64 = 256 << 20;

/// How long a program may take to load before somebody at a terminal is told why.
const NOTICE_AFTER: Duration = Duration::from_secs(1);

/// Runs one job of a program and reports it.
pub(crate) async fn run(args: Box<RunArgs>, config: &Config) -> Result<ExitCode, Fault> {
    if let Some(server) = config.remote(None)? {
        return on_server::run(&args, &server, config).await;
    }
    if args.help_job {
        return job_help::run(&args.program, config);
    }
    // Read before signals are caught, so that Ctrl-C ends a wait for stdin.
    let inputs = Inputs::read(&args.job)?;
    let source = Source::find(&args.program, config)?;
    let mut desk = Desk::open(&args.run.cache, config)?;
    let notice = Notice { what: source.name.clone(), even_unwatched: false };
    let program = desk.wait(load(&desk.runner.clone(), &source), notice, source.digest()).await?;
    let job =
        inputs.fill(Job::new(&program).name(&source.name), &args.job, program.inspection().kwargs_schema.as_ref())?;
    desk.finish(job, args.run.json).await
}

/// What serves one job: a runner, somebody who may watch, and signals.
pub(crate) struct Desk {
    pub(crate) runner: Runner,
    live: Live,
    signals: Signals,
    cached: bool,
}

/// What is said of a wait.
pub(crate) struct Notice {
    pub(crate) what: String,
    /// Whether it is said where stderr is no terminal.
    pub(crate) even_unwatched: bool,
}

impl Desk {
    /// For one job.
    pub(crate) fn open(cache: &CacheArgs, config: &Config) -> Result<Self, Fault> {
        Desk::for_jobs(1, cache, config)
    }

    /// For so many jobs at once.
    pub(crate) fn for_jobs(jobs: usize, cache: &CacheArgs, config: &Config) -> Result<Self, Fault> {
        let cache = config.cache(cache);
        let (signals, live) = (Signals::catch()?, Live::new());
        Ok(Desk { cached: cache.is_some(), runner: runner(jobs, cache)?, live, signals })
    }

    /// Waits for work, unless a signal comes first.
    pub(crate) async fn unless_stopped<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            () = self.signals.asked_to_stop() => Err(Failure::new(Kind::Cancelled, "stopped by a signal").into()),
            done = work => Ok(done),
        }
    }

    /// Waits for a program, and says so if it takes long.
    pub(crate) async fn wait(
        &mut self,
        loading: impl Future<Output = Result<Program, LoadError>>,
        notice: Notice,
        digest: Option<Digest>,
    ) -> Result<Program, Fault> {
        let mut loading = std::pin::pin!(loading);
        let mut noticed = !(self.live.is_watched() || notice.even_unwatched);
        loop {
            tokio::select! {
                biased;
                () = self.signals.asked_to_stop() => {
                    let failure = Failure::new(Kind::Cancelled, "stopped by a signal before the program was loaded");
                    return Err(Fault::from(failure).of(digest));
                }
                loaded = &mut loading => return loaded.map_err(|error| Fault::from(error).of(digest)),
                () = tokio::time::sleep(NOTICE_AFTER), if !noticed => {
                    let once = if self.cached { ", once for this machine" } else { "" };
                    self.live.note(&format!("compiling {}{once}…", notice.what));
                    noticed = true;
                }
            }
        }
    }

    /// Runs the job and reports it.
    pub(crate) async fn finish(mut self, job: Job, json: bool) -> Result<ExitCode, Fault> {
        // The failure is in the outcome too. A job without `at_err` has it logged, and here it is reported.
        let is_source = job.source.is_some();
        let handle = self.runner.run_async(job.at_err(|_, _| Ok::<(), Infallible>(())))?;
        let mut outcome = ended(handle, (!json).then_some(&mut self.live), &mut self.signals).await;
        if let (true, false, Err(failure)) = (is_source, json, &mut outcome.result) {
            // Of a source it shows the interpreter's functions, in which nobody looks for the fault.
            failure.backtrace = None;
        }
        // The runner is dropped and not shut down: a thread that the job left in a call to the host ends with the
        // process.
        report(&outcome, json)?;
        Ok(exit::of_outcome(&outcome))
    }
}

/// A runner for so many jobs at once: a thread and a slot for each and no more, so that it starts in no time.
pub(crate) fn runner(jobs: usize, cache: Option<PathBuf>) -> Result<Runner, Fault> {
    Ok(builder(cache)?.guest_threads(jobs).pool_size(jobs).build()?)
}

/// A runner that compiles in a child process and keeps what it compiled.
pub(crate) fn builder(cache: Option<PathBuf>) -> Result<RunnerBuilder, Fault> {
    let compiler = Compiler::Child { executable: executable::path()?, arguments: vec!["compile-child".to_owned()] };
    let builder = Runner::builder().compiler(compiler);
    Ok(match cache {
        Some(directory) => builder.cache_directory(directory),
        None => builder,
    })
}

pub(crate) async fn load(runner: &Runner, source: &Source) -> Result<Program, LoadError> {
    match source.content()? {
        Content::Wasm(wasm) => runner.load(wasm).await,
        Content::Text(text) => runner.load_wat(text).await,
    }
}

/// Waits for the end, tells what happens until then if anybody is to be told, and cancels when a signal comes.
async fn ended(handle: JobHandle, live: Option<&mut Live>, signals: &mut Signals) -> Outcome {
    let (control, events) = (handle.control(), handle.events());
    let mut end = std::pin::pin!(async {
        if let Some(live) = live {
            live.follow(events).await;
        }
        handle.await
    });
    loop {
        tokio::select! {
            biased;
            () = signals.asked_to_stop() => control.cancel(),
            outcome = &mut end => return outcome,
        }
    }
}

/// Tells how a run ended. Its log was told before.
pub(crate) fn report(outcome: &Outcome, json: bool) -> Result<(), Fault> {
    if json {
        return report::print_json(&wire::outcome(outcome));
    }
    let mut stderr = anstream::stderr().lock();
    report::output(&mut stderr, &outcome.output);
    match &outcome.result {
        Ok(value) => report::print_json(value),
        Err(failure) => {
            report::failure(&mut stderr, failure);
            Ok(())
        }
    }
}

/// What was read for a job.
pub(crate) struct Inputs {
    kwargs: Kwargs,
    stdin: Option<Vec<u8>>,
}

impl Inputs {
    /// Reads the base of the kwargs, and the job's standard input.
    pub(crate) fn read(args: &JobArgs) -> Result<Self, Fault> {
        let stdin_is = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
        if args.kwargs.as_deref() == Some("-") && stdin_is(&args.stdin) {
            return Err(Fault::Usage("expected one use of stdin, found `--kwargs -` and `--stdin -`".to_owned()));
        }
        let kwargs = args.kwargs.as_deref().map_or_else(|| Ok(Kwargs::new()), kwargs_from)?;
        let stdin = args.stdin.as_deref().map(|path| read("--stdin", path)).transpose()?;
        Ok(Inputs { kwargs, stdin })
    }

    /// The job with all that was asked for it, its kwargs typed by the program's schema if there is one.
    pub(crate) fn fill(self, job: Job, args: &JobArgs, schema: Option<&Value>) -> Result<Job, Fault> {
        let kwargs = typed_kwargs::build(self.kwargs, &args.kwarg, schema)?;
        let (fuel, timeout, memory_bytes) = (args.fuel, args.timeout, args.memory);
        let limits = LimitOverrides { fuel, timeout, memory_bytes, ..LimitOverrides::default() };
        Ok(job.kwargs(kwargs).limits(limits).grants(grants(args, self.stdin)))
    }
}

fn grants(args: &JobArgs, stdin: Option<Vec<u8>>) -> Grants {
    let mut grants = Grants::none();
    grants.directories = args.dir.clone();
    grants.env = args.env.iter().cloned().collect();
    grants.args = args.args.clone();
    grants.stdin = stdin;
    match args.seed {
        Some(seed) => grants.deterministic(seed),
        None => grants,
    }
}

/// The kwargs that `--kwargs` gives: JSON, `@` and a file, or `-` for stdin.
pub(crate) fn kwargs_from(json: &str) -> Result<Kwargs, Fault> {
    let file = if json == "-" { Some("-") } else { json.strip_prefix('@') };
    let json = file.map_or_else(|| Ok(json.to_owned()), |file| read_text("--kwargs", Path::new(file)))?;
    Ok(Kwargs::from_json(&json)?)
}

/// A file's text, or stdin's for `-`.
pub(crate) fn read_text(argument: &str, path: &Path) -> Result<String, Fault> {
    let found = |_| Fault::Usage(format!("{argument}: expected text in UTF-8 in {path:?}, found other bytes"));
    String::from_utf8(read(argument, path)?).map_err(found)
}

/// A file, or stdin for `-`.
fn read(argument: &str, path: &Path) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(INPUT_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(INPUT_BYTES + 1).read_to_end(&mut bytes))
    };
    match read {
        Ok(len) if len as u64 > INPUT_BYTES => {
            Err(Fault::Usage(format!("{argument}: expected at most {INPUT_BYTES} bytes in {path:?}, found more")))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(Fault::Usage(format!("{argument}: expected a file at {path:?}, found: {error}"))),
    }
}
