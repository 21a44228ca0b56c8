//! Our server, as `ampule serve` runs it, in a process of its own.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ampule::queue::{Queue, SqliteOptions, SqliteQueue};
use ampule::server::{Role, Server, Settings, Tokens};
use ampule::{Runner, Worker};
use tokio::net::TcpListener;

use crate::floor::TINY;
use crate::process::Process;

/// What this program is called with to be the server; the queue's file follows.
pub(crate) const ARGUMENT: &str = "serve-child";

pub(crate) fn start(folder: &Path) -> Process {
    let mut command = Command::new(std::env::current_exe().expect("this program has a place"));
    Process::start(command.arg(ARGUMENT).arg(folder.join("queue.db")))
}

/// Serves until it is killed.
pub(crate) fn serve() {
    let file = std::env::args_os().nth(2).expect("the queue's file");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(processors).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let queue = SqliteQueue::open(Path::new(&file), SqliteOptions::default()).await.expect("a queue");
        let queue: Arc<dyn Queue> = Arc::new(queue);
        let runner = Runner::builder().guest_threads(processors).pool_size(64).build().expect("a runner");
        let wasm = ampule::assemble(TINY).expect("valid text");
        queue.put_program(&wasm, Some("tiny"), None).await.expect("a program");
        let (_, token) = Tokens::new(Arc::clone(&queue)).make("bench", Role::Admin, None, None).await.expect("a token");
        let worker =
            Worker::builder(runner.clone(), Arc::clone(&queue)).slots(4 * processors).start().expect("a worker");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut settings = Settings::default();
        settings.echo = true;
        let server = Server::start(runner, queue, settings, listener).expect("a server");
        println!("listening on {}\ntoken {token}", server.address());
        tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
        drop((worker, server));
    });
}
