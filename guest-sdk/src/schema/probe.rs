//! The schema of a type that may have none.
//!
//! The macros write `Probe::<Type>::SCHEMA` for a concrete type with `AnyValue` in scope. If the
//! type has a `Schema`, the constants of the first `impl` below exist and win over the trait's;
//! if not, the trait's are all there is. In generic code only the type's bounds count.

use std::marker::PhantomData;

use super::{Schema, text::Text};

/// Asks whether `T` has a schema.
pub struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: Schema + ?Sized> Probe<T> {
    /// The schema of `T`.
    pub const SCHEMA: Text = T::SCHEMA;
    /// Whether a `T` may be left out.
    pub const MAY_BE_ABSENT: bool = T::MAY_BE_ABSENT;
}

/// A job's `Result` is its `Ok`: an `Err` ends the run as a failure. A `Result` has no `Schema`
/// of its own, so this does not overlap.
impl<T: Schema, E> Probe<Result<T, E>> {
    /// The schema of `T`.
    pub const SCHEMA: Text = T::SCHEMA;
}

/// What is known of a type without a schema: it is any value, and has to be there.
pub trait AnyValue {
    /// Any value.
    const SCHEMA: Text = Text::object();
    /// Not without being asked: serde alone knows, and it tells at run time only.
    const MAY_BE_ABSENT: bool = false;
}

impl<T: ?Sized> AnyValue for Probe<T> {}
