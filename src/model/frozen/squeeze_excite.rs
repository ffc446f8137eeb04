//! Squeeze-excite of one clip, or, in a causal encoder, of one frame: from the channels' means to their scales,
//! and back.

use super::fold::Source;
use crate::kernel::silu::{sigmoid, silu_slope};

/// Weights, `[out, in]`, and biases.
pub struct SqueezeExcite {
    reduce: Vec<f32>,
    reduce_bias: Vec<f32>,
    expand: Vec<f32>,
    expand_bias: Vec<f32>,
}

/// What a gate was, for its gradient.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// By channel.
    pub scale: Vec<f32>,
    /// Before the SiLU.
    hidden: Vec<f32>,
}

impl SqueezeExcite {
    /// Takes the layer `name` out of a checkpoint.
    pub fn new(source: &Source, name: &str) -> Self {
        let take = |part: &str| source.values(&format!("{name}.{part}")).to_vec();
        Self {
            reduce: take("reduce.weight"),
            reduce_bias: take("reduce.bias"),
            expand: take("expand.weight"),
            expand_bias: take("expand.bias"),
        }
    }

    /// Computes the scales from the means over time and space.
    pub fn forward(&self, mean: &[f32]) -> Gate {
        let hidden = affine(&self.reduce, &self.reduce_bias, mean);
        let active: Vec<f32> = hidden.iter().map(|&h| h * sigmoid::<false>(h)).collect();
        let scale = affine(&self.expand, &self.expand_bias, &active);
        Gate { scale: scale.into_iter().map(sigmoid::<false>).collect(), hidden }
    }

    /// Carries the gradient to the scales back to the means.
    pub fn backward(&self, gate: &Gate, to_scale: &[f32]) -> Vec<f32> {
        let before: Vec<f32> = to_scale.iter().zip(&gate.scale).map(|(g, s)| g * s * (1.0 - s)).collect();
        let to_hidden: Vec<f32> = transposed(&self.expand, &before, gate.hidden.len())
            .iter()
            .zip(&gate.hidden)
            .map(|(g, &h)| g * silu_slope::<false>(h))
            .collect();
        transposed(&self.reduce, &to_hidden, to_scale.len())
    }
}

fn affine(weights: &[f32], bias: &[f32], x: &[f32]) -> Vec<f32> {
    let rows = weights.chunks_exact(x.len().max(1));
    rows.zip(bias).map(|(row, b)| b + row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>()).collect()
}

fn transposed(weights: &[f32], gradient: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; width];
    for (row, g) in weights.chunks_exact(width.max(1)).zip(gradient) {
        for (o, w) in out.iter_mut().zip(row) {
            *o += g * w;
        }
    }
    out
}
