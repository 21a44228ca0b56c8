//! Small documents beside the jobs: each is changed by one who knows what is there, and read as it was stored.

use std::sync::Arc;

use ampule::queue::{Entry, EntryKey, Error, Expected, Queue};
use ampule_tests::clock::at;
use ampule_tests::place::Place;
use serde_json::{Value, json};

fn key(name: &str) -> EntryKey {
    EntryKey::new("token", name)
}

/// Stores a document if what is there is as expected.
async fn put(queue: &Arc<dyn Queue>, key: EntryKey, document: Value, expected: Expected) -> bool {
    queue.put_entry(&Entry::new(key, document), expected, Some(at(1))).await.expect("the document is taken in")
}

async fn read(queue: &Arc<dyn Queue>, key: &EntryKey) -> Option<(Value, u64)> {
    let entry = queue.entry(key).await.expect("the document is looked up")?;
    assert_eq!(&entry.key, key);
    Some((entry.document, entry.revision))
}

async fn names(queue: &Arc<dyn Queue>, after: Option<&str>) -> Vec<String> {
    let entries = queue.entries("token", after).await.expect("the documents are listed");
    entries.into_iter().map(|entry| entry.key.name).collect()
}

pub(super) async fn a_document_is_read_as_it_was_stored(queue: Arc<dyn Queue>) {
    let documents = [
        json!({"z": 1, "a": [null, true, -1, u64::MAX, 0.1], "m": {}}),
        json!("a\0b \u{1f600} \\u0000 \" '; --"),
        json!(null),
        json!([[[]]]),
    ];
    for (name, document) in ["a", "ä \u{1f600}", "'; --", "%_\\"].into_iter().zip(documents) {
        assert!(put(&queue, key(name), document.clone(), Expected::Nothing).await);
        let entry = queue.entry(&key(name)).await.expect("read").expect("there");
        assert_eq!(entry, Entry { key: key(name), document: document.clone(), revision: 1, changed_at: at(1) });
        assert_eq!(entry.document.to_string(), document.to_string(), "keys stand in the same order");
    }
}

pub(super) async fn a_document_that_was_never_stored_is_not_there(queue: Arc<dyn Queue>) {
    assert!(put(&queue, EntryKey::new("secret", "a"), json!(1), Expected::Nothing).await);
    assert_eq!(read(&queue, &key("a")).await, None);
    assert_eq!(names(&queue, None).await, Vec::<String>::new());
    assert_eq!(queue.delete_entry(&key("a")).await, Ok(false));
}

pub(super) async fn a_document_that_is_expected_not_to_be_there_is_stored_once(queue: Arc<dyn Queue>) {
    assert!(put(&queue, key("a"), json!("first"), Expected::Nothing).await);
    assert!(!put(&queue, key("a"), json!("second"), Expected::Nothing).await);
    assert_eq!(read(&queue, &key("a")).await, Some((json!("first"), 1)));
}

pub(super) async fn only_who_knows_the_revision_changes_a_document(queue: Arc<dyn Queue>) {
    assert!(!put(&queue, key("a"), json!(0), Expected::Revision(1)).await, "nothing is there");
    assert!(put(&queue, key("a"), json!(1), Expected::Nothing).await);
    assert!(put(&queue, key("a"), json!(2), Expected::Revision(1)).await);
    for stale in [0, 1, 3, u64::MAX] {
        assert!(!put(&queue, key("a"), json!(3), Expected::Revision(stale)).await);
    }
    assert_eq!(read(&queue, &key("a")).await, Some((json!(2), 2)));
}

pub(super) async fn whatever_is_there_may_be_replaced(queue: Arc<dyn Queue>) {
    for number in 1..=3 {
        assert!(put(&queue, key("a"), json!(number), Expected::Anything).await);
        assert_eq!(read(&queue, &key("a")).await, Some((json!(number), number)));
    }
}

pub(super) async fn a_document_tells_when_it_was_changed(queue: Arc<dyn Queue>) {
    let entry = Entry::new(key("a"), json!(1));
    for second in [1, 2] {
        queue.put_entry(&entry, Expected::Anything, Some(at(second))).await.expect("stored");
        assert_eq!(queue.entry(&key("a")).await.expect("read").expect("there").changed_at, at(second));
    }
    let before = queue.clock().await.expect("the clock");
    queue.put_entry(&entry, Expected::Revision(2), None).await.expect("stored");
    let changed_at = queue.entry(&key("a")).await.expect("read").expect("there").changed_at;
    assert!(before <= changed_at && changed_at <= queue.clock().await.expect("the clock"), "{before} {changed_at}");
}

pub(super) async fn of_many_who_change_a_document_at_once_one_does(queue: Arc<dyn Queue>) {
    for expected in [Expected::Nothing, Expected::Revision(1), Expected::Revision(2)] {
        let calls = (0..8).map(|number| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { put(&queue, key("a"), json!(number), expected).await })
        });
        let mut changed = 0;
        for call in calls.collect::<Vec<_>>() {
            changed += u32::from(call.await.expect("the call ends"));
        }
        assert_eq!(changed, 1, "{expected:?}");
    }
    assert_eq!(read(&queue, &key("a")).await.expect("there").1, 3);
}

