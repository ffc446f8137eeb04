//! Counts what a test's thread asks the allocator for, so that a test can say that reading took no more memory
//! than it should.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Notes what each thread asks for.
struct Counting;

/// What a piece of work asked for, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// In all, given back or not.
    pub total: usize,
    /// The largest single request.
    pub largest: usize,
}

thread_local! {
    static ASKED: Cell<Asked> = const { Cell::new(Asked { total: 0, largest: 0 }) };
}

fn note(size: usize) {
    let _ = ASKED.try_with(|asked| {
        let Asked { total, largest } = asked.get();
        asked.set(Asked { total: total.saturating_add(size), largest: largest.max(size) });
    });
}

// SAFETY: hands every call on to the system's allocator; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs `work` and returns what its thread asked for meanwhile; other threads, and C, are not seen.
pub fn asked<T>(work: impl FnOnce() -> T) -> (T, Asked) {
    ASKED.set(Asked::default());
    let result = work();
    (result, ASKED.get())
}
