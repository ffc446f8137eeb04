//! Positions, pointwise expansion, batch norm, SiLU and depthwise convolution over space, in one pass.
//!
//! The expanded tensor, seven times as wide as its input, never exists: each task expands a lane of
//! channels of one frame, activates it and convolves it while it is in cache. Its batch statistics
//! follow from those of the input, because the expansion is linear: with `m` and `C` the input's mean
//! and covariance, a channel with weights `w` has mean `w m` and variance `w C w`.

use rayon::prelude::*;

use super::buffer::Recycled;
use super::convolved::Shape;
use super::lane::{self, Lane, WIDTH};
use super::norm::{Moments, Norm, Running, pack};
use super::plane::{self, Plane};
use super::product::{Matrix, multiply};
use super::{moments_of_inputs, tile};

/// Sizes of one expansion.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Clips.
    pub clips: usize,
    /// Frames of a clip.
    pub time: usize,
    /// Rows of a frame.
    pub height: usize,
    /// Columns of a frame.
    pub width: usize,
    /// Channels of the input.
    pub channels: usize,
    /// Channels of the output.
    pub inner: usize,
    /// Side of the kernel, odd; the padding is half of it.
    pub side: usize,
    /// Step of the output over the input.
    pub stride: usize,
}

impl Sizes {
    /// Pixels of a frame of the input.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The plane that is convolved.
    pub fn plane(&self) -> Plane {
        Plane { height: self.height, width: self.width, border: self.side / 2 }
    }

    /// The output.
    pub fn output(&self) -> Shape {
        let pixels = self.plane().strided(self.stride).pixels();
        Shape { clips: self.clips, time: self.time, pixels, channels: self.inner }
    }
}

/// What goes in.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// `[clip * time * height * width, channel]`
    pub x: &'a [f32],
    /// What is added to `x`: `[time + height + width, channel]`
    pub positions: &'a [f32],
    /// `[inner, channel]`
    pub weight: &'a [f32],
    /// `[inner]`
    pub gamma: &'a [f32],
    /// `[inner]`
    pub beta: &'a [f32],
    /// `[inner, side, side]`
    pub kernel: &'a [f32],
}

/// What comes out, and what the gradient needs of it.
#[derive(Debug)]
pub struct Output {
    /// See [`Shape`].
    pub packed: Recycled,
    /// Mean and variance of the expanded channels: `[2, inner]`
    pub moments: Vec<f32>,
    /// What is subtracted from the input before it is multiplied: `[channel]`
    pub center: Vec<f32>,
    /// The input's covariance with each expanded channel: `[inner, channel]`
    pub slopes: Vec<f32>,
}

/// What the gradient needs of an [`Output`].
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// See [`Output::packed`].
    pub packed: &'a [Lane],
    /// See [`Output::moments`].
    pub moments: &'a [f32],
    /// See [`Output::center`].
    pub center: &'a [f32],
    /// See [`Output::slopes`].
    pub slopes: &'a [f32],
}

/// Runs the operator.
pub fn forward(inputs: Inputs, running: &Running, sizes: Sizes) -> Output {
    let (moments, center, slopes) = statistics(inputs, running, sizes);
    let fold = Fold::new(inputs, &moments, &center);
    let (plane, shape) = (sizes.plane(), sizes.output());
    let taps = taps_by_lane(inputs.kernel, sizes.inner);
    let (pixels, lanes, area) = (sizes.pixels(), shape.lanes(), sizes.side * sizes.side);
    let mut packed = shape.buffer();
    let frames = packed[..shape.planes()].par_chunks_mut(lanes * shape.pixels).enumerate();
    let found: Vec<Vec<Moments>> = frames
        .map_init(
            || (vec![0.0; pixels * sizes.channels], vec![Lane::ZERO; pixels], vec![Lane::ZERO; plane.size()]),
            |(centered, raw, padded), (frame, out)| {
                center_frame(inputs, &center, sizes, frame, centered);
                let expand = |(lane, out): (usize, &mut [Lane])| {
                    fold.expand(centered, lane, raw);
                    plane::activate(raw, &fold.shift[lane], plane, padded);
                    let taps = &taps[lane * area..(lane + 1) * area];
                    plane::convolve(padded, plane, taps, &Lane::ZERO, sizes.stride, out);
                    Moments::of(shape.pixels, tile::moments(out))
                };
                out.chunks_exact_mut(shape.pixels).enumerate().map(expand).collect()
            },
        )
        .collect();
    shape.write_moments(&found, &mut packed);
    Output { packed, moments, center, slopes }
}

