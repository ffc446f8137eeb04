//! Batch norm, SiLU and depthwise convolution over time, in one pass, and its gradients in another.
//!
//! A task takes one lane of one clip, some pixels at a time: all their frames fit into the level-2
//! cache, so that every value is read from memory and activated once, though five frames use it.

use rayon::prelude::*;

use super::buffer::Recycled;
use super::convolved::Shape;
use super::expand::{taps_by_channel, taps_by_lane};
use super::lane::{Lane, WIDTH};
use super::norm::{Moments, Norm, NormGradients, Running, Sums};
use super::{sum_in_order, tile};

/// Pixels of a tile: 16 frames of them are 128 KB.
const PIXELS: usize = 64;

/// What goes in.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// See [`Shape`].
    pub x: &'a [Lane],
    /// `[channel]`
    pub gamma: &'a [f32],
    /// `[channel]`
    pub beta: &'a [f32],
    /// `[channel, tap]`, an odd number of taps
    pub kernel: &'a [f32],
    /// Statistics to use instead of those in `x`.
    pub running: &'a Running,
}

impl Inputs<'_> {
    fn norm(&self, shape: Shape) -> Norm {
        norm(self.x, self.gamma, self.beta, self.running, shape)
    }

    fn taps(&self) -> usize {
        self.kernel.len() / self.gamma.len()
    }
}

/// The norm of a packed tensor.
pub(super) fn norm(x: &[Lane], gamma: &[f32], beta: &[f32], running: &Running, shape: Shape) -> Norm {
    let [mean, variance] = match running {
        Some([mean, variance]) => [&mean[..], &variance[..]],
        None => shape.moments(x),
    };
    Norm::new(gamma, beta, mean, variance)
}

/// Lanes of a tile, and where it lies in a clip.
#[derive(Debug, Clone, Copy)]
struct Tile {
    shape: Shape,
    /// First lane of the clip's plane in the packed tensor, and from a frame to the next.
    start: usize,
    step: usize,
    /// First pixel, and pixels.
    first: usize,
    pixels: usize,
}

impl Tile {
    /// Cuts the plane of a lane of a clip.
    fn cut(shape: Shape, clip: usize, lane: usize) -> impl Iterator<Item = Self> {
        let step = shape.lanes() * shape.pixels;
        let start = clip * shape.time * step + lane * shape.pixels;
        (0..shape.pixels).step_by(PIXELS).map(move |first| {
            let pixels = PIXELS.min(shape.pixels - first);
            Self { shape, start, step, first, pixels }
        })
    }

    /// Takes frame `t` out of a packed tensor.
    fn of<'a>(&self, packed: &'a [Lane], t: usize) -> &'a [Lane] {
        &packed[self.start + t * self.step + self.first..][..self.pixels]
    }

    /// Takes frame `t` out of the frames of a lane.
    fn of_frame<'a>(&self, frames: &'a mut [&mut [Lane]], t: usize) -> &'a mut [Lane] {
        &mut frames[t][self.first..self.first + self.pixels]
    }

    /// Where frame `t` lies in a buffer of this tile alone.
    fn local(&self, t: usize) -> std::ops::Range<usize> {
        t * self.pixels..(t + 1) * self.pixels
    }

    /// The frames that tap 0 and the following ones meet for output `t`, and the first such tap.
    fn window<'a>(&self, buffer: &'a [Lane], t: usize, taps: usize) -> (Vec<&'a [Lane]>, usize) {
        let half = taps / 2;
        let (from, to) = (t.saturating_sub(half), (t + half + 1).min(self.shape.time));
        ((from..to).map(|t| &buffer[self.local(t)]).collect(), from + half - t)
    }
}

/// Splits the values of a packed tensor by clip and lane: `[clip * lane]` of frames.
fn frames_by_lane(packed: &mut [Lane], shape: Shape) -> Vec<Vec<&mut [Lane]>> {
    let lanes = shape.lanes();
    let mut frames: Vec<Vec<&mut [Lane]>> =
        (0..shape.clips * lanes).map(|_| Vec::with_capacity(shape.time)).collect();
    for (plane, frame) in packed[..shape.planes()].chunks_exact_mut(shape.pixels).enumerate() {
        frames[plane / lanes / shape.time * lanes + plane % lanes].push(frame);
    }
    frames
}

/// Runs the operator; the output is packed as the input is.
pub fn forward(inputs: Inputs, shape: Shape) -> Recycled {
    let [_, scale, shift] = inputs.norm(shape).lanes();
    let (taps, kernel, lanes) = (inputs.taps(), taps_by_lane(inputs.kernel, shape.channels), shape.lanes());
    let mut packed = shape.buffer();
    let found: Vec<Moments> = frames_by_lane(&mut packed, shape)
        .into_par_iter()
        .enumerate()
        .map_init(
            || vec![Lane::ZERO; shape.time * PIXELS],
            |activated, (index, mut out)| {
                let (clip, lane) = (index / lanes, index % lanes);
                let kernel = &kernel[lane * taps..(lane + 1) * taps];
                Tile::cut(shape, clip, lane).fold(Moments::EMPTY, |mut found, tile| {
                    for t in 0..shape.time {
                        let out = &mut activated[tile.local(t)];
                        tile::activate(tile.of(inputs.x, t), &scale[lane], &shift[lane], out);
                    }
                    for t in 0..shape.time {
                        let (frames, first) = tile.window(activated, t, taps);
                        let out = tile.of_frame(&mut out, t);
                        tile::mix(&frames, &kernel[first..], out);
                        found = found.merge(&Moments::of(out.len(), tile::moments(out)));
                    }
                    found
                })
            },
        )
        .collect();
    let by_clip: Vec<Vec<Moments>> = found.chunks_exact(lanes).map(<[Moments]>::to_vec).collect();
    shape.write_moments(&by_clip, &mut packed);
    packed
}

