//! What is told over HTTP, what is kept of each try, and whether there is another.

use super::*;

#[tokio::test]
async fn whoever_makes_requests_is_given_all_that_is_to_be_told() {
    let site = Site::new().await;
    let double = Double::giving(Ok(json!({"status": 204})));
    let mut job = site.job(&returning(&["41"])).await.tenant("acme").at_return(webhook());
    job.payload.trace = Some("00-11111111111111111111111111111111-2222222222222222-01".to_owned());
    let trace = job.payload.trace.clone();
    let (id, delivery) = site.delivery(job).await;
    let _worker = site.delivering(&double).start().expect("a worker");
    site.ended(delivery).await;
    let given = double.given();
    let [told] = &given[..] else { panic!("told once: {given:?}") };
    assert_eq!((told.id, told.attempt, told.tenant.as_deref()), (delivery, 1, Some("acme")));
    assert_eq!((&*told.url, told.headers.get("x-room").map(String::as_str)), (URL, Some("7")));
    assert_eq!(told.kwargs.get("room"), Some(&json!(7)));
    assert_eq!((told.ended.job, &told.ended.result), (id, &Ok(json!(41))));
    assert_eq!(told.trace, trace);
}

#[tokio::test]
async fn what_a_try_gave_is_kept_as_its_outcome() {
    let site = Site::new().await;
    let double = Double::giving(Ok(json!({"status": 204, "time_ms": 3})));
    let (_, delivery) = site.small_delivery().await;
    let _worker = site.delivering(&double).start().expect("a worker");
    let record = site.ended(delivery).await;
    assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 1));
    let outcome = record.attempts[0].outcome.as_ref().expect("how it went");
    assert_eq!(outcome.returns, [json!({"status": 204, "time_ms": 3})]);
    assert_eq!(outcome.result, Ok(json!({"status": 204, "time_ms": 3})));
}

#[tokio::test]
async fn each_try_that_failed_is_kept_with_what_it_returned_and_the_delivery_waits_for_the_next() {
    let site = Site::new().await;
    let double = Double::giving(Err(no_luck("the receiver answered 503")));
    let (_, delivery) = site.small_delivery().await;
    let _worker = site.delivering(&double).start().expect("a worker");
    let is_tried = |tries: usize| move |record: &JobRecord| record.attempts.len() == tries;
    site.until("it was tried", delivery, |record| record.summary.state == State::Queued && is_tried(1)(record)).await;
    site.change(delivery, Change::RunNow).await;
    let record = site
        .until("it was tried again", delivery, |record| record.summary.state == State::Queued && is_tried(2)(record))
        .await;
    for attempt in &record.attempts {
        let outcome = attempt.outcome.as_ref().expect("how it went");
        let failure = outcome.result.as_ref().expect_err("it failed");
        assert_eq!((attempt.end, failure.kind), (AttemptEnd::Failed, Kind::Callback));
        assert_eq!(failure.message, "the receiver answered 503");
        assert_eq!(failure.returns, [json!({"status": 503, "time_ms": 4, "body": "later"})]);
        assert_eq!(outcome.returns, failure.returns);
    }
    let tries: Vec<_> = double.given().iter().map(|told| (told.id, told.attempt)).collect();
    assert_eq!(tries, [(delivery, 1), (delivery, 2)]);
}

#[tokio::test]
async fn what_is_put_off_is_made_later_and_counts_as_no_try() {
    let site = Site::new().await;
    let double = Double::of(|delivery| match delivery.attempt {
        1 => Box::pin(async { Err(NotTold::PutOff(LATER)) }),
        2 => Box::pin(async { Err(NotTold::PutOff(Duration::ZERO)) }),
        _ => Box::pin(async { Ok(json!({"status": 200})) }),
    });
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    let put_off = site
        .until("it was put off", delivery, |job| job.summary.state == State::Queued && job.summary.attempt == 1)
        .await;
    assert!(put_off.summary.run_at > site.queue.clock().await.expect("the clock") + LATER / 2);
    assert_eq!((put_off.summary.tries, double.alive(), worker.running()), (0, 0, 0));
    site.change(delivery, Change::RunNow).await;
    let record = site.until_in(State::Completed, delivery).await;
    assert_eq!((record.summary.attempt, record.summary.tries), (3, 1));
    let ends: Vec<_> = record.attempts.iter().map(|attempt| (attempt.attempt, attempt.end)).collect();
    assert_eq!(ends, [(3, AttemptEnd::Completed)], "of the others there is nothing to keep");
}

#[tokio::test]
async fn a_failure_of_any_kind_is_that_of_a_callback() {
    let site = Site::new().await;
    // Of a cancel that nobody asked for, the delivery would be handed back for ever.
    let double = Double::giving(Err(of_no_use(Failure::new(Kind::Cancelled, "no"))));
    let (_, delivery) = site.small_delivery().await;
    let _worker = site.delivering(&double).start().expect("a worker");
    let record = site.ended(delivery).await;
    assert_eq!((record.summary.state, record.summary.kind), (State::Failed, Some(Kind::Callback)));
}

