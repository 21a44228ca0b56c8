//! What `#[job]` refuses, and in which words: each file of `ui/` beside the compiler's output.
//!
//! A changed message is accepted with `TRYBUILD=overwrite`, after reading it.

#[test]
fn what_cannot_be_a_job_is_refused_in_plain_words() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
