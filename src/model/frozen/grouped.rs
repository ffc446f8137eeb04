//! Grouped pointwise convolutions of the frozen encoder, in tiles of their weights.

use rayon::prelude::*;

use crate::kernel::product::{Matrix, multiply};

/// Channels out that one task computes.
const TILE: usize = 256;

/// A grouped pointwise convolution.
pub struct Grouped {
    /// `[out, in / groups]`
    weights: Vec<f32>,
    /// By channel out.
    pub shift: Vec<f32>,
    /// Channels in, of one group.
    width: usize,
    /// Groups of channels that see nothing of each other.
    pub groups: usize,
}

impl Grouped {
    /// Weights are `[out, in / groups]`.
    pub fn new(weights: Vec<f32>, shift: Vec<f32>, groups: usize) -> Self {
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
    pub fn forward(&self, x: &[f32], rows: usize) -> Vec<f32> {
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
    pub fn backward(&self, gradient: &[f32], rows: usize) -> Vec<f32> {
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
