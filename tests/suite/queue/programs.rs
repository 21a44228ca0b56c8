//! Programs beside the jobs: stored once under their digest, found by name.

use std::sync::Arc;

use ampule::Digest;
use ampule::queue::{Error, NewJob, Queue, StoredProgram, Timestamp, Verdict};
use ampule::{Job, JobId, ProgramRef};
use ampule_tests::clock::at;
use ampule_tests::queue::{finish, put, record, store, take_one};

async fn programs(queue: &Arc<dyn Queue>) -> Vec<StoredProgram> {
    let mut programs = queue.programs().await.expect("programs are listed");
    programs.sort_by_key(|program| program.stored_at);
    programs
}

pub(super) async fn a_program_is_kept_byte_for_byte(queue: Arc<dyn Queue>) {
    let large: Vec<u8> = (0..3_000_000_u32).map(|number| (number.wrapping_mul(number) >> 7) as u8).collect();
    for wasm in [&b"\0asm\x01\0\0\0"[..], b"", b"'; --\0\xff\xfe", &large] {
        let digest = queue.put_program(wasm, None, Some(at(0))).await.expect("stored");
        assert_eq!(digest, Digest::of(wasm));
        assert_eq!(queue.program(digest).await.expect("read").as_deref(), Some(wasm));
    }
}

pub(super) async fn a_program_that_was_never_stored_is_unknown(queue: Arc<dyn Queue>) {
    assert_eq!(queue.program(Digest::of(b"nobody")).await, Ok(None));
    assert_eq!(queue.programs().await, Ok(vec![]));
}

pub(super) async fn a_program_that_is_stored_again_is_stored_once(queue: Arc<dyn Queue>) {
    let first = store(&queue, "adder", b"adder", at(1)).await;
    let second = store(&queue, "adder", b"adder", at(2)).await;
    queue.put_program(b"adder", None, Some(at(3))).await.expect("stored");
    assert_eq!(first, second);
    let programs = programs(&queue).await;
    let [program] = &programs[..] else { panic!("one program: {programs:?}") };
    assert_eq!((program.digest, program.size_bytes), (first, 5));
    assert_eq!((&program.names[..], program.stored_at), (&["adder".to_owned()][..], at(1)));
}

pub(super) async fn a_program_has_as_many_names_as_it_was_given(queue: Arc<dyn Queue>) {
    for name in ["sum", "add", "plus"] {
        store(&queue, name, b"adder", at(0)).await;
    }
    assert_eq!(programs(&queue).await[0].names, ["add", "plus", "sum"]);
}

pub(super) async fn a_name_means_the_program_that_it_was_given_last(queue: Arc<dyn Queue>) {
    let first = store(&queue, "adder", b"first", at(1)).await;
    let second = store(&queue, "adder", b"second", at(2)).await;
    let programs = programs(&queue).await;
    let named: Vec<(Digest, Vec<String>)> =
        programs.into_iter().map(|program| (program.digest, program.names)).collect();
    assert_eq!(named, [(first, vec![]), (second, vec!["adder".to_owned()])]);
    assert!(queue.program(first).await.expect("read").is_some(), "jobs that wait still mean the first");
}

pub(super) async fn two_who_store_a_program_at_once_store_it_once(queue: Arc<dyn Queue>) {
    let calls = (0..8).map(|_| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { store(&queue, "adder", b"adder", at(0)).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.expect("the call ends"), Digest::of(b"adder"));
    }
    assert_eq!(programs(&queue).await.len(), 1);
}

/// What a name has meant and since when, newest first.
async fn versions(queue: &Arc<dyn Queue>, name: &str) -> Vec<(Digest, u64, Timestamp)> {
    let versions = queue.versions(name).await.expect("versions are listed");
    versions.into_iter().map(|version| (version.digest, version.size_bytes, version.named_at)).collect()
}

/// The program that a new job under a name means.
async fn meaning(queue: &Arc<dyn Queue>, name: &str) -> Digest {
    let id: JobId = put(queue, NewJob::new(Job::new(ProgramRef::Name(name.to_owned()))), at(0)).await;
    record(queue, id).await.summary.program.expect("it is pinned")
}

pub(super) async fn a_name_remembers_every_version_newest_first(queue: Arc<dyn Queue>) {
    let first = store(&queue, "adder", b"first", at(1)).await;
    let second = store(&queue, "adder", b"second", at(2)).await;
    store(&queue, "other", b"first", at(3)).await;
    queue.put_program(b"first", None, Some(at(4))).await.expect("stored");
    assert_eq!(versions(&queue, "adder").await, [(second, 6, at(2)), (first, 5, at(1))]);
    assert_eq!(versions(&queue, "other").await, [(first, 5, at(3))]);
    assert_eq!(versions(&queue, "nobody").await, []);
}

