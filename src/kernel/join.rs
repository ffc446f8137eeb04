//! The end of a block: batch norm of its path, dropped for some clips, plus batch norm of its shortcut.
//!
//! The shortcut (positions added, nearest downsampling, channels repeated) is gathered a frame at a time,
//! so that none of it exists as a tensor.

use multiversion::multiversion;
use rayon::prelude::*;

use super::buffer::Recycled;
use super::channel_moments::{Rows, chunk_moments, merge};
use super::norm::{Norm, Running};
use super::shortcut::nearest;

/// Sizes of one join.
#[derive(Debug, Clone, Copy)]
pub struct JoinSizes {
    /// Clips.
    pub clips: usize,
    /// Frames of a clip.
    pub time: usize,
    /// Rows of a frame before the block.
    pub height: usize,
    /// Columns of a frame before the block.
    pub width: usize,
    /// Channels before the block.
    pub channels: usize,
    /// Channels behind it.
    pub outputs: usize,
    /// Step of its output over its input.
    pub stride: usize,
}

impl JoinSizes {
    /// Height and width behind the block.
    pub fn reached(&self) -> [usize; 2] {
        [self.height.div_ceil(self.stride), self.width.div_ceil(self.stride)]
    }

    /// Pixels of a frame behind the block.
    pub fn pixels(&self) -> usize {
        let [height, width] = self.reached();
        height * width
    }

    /// Rows behind the block.
    pub fn rows(&self) -> usize {
        self.clips * self.time * self.pixels()
    }

    /// Values of a frame before and behind the block.
    pub(super) fn frame(&self) -> [usize; 2] {
        [self.height * self.width * self.channels, self.pixels() * self.outputs]
    }
}

/// What goes in.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The path's end: `[clip * time * pixel, output]`
    pub y: &'a [f32],
    /// The block's input: `[clip * time * height * width, channel]`
    pub x: &'a [f32],
    /// `[time + height + width, channel]`
    pub positions: &'a [f32],
    /// Of `y`'s norm, then of the shortcut's: `[output]` each.
    pub gamma: [&'a [f32]; 2],
    /// Of `y`'s norm, then of the shortcut's: `[output]` each.
    pub beta: [&'a [f32]; 2],
    /// What each clip's path is multiplied by.
    pub kept: &'a [f32],
}

/// Gathers the shortcut's channels of a frame: `[pixel, channel]`.
pub(super) fn gather(inputs: Inputs, sizes: JoinSizes, frame: usize, out: &mut [f32]) {
    let JoinSizes { time, height, width, channels, .. } = sizes;
    let [out_height, out_width] = sizes.reached();
    let [size, _] = sizes.frame();
    let x = &inputs.x[frame * size..(frame + 1) * size];
    let position = |index: usize| &inputs.positions[index * channels..(index + 1) * channels];
    let columns = nearest(width, out_width);
    let mut out = out.chunks_exact_mut(channels);
    for y in nearest(height, out_height) {
        for (&column, out) in columns.iter().zip(&mut out) {
            let x = &x[(y * width + column) * channels..][..channels];
            let places = [position(frame % time), position(time + y), position(time + height + column)];
            for (c, (o, x)) in out.iter_mut().zip(x).enumerate() {
                *o = x + (places[0][c] + places[1][c] + places[2][c]);
            }
        }
    }
}

/// Finds mean and variance of the path, and of the shortcut's channels, repeated: `[2, output]` each.
pub fn moments(inputs: Inputs, sizes: JoinSizes) -> [Vec<f32>; 2] {
    let JoinSizes { channels, outputs, .. } = sizes;
    let found: Vec<[Rows; 2]> = (0..sizes.clips * sizes.time)
        .into_par_iter()
        .map_init(
            || vec![0.0; sizes.pixels() * channels],
            |shortcut, frame| {
                gather(inputs, sizes, frame, shortcut);
                let [_, size] = sizes.frame();
                [chunk_moments(&inputs.y[frame * size..][..size], outputs), chunk_moments(shortcut, channels)]
            },
        )
        .collect();
    let path = merge(found.iter().map(|[path, _]| path), outputs);
    let shortcut = merge(found.iter().map(|[_, shortcut]| shortcut), channels);
    let repeated = (0..2 * outputs).map(|k| shortcut[k / outputs * channels + k % outputs % channels]);
    [path, repeated.collect()]
}

/// The norms of path and shortcut.
pub fn norms(inputs: Inputs, running: &[Running; 2], moments: [&[f32]; 2], outputs: usize) -> [Norm; 2] {
    std::array::from_fn(|k| {
        let (mean, variance) = match &running[k] {
            Some([mean, variance]) => (&mean[..], &variance[..]),
            None => moments[k].split_at(outputs),
        };
        Norm::new(inputs.gamma[k], inputs.beta[k], mean, variance)
    })
}

/// Runs the operator, given the norms: `[clip * time * pixel, output]`, filled up to whole lanes.
pub fn forward(inputs: Inputs, norms: &[Norm; 2], sizes: JoinSizes) -> Recycled {
    let [_, size] = sizes.frame();
    let [path, shortcut] = norms;
    let mut out = Recycled::of_values(sizes.rows() * sizes.outputs);
    out.values_mut(sizes.rows() * sizes.outputs).par_chunks_mut(size).enumerate().for_each_init(
        || vec![0.0; sizes.pixels() * sizes.channels],
        |around, (frame, out)| {
            gather(inputs, sizes, frame, around);
            let kept = inputs.kept[frame / sizes.time];
            let scale: Vec<f32> = path.scale.iter().map(|s| s * kept).collect();
            let shift: Vec<f32> = path.shift.iter().zip(&shortcut.shift).map(|(p, s)| p * kept + s).collect();
            let y = &inputs.y[frame * size..(frame + 1) * size];
            add_rows([y, around], [&scale, &shortcut.scale, &shift], sizes.channels, out);
        },
    );
    out
}

/// Computes `out = y * scale + x * slope + shift`, the channels of `x` repeated.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
pub(super) fn add_rows(
    [y, x]: [&[f32]; 2],
    [scale, slope, shift]: [&[f32]; 3],
    channels: usize,
    out: &mut [f32],
) {
    let outputs = shift.len();
    let rows = y.chunks_exact(outputs).zip(x.chunks_exact(channels));
    for (out, (y, x)) in out.chunks_exact_mut(outputs).zip(rows) {
        let parameters = scale.chunks(channels).zip(slope.chunks(channels)).zip(shift.chunks(channels));
        let parts = out.chunks_mut(channels).zip(y.chunks(channels)).zip(parameters);
        for ((out, y), ((scale, slope), shift)) in parts {
            let inputs = y.iter().zip(x);
            let parameters = scale.iter().zip(slope).zip(shift);
            for ((o, (y, x)), ((a, b), c)) in out.iter_mut().zip(inputs).zip(parameters) {
                *o = y * a + (x * b + c);
            }
        }
    }
}
