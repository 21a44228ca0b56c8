//! Programs beside the jobs: stored once under their digest, found by name.

use std::sync::Arc;

use ampule::Digest;
use ampule::queue::{Entry, EntryKey, Error, Expected, NewJob, Queue, StoredProgram, Timestamp, Verdict};
use ampule::{Job, JobId, ProgramRef};
use ampule_tests::clock::at;
use ampule_tests::queue::{finish, put, record, store, take_one};

async fn programs(queue: &Arc<dyn Queue>) -> Vec<StoredProgram> {
    let mut programs = queue.programs().await.expect("programs are listed");
    programs.sort_by_key(|program| program.stored_at);
    programs
}

/// The names of a program, and when each was given.
fn names(program: &StoredProgram) -> Vec<(&str, Timestamp)> {
    program.names.iter().map(|given| (&*given.name, given.named_at)).collect()
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
    assert_eq!((names(program), program.stored_at), (vec![("adder", at(2))], at(1)));
}

pub(super) async fn a_program_has_as_many_names_as_it_was_given(queue: Arc<dyn Queue>) {
    for (name, seconds) in [("sum", 0), ("add", 1), ("plus", 2)] {
        store(&queue, name, b"adder", at(seconds)).await;
    }
    let programs = programs(&queue).await;
    assert_eq!(names(&programs[0]), [("add", at(1)), ("plus", at(2)), ("sum", at(0))]);
}

