//! Batch norm, SiLU, squeeze-excite and pointwise projection.
//!
//! The scale of squeeze-excite goes into a copy of the weights for each clip, so that no pass over the
//! activations is needed for it. Its gradient comes out of the gradient to that copy: with `W' = W diag(s)`,
//! the gradient to `s_c` is the dot product of `W`'s and of `W'`'s gradient's column c.

use rayon::prelude::*;

use super::buffer::Recycled;
use super::convolved::Shape;
use super::lane::{Lane, WIDTH};
use super::norm::{Norm, Running, add_lane};
use super::product::{Matrix, multiply};
use super::squeeze::Network;
use super::{temporal, tile};

/// Values of a tile of activations: 256 KB, next to what the product reads and writes.
const TILE: usize = 1 << 16;

/// What goes in.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// See [`Shape`].
    pub x: &'a [Lane],
    /// `[channel]`
    pub gamma: &'a [f32],
    /// `[channel]`
    pub beta: &'a [f32],
    /// Squeeze-excite.
    pub network: Network<'a>,
    /// `[out, channel]`
    pub weight: &'a [f32],
    /// Statistics to use instead of those in `x`.
    pub running: &'a Running,
}

impl Inputs<'_> {
    /// The norm of `x`.
    pub(super) fn norm(&self, shape: Shape) -> Norm {
        temporal::norm(self.x, self.gamma, self.beta, self.running, shape)
    }

    /// Width of the output.
    pub fn outputs(&self, shape: Shape) -> usize {
        self.weight.len() / shape.channels
    }
}

/// What comes out, and what the gradient needs of it.
#[derive(Debug)]
pub struct Output {
    /// `[clip * time * pixel, out]`, filled up to whole lanes
    pub rows: Recycled,
    /// Means of each clip, after the activation: `[clip, channel]`
    pub means: Vec<f32>,
    /// Scales of each clip: `[clip, channel]`
    pub scales: Vec<f32>,
}

/// Runs the operator.
pub fn forward(inputs: Inputs, shape: Shape) -> Output {
    let norm = inputs.norm(shape).lanes();
    let means = means(inputs.x, &norm, shape);
    let network = inputs.network;
    let scales: Vec<f32> = means.par_chunks(shape.channels).flat_map_iter(|m| network.scales(m)).collect();
    let weights = ScaledWeights::new(inputs.weight, &scales, shape);
    let (width, pixels) = (shape.lanes() * WIDTH, tile_pixels(shape));
    let mut rows = Recycled::of_values(shape.rows() * weights.outputs);
    let values = rows.values_mut(shape.rows() * weights.outputs);
    values.par_chunks_mut(shape.pixels * weights.outputs).enumerate().for_each_init(
        || vec![Lane::ZERO; pixels * shape.lanes()],
        |activated, (frame, rows)| {
            for (tile, out) in rows.chunks_mut(pixels * weights.outputs).enumerate() {
                let count = out.len() / weights.outputs;
                for lane in 0..shape.lanes() {
                    let x = &plane(inputs.x, shape, frame, lane)[tile * pixels..][..count];
                    let to = &mut activated[lane..];
                    tile::activate_to_rows(x, [&norm[1][lane], &norm[2][lane]], shape.lanes(), to);
                }
                multiply(
                    Matrix::new(bytemuck::cast_slice(activated), [count, width], width),
                    weights.of(frame / shape.time),
                    out,
                    weights.outputs,
                    false,
                );
            }
        },
    );
    Output { rows, means, scales }
}

/// Pixels of a tile: a multiple of 16, so that products run over whole registers.
pub(super) fn tile_pixels(shape: Shape) -> usize {
    (TILE / (shape.lanes() * WIDTH)).next_multiple_of(16).min(shape.pixels)
}

/// One lane of a frame of a packed tensor.
pub(super) fn plane(packed: &[Lane], shape: Shape, frame: usize, lane: usize) -> &[Lane] {
    &packed[(frame * shape.lanes() + lane) * shape.pixels..][..shape.pixels]
}

/// Means of the activated channels over each clip: `[clip, channel]`.
fn means(x: &[Lane], norm: &[Vec<Lane>; 3], shape: Shape) -> Vec<f32> {
    let lanes = shape.lanes();
    let sums: Vec<Lane> = (0..shape.frames() * lanes)
        .into_par_iter()
        .map(|index| {
            let (frame, lane) = (index / lanes, index % lanes);
            tile::sum_activated(plane(x, shape, frame, lane), &norm[1][lane], &norm[2][lane])
        })
        .collect();
    let values = (shape.time * shape.pixels) as f64;
    let clips = sums.chunks_exact(shape.time * lanes).flat_map(|frames| {
        let mut total = vec![0.0; lanes * WIDTH];
        frames.iter().enumerate().for_each(|(index, sum)| add_lane(&mut total, index % lanes, sum));
        total.into_iter().take(shape.channels).map(move |sum| (sum / values) as f32)
    });
    clips.collect()
}

/// Each clip's weights times its scales, in the two layouts that products want: `[channel, out]` with
/// channels filled up to whole lanes.
pub(super) struct ScaledWeights {
    values: Vec<f32>,
    width: usize,
    /// Width of the output.
    pub outputs: usize,
}

impl ScaledWeights {
    pub fn new(weight: &[f32], scales: &[f32], shape: Shape) -> Self {
        let Shape { channels, clips, .. } = shape;
        let (outputs, width) = (weight.len() / channels, shape.lanes() * WIDTH);
        let mut values = vec![0.0; clips * width * outputs];
        for (values, scales) in values.chunks_exact_mut(width * outputs).zip(scales.chunks_exact(channels)) {
            for ((c, out), scale) in values.chunks_exact_mut(outputs).enumerate().zip(scales) {
                for (o, out) in out.iter_mut().enumerate() {
                    *out = weight[o * channels + c] * scale;
                }
            }
        }
        Self { values, width, outputs }
    }

    /// Those of one clip: `[channel, out]`.
    pub fn of(&self, clip: usize) -> Matrix<'_> {
        let size = self.width * self.outputs;
        Matrix::new(&self.values[clip * size..(clip + 1) * size], [self.width, self.outputs], self.outputs)
    }
}
