//! # Merging
//! Makes one core module of those that a component links dynamically, so that it can be instantiated lazily.
//!
//! Tools that link shared libraries for WebAssembly (`wit-component`'s `Linker`, which componentize-py uses) make a
//! component whose core modules share a memory and a table: a main module defines both, and each library imports them,
//! fills its part of the table, and finds its own addresses in imported globals. A runtime like wasmtime fills a table
//! lazily only where it is defined beside its elements, at offsets that are constants. So every instance of such a
//! component begins with the eager initialization of some thousand elements and of a dozen core instances, which for
//! CPython is a third of a short run.
//!
//! The merged module defines the memory and the table, and all in it that is known before it runs is a constant:
//!
//! - The modules that share the memory become one, with those that are functions and nothing else and are called by
//!   them. An import that one member takes from another is the definition itself.
//! - Globals that nothing writes to any more (`__memory_base`, `__table_base`, the entries of the global offset table
//!   once a snapshot has filled them in) stand as constants in the code, added to the constant behind them.
//! - Functions that only pass their arguments to an element of the table, which is how circular imports are linked,
//!   give way to what the element refers to, if nothing ever writes to the table.
//! - Functions that nothing can call are left out.
//!
//! All else stays as it is: what the component imports and exports, its types, the functions it lifts and lowers, its
//! custom sections, and modules that only pass on imports and so have to be instantiated before (a shim) and after
//! (its fixup). A start function of a member is called where that member was instantiated. Of the custom sections of
//! the members only the names of functions are kept, for backtraces.
//!
//! What a member does in a run is the same as before, but for a little less fuel and a frame less where a call was
//! passed on. The time at which segments are written is not the same: before the first start function, so a component
//! that could notice is refused. So is whatever else this tool has no rule for; it never guesses.
//!
//! # Layout
//! Files follow the data: each imports only what is named before it here.
//!
//! | file | holds |
//! | --- | --- |
//! | `error` | why a component is not merged |
//! | `component`, `module` | what is read |
//! | `wiring` | which import is which definition; which instances are merged |
//! | `constant`, `linked`, `segments` | the members side by side, and what they write at the start |
//! | `plan`, `shown` | what stays around them, what of it has to wait, what of them it sees |
//! | `code`, `trampolines`, `reached` | what code refers to, where calls end, what can run at all |
//! | `merged` | the merged module |
//! | `sections`, `names`, `rewritten` | the component around it |

mod code;
mod component;
mod constant;
mod error;
mod linked;
mod merged;
mod module;
mod names;
mod plan;
mod reached;
mod rewritten;
mod sections;
mod segments;
mod shown;
mod trampolines;
mod wiring;

use wasmparser::{Validator, WasmFeatures};

pub use crate::error::Error;

use crate::component::Component;
use crate::error::Result;
use crate::linked::Linked;
use crate::plan::Plan;
use crate::reached::Reached;
use crate::segments::Segments;
use crate::shown::Shown;
use crate::wiring::Wiring;

/// What a component may use: what the engine allows. Anything newer could have indices that are not rewritten.
const UNDERSTOOD: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Merges the core modules of a component that share a memory.
///
/// What is returned is valid. A component that was merged is returned as an [`Error::NothingShared`]: it has one module
/// left, and nobody to share with.
///
/// ```
/// let component = wat::parse_str(
///     r#"(component
///         (core module $main (memory (export "memory") 1) (data (i32.const 8) "\2a"))
///         (core module $library
///             (import "env" "memory" (memory 1))
///             (func (export "answer") (result i32) (i32.load8_u (i32.const 8))))
///         (core instance $main (instantiate $main))
///         (core instance $library (instantiate $library (with "env" (instance $main))))
///         (func (export "answer") (result u32) (canon lift (core func $library "answer"))))"#,
/// )?;
/// let merged = ampule_merge::merge(&component)?;
/// assert!(wasmparser::validate(&merged).is_ok());
/// assert!(ampule_merge::merge(&merged).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge(component: &[u8]) -> Result<Vec<u8>> {
    Validator::new_with_features(UNDERSTOOD).validate_all(component)?;
    let component = Component::parse(component)?;
    let wiring = Wiring::find(&component)?;
    let plan = Plan::of(&component, &wiring)?;
    let mut linked = Linked::of(&wiring)?;
    let (segments, shown) = (Segments::of(&linked)?, Shown::of(&component, &wiring, &plan, &linked)?);
    linked.redirect(&trampolines::targets(&linked, &segments, &shown)?);
    // Again, since both name functions by their place.
    let (segments, shown) = (Segments::of(&linked)?, Shown::of(&component, &wiring, &plan, &linked)?);
    let reached = Reached::of(&linked, &segments, &shown)?;
    let parts = merged::Parts { linked: &linked, segments: &segments, shown: &shown, reached: &reached };
    let merged = parts.merged()?;
    let (component, wiring, plan) = (&component, &wiring, &plan);
    let (linked, shown, merged) = (&linked, &shown, &merged);
    let rewritten = rewritten::Parts { component, wiring, plan, linked, shown, merged }.component()?;
    Validator::new_with_features(UNDERSTOOD).validate_all(&rewritten)?;
    Ok(rewritten)
}
