//! Which targets are reached: whatever a URL looks like and a name means, none that the operator does not allow. A
//! honeypot listens where they lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use ampule::queue::{Error, JobRecord, State};
use ampule::server::webhook::{Resolve, Resolving};
use ampule_tests::receiver::{Receiver, Reply};

use super::scene::{Scene, open, tries, webhook};

/// Ways to write an address of this machine or of its network, or a name for one. `PORT` is where the honeypot listens.
const SPELLINGS: [&str; 100] = [
    "http://127.0.0.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://127.0.0.1:0PORT/",
    "http://127.0.0.1:00000PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://127.1.:PORT/",
    "http://127.255.255.254:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://00000000:PORT/",
    "http://0x0:PORT/",
    "http://0.0:PORT/",
    "http://0x:PORT/",
    "http://2130706433:PORT/",
    "http://2130706433.:PORT/",
    "http://0x7f000001:PORT/",
    "http://0X7F000001:PORT/",
    "http://0x7f.0x0.0x0.0x1:PORT/",
    "http://0x7f.1:PORT/",
    "http://0x7f.0.0.0x1:PORT/",
    "http://017700000001:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0177.0.0.01:PORT/",
    "http://00000177.0.0.1:PORT/",
    "http://0177.0x0.0.1:PORT/",
    "http://127.0x1:PORT/",
    "http://127.000.000.001:PORT/",
    "http://4294967295:PORT/",
    "http://4294967296:PORT/",
    "http://127.0.0.1.1:PORT/",
    "http://256.256.256.256:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://127%2e0%2e0%2e1:PORT/",
    "http://127.0.0.1%00:PORT/",
    "http://127.0.0.1%20:PORT/",
    "http://127.0.0.1%0d%0a:PORT/",
    "http://１２７.０.０.１:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://127。0。0。1:PORT/",
    "http://127．0．0．1:PORT/",
    "http://127｡0｡0｡1:PORT/",
    "http://0ⓧ7f000001:PORT/",
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/",
    "http://[::]:PORT/",
    "http://[::0]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::FFFF:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[0:0:0:0:0:ffff:7f00:0001]:PORT/",
    "http://[::ffff:0.0.0.0]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[::7f00:1]:PORT/",
    "http://[::ffff:0:127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b:1::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2001:0:7f00:1::80ff:fffe]:PORT/",
    "http://[fe80::1]:PORT/",
    "http://[fe80::1%25lo]:PORT/",
    "http://[fe80::1%lo]:PORT/",
    "http://[fc00::1]:PORT/",
    "http://[fec0::1]:PORT/",
    "http://[ff02::1]:PORT/",
    "http://[fd00:ec2::254]:PORT/",
    "http://[::1:PORT/",
    "http://[v1.127.0.0.1]:PORT/",
    "http://[127.0.0.1]:PORT/",
    "http://169.254.169.254:PORT/latest/meta-data/",
    "http://0xa9fea9fe:PORT/",
    "http://[::ffff:169.254.169.254]:PORT/",
    "http://100.100.100.200:PORT/",
    "http://192.168.0.1:PORT/",
    "http://10.0.0.1:PORT/",
    "http://172.16.0.1:PORT/",
    "http://localhost:PORT/",
    "http://LOCALHOST:PORT/",
    "http://LocalHost.:PORT/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
    "http://localhost.localdomain:PORT/",
    "http://ip6-localhost:PORT/",
    "http://127.0.0.1.nip.example:PORT/",
    "http://www.127-0-0-1.sslip.example:PORT/",
    "http://metadata.google.internal:PORT/",
    "http://host.docker.internal:PORT/",
    "http://user@127.0.0.1:PORT/",
    "http://user:password@127.0.0.1:PORT/",
    "http://public.example@127.0.0.1:PORT/",
    "http://public.example:80@127.0.0.1:PORT/",
    "http://public.example%40127.0.0.1:PORT/",
    "http://127.0.0.1:PORT#@public.example/",
    "http://127.0.0.1:PORT?@public.example/",
    "http://127.0.0.1:PORT\\@public.example/",
    "http:///127.0.0.1:PORT/",
    "http://////127.0.0.1:PORT/",
    "http://\t127.0.0.1:PORT/",
    "http://127.0.\n0.1:PORT/",
    " http://127.0.0.1:PORT/",
];

