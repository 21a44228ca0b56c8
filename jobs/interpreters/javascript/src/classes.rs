//! The numbers of QuickJS's classes that are not in its header, learned from samples before the snapshot.

use std::cell::Cell;

use rquickjs::{Array, Ctx, FromJs, Result, Value};

use crate::prelude;
use crate::quickjs;

/// Which classes hold nothing that JSON would lose.
#[derive(Clone, Copy)]
pub(crate) struct Classes {
    /// Objects, and the two kinds of `arguments`.
    plain: [u32; 3],
    /// Objects of `Number`, `String` and `Boolean`.
    boxed: [u32; 3],
}

thread_local! {
    static CLASSES: Cell<Classes> = const { Cell::new(Classes { plain: [0; 3], boxed: [0; 3] }) };
}

impl Classes {
    /// Learns them; once, after the prelude.
    pub(crate) fn learn(ctx: &Ctx<'_>) -> Result<()> {
        let samples = Array::from_js(ctx, prelude::call(ctx, "samples", ())?)?;
        let class = |index: usize| samples.get::<Value>(index).map(|sample| quickjs::class(&sample));
        CLASSES.set(Classes { plain: [class(0)?, class(1)?, class(2)?], boxed: [class(3)?, class(4)?, class(5)?] });
        Ok(())
    }

    /// What was learned.
    pub(crate) fn get() -> Self {
        CLASSES.get()
    }

    /// Whether an object of this class is all in its properties.
    pub(crate) fn is_plain(&self, class: u32) -> bool {
        self.plain.contains(&class)
    }

    /// Whether an object of this class is a primitive in a box.
    pub(crate) fn is_boxed(&self, class: u32) -> bool {
        self.boxed.contains(&class)
    }
}
