//! Uploads of those who mean harm: too long, too slow, too many, no programs at all. Whatever comes, others are served.

use std::path::Path;
use std::time::Duration;

use ampule::server::Settings;
use ampule::{Compiler, ProgramLimits};
use ampule_tests::guest::fixture;
use ampule_tests::served::{Answered, Served};
use ampule_tests::{soon, until};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::programs::{program, put, refusal};

/// What every program begins with.
const MAGIC: &[u8] = b"\0asm\x01\0\0\0";

/// A connection on which an upload has begun, with these headers.
async fn begun(served: &Served, headers: &str) -> TcpStream {
    let address = served.base.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "PUT /v1/programs/raw HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/wasm\r\n{headers}\r\n\r\n",
        served.admin
    );
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    stream
}

/// The status and the code of what comes back before the connection is closed.
async fn answer(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> (String, String) {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    soon("the upload is answered", async {
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            text.extend_from_slice(&chunk[..read]);
            if text.ends_with(b"}") {
                return;
            }
        }
    })
    .await;
    let text = String::from_utf8(text).expect("text");
    let status = text.split(' ').nth(1).unwrap_or("none").to_owned();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let problem: ampule::Value = serde_json::from_str(body).unwrap_or_default();
    (status, problem["code"].as_str().unwrap_or("none").to_owned())
}

fn told(status: &str, code: &str) -> (String, String) {
    (status.to_owned(), code.to_owned())
}