/// Finds the moments of the expanded channels, and the input's center and covariances.
fn statistics(inputs: Inputs, running: &Running, sizes: Sizes) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    if let Some([mean, variance]) = running {
        let moments = mean.iter().chain(variance).copied().collect();
        return (moments, vec![0.0; sizes.channels], vec![0.0; sizes.inner * sizes.channels]);
    }
    let (center, covariance) = moments_of_inputs::find(inputs, sizes);
    let found = moments_of_inputs::through(inputs.weight, &center, &covariance);
    (found.moments, center.iter().map(|&m| m as f32).collect(), found.slopes)
}

/// The expansion with its batch norm folded into it.
pub(super) struct Fold {
    pub norm: Norm,
    /// The weights times the norm's scale: `[lane, channel]` of lanes.
    pub weight: Vec<Lane>,
    /// What is added: one lane each.
    pub shift: Vec<Lane>,
    channels: usize,
}

impl Fold {
    pub fn new(inputs: Inputs, moments: &[f32], center: &[f32]) -> Self {
        let (inner, channels) = (inputs.gamma.len(), center.len());
        let norm = Norm::new(inputs.gamma, inputs.beta, &moments[..inner], &moments[inner..]);
        let row = |k: usize| &inputs.weight[k * channels..(k + 1) * channels];
        let shift: Vec<f32> = (0..inner)
            .map(|k| {
                let at_center: f64 =
                    row(k).iter().zip(center).map(|(w, c)| f64::from(*w) * f64::from(*c)).sum();
                let distance = at_center - f64::from(norm.mean[k]);
                (f64::from(inputs.beta[k]) + f64::from(norm.scale[k]) * distance) as f32
            })
            .collect();
        let mut weight = vec![Lane::ZERO; lane::count(inner) * channels];
        for k in 0..inner {
            for (c, w) in row(k).iter().enumerate() {
                weight[k / WIDTH * channels + c].0[k % WIDTH] = w * norm.scale[k];
            }
        }
        Self { norm, weight, shift: pack(&shift), channels }
    }

    /// Expands a centered frame to one lane, before the shift.
    pub fn expand(&self, centered: &[f32], lane: usize, out: &mut [Lane]) {
        let weight = &self.weight[lane * self.channels..(lane + 1) * self.channels];
        multiply(
            Matrix::new(centered, [out.len(), self.channels], self.channels),
            Matrix::new(bytemuck::cast_slice(weight), [self.channels, WIDTH], WIDTH),
            bytemuck::cast_slice_mut(out),
            WIDTH,
            false,
        );
    }

    /// Adds a lane's part of the gradient to the centered frame.
    pub fn expand_back(&self, gradient: &[Lane], lane: usize, out: &mut [f32]) {
        let weight = &self.weight[lane * self.channels..(lane + 1) * self.channels];
        multiply(
            Matrix::new(bytemuck::cast_slice(gradient), [gradient.len(), WIDTH], WIDTH),
            Matrix::new(bytemuck::cast_slice(weight), [self.channels, WIDTH], WIDTH).transposed(),
            out,
            self.channels,
            true,
        );
    }
}

/// Brings a `[channel, tap]` kernel into lanes: `[lane, tap]`.
pub(super) fn taps_by_lane(kernel: &[f32], channels: usize) -> Vec<Lane> {
    let taps = kernel.len() / channels.max(1);
    let mut out = vec![Lane::ZERO; lane::count(channels) * taps];
    for (i, value) in kernel.iter().enumerate() {
        let (channel, tap) = (i / taps, i % taps);
        out[channel / WIDTH * taps + tap].0[channel % WIDTH] = *value;
    }
    out
}

/// The way back of [`taps_by_lane`].
pub(super) fn taps_by_channel(lanes: &[f32], channels: usize, taps: usize) -> Vec<f32> {
    let value = |i: usize| {
        let (channel, tap) = (i / taps, i % taps);
        lanes[(channel / WIDTH * taps + tap) * WIDTH + channel % WIDTH]
    };
    (0..channels * taps).map(value).collect()
}

/// Writes `x + positions - center` of one frame.
pub(super) fn center_frame(inputs: Inputs, center: &[f32], sizes: Sizes, frame: usize, out: &mut [f32]) {
    let Sizes { time, height, width, channels, .. } = sizes;
    let size = sizes.pixels() * channels;
    let x = &inputs.x[frame * size..(frame + 1) * size];
    let (of_time, rest) = inputs.positions.split_at(time * channels);
    let (of_rows, of_columns) = rest.split_at(height * channels);
    let of_time = &of_time[frame % time * channels..][..channels];
    let mut offset = vec![0.0; channels];
    let rows = x.chunks_exact(width * channels).zip(out.chunks_exact_mut(width * channels));
    for ((x, out), of_row) in rows.zip(of_rows.chunks_exact(channels)) {
        for (((o, t), r), c) in offset.iter_mut().zip(of_time).zip(of_row).zip(center) {
            *o = t + r - c;
        }
        tile::add_rows(x, of_columns, &offset, out);
    }
}
