//! The gradients of [`expand`](super::expand), in one pass: each task expands its lane again, which
//! takes less time than to keep it and read it back.
//!
//! The way through the expansion's own batch statistics needs sums over all rows, but not a second
//! pass over the expanded gradient: what the statistics send back to a row is linear in that row.

use rayon::prelude::*;

use super::convolved::Shape;
use super::expand::{Fold, Inputs, Kept, Sizes, center_frame, taps_by_channel, taps_by_lane};
use super::lane::{Lane, WIDTH};
use super::norm::add_lane;
use super::plane;
use super::product::{Matrix, multiply};
use super::{sum_in_order, tile};

/// Most parts that the frames are cut into: each has sums as large as the weights.
const PARTS: usize = 16;

/// What the operator's gradient is asked for and found.
#[derive(Debug, Clone)]
pub struct Gradients {
    /// To `x`; empty when not asked for.
    pub x: Vec<f32>,
    /// To the weights.
    pub weight: Vec<f32>,
    /// To gamma.
    pub gamma: Vec<f32>,
    /// To beta.
    pub beta: Vec<f32>,
    /// To the depthwise kernel.
    pub kernel: Vec<f32>,
}

/// Sums over the frames of a part.
struct Part {
    /// Gradient times centered input: `[lane * WIDTH, channel]`
    weight: Vec<f32>,
    /// Gradient before the activation: `[lane * WIDTH]`
    plain: Vec<f64>,
    /// `[lane, tap]`
    kernel: Vec<Lane>,
}

/// Carries `gradient`, packed as the output is, back. `to_x` says whether the input's is wanted, `batch`
/// whether the statistics were the batch's.
pub fn backward(
    inputs: Inputs,
    batch: bool,
    kept: Kept,
    gradient: &[Lane],
    sizes: Sizes,
    to_x: bool,
) -> Gradients {
    let shape = sizes.output();
    let pass = Pass {
        inputs,
        fold: Fold::new(inputs, kept.moments, kept.center),
        taps: taps_by_lane(inputs.kernel, sizes.inner),
        completion: shape.completion(kept.packed, gradient),
        kept,
        gradient,
        sizes,
        shape,
        to_x,
    };
    let frame = sizes.pixels() * sizes.channels;
    let mut x: Vec<f32> = vec![0.0; if to_x { inputs.x.len() } else { 0 }];
    let frames = shape.frames().div_ceil(PARTS);
    let parts: Vec<Part> = if to_x {
        let chunks = x.par_chunks_mut(frames * frame).enumerate();
        chunks.map(|(part, x)| pass.part(part * frames, x.len() / frame, x)).collect()
    } else {
        let starts = (0..shape.frames()).into_par_iter().step_by(frames);
        starts.map(|start| pass.part(start, frames.min(shape.frames() - start), &mut [])).collect()
    };
    let sums = |of: fn(&Part) -> &[f32]| {
        let parts: Vec<&[f32]> = parts.iter().map(of).collect();
        sum_in_order(&parts, parts.first().map_or(0, |part| part.len()))
    };
    let kernel = sums(|part| bytemuck::cast_slice(&part.kernel));
    let plain: Vec<f64> = (0..sizes.inner).map(|k| parts.iter().map(|part| part.plain[k]).sum()).collect();
    let products = sums(|part| &part.weight);
    let mut found = pass.finish(&plain, &products, batch, &mut x);
    found.kernel = taps_by_channel(&kernel, sizes.inner, sizes.side * sizes.side);
    Gradients { x, ..found }
}

struct Pass<'a> {
    inputs: Inputs<'a>,
    kept: Kept<'a>,
    gradient: &'a [Lane],
    fold: Fold,
    taps: Vec<Lane>,
    completion: [Vec<Lane>; 2],
    sizes: Sizes,
    shape: Shape,
    to_x: bool,
}

