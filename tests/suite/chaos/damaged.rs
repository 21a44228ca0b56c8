//! Stores in which somebody changed by hand what no verb changes: a check says what is wrong.

use ampule::queue::{Entry, EntryKey, Error, Expected, Queue};
use rusqlite::Connection;
use serde_json::json;

use super::scene::{Home, Scene};
use super::upgraded::psql;

const KIND: &str = "token";

async fn findings(queue: &dyn Queue) -> Vec<(String, bool)> {
    let findings = queue.check(None).await.expect("the store is looked at");
    findings.into_iter().map(|finding| (finding.what, finding.is_fault)).collect()
}

async fn name(queue: &dyn Queue) {
    queue.put_program(b"first", Some("adder"), None).await.expect("the program is stored");
    queue.put_program(b"second", Some("sum"), None).await.expect("the program is stored");
    assert_eq!(findings(queue).await, []);
}

fn adder_is_missing() -> [(String, bool); 1] {
    [("the name \"adder\" means a program that is not stored".to_owned(), true)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_whose_program_is_gone_is_found_on_sqlite() {
    let home = Home::sqlite();
    let queue = Scene::open(&home).await;
    name(&*queue).await;
    let file = Connection::open(home.file()).expect("the file opens");
    file.execute("DELETE FROM programs WHERE bytes = CAST('first' AS BLOB)", []).expect("it is deleted");
    assert_eq!(findings(&*queue).await, adder_is_missing());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_whose_program_is_gone_is_found_on_postgresql() {
    let home = Home::postgres();
    let queue = Scene::open(&home).await;
    name(&*queue).await;
    psql(&home.url(), "DELETE FROM ampule.programs WHERE bytes = 'first'");
    assert_eq!(findings(&*queue).await, adder_is_missing());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_read_is_found_and_said_to_be_damaged() {
    let home = Home::sqlite();
    let queue = Scene::open(&home).await;
    let key = EntryKey::new(KIND, "a");
    let entry = Entry::new(key.clone(), json!({"b": 1}));
    queue.put_entry(&entry, Expected::Nothing, None).await.expect("stored");
    assert_eq!(findings(&*queue).await, []);
    let file = Connection::open(home.file()).expect("the file opens");
    file.execute("UPDATE entries SET document = '{'", []).expect("it is changed");
    assert_eq!(findings(&*queue).await, [("the entry \"token a\" is no JSON".to_owned(), true)]);
    assert!(matches!(queue.entry(&key).await, Err(Error::Corrupt { job: None, .. })));
    assert!(matches!(queue.entries(KIND, None).await, Err(Error::Corrupt { job: None, .. })));
    assert_eq!(queue.delete_entry(&key).await, Ok(true), "it may be deleted");
}
