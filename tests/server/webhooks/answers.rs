//! What becomes of a delivery, whatever the receiver does.

use std::time::Duration;

use ampule::queue::State;
use ampule::server::webhook::WebhookSettings;
use ampule_tests::receiver::{Receiver, Reply};

use super::scene::{Scene, open, tries, webhook};

/// A status, how the body began, and the message of the failure.
type Tried = (Option<u64>, Option<String>, Option<String>);

/// What is written down of one try at a receiver that does this, after which nobody is connected any more.
async fn tried(scene: &Scene, reply: Reply) -> (State, Tried) {
    let receiver = Receiver::start([reply]).await;
    let record = scene.tried(scene.tell(webhook(receiver.url("/"))).await, 1).await;
    receiver.alone().await;
    let tried = tries(&record).pop().expect("a try");
    (record.summary.state, tried)
}

/// An answer with a body that ends with the connection.
fn ok(rest: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_accepted_is_sent_again_as_it_was() {
    let receiver = Receiver::start([Reply::status(500, "no"), Reply::status(201, "yes")]).await;
    let scene = Scene::start(open()).await;
    let delivery = scene.tell(webhook(receiver.url("/"))).await;
    assert_eq!(scene.tried(delivery, 1).await.summary.state, State::Queued);
    scene.again(delivery).await;
    let record = scene.tried(delivery, 2).await;
    assert_eq!(record.summary.state, State::Completed);
    let tries = tries(&record);
    assert_eq!((tries[0].0, tries[1].0), (Some(500), Some(201)));
    assert_eq!(tries[0].1.as_deref(), Some("no"));
    assert!(tries[0].2.as_deref().is_some_and(|message| message.contains("found 500")), "{tries:?}");
    let received = receiver.received(2).await;
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[0].headers["webhook-id"], received[1].headers["webhook-id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_gone_is_told_no_more() {
    let scene = Scene::start(open()).await;
    let (state, (status, _, message)) = tried(&scene, Reply::status(410, "gone")).await;
    assert_eq!((state, status), (State::Failed, Some(410)));
    assert!(message.is_some_and(|message| message.contains("410 Gone")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_no_acceptance_is_tried_again() {
    let scene = Scene::start(open()).await;
    for status in [101, 304, 400, 404, 429, 500, 503, 599, 999] {
        let (state, (found, _, message)) = tried(&scene, Reply::status(status, "")).await;
        assert_eq!((state, found), (State::Queued, Some(status.into())), "{message:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_followed() {
    let honeypot = Receiver::start([Reply::status(200, "")]).await;
    let scene = Scene::start(open()).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} X\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", honeypot.url("/"));
        let (state, (found, _, message)) = tried(&scene, Reply::say(&answer)).await;
        assert_eq!((state, found), (State::Queued, Some(status)));
        assert!(message.as_deref().is_some_and(|message| message.contains("redirects")), "{message:?}");
    }
    assert_eq!(honeypot.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_none_is_a_failed_try() {
    let scene = Scene::start(open()).await;
    let many_headers = "x-a: a\r\n".repeat(10_000);
    let long_header = format!("x-a: {}\r\n", "a".repeat(1 << 20));
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    for (what, reply) in [
        ("reset", Reply::Reset),
        ("nothing", Reply::say("")),
        ("another protocol", Reply::say("220 mail.example.com ready\r\n")),
        ("no status", Reply::say("HTTP/1.1 banana OK\r\n\r\n")),
        ("status of two digits", Reply::say("HTTP/1.1 20 OK\r\n\r\n")),
        ("another version", Reply::say("HTTP/7.3 200 OK\r\n\r\n")),
        ("half a head", Reply::say("HTTP/1.1 200 OK\r\ncontent-le")),
        ("a header without a name", Reply::Say(ok(": a\r\n\r\n"))),
        ("two lengths", Reply::Say(ok("content-length: 1\r\ncontent-length: 2\r\n\r\nab"))),
        ("a length below none", Reply::Say(ok("content-length: -1\r\n\r\n"))),
        ("a megabyte in a header", Reply::Say(ok(&format!("{long_header}\r\n")))),
        ("ten thousand headers", Reply::Say(ok(&format!("{many_headers}\r\n")))),
        ("a head without end", Reply::Endless(ok(""), b"x-a: a\r\n".to_vec())),
        ("interim answers without end", Reply::Endless(Vec::new(), interim)),
        ("zeros without end", Reply::Endless(Vec::new(), vec![0; 4096])),
    ] {
        let (state, (status, body, message)) = tried(&scene, reply).await;
        assert_eq!((state, status, body), (State::Queued, None, None), "{what}: {message:?}");
        assert!(
            message.as_deref().is_some_and(|message| message.starts_with("no answer that can be read")),
            "{what}: {message:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_in_time_is_not_waited_for() {
    let scene = Scene::start(hasty(300)).await;
    for (what, reply) in [
        ("nothing is read", Reply::Ignore),
        ("nothing is said", Reply::SayAndHang(Vec::new())),
        ("half a head", Reply::SayAndHang(ok("x-a: "))),
        ("a head that drips", Reply::Drip(ok("x-a: "))),
        ("an interim answer", Reply::SayAndHang(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())),
    ] {
        let (state, (status, _, message)) = tried(&scene, reply).await;
        assert_eq!((state, status), (State::Queued, None), "{what}: {message:?}");
        assert_eq!(message.as_deref(), Some("no answer within 300ms"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_yes_and_then_does_not_stop_has_said_yes() {
    let scene = Scene::start(open()).await;
    let kibibyte = "a".repeat(1024);
    let chunks = ok("transfer-encoding: chunked\r\n\r\n");
    for (what, reply, kept) in [
        ("a body without end", Reply::Endless(ok("\r\n"), vec![b'a'; 4096]), &*kibibyte),
        ("chunks without end", Reply::Endless(chunks.clone(), b"1\r\na\r\n".to_vec()), &kibibyte),
        ("a chunk that is none", Reply::Say([chunks, b"3\r\nabc\r\nz\r\n".to_vec()].concat()), "abc"),
        ("less than was promised", Reply::Say(ok("content-length: 9\r\n\r\nabc")), "abc"),
    ] {
        let (state, (status, body, message)) = tried(&scene, reply).await;
        assert_eq!((state, status, message), (State::Completed, Some(200), None), "{what}");
        assert_eq!(body.as_deref(), Some(kept), "{what}");
    }
    let scene = Scene::start(hasty(4_000)).await;
    for (what, reply) in [
        ("a body that hangs", Reply::SayAndHang(ok("content-length: 9\r\n\r\naaa"))),
        ("a body that drips", Reply::Drip(ok("\r\naaa"))),
    ] {
        let (state, (status, body, _)) = tried(&scene, reply).await;
        assert_eq!((state, status), (State::Completed, Some(200)), "{what}");
        assert!(body.as_deref().is_some_and(|body| body.starts_with("aaa")), "{what}: {body:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_decompressed() {
    // A gzip member of sixteen mebibytes of zeros begins like this; the header alone would make a client unpack it.
    let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3][..], &[0xec, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90][..]].concat();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
    let scene = Scene::start(open()).await;
    let (state, (_, body, _)) = tried(&scene, Reply::Say([head.into_bytes(), bomb.clone()].concat())).await;
    assert_eq!((state, body), (State::Completed, Some(String::from_utf8_lossy(&bomb).into_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_kept_as_it_was_as_far_as_it_is_text() {
    let scene = Scene::start(open()).await;
    let strange = [&ok("content-length: 9\r\n\r\n")[..], b"\x1b[31m\0\xff\r\n"].concat();
    let (_, (_, body, _)) = tried(&scene, Reply::Say(strange)).await;
    assert_eq!(body.as_deref(), Some("\u{1b}[31m\0\u{fffd}\r\n"));
}

/// As [`open`], and soon at its end.
fn hasty(milliseconds: u64) -> WebhookSettings {
    let mut settings = open();
    settings.timeout = Duration::from_millis(milliseconds);
    settings
}
