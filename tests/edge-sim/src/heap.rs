//! Whose memory it is: an allocator that marks every block with the part of the story that asked for it.
//!
//! In: requests for memory, and scopes: what a node's own code asks for within [`of_node`] belongs to that node, until it is
//! freed, wherever that happens; what the simulator asks for in between ([`of_simulator`]) belongs to nobody. Out: how many bytes
//! each node of this thread's story holds now ([`held`]). Deliberately absent: what the system's allocator adds to a block.

#![allow(unsafe_code, reason = "an allocator cannot be written without; it hands everything on to the system's own")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Nodes of a story at most, and nobody.
const OWNERS: usize = 3;
/// Bytes before every block: the owner's number and the way back to where the system's block begins.
const HEADER: usize = 16;

thread_local! {
    /// Who asks at the moment; 0: nobody.
    static ASKS: Cell<usize> = const { Cell::new(0) };
    static HELD: [Cell<i64>; OWNERS] = const { [const { Cell::new(0) }; OWNERS] };
}

/// A stretch of code whose memory belongs to somebody; ends when dropped.
pub(crate) struct Scope {
    before: usize,
}

/// What is asked for until the scope ends belongs to node `at`.
pub(crate) fn of_node(at: usize) -> Scope {
    Scope { before: ASKS.replace(1 + at) }
}

/// What is asked for until the scope ends belongs to nobody.
pub(crate) fn of_simulator() -> Scope {
    Scope { before: ASKS.replace(0) }
}

/// Bytes that node `at` of this thread's story holds.
pub(crate) fn held(at: usize) -> i64 {
    HELD.with(|held| held[1 + at].get())
}

impl Drop for Scope {
    fn drop(&mut self) {
        ASKS.set(self.before);
    }
}

/// The allocator of every program that tells stories.
struct Marked;

#[global_allocator]
static MARKED: Marked = Marked;

/// Adds to what somebody holds. A thread that ends has no counters any more; nobody asks for them then.
fn count(owner: usize, bytes: i64) {
    let _ = HELD.try_with(|held| held[owner].set(held[owner].get() + bytes));
}

/// Bytes before the block that a caller gets: the header, rounded up to the alignment.
fn lead(layout: Layout) -> usize {
    HEADER.max(layout.align())
}

/// The system's block for a caller's.
fn whole(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(lead(layout))?;
    Layout::from_size_align(size, layout.align().max(HEADER)).ok()
}

// SAFETY: every block comes from the system's allocator, `lead` bytes larger than asked for and aligned at least as strictly; the
// caller gets what lies behind the lead, which keeps the alignment because the lead is a multiple of it. The same layout that
// the caller passes back leads to the same block.
unsafe impl GlobalAlloc for Marked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(outer) = whole(layout) else { return std::ptr::null_mut() };
        // SAFETY: `outer` is never empty, for it has a header.
        let block = unsafe { System.alloc(outer) };
        if block.is_null() {
            return block;
        }
        let owner = ASKS.try_with(Cell::get).unwrap_or(0);
        count(owner, layout.size() as i64);
        // SAFETY: the block is `lead` bytes longer than what the caller gets, and the header, 16 bytes before that, is within
        // it and aligned to 16.
        unsafe {
            let inner = block.add(lead(layout));
            inner.sub(HEADER).cast::<usize>().write(owner);
            inner
        }
    }

    unsafe fn dealloc(&self, inner: *mut u8, layout: Layout) {
        // SAFETY: the caller got `inner` from `alloc` with this layout, so there is a header before it, and the system's block
        // begins `lead` bytes before it.
        unsafe {
            let owner = inner.sub(HEADER).cast::<usize>().read();
            count(owner, -(layout.size() as i64));
            let outer = Layout::from_size_align_unchecked(layout.size() + lead(layout), layout.align().max(HEADER));
            System.dealloc(inner.sub(lead(layout)), outer);
        }
    }

    unsafe fn realloc(&self, inner: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(grown) = size.checked_add(lead(layout)) else { return std::ptr::null_mut() };
        // SAFETY: as in `dealloc`; the header moves with the block, and the owner stays.
        unsafe {
            let owner = inner.sub(HEADER).cast::<usize>().read();
            let outer = Layout::from_size_align_unchecked(layout.size() + lead(layout), layout.align().max(HEADER));
            let block = System.realloc(inner.sub(lead(layout)), outer, grown);
            if block.is_null() {
                return block;
            }
            count(owner, size as i64 - layout.size() as i64);
            block.add(lead(layout))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_belongs_to_who_asked_for_it_until_it_is_freed_anywhere() {
        let before = held(0);
        let mut block = {
            let _node = of_node(0);
            let passing = Box::new([7_u8; 77]);
            assert_eq!(held(0) - before, i64::from(passing[0]) * 11);
            Vec::<u8>::with_capacity(1_000)
        };
        assert_eq!(held(0) - before, 1_000);
        block.reserve_exact(5_000);
        assert_eq!(held(0) - before, 5_000, "it grew outside, and is still the node's");
        {
            let _node = of_node(0);
            let _simulator = of_simulator();
            let mine = vec![0_u8; 10_000];
            assert_eq!((held(0) - before, mine.len()), (5_000, 10_000));
        }
        drop(block);
        assert_eq!(held(0), before);
    }

    #[test]
    fn strict_alignments_are_kept() {
        #[repr(align(256))]
        struct Strict([u8; 3]);
        let before = held(1);
        let scope = of_node(1);
        let all: Vec<Box<Strict>> = (0..10).map(|n| Box::new(Strict([n; 3]))).collect();
        drop(scope);
        assert!(all.iter().all(|one| std::ptr::from_ref(&**one).addr() % 256 == 0 && one.0[0] < 10));
        drop(all);
        assert_eq!(held(1), before);
    }
}
