//! Where a clip's activations live: large buffers that are made once and used again.
//!
//! A fresh allocation of this size comes from the system page by page, which would take longer than the
//! arithmetic; these ask for huge pages and wait for the next clip.

use std::sync::{Mutex, PoisonError};

use super::plan::Plan;
use crate::kernel::buffer::Buffer;

/// What a block leaves behind for its gradient, before the activations: `[lane, time, pixel]` lanes.
#[derive(Debug)]
pub struct BlockBuffers {
    /// The expansion, without its shift; empty for the first block, whose expansion costs less to repeat.
    pub expanded: Buffer,
    /// After the convolution over space.
    pub spatial: Buffer,
    /// After the convolution over time.
    pub temporal: Buffer,
}

/// The buffers of one clip on its way through the core and back.
#[derive(Debug)]
pub struct Workspace {
    plan: Plan,
    /// One for each block if its activations are kept, else one for all.
    pub blocks: Vec<BlockBuffers>,
    /// Input rows of each block, `[time * pixel, channel]`, and the core's output.
    pub rows: Vec<Buffer>,
    /// Gradients to rows.
    pub gradients: [Buffer; 2],
    /// The gradient to what a block projects, `[lane, time, pixel]`.
    pub inner: Buffer,
}

impl Workspace {
    fn new(plan: &Plan) -> Self {
        let blocks = plan.block_lanes.iter().map(|&[expanded, spatial, temporal]| BlockBuffers {
            expanded: Buffer::new(expanded),
            spatial: Buffer::new(spatial),
            temporal: Buffer::new(temporal),
        });
        Self {
            blocks: blocks.collect(),
            rows: plan.row_lanes.iter().map(|&lanes| Buffer::new(lanes)).collect(),
            gradients: plan.gradient_lanes.map(Buffer::new),
            inner: Buffer::new(plan.inner_lanes),
            plan: plan.clone(),
        }
    }
}

/// Workspaces that wait for the next clip, and how large they may be together. The members of an ensemble
/// share one.
#[derive(Debug)]
pub struct Memory {
    budget: usize,
    waiting: Mutex<Vec<Workspace>>,
}

impl Memory {
    /// Allows the activations of all clips that run at once `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self { budget, waiting: Mutex::default() }
    }

    /// Bytes that the activations of all clips that run at once may take.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Takes a workspace, a used one if there is one of this plan.
    pub(super) fn take(&self, plan: &Plan) -> Workspace {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Buffers for clips of another size would only hold memory.
        waiting.retain(|w| w.plan == *plan || w.plan.activations != plan.activations);
        let found = waiting.iter().position(|w| w.plan == *plan).map(|at| waiting.swap_remove(at));
        drop(waiting);
        found.unwrap_or_else(|| Workspace::new(plan))
    }

    /// Gives a workspace back.
    pub(super) fn put(&self, workspace: Workspace) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
    }
}