impl Pass<'_> {
    /// Runs over some frames; `x` gains the gradients to their centered pixels.
    fn part(&self, start: usize, frames: usize, x: &mut [f32]) -> Part {
        let Sizes { channels, side, stride, .. } = self.sizes;
        let (plane, lanes, area) = (self.sizes.plane(), self.shape.lanes(), side * side);
        let pixels = self.sizes.pixels();
        let mut part = Part {
            weight: vec![0.0; lanes * WIDTH * channels],
            plain: vec![0.0; lanes * WIDTH],
            kernel: vec![Lane::ZERO; lanes * area],
        };
        let mut centered = vec![0.0; pixels * channels];
        let (mut slope, mut back) = (vec![Lane::ZERO; pixels], vec![Lane::ZERO; pixels]);
        let mut activated = vec![Lane::ZERO; plane.size()];
        let mut reached = vec![Lane::ZERO; plane.strided(stride).size()];
        for k in 0..frames {
            center_frame(self.inputs, self.kept.center, self.sizes, start + k, &mut centered);
            for lane in 0..lanes {
                self.fold.expand(&centered, lane, &mut slope);
                tile::activate_plane_with_slope(&mut slope, &self.fold.shift[lane], plane, &mut activated);
                self.complete(start + k, lane, &mut reached);
                let taps = &mut part.kernel[lane * area..(lane + 1) * area];
                tile::kernel_products(&reached, &activated, plane, stride, taps);
                plane::convolve_back(&reached, plane, &self.taps[lane * area..][..area], stride, &mut back);
                // From here on `slope` is the gradient to the expanded and normalised lane.
                add_lane(&mut part.plain, lane, &tile::multiply_slope(&back, &mut slope));
                let weight = &mut part.weight[lane * WIDTH * channels..(lane + 1) * WIDTH * channels];
                add_products(&slope, &centered, channels, weight);
                if self.to_x {
                    let frame = pixels * channels;
                    self.fold.expand_back(&slope, lane, &mut x[k * frame..(k + 1) * frame]);
                }
            }
        }
        part
    }

    /// Brings the completed gradient of a lane of a frame into the middle of its plane.
    fn complete(&self, frame: usize, lane: usize, out: &mut [Lane]) {
        let reached = self.sizes.plane().strided(self.sizes.stride);
        let start = (frame * self.shape.lanes() + lane) * self.shape.pixels;
        let [slope, offset] = &self.completion;
        for y in 0..reached.height {
            let row = start + y * reached.width..start + (y + 1) * reached.width;
            let (gradient, packed) = (&self.gradient[row.clone()], &self.kept.packed[row]);
            tile::complete(gradient, packed, [&slope[lane], &offset[lane]], &mut out[reached.row(y)]);
        }
    }

    /// Turns sums over all rows into gradients, and takes out of `x` what the batch statistics send back.
    ///
    /// With `d` the gradient behind the norm, `e = w xc` an expanded channel less its mean, `r` the
    /// inverse deviation and n rows, that to `e` is `gamma r (d - sum(d) / n - e r^2 sum(d e) / n)`.
    fn finish(&self, plain: &[f64], products: &[f32], batch: bool, x: &mut [f32]) -> Gradients {
        let Sizes { channels, inner, .. } = self.sizes;
        let norm = &self.fold.norm;
        let mut found = Gradients {
            x: Vec::new(),
            weight: vec![0.0; inner * channels],
            gamma: vec![0.0; inner],
            beta: plain.iter().map(|&v| v as f32).collect(),
            kernel: Vec::new(),
        };
        let rows = (self.shape.frames() * self.sizes.pixels()) as f64;
        let mut constant = vec![0.0f64; channels];
        let mut slopes = vec![0.0; inner];
        for k in 0..inner {
            let row = k * channels..(k + 1) * channels;
            let (weight, product) = (&self.inputs.weight[row.clone()], &products[row.clone()]);
            let (inverse, scale) = (f64::from(norm.inverse[k]), f64::from(norm.scale[k]));
            let dot: f64 = weight.iter().zip(product).map(|(w, p)| f64::from(*w) * f64::from(*p)).sum();
            // With running statistics the center is 0 and the mean is not.
            let with_expanded = if batch { dot } else { dot - f64::from(norm.mean[k]) * plain[k] };
            found.gamma[k] = (inverse * with_expanded) as f32;
            let share = if batch { inverse * inverse * with_expanded } else { 0.0 };
            let to_weight = &mut found.weight[row.clone()];
            for ((to, p), s) in to_weight.iter_mut().zip(product).zip(&self.kept.slopes[row]) {
                *to = (scale * (f64::from(*p) - share * f64::from(*s))) as f32;
            }
            slopes[k] = (-scale * share / rows) as f32;
            for (c, w) in constant.iter_mut().zip(weight) {
                *c -= scale * plain[k] / rows * f64::from(*w);
            }
        }
        if batch && self.to_x {
            let constant: Vec<f32> = constant.into_iter().map(|v| v as f32).collect();
            self.send_back(&slopes, &constant, x);
        }
        found
    }

    /// Adds `constant + xc (w^T diag(slopes) w)` to every row of `x`.
    fn send_back(&self, slopes: &[f32], constant: &[f32], x: &mut [f32]) {
        let Sizes { channels, inner, .. } = self.sizes;
        let weight = self.inputs.weight;
        let scaled: Vec<f32> = weight.iter().enumerate().map(|(i, w)| w * slopes[i / channels]).collect();
        let shape = [inner, channels];
        let mut mixed = vec![0.0; channels * channels];
        multiply(
            Matrix::new(weight, shape, channels).transposed(),
            Matrix::new(&scaled, shape, channels),
            &mut mixed,
            channels,
            false,
        );
        let frame = self.sizes.pixels() * channels;
        x.par_chunks_mut(frame).enumerate().for_each_init(
            || vec![0.0; frame],
            |centered, (k, x)| {
                center_frame(self.inputs, self.kept.center, self.sizes, k, centered);
                x.chunks_exact_mut(channels)
                    .for_each(|x| x.iter_mut().zip(constant).for_each(|(x, c)| *x += c));
                let mixed = Matrix::new(&mixed, [channels, channels], channels);
                multiply(
                    Matrix::new(centered, [self.sizes.pixels(), channels], channels),
                    mixed,
                    x,
                    channels,
                    true,
                );
            },
        );
    }
}

/// Adds `gradient^T x`: `[WIDTH, channel]`.
fn add_products(gradient: &[Lane], x: &[f32], channels: usize, out: &mut [f32]) {
    multiply(
        Matrix::new(bytemuck::cast_slice(gradient), [gradient.len(), WIDTH], WIDTH).transposed(),
        Matrix::new(x, [gradient.len(), channels], channels),
        out,
        channels,
        true,
    );
}
