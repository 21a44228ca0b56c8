//! The least that serves runs over HTTP: axum around the hand-written loop, in a process of its own.

use std::borrow::Cow;
use std::process::Command;
use std::sync::Arc;

use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::floor::Floor;
use crate::process::Process;

/// What this program is called with to be the server.
pub(crate) const ARGUMENT: &str = "bare-child";

pub(crate) fn start() -> Process {
    let mut command = Command::new(std::env::current_exe().expect("this program has a place"));
    Process::start(command.arg(ARGUMENT))
}

/// Serves until it is killed.
pub(crate) fn serve() {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(processors).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let floor = Arc::new(Floor::new());
        let run = move |Json(mut asked): Json<Value>| {
            let floor = Arc::clone(&floor);
            async move {
                let kwargs = serde_json::to_vec(&asked["kwargs"].take()).expect("it was JSON");
                Json(floor.run(Cow::Owned(kwargs)).await)
            }
        };
        let echo = async |Json(value): Json<Value>| Json(value);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("listening on {}\nready", listener.local_addr().expect("it is bound"));
        axum::serve(listener, Router::new().route("/run", post(run)).route("/echo", post(echo)))
            .await
            .expect("it serves");
    });
}
