//! Cortex and readout of the frozen encoder: all frames of all clips in one go, because their weights,
//! tens of megabytes, are then read once.

use rayon::prelude::*;

use super::fold::{Source, rounded};
use crate::kernel::product::{Matrix, multiply};
use crate::kernel::silu::{sigmoid, silu, silu_slope};
use crate::model::ModelConfig;

/// Channels out that one task computes.
const TILE: usize = 256;
/// Above this the softplus is its argument. PyTorch's default.
const SOFTPLUS_LINEAR: f32 = 20.0;

/// A grouped pointwise convolution.
struct Grouped {
    /// `[out, in / groups]`
    weights: Vec<f32>,
    shift: Vec<f32>,
    /// Channels in, of one group.
    width: usize,
    groups: usize,
}

impl Grouped {
    fn new(weights: Vec<f32>, shift: Vec<f32>, groups: usize) -> Self {
        let width = weights.len() / shift.len();
        Self { weights, shift, width, groups }
    }

    /// Tiles of channels of one group, out or in.
    fn tiles(&self, per_group: usize) -> Vec<(usize, usize, usize)> {
        let of = |group| {
            (0..per_group).step_by(TILE).map(move |first| (group, first, TILE.min(per_group - first)))
        };
        (0..self.groups).flat_map(of).collect()
    }

    /// `[row, groups * width]` to `[row, out]`.
    fn forward(&self, x: &[f32], rows: usize) -> Vec<f32> {
        let per_group = self.shift.len() / self.groups;
        let parts = self.tiles(per_group).into_par_iter().map(|(group, first, count)| {
            let start = group * per_group + first;
            let x = Matrix::new(&x[group * self.width..], [rows, self.width], self.groups * self.width);
            let weights = Matrix::new(&self.weights[start * self.width..], [count, self.width], self.width);
            let mut part: Vec<f32> = self.shift[start..start + count].repeat(rows);
            multiply(x, weights.transposed(), &mut part, count, true);
            (start, count, part)
        });
        assemble(parts.collect(), rows, self.shift.len())
    }

    /// `[row, out]` to `[row, groups * width]`.
    fn backward(&self, gradient: &[f32], rows: usize) -> Vec<f32> {
        let out = self.shift.len();
        let per_group = out / self.groups;
        let parts = self.tiles(self.width).into_par_iter().map(|(group, first, count)| {
            let gradient = Matrix::new(&gradient[group * per_group..], [rows, per_group], out);
            let weights = &self.weights[group * per_group * self.width + first..];
            let weights = Matrix::new(weights, [per_group, count], self.width);
            let mut part = vec![0.0; rows * count];
            multiply(gradient, weights, &mut part, count, false);
            (group * self.width + first, count, part)
        });
        assemble(parts.collect(), rows, self.groups * self.width)
    }
}

/// Puts tiles of columns side by side.
fn assemble(parts: Vec<(usize, usize, Vec<f32>)>, rows: usize, width: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows * width];
    for (first, count, part) in parts {
        for (out, part) in out.chunks_exact_mut(width).zip(part.chunks_exact(count)) {
            out[first..first + count].copy_from_slice(part);
        }
    }
    out
}

struct Layer {
    conv: Grouped,
    shortcut_scale: Vec<f32>,
    shortcut_shift: Vec<f32>,
}

impl Layer {
    /// The channel before the shuffle that goes to channel `k`.
    fn shuffled(&self, k: usize) -> usize {
        let (groups, width) = (self.conv.groups, self.shortcut_scale.len());
        (k % groups) * (width / groups) + k / groups
    }

    fn forward(&self, x: &[f32], before: &[f32], rows: usize) -> Vec<f32> {
        let (width_in, width) = (x.len() / rows, self.shortcut_scale.len());
        let mut out = vec![0.0; rows * width];
        let each = out.chunks_exact_mut(width).zip(before.chunks_exact(width)).zip(x.chunks_exact(width_in));
        for ((out, before), x) in each {
            for (k, out) in out.iter_mut().enumerate() {
                *out = silu::<false>(before[self.shuffled(k)])
                    + x[k % width_in] * self.shortcut_scale[k]
                    + self.shortcut_shift[k];
            }
        }
        out
    }

