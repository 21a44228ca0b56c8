//! A job whose kwargs take more bytes to describe than a schema may have.
//! It does not compile: `ui.rs` compares what the compiler says with the file beside this one.

use ampule_guest::{Schema, job};
use serde::Deserialize;

#[derive(Deserialize, Schema)]
struct Pair<T> {
    left: T,
    right: T,
}

type Four<T> = Pair<Pair<T>>;
type Sixteen<T> = Four<Four<T>>;

#[job]
fn count(bytes: Sixteen<Sixteen<u8>>) -> u8 {
    bytes.left.left.left.left.right.right.right.right
}