#[tokio::test]
async fn a_failure_that_says_so_is_not_tried_again() {
    let site = Site::new().await;
    let double = Double::giving(Err(of_no_use(no_luck("the receiver answered 410"))));
    let (_, delivery) = site.small_delivery().await;
    let _worker = site.delivering(&double).start().expect("a worker");
    let record = site.ended(delivery).await;
    assert_eq!((record.summary.state, record.summary.attempt), (State::Failed, 1));
    assert_eq!(record.summary.message.as_deref(), Some("the receiver answered 410"));
}

#[tokio::test]
async fn a_panic_is_a_failed_try_and_stops_nothing_else() {
    let site = Site::new().await;
    let double = Double::of(|delivery| match delivery.attempt {
        1 => panic!("before it began"),
        2 => Box::pin(async { panic!("in the middle") }),
        _ => Box::pin(async { Ok(json!({"status": 200})) }),
    });
    let (_, delivery) = site.small_delivery().await;
    let worker = site.delivering(&double).start().expect("a worker");
    site.hurry(delivery).await;
    let record = site.record(delivery).await;
    assert_eq!((record.summary.state, record.attempts.len()), (State::Completed, 3));
    let messages: Vec<_> = record.attempts[..2]
        .iter()
        .map(|attempt| attempt.outcome.as_ref().expect("how it went").result.clone().expect_err("it failed").message)
        .collect();
    assert_eq!(messages, ["panicked: before it began", "panicked: in the middle"]);
    assert_eq!(worker.running(), 0);
}

#[tokio::test]
async fn a_webhook_is_tried_ten_times_and_then_tells_the_at_err_once() {
    let site = Site::new().await;
    let echo = site.store(&fixture("kwargs")).await;
    let at_err = Callback::job(NewJob::new(Job::new(echo)));
    let job = site.job(&returning(&["41"])).await.at_return(webhook()).at_err(at_err);
    let double = Double::giving(Err(no_luck("the receiver answered 503")));
    let (id, delivery) = site.delivery(job).await;
    let _worker = site.delivering(&double).start().expect("a worker");
    site.hurry(delivery).await;
    let record = site.record(delivery).await;
    assert_eq!((record.summary.state, record.attempts.len(), double.given().len()), (State::Failed, 10, 10));
    let _jobs = site.start();
    let filter = Filter { parent: Some(delivery), ..Filter::default() };
    let followers = site.queue.list(&filter, Page::default()).await.expect("the queue is read");
    assert_eq!(followers.len(), 1, "it is told once");
    let told = site.until_in(State::Completed, followers[0].id).await;
    let value = told.outcome.expect("an outcome").result.expect("it returned");
    assert_eq!(value["failure"]["kind"], "callback");
    // Of where it was to be told no more than the host is passed on: a path may hold a secret.
    assert_eq!(value["failure"]["message"], "at_return: example.com: the receiver answered 503");
    assert_eq!(site.record(id).await.summary.state, State::Completed, "the job itself has returned");
}

#[tokio::test]
async fn whoever_counts_ends_learns_whose_they_are() {
    let site = Site::new().await;
    let double = Double::giving(Ok(json!({"status": 200})));
    let program: Digest = site.store(&returning(&["41"])).await;
    let ends: Arc<Mutex<Vec<SettledJob>>> = Arc::default();
    let told = Arc::clone(&ends);
    let _worker = site
        .describe()
        .http(double as Arc<dyn DeliverHttp>)
        .on_settled(move |end| told.lock().expect("nobody panicked").push(end.clone()))
        .start()
        .expect("a worker");
    let job = Job::new(program).name("sum");
    let id = site.put(NewJob::new(job).queue("mail").tenant("acme").at_return(webhook())).await;
    until("both ends are told of", || ends.lock().expect("nobody panicked").len() == 2).await;
    let ends = ends.lock().expect("nobody panicked").clone();
    let [job, delivery] = &ends[..] else { panic!("two ends: {ends:?}") };
    assert_eq!((job.settlement.key.job, &*job.queue, job.tenant.as_deref()), (id, "mail", Some("acme")));
    assert_eq!((&*job.name, job.program, job.is_delivery), ("sum", Some(program), false));
    let summary = site.record(id).await.summary;
    let waited = summary.started_at.expect("it started") - summary.run_at;
    assert_eq!(job.waited, waited.to_std().expect("it was due before"));
    assert_eq!((&*delivery.queue, delivery.tenant.as_deref()), (Target::HTTP_QUEUE, Some("acme")));
    assert_eq!((&*delivery.name, delivery.program, delivery.is_delivery), ("example.com", None, true));
}
