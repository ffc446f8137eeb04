//! Memory of batches that were used, kept for the next ones: to get fresh pages from the system costs several
//! times what filling them does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, Array3};

use super::Batch;
use crate::data::clip_input::ClipInput;
use crate::data::trial::TrialBuffer;

/// Batches that can be in use at once: the one that is worked on and the one that is prepared.
const BATCHES: usize = 2;

/// What one sample is prepared in.
#[derive(Debug, Default)]
pub(super) struct Workbench {
    pub(super) clip: TrialBuffer,
    /// The clip that it is mixed with.
    pub(super) partner: TrialBuffer,
}

/// A movie and responses, of any shapes.
type Clip = (Array3<f32>, Array2<f32>);

/// Memory that is not in use: no more than two batches and a workbench a thread.
#[derive(Debug)]
pub(super) struct Spare {
    clips: usize,
    memory: Mutex<Vec<Clip>>,
    workbenches: Mutex<Vec<Workbench>>,
}

impl Spare {
    pub(super) fn new(batch_size: usize) -> Self {
        let clips = batch_size.saturating_mul(BATCHES);
        Self { clips, memory: Mutex::default(), workbenches: Mutex::default() }
    }

    /// Takes memory for a clip.
    pub(super) fn clip(&self) -> Clip {
        lock(&self.memory).pop().unwrap_or_default()
    }

    /// Keeps the memory of a batch, unless there is enough.
    pub(super) fn keep(&self, batch: Batch) {
        let mut memory = lock(&self.memory);
        memory.extend(batch.inputs.into_iter().map(ClipInput::into_movie).zip(batch.responses));
        memory.truncate(self.clips);
    }

    /// Lends a workbench.
    pub(super) fn with_workbench<T>(&self, work: impl FnOnce(&mut Workbench) -> T) -> T {
        let mut workbench = lock(&self.workbenches).pop().unwrap_or_default();
        let result = work(&mut workbench);
        lock(&self.workbenches).push(workbench);
        result
    }

    /// Counts clips and workbenches.
    #[cfg(test)]
    pub(super) fn counts(&self) -> [usize; 2] {
        [lock(&self.memory).len(), lock(&self.workbenches).len()]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is half done inside: memory is there or not.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
