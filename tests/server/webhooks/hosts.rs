//! One receiver that hangs holds up no other, and no job.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ampule::JobId;
use ampule::queue::{JobRecord, NewJob, State};
use ampule::server::webhook::{Resolve, Resolving, WebhookSettings};
use ampule_tests::receiver::{Receiver, Reply};

use super::scene::{SLOTS, Scene, open, until, webhook};

/// Every name is this machine.
#[derive(Debug)]
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        Box::pin(async { io::Result::Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_host_that_hangs_is_put_off_and_others_are_told() {
    let hanging = Receiver::start([Reply::Ignore]).await;
    let prompt = Receiver::start([Reply::status(200, "")]).await;
    let mut settings = open();
    settings.max_in_flight_per_host = 1;
    settings.in_flight_wait = Duration::from_millis(10);
    let scene = Scene::with_resolver(settings, Arc::new(Here)).await;
    let slow = format!("http://slow.example:{}/", hanging.address.port());
    let first = scene.tell(webhook(&*slow)).await;
    until(async || (hanging.connections() == 1).then_some(())).await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(scene.tell(webhook(&*slow)).await);
    }
    let told = scene.tell(webhook(format!("http://prompt.example:{}/", prompt.address.port()))).await;
    assert_eq!(scene.tried(told, 1).await.summary.state, State::Completed);
    for delivery in waiting {
        let put_off = put_off(&scene, delivery).await;
        assert!(put_off.summary.run_at > put_off.summary.enqueued_at, "it lets others go before it");
        assert_eq!(put_off.attempts, []);
    }
    let first = scene.served.queue.get(first).await.expect("a queue").expect("a job");
    assert_eq!((first.summary.state, hanging.connections()), (State::Running, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_whose_receivers_hang_leaves_room_for_the_others() {
    let hanging = Receiver::start([Reply::Ignore]).await;
    let prompt = Receiver::start([Reply::status(200, "")]).await;
    let mut settings = open();
    settings.max_in_flight_per_tenant = 2;
    settings.in_flight_wait = Duration::from_millis(10);
    let scene = Scene::with_resolver(settings, Arc::new(Here)).await;
    let to = |host: &str, receiver: &Receiver| webhook(format!("http://{host}.example:{}/", receiver.address.port()));
    for host in ["a", "b"] {
        scene.enqueue(scene.job(to(host, &hanging)).tenant("slow")).await;
    }
    until(async || (hanging.connections() == 2).then_some(())).await;
    let third = scene.enqueue(scene.job(to("c", &hanging)).tenant("slow")).await;
    put_off(&scene, third).await;
    for tenant in [Some("other"), None] {
        let job = scene.job(to("c", &prompt));
        let told = scene.enqueue(tenant.map_or(job.clone(), |tenant| job.tenant(tenant))).await;
        assert_eq!(scene.tried(told, 1).await.summary.state, State::Completed, "{tenant:?}");
    }
    assert_eq!(hanging.connections(), 2);
}

/// More deliveries than the worker has slots, for one receiver that hangs and may be sent one at a time, and one for
/// another: they would wait for an hour, and it is told.
async fn a_crowd_leaves_slots(mut settings: WebhookSettings, tenant: impl Fn(NewJob, &str) -> NewJob) {
    let hanging = Receiver::start([Reply::Ignore]).await;
    let prompt = Receiver::start([Reply::status(200, "")]).await;
    settings.in_flight_wait = Duration::from_secs(3600);
    let scene = Scene::with_resolver(settings, Arc::new(Here)).await;
    let to = |host: &str, receiver: &Receiver| webhook(format!("http://{host}.example:{}/", receiver.address.port()));
    let crowd = (0..2 * SLOTS).map(|_| tenant(scene.job(to("slow", &hanging)), "slow")).collect();
    let crowd = scene.served.queue.enqueue(crowd, None).await.expect("enqueued");
    for job in crowd {
        scene.delivery_of(job.id).await;
    }
    let told = scene.enqueue(tenant(scene.job(to("prompt", &prompt)), "other")).await;
    assert_eq!(scene.tried(told, 1).await.summary.state, State::Completed);
    until(async || (hanging.connections() == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_before_one_host_leaves_slots_for_the_others() {
    let mut settings = open();
    settings.max_in_flight_per_host = 1;
    a_crowd_leaves_slots(settings, |job, _| job).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_one_tenant_leaves_slots_for_the_others() {
    let mut settings = open();
    settings.max_in_flight_per_tenant = 1;
    a_crowd_leaves_slots(settings, |job, tenant| job.tenant(tenant)).await;
}

/// A resolver that has enough to do, once.
#[derive(Debug, Default)]
struct Crowded(AtomicBool);

impl Resolve for Crowded {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        let was_asked = self.0.swap(true, Ordering::SeqCst);
        Box::pin(async move {
            if was_asked { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) } else { Err(io::ErrorKind::WouldBlock.into()) }
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_before_the_resolver_costs_no_try() {
    let receiver = Receiver::start([Reply::status(200, "")]).await;
    let scene = Scene::with_resolver(open(), Arc::new(Crowded::default())).await;
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    let delivery = scene.tell(webhook(url)).await;
    put_off(&scene, delivery).await;
    scene.again(delivery).await;
    let record = scene.tried(delivery, 1).await;
    assert_eq!((record.summary.state, record.summary.tries), (State::Completed, 1));
}

/// A resolver that answers so many questions at once, and none about names of the slow.
#[derive(Debug)]
struct Slow(AtomicUsize);

/// Fewer than a resolver answers at once, and more than one tenant may have of them.
const QUESTIONS: usize = 24;

impl Resolve for Slow {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            if self.0.fetch_add(1, Ordering::SeqCst) >= QUESTIONS {
                self.0.fetch_sub(1, Ordering::SeqCst);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if name.starts_with("slow") {
                std::future::pending::<()>().await;
            }
            self.0.fetch_sub(1, Ordering::SeqCst);
            Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_whose_names_nobody_knows_leaves_questions_for_the_others() {
    let prompt = Receiver::start([Reply::status(200, "")]).await;
    let resolver = Arc::new(Slow(AtomicUsize::new(0)));
    let mut settings = open();
    settings.in_flight_wait = Duration::from_millis(10);
    let scene = Scene::with_resolver(settings, resolver.clone()).await;
    let to = |host: String| webhook(format!("http://{host}:{}/", prompt.address.port()));
    let crowd = (0..SLOTS).map(|host| scene.job(to(format!("slow{host}.example"))).tenant("slow")).collect();
    let crowd = scene.served.queue.enqueue(crowd, None).await.expect("enqueued");
    until(async || {
        let mut waiting = 0;
        for job in &crowd {
            let delivery = scene.delivery_of(job.id).await;
            let delivery = scene.served.queue.get(delivery).await.expect("a queue").expect("a job");
            waiting += usize::from(delivery.summary.attempt == 0);
        }
        (waiting == 0 && resolver.0.load(Ordering::SeqCst) >= 16).then_some(())
    })
    .await;
    let told = scene.enqueue(scene.job(to("prompt.example".to_owned())).tenant("other")).await;
    assert_eq!(scene.tried(told, 1).await.summary.state, State::Completed);
    assert_eq!(resolver.0.load(Ordering::SeqCst), 16);
}

/// A delivery, once it was put off, which is no try.
async fn put_off(scene: &Scene, delivery: JobId) -> JobRecord {
    let record = until(async || {
        let record = scene.served.queue.get(delivery).await.expect("a queue").expect("a job");
        (record.summary.state == State::Queued && record.summary.attempt > 0).then_some(record)
    })
    .await;
    assert_eq!(record.summary.tries, 0);
    record
}
