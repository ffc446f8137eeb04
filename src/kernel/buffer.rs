//! Memory for large activations, that is made once and used again.
//!
//! A fresh allocation of this size comes from the system page by page, which would take longer than the
//! arithmetic: it was a third of a training step. These ask for huge pages, and wait for the next step.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use memmap2::MmapMut;

use super::lane::{self, Lane};

/// Lanes below which the system's allocator does as well.
const SMALL: usize = 1 << 13;

/// Lanes in anonymous memory, zero at first.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Option<MmapMut>,
}

impl Buffer {
    /// Asks the system for memory, in huge pages where it has them.
    pub fn new(lanes: usize) -> Self {
        let bytes = lanes * size_of::<Lane>();
        let memory = (bytes > 0).then(|| {
            let memory = MmapMut::map_anon(bytes).expect("anonymous memory");
            // Only a hint: without huge pages it works as well, slower.
            #[cfg(target_os = "linux")]
            let _ = memory.advise(memmap2::Advice::HugePage);
            memory
        });
        Self { memory }
    }
}

impl Deref for Buffer {
    type Target = [Lane];

    fn deref(&self) -> &[Lane] {
        self.memory.as_deref().map_or(&[], bytemuck::cast_slice)
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [Lane] {
        self.memory.as_deref_mut().map_or(&mut [], bytemuck::cast_slice_mut)
    }
}

/// Buffers that wait for their next use.
static WAITING: Mutex<Vec<Buffer>> = Mutex::new(Vec::new());

/// Gives the memory that waits for its next use back to the system.
pub fn release() {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Lanes that come from waiting memory and go back to it. They hold anything at first.
#[derive(Debug)]
pub struct Recycled(Storage);

#[derive(Debug)]
enum Storage {
    Small(Vec<Lane>),
    Large(Buffer),
}

impl Recycled {
    /// Takes memory of exactly this size.
    pub fn new(lanes: usize) -> Self {
        if lanes < SMALL {
            return Self(Storage::Small(vec![Lane::ZERO; lanes]));
        }
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        let found = waiting.iter().position(|buffer| buffer.len() == lanes).map(|at| waiting.swap_remove(at));
        drop(waiting);
        Self(Storage::Large(found.unwrap_or_else(|| Buffer::new(lanes))))
    }

    /// Takes memory for this many values, filled up to whole lanes.
    pub fn of_values(values: usize) -> Self {
        Self::new(lane::count(values))
    }

    /// The first `count` values.
    pub fn values_mut(&mut self, count: usize) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(self)[..count]
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        if let Storage::Large(buffer) = &mut self.0 {
            WAITING.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(buffer));
        }
    }
}

impl Deref for Recycled {
    type Target = [Lane];

    fn deref(&self) -> &[Lane] {
        match &self.0 {
            Storage::Small(lanes) => lanes,
            Storage::Large(buffer) => buffer,
        }
    }
}

impl DerefMut for Recycled {
    fn deref_mut(&mut self) -> &mut [Lane] {
        match &mut self.0 {
            Storage::Small(lanes) => lanes,
            Storage::Large(buffer) => buffer,
        }
    }
}

impl AsRef<[u8]> for Recycled {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }
}
