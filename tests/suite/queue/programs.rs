//! Programs beside the jobs: stored once under their digest, found by name.

use std::sync::Arc;

use ampule::Digest;
use ampule::queue::{Queue, StoredProgram};
use ampule_tests::clock::at;
use ampule_tests::queue::store;

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