/// Answers every question with the next of the lists that it was made with, and then always with the last.
#[derive(Debug)]
struct Told {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Told {
    fn new(answers: impl IntoIterator<Item = Vec<IpAddr>>) -> Arc<Self> {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Arc::new(Told { answers: Mutex::new(answers), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

impl Resolve for Told {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        self.asked.lock().expect("nobody panics with it").push(name.to_owned());
        let mut answers = self.answers.lock().expect("nobody panics with it");
        let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
        Box::pin(async move { answer.filter(|found| !found.is_empty()).ok_or(io::ErrorKind::NotFound.into()) })
    }
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// An address of this machine that the tests allow, in the place of a public one.
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn message(record: &JobRecord) -> String {
    tries(record).pop().and_then(|(_, _, message)| message).expect("it failed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_an_address_reaches_what_is_not_allowed() {
    let honeypot = Receiver::start([Reply::status(200, "")]).await;
    let mut settings = open();
    settings.allow_networks.clear();
    let scene = Scene::with_resolver(settings, Told::new([vec![LOOPBACK, IpAddr::V6(Ipv6Addr::LOCALHOST)]])).await;
    let different: BTreeSet<_> = SPELLINGS.into_iter().collect();
    assert_eq!(different.len(), SPELLINGS.len());
    let mut deliveries = BTreeMap::new();
    for spelling in SPELLINGS {
        let url = spelling.replace("PORT", &honeypot.address.port().to_string());
        match scene.served.queue.enqueue(vec![scene.job(webhook(&*url))], None).await {
            Ok(enqueued) => drop(deliveries.insert(url, enqueued[0].id)),
            Err(error) => assert!(matches!(error, Error::Invalid { field: "url", .. }), "{url}: {error}"),
        }
    }
    assert!(deliveries.len() > 80, "{} of {} come as far as a delivery", deliveries.len(), SPELLINGS.len());
    for (url, job) in deliveries {
        let record = scene.tried(scene.delivery_of(job).await, 1).await;
        assert_ne!(record.summary.state, State::Completed, "{url}");
        let message = message(&record);
        assert!(message.contains("not allowed") || message.contains("no address that may be"), "{url}: {message}");
    }
    assert_eq!(honeypot.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_operator_allows_is_reached_however_it_is_spelled() {
    let honeypot = Receiver::start([Reply::status(200, "")]).await;
    let scene = Scene::with_resolver(open(), Told::new([vec![LOOPBACK]])).await;
    let spellings =
        ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "１２７.０.０.１", "localhost", "hooks.example.com."];
    for (sent, host) in spellings.into_iter().enumerate() {
        let url = format!("http://{host}:{}/", honeypot.address.port());
        let record = scene.tried(scene.tell(webhook(url)).await, 1).await;
        assert_eq!(record.summary.state, State::Completed, "{host}");
        assert_eq!(honeypot.connections(), sent + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_try_asks_again_and_connects_to_what_it_was_answered() {
    let public = Receiver::start_at(OTHER, [Reply::status(500, "")]).await;
    let port = public.address.port();
    let mut settings = open();
    settings.allow_networks = vec!["127.0.0.2".parse().expect("a network")];
    let resolver = Told::new([vec![OTHER], vec![LOOPBACK], vec![LOOPBACK, OTHER], vec![]]);
    let scene = Scene::with_resolver(settings, Arc::clone(&resolver) as Arc<dyn Resolve>).await;
    let delivery = scene.tell(webhook(format!("http://rebinding.example:{port}/"))).await;
    let expected = [
        (1, "expected an answer of 200 to 299, found 500 Internal Server Error"),
        (1, "the host has no address that may be reached at the moment"),
        (2, "expected an answer of 200 to 299, found 500 Internal Server Error"),
        (2, "the host has no address that may be reached at the moment"),
    ];
    for (tries, (sent, expected)) in (1..).zip(expected) {
        let record = scene.tried(delivery, tries).await;
        assert_eq!((message(&record).as_str(), public.connections()), (expected, sent));
        assert_eq!(resolver.asked().len(), tries as usize);
        scene.again(delivery).await;
    }
    assert!(resolver.asked().iter().all(|name| name == "rebinding.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_tenant_reads_says_nothing_of_the_operators_network() {
    let hidden = IpAddr::V4(Ipv4Addr::new(10, 7, 7, 7));
    let mut settings = open();
    settings.allow_networks.clear();
    let scene = Scene::with_resolver(settings, Told::new([vec![hidden], vec![]])).await;
    let mut messages = Vec::new();
    for name in ["internal", "unknown"] {
        let record = scene.tried(scene.tell(webhook(format!("http://{name}.example/"))).await, 1).await;
        assert!(!format!("{record:?}").contains("10.7.7.7"));
        messages.push(message(&record));
    }
    assert_eq!(messages[0], messages[1], "which names there are is no tenant's to know");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_and_schemes_are_the_operators_to_allow() {
    let honeypot = Receiver::start([Reply::status(200, "")]).await;
    let mut no_ports = open();
    no_ports.allow_ports.clear();
    let mut no_http = open();
    no_http.allow_http = false;
    for (settings, expected) in [(no_ports, "a port that the operator allows"), (no_http, "expected https")] {
        let scene = Scene::start(settings).await;
        let record = scene.tried(scene.tell(webhook(honeypot.url("/"))).await, 1).await;
        assert_eq!(record.summary.state, State::Queued, "another worker may have other settings");
        assert!(message(&record).contains(expected), "{}", message(&record));
    }
    assert_eq!(honeypot.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_the_operator_names_is_reached_wherever_it_is() {
    let receiver = Receiver::start([Reply::status(200, "")]).await;
    let mut settings = open();
    settings.allow_networks.clear();
    settings.allow_hosts = vec!["hooks.internal".to_owned()];
    let scene = Scene::with_resolver(settings, Told::new([vec![LOOPBACK]])).await;
    let port = receiver.address.port();
    for (host, state) in [("hooks.internal", State::Completed), ("other.internal", State::Queued)] {
        let record = scene.tried(scene.tell(webhook(format!("http://{host}:{port}/"))).await, 1).await;
        assert_eq!(record.summary.state, state, "{host}");
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_webhook_could_never_be_told_is_refused() {
    let scene = Scene::start(open()).await;
    let mut headers = webhook("http://127.0.0.1/");
    headers.headers = [("host".to_owned(), "a".to_owned())].into();
    for (webhook, field) in [
        (webhook("https://10.0.0.1/"), "url"),
        (webhook("https://user@example.com/"), "url"),
        (headers, "headers.host"),
    ] {
        let callback = serde_json::json!({"url": webhook.url, "headers": webhook.headers});
        let job = serde_json::json!({"program": "sum", "at_return": callback});
        let answered = scene.served.post("/v1/jobs", &job).await;
        assert_eq!(
            (answered.status.as_u16(), &answered.body["code"]),
            (400, &"bad_request".into()),
            "{}",
            answered.body
        );
        assert!(answered.body["field"].as_str().is_some_and(|found| found.ends_with(field)), "{}", answered.body);
    }
}