pub(super) async fn documents_are_listed_by_name_within_their_kind(queue: Arc<dyn Queue>) {
    for name in ["b", "a", "B", "ä", "a/b", "a b"] {
        assert!(put(&queue, key(name), json!(name), Expected::Nothing).await);
        assert!(put(&queue, EntryKey::new("secret", name), json!(0), Expected::Nothing).await);
    }
    assert_eq!(names(&queue, None).await, ["B", "a", "a b", "a/b", "b", "ä"]);
    assert_eq!(names(&queue, Some("a")).await, ["a b", "a/b", "b", "ä"]);
    assert_eq!(names(&queue, Some("a\0z")).await, ["a b", "a/b", "b", "ä"], "one that is not there");
    assert_eq!(names(&queue, Some("ä")).await, Vec::<String>::new());
    let documents = queue.entries("token", Some("a/b")).await.expect("listed");
    assert_eq!(documents[0], Entry { key: key("b"), document: json!("b"), revision: 1, changed_at: at(1) });
}

pub(super) async fn a_thousand_documents_are_one_list_and_the_next_begins_after_it(queue: Arc<dyn Queue>) {
    for number in 0..1_003 {
        assert!(put(&queue, key(&format!("{number:04}")), json!(number), Expected::Nothing).await);
    }
    let first = names(&queue, None).await;
    assert_eq!((first.len(), &*first[999]), (1_000, "0999"));
    assert_eq!(names(&queue, Some("0999")).await, ["1000", "1001", "1002"]);
}

pub(super) async fn a_list_of_large_documents_is_short_and_goes_on(queue: Arc<dyn Queue>) {
    let large = json!("x".repeat(4_000_000));
    for number in 0..10 {
        assert!(put(&queue, key(&number.to_string()), large.clone(), Expected::Nothing).await);
    }
    assert_eq!(names(&queue, None).await, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(names(&queue, Some("7")).await, ["8", "9"]);
}

pub(super) async fn a_document_is_deleted_once(queue: Arc<dyn Queue>) {
    for name in ["a", "b"] {
        assert!(put(&queue, key(name), json!(1), Expected::Nothing).await);
    }
    assert_eq!(queue.delete_entry(&key("a")).await, Ok(true));
    assert_eq!(queue.delete_entry(&key("a")).await, Ok(false));
    assert!(!put(&queue, key("a"), json!(2), Expected::Revision(1)).await, "what is gone is not changed");
    assert_eq!((read(&queue, &key("a")).await, names(&queue, None).await), (None, vec!["b".to_owned()]));
    assert!(put(&queue, key("a"), json!(3), Expected::Nothing).await, "its name is free");
}

pub(super) async fn a_document_at_the_edge_of_every_rule_is_taken_in(queue: Arc<dyn Queue>) {
    let longest = "x".repeat(300);
    let largest = json!("x".repeat((4 << 20) - 2));
    assert!(put(&queue, key(&longest), largest.clone(), Expected::Nothing).await);
    assert_eq!(read(&queue, &key(&longest)).await, Some((largest, 1)));
    let deepest = (0..100).fold(json!(1), |inner, _| json!([inner]));
    assert!(put(&queue, key("deep"), deepest.clone(), Expected::Nothing).await);
    assert_eq!(read(&queue, &key("deep")).await, Some((deepest, 1)));
}

pub(super) async fn a_document_that_breaks_a_rule_is_refused(queue: Arc<dyn Queue>) {
    let deep = (0..101).fold(json!(1), |inner, _| json!({ "a": inner }));
    let refused = [
        (key(""), json!(1)),
        (key("a\0b"), json!(1)),
        (key(&"x".repeat(301)), json!(1)),
        (EntryKey::new("no kind", "a"), json!(1)),
        (key("large"), json!("x".repeat((4 << 20) - 1))),
        (key("deep"), deep),
    ];
    for (key, document) in refused {
        let answer = queue.put_entry(&Entry::new(key.clone(), document), Expected::Anything, Some(at(1))).await;
        assert!(matches!(answer, Err(Error::Invalid { .. })), "{key:?}: {answer:?}");
        assert_eq!(queue.entry(&key).await, Ok(None));
        assert_eq!(queue.delete_entry(&key).await, Ok(false));
    }
}

pub(super) async fn documents_are_there_when_the_queue_is_opened_again(place: Arc<Place>) {
    let queue = place.open().await;
    assert!(put(&queue, key("a"), json!({"b": 1}), Expected::Nothing).await);
    drop(queue);
    let queue = place.open().await;
    assert_eq!(read(&queue, &key("a")).await, Some((json!({"b": 1}), 1)));
    assert_eq!(queue.check(None).await, Ok(vec![]));
}
