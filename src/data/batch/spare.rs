//! Memory of batches that were used, kept for the next ones: to get fresh pages from the system costs several
//! times what filling them does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, Array4};

use super::Batch;
use crate::data::trial::TrialBuffer;

/// Batches that can be in use at once: the one that is worked on and the one that is prepared.
const BATCHES: usize = 2;

/// What one sample is prepared in.
#[derive(Debug, Default)]
pub(super) struct Workbench {
    pub(super) clip: TrialBuffer,
    /// The clip that it is mixed with.
    pub(super) partner: TrialBuffer,
    pub(super) partner_input: Array4<f32>,
}

/// Memory that is not in use: no more than two batches and a workbench a thread.
#[derive(Debug)]
pub(super) struct Spare {
    batch_size: usize,
    inputs: Mutex<Vec<Vec<f32>>>,
    responses: Mutex<Vec<Array2<f32>>>,
    workbenches: Mutex<Vec<Workbench>>,
}

impl Spare {
    pub(super) fn new(batch_size: usize) -> Self {
        Self {
            batch_size,
            inputs: Mutex::default(),
            responses: Mutex::default(),
            workbenches: Mutex::default(),
        }
    }

    /// Takes memory for `values` of any values.
    pub(super) fn inputs(&self, values: usize) -> Vec<f32> {
        let mut inputs = lock(&self.inputs).pop().unwrap_or_default();
        inputs.resize(values, 0.0);
        inputs
    }

    /// Takes memory for responses, of any shape.
    pub(super) fn responses(&self) -> Array2<f32> {
        lock(&self.responses).pop().unwrap_or_default()
    }

    /// Keeps the memory of a batch, unless there is enough.
    pub(super) fn keep(&self, batch: Batch) {
        let mut inputs = lock(&self.inputs);
        inputs.push(batch.inputs.into_raw_vec_and_offset().0);
        inputs.truncate(BATCHES);
        let mut responses = lock(&self.responses);
        responses.extend(batch.responses);
        responses.truncate(self.batch_size.saturating_mul(BATCHES));
    }

    /// Lends a workbench.
    pub(super) fn with_workbench<T>(&self, work: impl FnOnce(&mut Workbench) -> T) -> T {
        let mut workbench = lock(&self.workbenches).pop().unwrap_or_default();
        let result = work(&mut workbench);
        lock(&self.workbenches).push(workbench);
        result
    }

    /// Counts inputs, responses and workbenches.
    #[cfg(test)]
    pub(super) fn counts(&self) -> [usize; 3] {
        [lock(&self.inputs).len(), lock(&self.responses).len(), lock(&self.workbenches).len()]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is half done inside: memory is there or not.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