pub(super) async fn a_name_means_the_program_that_it_was_given_last(queue: Arc<dyn Queue>) {
    let first = store(&queue, "adder", b"first", at(1)).await;
    let second = store(&queue, "adder", b"second", at(2)).await;
    let programs = programs(&queue).await;
    let named: Vec<_> = programs.iter().map(|program| (program.digest, names(program))).collect();
    assert_eq!(named, [(first, vec![]), (second, vec![("adder", at(2))])]);
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

pub(super) async fn whose_names_ever_meant_a_program_is_told(queue: Arc<dyn Queue>) {
    let has = async |digest, names| queue.has_program(digest, names).await.expect("it is told");
    let first = store(&queue, "b:adder", b"first", at(1)).await;
    let second = store(&queue, "b:adder", b"second", at(2)).await;
    let unnamed = queue.put_program(b"unnamed", None, Some(at(3))).await.expect("stored");
    for digest in [first, second] {
        assert!(has(digest, Some("b:")).await, "a name means it or has meant it");
        for others in ["a:", "b", "b:adder", ""] {
            assert_eq!(has(digest, Some(others)).await, "b:adder".starts_with(others), "{others:?}");
        }
        assert!(!has(digest, Some("b:adders")).await && !has(digest, Some("c:")).await);
    }
    assert!(has(unnamed, None).await && !has(unnamed, Some("")).await, "it is stored, and nobody's");
    assert!(!has(Digest::of(b"unknown"), None).await);
    assert!(!has(first, Some("b:\0")).await);
    assert_eq!(queue.delete_name("b:adder").await, Ok(true));
    assert!(has(first, None).await && !has(first, Some("b:")).await, "it is stored, and its name is gone");
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

/// A source of this name.
fn source(name: &str) -> Entry {
    Entry::new(EntryKey::new(EntryKey::SOURCE, name), "a source".into())
}

async fn put_source(queue: &Arc<dyn Queue>, name: &str, expected: Expected) -> bool {
    queue.put_entry(&source(name), expected, Some(at(1))).await.expect("the source is taken in")
}

/// Whether the name means a program, and whether it means a source.
async fn meanings(queue: &Arc<dyn Queue>, name: &str) -> (bool, bool) {
    let is_listed = programs(queue).await.iter().any(|program| names(program).iter().any(|(known, _)| *known == name));
    assert_eq!(is_listed, !versions(queue, name).await.is_empty());
    (is_listed, queue.entry(&source(name).key).await.expect("the source is looked up").is_some())
}

pub(super) async fn a_name_is_a_program_or_a_source(queue: Arc<dyn Queue>) {
    let digest = store(&queue, "adder", b"adder", at(0)).await;
    assert!(!put_source(&queue, "adder", Expected::Nothing).await);
    assert!(!put_source(&queue, "adder", Expected::Revision(1)).await);
    assert_eq!(meanings(&queue, "adder").await, (true, false));
    assert!(put_source(&queue, "adder", Expected::Anything).await);
    assert_eq!(meanings(&queue, "adder").await, (false, true));
    assert_eq!(queue.take_name("adder", digest, Some(at(2))).await, Ok(false));
    store(&queue, "adder", b"adder", at(3)).await;
    assert_eq!(meanings(&queue, "adder").await, (true, false));
    assert_eq!(versions(&queue, "adder").await, [(digest, 5, at(3))]);
    for _ in 0..2 {
        assert_eq!(queue.delete_name("adder").await, Ok(true));
        assert_eq!(queue.delete_name("adder").await, Ok(false));
        assert_eq!(meanings(&queue, "adder").await, (false, false));
        assert!(put_source(&queue, "adder", Expected::Nothing).await);
    }
    let token = Entry::new(EntryKey::new("token", "adder"), "no source".into());
    store(&queue, "adder", b"adder", at(4)).await;
    assert_eq!(queue.put_entry(&token, Expected::Nothing, Some(at(5))).await, Ok(true));
    assert_eq!(meanings(&queue, "adder").await, (true, false), "other documents have names of their own");
}

pub(super) async fn a_name_that_means_nothing_is_taken_once(queue: Arc<dyn Queue>) {
    let unknown = Digest::of(b"nobody");
    let refused = queue.take_name("adder", unknown, Some(at(0))).await;
    assert_eq!(refused, Err(Error::UnknownProgram(unknown.to_string())));
    let first = queue.put_program(b"first", None, Some(at(0))).await.expect("stored");
    let second = queue.put_program(b"second", None, Some(at(0))).await.expect("stored");
    assert_eq!(queue.take_name("adder", first, Some(at(1))).await, Ok(true));
    for digest in [first, second] {
        assert_eq!(queue.take_name("adder", digest, Some(at(2))).await, Ok(false));
    }
    assert_eq!(versions(&queue, "adder").await, [(first, 5, at(1))]);
    assert_eq!(meaning(&queue, "adder").await, first);
}

pub(super) async fn of_many_who_take_a_name_at_once_one_has_it(queue: Arc<dyn Queue>) {
    let digest = queue.put_program(b"adder", None, Some(at(0))).await.expect("stored");
    for round in 0..10 {
        let name = format!("adder-{round}");
        let calls = (0..6).map(|number| {
            let (queue, name) = (Arc::clone(&queue), name.clone());
            tokio::spawn(async move {
                if number % 2 == 0 {
                    queue.take_name(&name, digest, Some(at(1))).await.expect("it is answered")
                } else {
                    put_source(&queue, &name, Expected::Nothing).await
                }
            })
        });
        let mut taken = 0;
        for call in calls.collect::<Vec<_>>() {
            taken += u32::from(call.await.expect("the call ends"));
        }
        assert_eq!(taken, 1);
        let (is_program, is_source) = meanings(&queue, &name).await;
        assert!(is_program != is_source);
    }
}

pub(super) async fn a_program_and_a_source_that_get_a_name_at_once_do_not_destroy_each_other(queue: Arc<dyn Queue>) {
    for round in 0..20 {
        let name = format!("adder-{round}");
        let calls = [true, false].map(|is_program| {
            let (queue, name) = (Arc::clone(&queue), name.clone());
            tokio::spawn(async move {
                if is_program {
                    store(&queue, &name, b"adder", at(1)).await;
                } else {
                    assert!(put_source(&queue, &name, Expected::Anything).await);
                }
            })
        });
        for call in calls {
            call.await.expect("the call ends");
        }
        let (is_program, is_source) = meanings(&queue, &name).await;
        assert!(is_program != is_source, "round {round}: {is_program} {is_source}");
    }
}
