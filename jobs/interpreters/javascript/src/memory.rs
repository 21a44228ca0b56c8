//! One heap for C and Rust: the `malloc` of the linked libc.
//!
//! Two allocators in one memory would each keep pages of their own, and every page that a run touches costs it. When
//! the host refuses more memory, `malloc` returns null and QuickJS throws; Rust code that could ask for much uses
//! `try_reserve`.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use rquickjs::allocator::Allocator;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn calloc(count: usize, size: usize) -> *mut c_void;
    fn realloc(ptr: *mut c_void, size: usize) -> *mut c_void;
    fn free(ptr: *mut c_void);
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn malloc_usable_size(ptr: *mut c_void) -> usize;
}

/// What `malloc` aligns to on wasm32.
const MALLOC_ALIGN: usize = 16;

/// The heap of libc.
pub(crate) struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: `malloc` and its family keep the promises of an allocator; a larger alignment goes to `aligned_alloc`, whose
// blocks `free` takes back too.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            // SAFETY: any size may be asked for.
            unsafe { malloc(layout.size()).cast() }
        } else {
            // SAFETY: the size is a multiple of the alignment, as C11 wants.
            unsafe { aligned_alloc(layout.align(), layout.size().next_multiple_of(layout.align())).cast() }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            // SAFETY: any size may be asked for.
            return unsafe { calloc(1, layout.size()).cast() };
        }
        // SAFETY: the caller's promises are those of `alloc`.
        let ptr = unsafe { self.alloc(layout) };
        if !ptr.is_null() {
            // SAFETY: the block has that size.
            unsafe { ptr.write_bytes(0, layout.size()) };
        }
        ptr
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _: Layout) {
        // SAFETY: the caller got the block here.
        unsafe { free(ptr.cast()) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            // SAFETY: the caller got the block here.
            return unsafe { realloc(ptr.cast(), new_size).cast() };
        }
        // SAFETY: the alignment is that of a layout.
        let layout_after = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the caller's promises are those of `alloc`.
        let moved = unsafe { self.alloc(layout_after) };
        if !moved.is_null() {
            // SAFETY: both blocks have that many bytes, and one is new.
            unsafe { moved.copy_from_nonoverlapping(ptr, layout.size().min(new_size)) };
            // SAFETY: the caller got the block here.
            unsafe { free(ptr.cast()) };
        }
        moved
    }
}

// SAFETY: as above. The sizes are real ones, so that QuickJS knows when to look for cycles; its own default reports
// none on this target, and cycles would pile up.
unsafe impl Allocator for Heap {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        // SAFETY: any size may be asked for.
        noted(unsafe { malloc(size).cast() })
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        // SAFETY: any size may be asked for.
        noted(unsafe { calloc(count, size).cast() })
    }

    unsafe fn dealloc(&mut self, ptr: *mut u8) {
        // SAFETY: the caller got the block here.
        unsafe { free(ptr.cast()) }
    }

    unsafe fn realloc(&mut self, ptr: *mut u8, new_size: usize) -> *mut u8 {
        // SAFETY: the caller got the block here.
        noted(unsafe { realloc(ptr.cast(), new_size).cast() })
    }

    unsafe fn usable_size(ptr: *mut u8) -> usize {
        // SAFETY: the caller got the block here.
        unsafe { malloc_usable_size(ptr.cast()) }
    }
}

/// What is kept back so that a run that used up its memory can still say so: QuickJS needs some for the exception, and
/// we for the account of it. Untouched, it costs no page.
const RESERVE_BYTES: usize = 64 << 10;

thread_local! {
    static RESERVE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static EXHAUSTED: Cell<bool> = const { Cell::new(false) };
}

/// Sets memory aside; once, before the snapshot.
pub(crate) fn keep_reserve() {
    RESERVE.set(Vec::with_capacity(RESERVE_BYTES));
}

/// Whether QuickJS was ever refused memory.
pub(crate) fn is_exhausted() -> bool {
    EXHAUSTED.get()
}

/// Gives the reserve back when there is nothing else left: the request fails, what it leads to does not.
fn noted(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        EXHAUSTED.set(true);
        drop(RESERVE.take());
    }
    block
}