/// A server that takes programs of at most 64 KiB.
async fn small(settings: Settings) -> Served {
    let mut limits = ProgramLimits::default();
    limits.wasm_bytes = 64 << 10;
    Served::on(Served::runner().program_limits(limits), settings, false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_gigabytes_that_are_announced_are_refused_before_they_come() {
    let served = Served::with(Settings::default(), false).await;
    let mut stream = begun(&served, "Content-Length: 10737418240").await;
    assert_eq!(answer(&mut stream).await, told("413", "too_large"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_an_end_is_cut_off_where_it_is_too_long() {
    let served = small(Settings::default()).await;
    let (mut reader, mut writer) = begun(&served, "Transfer-Encoding: chunked").await.into_split();
    let endless = tokio::spawn(async move {
        let mut body = MAGIC.to_vec();
        body.resize(1_000, 0);
        let mut sent = 0;
        // Ends when the server has closed the connection.
        while writer.write_all(&[b"3e8\r\n", &*body, b"\r\n"].concat()).await.is_ok() {
            sent += body.len();
        }
        sent
    });
    assert_eq!(answer(&mut reader).await, told("413", "too_large"));
    drop(reader);
    assert!(soon("the server hangs up", endless).await.expect("no panic") >= 64 << 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_falls_silent_and_who_trickles_are_cut_off() {
    let mut settings = Settings::default();
    settings.idle_timeout = Duration::from_millis(200);
    settings.upload_timeout = Duration::from_millis(600);
    let served = small(settings).await;
    let mut silent = begun(&served, "Content-Length: 1000").await;
    assert_eq!(answer(&mut silent).await, told("408", "timeout"));
    let (mut reader, mut writer) = begun(&served, "Content-Length: 60000").await.into_split();
    let trickle = tokio::spawn(async move {
        writer.write_all(MAGIC).await.expect("it is taken");
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        while writer.write_all(b"\0").await.is_ok() {
            pace.tick().await;
        }
    });
    assert_eq!(answer(&mut reader).await, told("408", "timeout"));
    drop(reader);
    soon("the server hangs up", trickle).await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_ends_early_is_no_program() {
    let served = small(Settings::default()).await;
    let mut stream = begun(&served, "Content-Length: 1000").await;
    stream.write_all(MAGIC).await.expect("it is taken");
    stream.shutdown().await.expect("it is closed");
    assert_ne!(answer(&mut stream).await.0, "201");
    assert_eq!(refusal(&served.get("/v1/programs/raw").await), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_past_those_that_are_taken_at_once_are_told_to_come_again() {
    let mut settings = Settings::default();
    settings.max_uploads = 2;
    let served = Served::with(settings, false).await;
    let hanging = [begun(&served, "Content-Length: 1000").await, begun(&served, "Content-Length: 1000").await];
    let refused = soon("an upload is refused", async {
        loop {
            let answered = put(&served, "third", program("1")).await;
            if answered.status != StatusCode::CREATED && answered.status != StatusCode::OK {
                return answered;
            }
        }
    });
    let refused = refused.await;
    assert_eq!(refusal(&refused), (503, "busy"));
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(served.get("/v1/programs").await.status, StatusCode::OK);
    drop(hanging);
    let taken = soon("there is room again", async {
        loop {
            let answered = put(&served, "third", program("1")).await;
            if answered.status != StatusCode::SERVICE_UNAVAILABLE {
                return answered.status;
            }
        }
    });
    assert!(taken.await.is_success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_nobody_takes_is_one_of_those_that_are_held_at_once() {
    let mut settings = Settings::default();
    settings.max_uploads = 1;
    let served = Served::with(settings, false).await;
    // More than the sockets between the two hold.
    served.queue.put_program(&vec![0; 32 << 20], Some("large"), None).await.expect("it is stored");
    let address = served.base.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "GET /v1/programs/large/wasm HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n",
        served.admin
    );
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.expect("an answer begins");
    assert_eq!(&begin, b"HTTP/1.1 200");
    let path = "/v1/programs/large/wasm";
    assert_eq!(refusal(&Answered::of(served.request(Method::GET, path)).await), (503, "busy"));
    drop(stream);
    let taken = soon("there is room again", async {
        while Answered::of(served.request(Method::HEAD, path)).await.status != StatusCode::OK {}
    });
    taken.await;
}

/// Bodies that are no programs, each with what its refusal tells.
fn corpus() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = program("1");
    let functions = |count: usize| ampule::assemble(&format!("(module {})", "(func)".repeat(count)));
    vec![
        ("empty", Vec::new(), "expected a WebAssembly program"),
        ("garbage", (0..=255).cycle().take(100_000).collect(), "expected a WebAssembly program"),
        ("text", b"(module (func (export \"run\")))".to_vec(), "text form"),
        ("compiled", [b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 4096]].concat(), "ELF"),
        ("packed", [b"\x1f\x8b\x08\0\0\0\0\0".as_slice(), &[0; 64]].concat(), "expected a WebAssembly program"),
        ("html", b"<!doctype html><script>alert(1)</script>".to_vec(), "expected a WebAssembly program"),
        ("version", b"\0asm\x02\0\0\0".to_vec(), "expected a WebAssembly program"),
        ("truncated", whole[..whole.len() - 3].to_vec(), ""),
        ("beginning", MAGIC.to_vec(), ""),
        ("functions", functions(100_001).expect("a module"), "100001"),
        (
            "imports",
            ampule::assemble(r#"(module (import "env" "system" (func)) (func (export "run")))"#).expect("a module"),
            "env",
        ),
        ("lying", [MAGIC, b"\x0a\xff\xff\xff\xff\x0f".as_slice()].concat(), ""),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_program_is_refused_with_the_reason_and_leaves_nothing_behind() {
    let served = Served::with(Settings::default(), false).await;
    for (name, body, told) in corpus() {
        let refused = put(&served, name, body).await;
        assert_eq!(refusal(&refused), (422, "bad_program"), "{name}: {}", refused.body);
        assert!(
            refused.body["detail"].as_str().is_some_and(|detail| detail.contains(told)),
            "{name}: {}",
            refused.body
        );
        assert_eq!(refused.body["failure"]["kind"], "bad_program", "{name}");
    }
    assert_eq!(served.get("/v1/programs").await.body["programs"], json!([]));
    let component = ampule::assemble(&fixture("component_command").replace("RESULT", "0")).expect("a component");
    assert_eq!(put(&served, "component", component).await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_another_type_or_encoded_is_refused_unread() {
    let served = Served::with(Settings::default(), false).await;
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("content-type", "text/plain"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-encoding", "gzip"),
        ("content-encoding", "identity"),
    ] {
        let request = served.request(Method::PUT, "/v1/programs/x");
        let request =
            if name == "content-encoding" { request.header("content-type", "application/wasm") } else { request };
        let refused = Answered::of(request.header(name, value).body(program("1"))).await;
        assert_eq!(refusal(&refused), (415, "unsupported_media_type"), "{name}: {value}");
    }
    let without = Answered::of(served.request(Method::PUT, "/v1/programs/x").body(program("1"))).await;
    assert_eq!(refusal(&without), (415, "unsupported_media_type"));
}

fn compiled(log: &Path) -> usize {
    std::fs::read_to_string(log).unwrap_or_default().lines().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_puts_of_the_same_bytes_are_compiled_once_before_a_job_asks() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("compiled");
    let arguments = vec!["compile".to_owned(), log.display().to_string()];
    let compiler = Compiler::Child { executable: env!("CARGO_BIN_EXE_alone").into(), arguments };
    let served = Served::on(Served::runner().compiler(compiler), Settings::default(), false).await;
    let puts: Vec<_> = (0..1_000)
        .map(|_| {
            let request = served.request(Method::PUT, "/v1/programs/same").header("content-type", "application/wasm");
            tokio::spawn(Answered::of(request.body(program("7"))))
        })
        .collect();
    let mut stored = 0;
    for put in puts {
        let answered = put.await.expect("no panic");
        match answered.status.as_u16() {
            200 | 201 => stored += 1,
            _ => assert_eq!(refusal(&answered), (503, "busy")),
        }
    }
    assert!(stored > 0);
    until("it is compiled before a job asks for it", || compiled(&log) > 0).await;
    let run = served.post("/v1/run", &json!({"program": "same"})).await;
    assert_eq!((&run.body["result"], compiled(&log)), (&7.into(), 1));
    assert_eq!(served.get("/v1/programs/same").await.body["versions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_hostile_programs_come_in_and_run_others_are_served() {
    let served = Served::with(Settings::default(), false).await;
    put(&served, "plain", program("1")).await;
    for name in ["loop", "grow", "recursion", "flood", "million_returns"] {
        let hostile = ampule::assemble(&fixture(name).replace("THEN", "").replace("FD", "1")).expect("a program");
        assert_eq!(put(&served, name, hostile).await.status, StatusCode::CREATED, "{name}");
    }
    let hostile = async {
        for (name, body, _) in corpus() {
            assert_eq!(refusal(&put(&served, name, body).await), (422, "bad_program"), "{name}");
        }
        for name in ["loop", "grow", "recursion", "flood", "million_returns"] {
            let run = served.post("/v1/run", &json!({"program": name, "timeout": "300ms"})).await;
            assert_eq!(run.status, StatusCode::OK, "{name}: {}", run.body);
        }
    };
    let plain = async {
        for _ in 0..100 {
            let run = served.post("/v1/run", &json!({"program": "plain"})).await;
            assert_eq!((run.status, &run.body["result"]), (StatusCode::OK, &1.into()));
        }
    };
    tokio::join!(hostile, plain);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_too_much_hears_of_it() {
    let served = small(Settings::default()).await;
    for _ in 0..20 {
        let refused = put(&served, "large", [MAGIC, &[0; 8 << 20]].concat()).await;
        assert_eq!(refusal(&refused), (413, "too_large"));
        let refused = put(&served, "text", vec![b' '; 8 << 20]).await;
        assert_eq!(refusal(&refused), (413, "too_large"));
        let request = served.client.request(Method::PUT, format!("{}/v1/programs/x", served.base));
        let refused = Answered::of(request.body(vec![0; 8 << 20])).await;
        assert_eq!(refusal(&refused), (401, "unauthorized"));
    }
}
