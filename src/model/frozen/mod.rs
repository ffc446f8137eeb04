//! The encoder with its weights frozen, for whoever changes its input: prediction, reconstruction, masks.
//!
//! Batch norms are folded into the convolutions, no gradient to a weight is computed, stem and first
//! expansion collapse, and of the behavioral channels' gradient only the norm is kept. Exact up to rounding:
//! it is tested against the encoder that trains.

mod block;
mod buffer;
mod core;
mod cortex;
mod encoding;
mod expansion;
mod fold;
mod grouped;
mod plan;
mod readout;
mod squeeze_excite;

use std::sync::Arc;

use ndarray::{Array2, Array3};
use rayon::prelude::*;

pub use buffer::Memory;
use plan::{Activations, Plan};

use self::core::{Core, Tables};
use self::cortex::Cortex;
use self::readout::Readout;
use super::ModelConfig;
use super::checkpoint::Checkpoint;
use super::encoder::{Clip, ClipGradient, ToResponses};
use crate::error::Result;

impl ClipGradient {
    /// Splits `[time, pixel, channel]`.
    fn new(gradient: &[f32], clip: &Clip, responses: Array2<f32>) -> Self {
        let channels = clip.channels();
        let movie = gradient.iter().step_by(channels).copied().collect();
        let square = |row: &[f32]| row[1..].iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
        Self {
            movie: Array3::from_shape_vec(clip.size(), movie).expect("a gradient to every pixel"),
            behavior_squares: gradient.chunks_exact(channels).map(square).sum(),
            responses,
        }
    }
}

/// What all batches of one gradient share.
struct Work<'a> {
    mouse: usize,
    to_responses: ToResponses<'a>,
    plan: Plan,
    tables: Tables,
}

/// An encoder that no longer learns.
pub struct FrozenEncoder {
    config: ModelConfig,
    core: Core,
    cortex: Cortex,
    readouts: Vec<Readout>,
    memory: Arc<Memory>,
}

impl std::fmt::Debug for FrozenEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrozenEncoder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl FrozenEncoder {
    /// Folds a checkpoint. Clips run in `memory`.
    ///
    /// # Errors
    /// When a tensor is missing, misshapen or left over, or the sizes don't fit together.
    pub fn new(checkpoint: &Checkpoint, memory: Arc<Memory>) -> Result<Self> {
        checkpoint.check()?;
        let source = fold::Source(checkpoint);
        let config = checkpoint.config.clone();
        Ok(Self {
            core: Core::new(&source, &config),
            cortex: Cortex::new(&source, &config),
            readouts: (0..config.readout_outputs.len())
                .map(|mouse| Readout::new(&source, &config, mouse))
                .collect(),
            config,
            memory,
        })
    }

    /// Predicts the responses of one mouse to some clips of one size, each `[time, neuron]`.
    ///
    /// As many clips run at once as the memory's budget holds; one always does.
    pub fn predict(&self, mouse: usize, clips: &[Clip]) -> Vec<Array2<f32>> {
        let Some(first) = clips.first() else { return Vec::new() };
        let plan = Plan::new(&self.config, first.size(), Activations::Forgotten);
        let tables = self.core.tables(&plan);
        let at_once = (self.memory.budget() / plan.bytes().max(1)).clamp(1, at_once(clips.len()));
        let batch = |clips: &[Clip]| {
            let features: Vec<Vec<f32>> = clips
                .par_iter()
                .map(|clip| {
                    let (features, trace) = self.core.forward(clip, &plan, &tables, self.memory.take(&plan));
                    self.memory.put(trace.workspace);
                    features
                })
                .collect();
            let grid = self.core.reached(&plan, clips.len());
            let trace = self.cortex.forward(features.concat(), grid.rows());
            let readout = &self.readouts[mouse];
            split(readout.respond(&readout.drive(&trace.features, grid)), clips.len(), readout.neurons)
        };
        clips.chunks(at_once).flat_map(batch).collect()
    }

    /// Computes the gradient of a loss to some clips of one size. `to_responses` is given the number of a clip
    /// and the predicted responses, `[time, neuron]`, and returns the loss's gradient to them.
    ///
    /// As many clips run at once as the memory's budget holds, and if there is room their activations are kept
    /// rather than computed again; one clip always runs.
    pub fn gradient(&self, mouse: usize, clips: &[Clip], to_responses: ToResponses) -> Vec<ClipGradient> {
        let Some(first) = clips.first() else { return Vec::new() };
        let threads = rayon::current_num_threads();
        let wanted = at_once(clips.len());
        let (plan, at_once) = Plan::within(&self.config, first.size(), self.memory.budget(), wanted, threads);
        let work = Work { mouse, to_responses, tables: self.core.tables(&plan), plan };
        let batches = clips.chunks(at_once).enumerate();
        let each = batches.map(|(index, clips)| self.batch_gradient(&work, clips, index * at_once));
        each.flatten().collect()
    }

    /// One batch of [`FrozenEncoder::gradient`], whose first clip has this number.
    fn batch_gradient(&self, work: &Work, clips: &[Clip], number: usize) -> Vec<ClipGradient> {
        let Work { mouse, to_responses, plan, tables } = work;
        let (features, traces): (Vec<_>, Vec<_>) = clips
            .par_iter()
            .map(|clip| self.core.forward(clip, plan, tables, self.memory.take(plan)))
            .unzip();
        let readout = &self.readouts[*mouse];
        let grid = self.core.reached(plan, clips.len());
        let cortex = self.cortex.forward(features.concat(), grid.rows());
        let drive = readout.drive(&cortex.features, grid);
        let responses = split(readout.respond(&drive), clips.len(), readout.neurons);
        let to_responses: Vec<Array2<f32>> = responses
            .par_iter()
            .enumerate()
            .map(|(index, responses)| to_responses(number + index, responses.view()))
            .collect();
        let gradient: Vec<f32> = to_responses.iter().flat_map(|gradient| gradient.iter().copied()).collect();
        let to_features = readout.backward(&gradient, &drive, grid);
        let to_core = self.cortex.backward(&cortex, to_features, grid.rows());
        let share = to_core.len() / clips.len();
        let each = clips.par_iter().zip(traces).zip(responses).zip(to_core.par_chunks(share));
        each.map(|(((clip, trace), responses), gradient)| {
            let (gradient, workspace) = self.core.backward(clip, gradient, plan, tables, trace);
            self.memory.put(workspace);
            ClipGradient::new(&gradient, clip, responses)
        })
        .collect()
    }
}

/// Clips that are worth running at once: one a thread, and at least two, because they share one reading of
/// the readout's weights.
fn at_once(clips: usize) -> usize {
    clips.min(rayon::current_num_threads().max(2))
}

/// Cuts `[clip * time, neuron]` into clips.
fn split(values: Vec<f32>, clips: usize, neurons: usize) -> Vec<Array2<f32>> {
    let time = values.len() / (clips * neurons);
    let cut = |values: &[f32]| Array2::from_shape_vec((time, neurons), values.to_vec());
    values.chunks_exact(time * neurons).map(|values| cut(values).expect("a clip's share")).collect()
}