pub(super) async fn a_version_that_is_named_again_is_the_newest(queue: Arc<dyn Queue>) {
    let first = store(&queue, "adder", b"first", at(1)).await;
    let second = store(&queue, "adder", b"second", at(2)).await;
    store(&queue, "adder", b"first", at(3)).await;
    assert_eq!(versions(&queue, "adder").await, [(first, 5, at(3)), (second, 6, at(2))]);
}

pub(super) async fn the_newest_version_is_what_the_name_means_even_if_the_clock_goes_back(queue: Arc<dyn Queue>) {
    let first = store(&queue, "adder", b"first", at(9)).await;
    let second = store(&queue, "adder", b"second", at(9)).await;
    assert_eq!(versions(&queue, "adder").await[0].0, second);
    store(&queue, "adder", b"first", at(5)).await;
    assert_eq!(versions(&queue, "adder").await, [(first, 5, at(5)), (second, 6, at(9))]);
    assert_eq!(meaning(&queue, "adder").await, first);
}

pub(super) async fn many_who_name_at_once_leave_the_newest_version_as_the_meaning(queue: Arc<dyn Queue>) {
    let calls = (0..8_u8).map(|number| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { store(&queue, "adder", &[number], at(0)).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("the call ends");
    }
    let versions = versions(&queue, "adder").await;
    assert_eq!((versions.len(), versions[0].0), (8, meaning(&queue, "adder").await));
}

pub(super) async fn a_name_that_is_deleted_means_nothing(queue: Arc<dyn Queue>) {
    let digest = store(&queue, "adder", b"adder", at(1)).await;
    store(&queue, "sum", b"adder", at(1)).await;
    assert_eq!(queue.delete_name("adder").await, Ok(true));
    assert_eq!(queue.delete_name("adder").await, Ok(false));
    assert_eq!(versions(&queue, "adder").await, []);
    let refused = queue.enqueue(vec![NewJob::new(Job::new(ProgramRef::Name("adder".to_owned())))], Some(at(2))).await;
    assert_eq!(refused, Err(Error::UnknownProgram("adder".to_owned())));
    assert_eq!(meaning(&queue, "sum").await, digest, "another name of the same program stays");
    let second = store(&queue, "adder", b"second", at(3)).await;
    assert_eq!(versions(&queue, "adder").await, [(second, 6, at(3))], "its history is gone");
}

pub(super) async fn a_program_whose_name_is_deleted_stays_for_the_jobs_that_mean_it(queue: Arc<dyn Queue>) {
    let digest = store(&queue, "adder", b"adder", at(0)).await;
    let id = put(&queue, NewJob::new(Job::new(ProgramRef::Name("adder".to_owned()))), at(0)).await;
    assert_eq!(queue.delete_name("adder").await, Ok(true));
    assert_eq!(queue.program(digest).await.expect("read").as_deref(), Some(&b"adder"[..]));
    let programs = programs(&queue).await;
    assert_eq!((programs.len(), programs[0].names.len()), (1, 0));
    let lease = take_one(&queue, at(1)).await;
    assert_eq!(lease.key.job, id);
    finish(&queue, &lease, Verdict::Completed, at(2)).await;
    assert_eq!(queue.check(None).await, Ok(vec![]));
}

pub(super) async fn a_name_that_no_program_can_have_is_refused_and_never_found(queue: Arc<dyn Queue>) {
    let longest = "x".repeat(1_000);
    let digest = store(&queue, &longest, b"adder", at(0)).await;
    assert_eq!(versions(&queue, &longest).await, [(digest, 5, at(0))]);
    for name in ["x".repeat(1_001), "a\0b".to_owned()] {
        let refused = queue.put_program(b"adder", Some(&name), Some(at(0))).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
        assert_eq!(versions(&queue, &name).await, []);
        assert_eq!(queue.delete_name(&name).await, Ok(false));
    }
}

pub(super) async fn a_thousand_versions_of_a_name_are_told(queue: Arc<dyn Queue>) {
    for number in 0..1_002_u32 {
        store(&queue, "adder", &number.to_be_bytes(), at(i64::from(number))).await;
    }
    let versions = versions(&queue, "adder").await;
    assert_eq!((versions.len(), versions[0].2, versions[999].2), (1_000, at(1_001), at(2)));
}
