//! The cortex of the frozen encoder: all frames of all clips in one go, because its weights, tens of megabytes,
//! are then read once.

use super::fold::{Source, rounded};
use super::grouped::Grouped;
use crate::kernel::silu::{silu, silu_slope};
use crate::model::ModelConfig;

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
