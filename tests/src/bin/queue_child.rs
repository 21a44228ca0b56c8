//! A process of the chaos tests, to be killed, frozen and started again. `queue-child work PART` is workers;
//! `queue-child embed PART` is a producer too, as in a program that embeds its queue; `queue-child full DIRECTORY` lets
//! the disk under a queue run full.
//!
//! SIGTERM ends it in good order. It ends at once when whoever started it is gone: then its standard input ends.

use std::io::Read as _;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ampule::BoxError;
use ampule_tests::part::{Part, Working, produce, witnessed};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(2);
    });
    let logged = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN);
    logged.with_ansi(false).with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let caller = tokio::runtime::Runtime::new().expect("a runtime");
    let done = match arguments[..] {
        ["work", part] => caller.block_on(work(part, false)),
        ["embed", part] => caller.block_on(work(part, true)),
        ["full", directory] => caller.block_on(ampule_tests::full::scenario(directory.as_ref())),
        _ => Err("expected `work PART`, `embed PART` or `full DIRECTORY`".into()),
    };
    done.map_or_else(
        |error| {
            eprintln!("{error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

async fn work(part: &str, produces: bool) -> Result<(), BoxError> {
    let part: Part = serde_json::from_str(part)?;
    let mut asked_to_end = signal(SignalKind::terminate())?;
    let (queue, journal) = part.open().await?;
    let queue = witnessed(queue, &journal);
    let working = Working::start(&part, queue.clone(), &journal)?;
    let producing = async {
        if produces {
            produce(&part, &*queue, &journal, &AtomicBool::new(false)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = producing => {}
        _ = asked_to_end.recv() => {}
    }
    working.stop(Duration::from_millis(part.grace_ms)).await;
    Ok(())
}