/// Gradients to `x`, packed, to the norm's parameters and to the kernel.
pub struct Gradients {
    /// To `x`.
    pub x: Recycled,
    /// To gamma, beta, mean and variance.
    pub norm: NormGradients,
    /// To the kernel.
    pub kernel: Vec<f32>,
}

/// Carries `gradient`, packed as the `output` is, back.
pub fn backward(inputs: Inputs, output: &[Lane], gradient: &[Lane], shape: Shape) -> Gradients {
    let norm = inputs.norm(shape);
    let lanes = shape.lanes();
    let taps = inputs.taps();
    let pass = Pass {
        inputs,
        output,
        gradient,
        shape,
        norm: norm.lanes(),
        completion: shape.completion(output, gradient),
        kernel: taps_by_lane(inputs.kernel, shape.channels),
        taps,
    };
    let mut x = shape.buffer();
    let found: Vec<(Vec<Lane>, [Lane; 2])> = frames_by_lane(&mut x, shape)
        .into_par_iter()
        .enumerate()
        .map_init(
            || [0; 3].map(|_| vec![Lane::ZERO; shape.time * PIXELS]),
            |buffers, (index, mut x)| pass.lane(index / lanes, index % lanes, buffers, &mut x),
        )
        .collect();
    let mut sums = Sums::new(shape.channels);
    let mut kernels = Vec::with_capacity(shape.clips);
    for clip in found.chunks_exact(lanes) {
        clip.iter().enumerate().for_each(|(lane, (_, found))| sums.add(lane, *found));
        kernels.push(clip.iter().flat_map(|(kernel, _)| kernel).copied().collect::<Vec<Lane>>());
    }
    let kernels: Vec<&[f32]> = kernels.iter().map(|kernel| bytemuck::cast_slice(kernel)).collect();
    let kernel = taps_by_channel(&sum_in_order(&kernels, lanes * taps * WIDTH), shape.channels, taps);
    let norm = norm.gradients(&sums);
    if inputs.running.is_none() {
        shape.write_gradients(&norm.mean, &norm.variance, &mut x);
    }
    Gradients { x, norm, kernel }
}

struct Pass<'a> {
    inputs: Inputs<'a>,
    output: &'a [Lane],
    gradient: &'a [Lane],
    shape: Shape,
    norm: [Vec<Lane>; 3],
    completion: [Vec<Lane>; 2],
    kernel: Vec<Lane>,
    taps: usize,
}

impl Pass<'_> {
    /// Handles one lane of a clip; returns the sums for the kernel and for the norm.
    fn lane(
        &self,
        clip: usize,
        lane: usize,
        [activated, slope, completed]: &mut [Vec<Lane>; 3],
        x: &mut [&mut [Lane]],
    ) -> (Vec<Lane>, [Lane; 2]) {
        let [mean, scale, shift] = self.norm.each_ref().map(|lanes| &lanes[lane]);
        let completion = self.completion.each_ref().map(|lanes| &lanes[lane]);
        let kernel = &self.kernel[lane * self.taps..(lane + 1) * self.taps];
        // Backward, tap k of output t meets input t + k - half, so the taps come in reverse.
        let reversed: Vec<Lane> = kernel.iter().rev().copied().collect();
        let mut products = vec![Lane::ZERO; self.taps];
        let mut sums = [Lane::ZERO; 2];
        for tile in Tile::cut(self.shape, clip, lane) {
            for t in 0..self.shape.time {
                let local = tile.local(t);
                let (out, slope) = (&mut activated[local.clone()], &mut slope[local.clone()]);
                tile::activate_with_slope(tile.of(self.inputs.x, t), scale, shift, out, slope);
                let (gradient, output) = (tile.of(self.gradient, t), tile.of(self.output, t));
                tile::complete(gradient, output, completion, &mut completed[local]);
            }
            for t in 0..self.shape.time {
                let (frames, first) = tile.window(activated, t, self.taps);
                for (frame, product) in frames.iter().zip(&mut products[first..]) {
                    let sum = tile::tap_products(&completed[tile.local(t)], frame);
                    *product = product.zip(sum, |p, s| p + s);
                }
                let (frames, first) = tile.window(completed, t, self.taps);
                let back = tile.of_frame(x, t);
                tile::mix(&frames, &reversed[first..], back);
                let x_before = tile.of(self.inputs.x, t);
                let found = tile::activate_back(&slope[tile.local(t)], x_before, [mean, scale], back);
                for (sum, found) in sums.iter_mut().zip(found) {
                    *sum = sum.zip(found, |s, f| s + f);
                }
            }
        }
        (products, sums)
    }
}
