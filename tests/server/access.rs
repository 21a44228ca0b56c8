//! Whom the server lets in: every way to be refused, and how long a refusal takes to be true everywhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ampule::queue::{Error, Queue};
use ampule::server::{Role, Settings, Tokens};
use ampule_tests::faulty::{Fault, FaultyQueue, Verb};
use ampule_tests::served::{Answered, Served, patient};
use reqwest::{Method, StatusCode};

use super::until::until;

/// Any route that takes a token.
const PATH: &str = "/v1/version";

async fn idle() -> Served {
    Served::with(Settings::default(), false).await
}

async fn with_header(served: &Served, value: &str) -> Answered {
    Answered::of(served.client.get(format!("{}{PATH}", served.base)).header("authorization", value)).await
}

async fn status(served: &Served, base: &str, token: &str) -> StatusCode {
    Answered::of(served.client.get(format!("{base}{PATH}")).bearer_auth(token)).await.status
}

fn id_of(text: &str) -> &str {
    text.split('_').nth(1).expect("a token")
}

/// A text of the right shape that is no token.
fn guess(number: usize) -> String {
    format!("amp_{number:0>12}_{}", "a".repeat(32))
}

fn unavailable() -> Error {
    Error::Unavailable("the test has cut the line".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_token_is_told_what_is_expected() {
    let served = idle().await;
    let answered = Answered::of(served.client.get(format!("{}{PATH}", served.base))).await;
    assert_eq!(answered.headers["www-authenticate"], "Bearer realm=\"ampule\"");
    assert_eq!(answered.headers["content-type"], "application/problem+json");
    insta::assert_snapshot!(format!("{:#}", answered.body), @r#"
    {
      "type": "urn:ampule:problem:unauthorized",
      "title": "a token that is known is needed",
      "status": 401,
      "code": "unauthorized",
      "detail": "expected `Authorization: Bearer amp_…`"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_no_good_token_is_refused_in_the_same_way() {
    let served = idle().await;
    let good = served.admin.clone();
    let mut other_secret = good.clone();
    let last = other_secret.pop().expect("a secret");
    other_secret.push(if last == 'a' { 'b' } else { 'a' });
    for text in
        [&*guess(0), &other_secret, &good[..good.len() - 1], &format!("{good}a"), &good.to_uppercase(), "amp_nobody"]
    {
        let answered = with_header(&served, &format!("Bearer {text}")).await;
        assert_eq!(answered.status, StatusCode::UNAUTHORIZED, "{text}");
        assert_eq!(answered.body["code"], "unauthorized");
        assert_eq!(answered.body["detail"], "the token is not known here, or is over");
        assert_eq!(answered.headers["www-authenticate"], "Bearer realm=\"ampule\"");
    }
    assert_eq!(with_header(&served, &format!("bearer  {good}")).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_presented_in_another_way_is_as_none() {
    let served = idle().await;
    let good = served.admin.clone();
    for value in ["Bearer", "Bearer ", &good, &format!("Basic {good}"), &format!("Token {good}")] {
        let answered = with_header(&served, value).await;
        assert_eq!((answered.status, &answered.body["code"]), (StatusCode::UNAUTHORIZED, &"unauthorized".into()));
    }
    let in_query = served.client.get(format!("{}{PATH}?token={good}&access_token={good}", served.base));
    assert_eq!(Answered::of(in_query).await.status, StatusCode::UNAUTHORIZED);
    let twice = served.request(Method::GET, PATH).header("authorization", format!("Bearer {good}"));
    assert_eq!(Answered::of(twice).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_refused_from_its_end_on_however_fresh_its_copy_is() {
    let served = idle().await;
    let tokens = Tokens::new(Arc::clone(&served.queue));
    let end = served.queue.clock().await.unwrap() + Duration::from_secs(8);
    let (_, text) = tokens.make("short", Role::Read, None, Some(end)).await.unwrap();
    assert_eq!(status(&served, &served.base, &text).await, StatusCode::OK);
    loop {
        let now = served.queue.clock().await.unwrap();
        let status = status(&served, &served.base, &text).await;
        if now >= end {
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_is_refused_here_at_once_and_by_another_server_soon() {
    let served = idle().await;
    let (_other, base) = served.another(Arc::clone(&served.queue), patient(Settings::default())).await;
    let text = served.token(Role::Submit, None).await;
    for base in [&served.base, &base] {
        assert_eq!(status(&served, base, &text).await, StatusCode::OK);
    }
    let revoked = served.delete(&format!("/v1/tokens/{}", id_of(&text))).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(status(&served, &served.base, &text).await, StatusCode::UNAUTHORIZED);
    until("the other server refuses it", async || status(&served, &base, &text).await == StatusCode::UNAUTHORIZED)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_command_revokes_is_refused_soon() {
    let served = idle().await;
    let text = served.token(Role::Submit, None).await;
    assert_eq!(status(&served, &served.base, &text).await, StatusCode::OK);
    assert!(Tokens::new(Arc::clone(&served.queue)).revoke(id_of(&text)).await.unwrap());
    until("the server refuses it", async || status(&served, &served.base, &text).await == StatusCode::UNAUTHORIZED)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_use_of_a_token_is_written_to_the_minute() {
    let served = idle().await;
    let tokens = Tokens::new(Arc::clone(&served.queue));
    let (token, text) = tokens.make("used", Role::Read, None, None).await.unwrap();
    assert_eq!(token.used_at, None);
    let before = served.queue.clock().await.unwrap();
    assert_eq!(status(&served, &served.base, &text).await, StatusCode::OK);
    let used_at = async || tokens.get(&token.id).await.unwrap().unwrap().used_at;
    until("it is written", async || used_at().await.is_some()).await;
    let used_at = used_at().await.unwrap();
    assert_eq!(used_at.timestamp_millis() % 60_000, 0);
    assert!((before - used_at).num_seconds() < 60, "{used_at} is not the minute of {before}");
    let listed = served.get("/v1/tokens").await;
    let listed = listed.body["tokens"].as_array().unwrap().iter().find(|listed| listed["id"] == *token.id).unwrap();
    assert!(listed["used_at"].is_string(), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_that_start_together_make_one_first_token() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || {
        let options = ampule::queue::SqliteOptions::default();
        let queue = ampule::queue::SqliteQueue::open(folder.path().join("queue.db"), options).await.unwrap();
        Tokens::new(Arc::new(queue))
    };
    let (one, other) = (open().await, open().await);
    assert!(one.is_empty().await.unwrap());
    let (first, second) = tokio::join!(one.first(), other.first());
    let made: Vec<_> = [first.unwrap(), second.unwrap()].into_iter().flatten().collect();
    let [(token, _)] = &*made else { panic!("expected one token, found {made:?}") };
    assert_eq!((&*token.name, token.role, &token.tenant), ("first", Role::Admin, &None));
    assert!(!other.is_empty().await.unwrap());
    assert!(other.first().await.unwrap().is_none());
    assert!(one.revoke(&token.id).await.unwrap());
    assert!(other.first().await.unwrap().is_some(), "whoever starts anew is not locked out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_token_lets_its_holder_in() {
    let served = idle().await;
    let tokens = Tokens::new(Arc::clone(&served.queue));
    tokens.revoke(id_of(&served.admin)).await.unwrap();
    let (_, text) = tokens.first().await.unwrap().unwrap();
    assert_eq!(status(&served, &served.base, &text).await, StatusCode::OK);
}

/// The minute that it is, by the queue's clock.
async fn minute(served: &Served) -> u64 {
    let now = served.queue.clock().await.expect("a clock");
    u64::try_from(now.timestamp() / 60).expect("a minute of this century")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_with_a_token_in_use_do_not_ask_the_queue() {
    let served = idle().await;
    let faulty = FaultyQueue::new(Arc::clone(&served.queue));
    let settings = patient(Settings::default());
    let (_server, base) = served.another(Arc::clone(&faulty) as Arc<dyn Queue>, settings).await;
    let (began_at, first_minute) = (Instant::now(), minute(&served).await);
    for _ in 0..200 {
        assert_eq!(status(&served, &base, &served.admin).await, StatusCode::OK);
    }
    // One look at first, in each minute one to write the use and one to see it, and beside these less than one a second.
    let (looks, minutes) = (faulty.calls(Verb::Entry), 1 + minute(&served).await - first_minute);
    assert!(looks <= 1 + 2 * minutes + began_at.elapsed().as_secs(), "{looks} looks in {minutes} minutes");
    let before = faulty.calls(Verb::Entry);
    for _ in 0..10 {
        assert_eq!(status(&served, &base, &guess(7)).await, StatusCode::UNAUTHORIZED);
    }
    let looks = faulty.calls(Verb::Entry) - before;
    assert!(looks <= 2 + began_at.elapsed().as_secs(), "{looks} looks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_queue_is_gone_tokens_in_use_pass_and_others_are_told_to_come_again() {
    let served = idle().await;
    let faulty = FaultyQueue::new(Arc::clone(&served.queue));
    let (_server, base) = served.another(Arc::clone(&faulty) as Arc<dyn Queue>, Settings::default()).await;
    let other = served.token(Role::Read, None).await;
    let passes = async |token: &str| status(&served, &base, token).await == StatusCode::OK;
    until("the queue is asked", async || passes(&served.admin).await).await;
    for fault in [Fault::Before(unavailable()), Fault::Hang] {
        faulty.fail_always(Verb::Entry, fault);
        let refused = Answered::of(served.client.get(format!("{base}{PATH}")).bearer_auth(&other)).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            (&refused.body["code"], &refused.headers["retry-after"]),
            (&"unavailable".into(), &"1".parse().unwrap())
        );
        // Long enough for every copy to be stale.
        let began_at = Instant::now();
        while began_at.elapsed() < Duration::from_secs(6) {
            assert_eq!(status(&served, &base, &served.admin).await, StatusCode::OK);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        faulty.mend();
        until("the queue is asked again", async || status(&served, &base, &guess(1)).await == StatusCode::UNAUTHORIZED)
            .await;
    }
    until("others pass again", async || passes(&other).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_and_cannot_be_read_opens_nothing() {
    let served = idle().await;
    let text = served.token(Role::Admin, None).await;
    let key = ampule::queue::EntryKey::new("token", id_of(&text));
    let mut entry = served.queue.entry(&key).await.unwrap().unwrap();
    entry.document["role"] = "god".into();
    served.queue.put_entry(&entry, ampule::queue::Expected::Anything, None).await.unwrap();
    assert_eq!(status(&served, &served.base, &text).await, StatusCode::UNAUTHORIZED);
    assert_eq!(served.get("/v1/tokens").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_is_slowed_down_and_a_good_token_from_the_same_address_passes() {
    let served = idle().await;
    let late = served.token(Role::Read, None).await;
    assert_eq!(status(&served, &served.base, &served.admin).await, StatusCode::OK);
    for number in 0..20 {
        assert_eq!(status(&served, &served.base, &guess(number)).await, StatusCode::UNAUTHORIZED, "{number}");
    }
    for text in [guess(20), "nothing".to_owned()] {
        let refused = with_header(&served, &format!("Bearer {text}")).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.body["code"], "too_many_requests");
        let seconds = refused.body["retry_after_seconds"].as_u64().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert_eq!(refused.headers["retry-after"], *seconds.to_string());
    }
    for token in [&served.admin, &late] {
        assert_eq!(status(&served, &served.base, token).await, StatusCode::OK);
    }
    let nothing = Answered::of(served.client.get(format!("{}{PATH}", served.base))).await;
    assert_eq!(nothing.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_token_that_nobody_has_used_yet_passes_in_a_crowd_of_guessers() {
    let served = idle().await;
    for number in 0..20 {
        assert_eq!(status(&served, &served.base, &guess(number)).await, StatusCode::UNAUTHORIZED, "{number}");
    }
    let mut good = Vec::new();
    for _ in 0..20 {
        good.push(served.token(Role::Read, None).await);
    }
    let ask = |token: String| {
        let request = served.client.get(format!("{}{PATH}", served.base)).bearer_auth(token);
        tokio::spawn(async move { Answered::of(request).await.status })
    };
    let guessing: Vec<_> = (100..400).map(|number| ask(guess(number))).collect();
    let passing: Vec<_> = good.into_iter().map(ask).collect();
    for asked in passing {
        assert_eq!(asked.await.expect("no panic"), StatusCode::OK);
    }
    for asked in guessing {
        assert_eq!(asked.await.expect("no panic"), StatusCode::TOO_MANY_REQUESTS);
    }
}
