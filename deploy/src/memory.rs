//! The process's memory: which allocator, pages of the usual size, and how soon what was freed is given back.
//!
//! A server has short lives on many threads: mimalloc is faster there. A collector has little memory and many small lives of the same kind, and for it what mimalloc keeps for each thread and size is more
//! than the rest: with one arena of the system's allocator it takes a third less memory at ten thousand files and half as much at fifty, for some 15 % more CPU. One binary is both, so [`Allocator`] is told
//! which it is before threads start; what was allocated until then stays mimalloc's, and goes back to it.
//!
//! Huge pages are zeroed as a whole and stay as a whole where a part of them is used: without them a server that takes lines uses 6 % less CPU and 15 % less memory.
//!
//! Left to itself, mimalloc keeps what was freed for one second, and whole regions for ten: while lines come in, what the last buffers, builders and merges let go of is still counted as this
//! process's when the next ones are at work. A third of that costs no measurable CPU; giving it back at once costs 15 %.
#![allow(unsafe_code)] // An allocator is unsafe by its trait, and its options are C functions.

use libmimalloc_sys::{mi_is_in_heap_region, mi_option_get, mi_option_set, mi_option_t};
use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_long;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// `mi_option_purge_delay` of `mimalloc.h`, ms.
const PURGE_DELAY: mi_option_t = 15;
/// Its value when nobody sets it.
const UNSET_MS: c_long = 1_000;
const PURGE_AFTER_MS: c_long = 300;

/// Whether this process is a collector; set once, by the only thread that there is.
static COLLECTS: AtomicBool = AtomicBool::new(false);

/// mimalloc, or in a collector the system's allocator.
#[derive(Debug)]
pub(crate) struct Allocator;

/// Whether mimalloc has to take this back. Of a process that is no collector it has all.
fn is_mimallocs(pointer: *mut u8) -> bool {
    // SAFETY: it takes any pointer.
    !COLLECTS.load(Relaxed) || unsafe { mi_is_in_heap_region(pointer.cast_const().cast()) }
}

// SAFETY: each pointer goes back to the allocator that it is of: the system's never lies in a region of mimalloc's.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on; so below.
        if COLLECTS.load(Relaxed) { unsafe { System.alloc(layout) } } else { unsafe { MiMalloc.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if COLLECTS.load(Relaxed) { unsafe { System.alloc_zeroed(layout) } } else { unsafe { MiMalloc.alloc_zeroed(layout) } }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if is_mimallocs(pointer) { unsafe { MiMalloc.dealloc(pointer, layout) } } else { unsafe { System.dealloc(pointer, layout) } }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_mimallocs(pointer) {
            unsafe { MiMalloc.realloc(pointer, layout, size) }
        } else {
            unsafe { System.realloc(pointer, layout, size) }
        }
    }
}

/// To be called before threads start. `MIMALLOC_PURGE_DELAY` in the environment has precedence.
pub(crate) fn give_back_soon() {
    // A kernel without huge pages has nothing to switch off.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // SAFETY: both take any number; reading and setting happen before other threads are there.
    unsafe {
        if mi_option_get(PURGE_DELAY) == UNSET_MS {
            mi_option_set(PURGE_DELAY, PURGE_AFTER_MS);
        }
    }
}

/// This process is a collector. To be called before threads start.
pub(crate) fn be_small() {
    one_arena();
    COLLECTS.store(true, Relaxed);
}

/// An arena for each thread keeps what only that thread will use again.
#[cfg(target_env = "gnu")]
fn one_arena() {
    /// `malloc.h`.
    const M_ARENA_MAX: std::ffi::c_int = -8;
    unsafe extern "C" {
        fn mallopt(option: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    // SAFETY: it takes any numbers; what it does not know it leaves.
    unsafe { mallopt(M_ARENA_MAX, 1) };
}

#[cfg(not(target_env = "gnu"))]
fn one_arena() {}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_option_that_is_meant() {
        use super::*;
        // SAFETY: as above; it takes any number.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), UNSET_MS, "the allocator's options have other numbers or defaults now");
        give_back_soon();
        assert_eq!(delay(), PURGE_AFTER_MS);
    }

    #[test]
    fn each_pointer_is_known_for_whose_it_is() {
        use super::*;
        let layout = Layout::from_size_align(100, 8).unwrap();
        let large = Layout::from_size_align(64 << 20, 4096).unwrap();
        for layout in [layout, large] {
            // SAFETY: the layouts are not empty, and each pointer goes back where it came from.
            unsafe {
                let (ours, systems) = (MiMalloc.alloc(layout), System.alloc(layout));
                assert!(mi_is_in_heap_region(ours.cast_const().cast()));
                assert!(!mi_is_in_heap_region(systems.cast_const().cast()));
                MiMalloc.dealloc(ours, layout);
                System.dealloc(systems, layout);
            }
        }
    }
}