    fn backward(&self, gradient: &[f32], before: &[f32], rows: usize) -> Vec<f32> {
        let width = self.shortcut_scale.len();
        let mut to_before = vec![0.0; before.len()];
        let each = gradient.chunks_exact(width).zip(before.chunks_exact(width));
        for ((gradient, before), out) in each.zip(to_before.chunks_exact_mut(width)) {
            for (k, g) in gradient.iter().enumerate() {
                let from = self.shuffled(k);
                out[from] = g * silu_slope::<false>(before[from]);
            }
        }
        let mut out = self.conv.backward(&to_before, rows);
        let width_in = out.len() / rows;
        for (out, gradient) in out.chunks_exact_mut(width_in).zip(gradient.chunks_exact(width)) {
            for (k, g) in gradient.iter().enumerate() {
                out[k % width_in] += g * self.shortcut_scale[k];
            }
        }
        out
    }
}

/// The cortex with its batch norms folded.
pub struct Cortex {
    layers: Vec<Layer>,
}

/// What the cortex leaves behind for its gradient.
pub struct CortexTrace {
    /// Of each layer, before its SiLU.
    before: Vec<Vec<f32>>,
    /// What comes out, `[row, channel]`.
    pub features: Vec<f32>,
}

impl Cortex {
    /// Takes the cortex out of a checkpoint.
    pub fn new(source: &Source, config: &ModelConfig) -> Self {
        let layer = |index: usize| {
            let name = |part: &str| format!("cortex.layers.{index}.{part}");
            let norm = source.norm(&name("norm"));
            let shortcut = source.norm(&name("shortcut_norm"));
            let weights = source.scaled_rows(&name("conv.weight"), &norm);
            Layer {
                conv: Grouped::new(weights, rounded(&norm.shift), config.groups),
                shortcut_scale: rounded(&shortcut.scale),
                shortcut_shift: rounded(&shortcut.shift),
            }
        };
        Self { layers: (0..config.cortex_features.len()).map(layer).collect() }
    }

    /// Runs all layers on `[row, channel]`.
    pub fn forward(&self, pooled: Vec<f32>, rows: usize) -> CortexTrace {
        let mut trace = CortexTrace { before: Vec::new(), features: pooled };
        for layer in &self.layers {
            let before = layer.conv.forward(&trace.features, rows);
            trace.features = layer.forward(&trace.features, &before, rows);
            trace.before.push(before);
        }
        trace
    }

    /// Carries a gradient to the features back to what went in.
    pub fn backward(&self, trace: &CortexTrace, gradient: Vec<f32>, rows: usize) -> Vec<f32> {
        let layers = self.layers.iter().zip(&trace.before).rev();
        layers.fold(gradient, |gradient, (layer, before)| layer.backward(&gradient, before, rows))
    }
}

/// The readout of one mouse.
pub struct Readout {
    conv: Grouped,
    /// Without those that only fill up the groups.
    pub neurons: usize,
    beta: f32,
}

impl Readout {
    /// Takes the readout of mouse `index` out of a checkpoint.
    pub fn new(source: &Source, config: &ModelConfig, index: usize) -> Self {
        let take = |part: &str| source.values(&format!("readouts.{index}.conv.{part}")).to_vec();
        Self {
            conv: Grouped::new(take("weight"), take("bias"), config.groups),
            neurons: config.readout_outputs[index],
            beta: config.softplus_beta as f32,
        }
    }

    /// Computes what the softplus gets, `[row, neuron]`, fillers included.
    pub fn drive(&self, features: &[f32], rows: usize) -> Vec<f32> {
        self.conv.forward(features, rows)
    }

    /// Turns drive into responses, `[row, neuron]`.
    pub fn respond(&self, drive: &[f32]) -> Vec<f32> {
        let width = self.conv.shift.len();
        let mut out = vec![0.0; drive.len() / width * self.neurons];
        out.par_chunks_mut(self.neurons).zip(drive.par_chunks(width)).for_each(|(out, drive)| {
            for (out, &z) in out.iter_mut().zip(drive) {
                let scaled = z * self.beta;
                *out = if scaled > SOFTPLUS_LINEAR { z } else { scaled.exp().ln_1p() / self.beta };
            }
        });
        out
    }

    /// Carries a gradient to responses back to the features.
    pub fn backward(&self, gradient: &[f32], drive: &[f32], rows: usize) -> Vec<f32> {
        let width = self.conv.shift.len();
        let mut to_drive = vec![0.0; drive.len()];
        let each = gradient.par_chunks(self.neurons).zip(drive.par_chunks(width));
        to_drive.par_chunks_mut(width).zip(each).for_each(|(out, (gradient, drive))| {
            for ((out, g), &z) in out.iter_mut().zip(gradient).zip(drive) {
                let scaled = z * self.beta;
                *out = if scaled > SOFTPLUS_LINEAR { *g } else { g * sigmoid::<false>(scaled) };
            }
        });
        self.conv.backward(&to_drive, rows)
    }
}
