//! The gradients of [`project`](super::project), in two passes over its input: the first finds the
//! gradient to each clip's scaled weights, and with it that to the scales and to the means they came
//! from; the second needs these.

use rayon::prelude::*;

use super::buffer::Recycled;
use super::convolved::Shape;
use super::lane::{Lane, WIDTH};
use super::norm::{NormGradients, Sums, pack};
use super::product::{Matrix, multiply};
use super::project::{Inputs, ScaledWeights, plane, tile_pixels};
use super::squeeze::NetworkGradients;
use super::{sum_in_order, tile};

/// Most parts that a clip's frames are cut into: each has sums as large as the weights.
const PARTS: usize = 2;

/// What the gradients are.
#[derive(Debug)]
pub struct Gradients {
    /// To `x`, packed.
    pub x: Recycled,
    /// To gamma and beta.
    pub norm: NormGradients,
    /// To squeeze-excite.
    pub network: NetworkGradients,
    /// To the weights.
    pub weight: Vec<f32>,
}

/// Carries `gradient`, `[clip * time * pixel, out]`, back. `means` and `scales` are the forward pass's.
pub fn backward(inputs: Inputs, means: &[f32], scales: &[f32], gradient: &[f32], shape: Shape) -> Gradients {
    let norm = inputs.norm(shape);
    let pass = Pass { inputs, gradient, shape, norm: norm.lanes(), outputs: inputs.outputs(shape) };
    let by_clip = pass.scaled_weights();
    let Shape { channels, .. } = shape;
    let mut network = NetworkGradients::new(inputs.network);
    let mut weight = vec![0.0f64; inputs.weight.len()];
    let mut offsets = Vec::with_capacity(by_clip.len());
    for (clip, found) in by_clip.iter().enumerate() {
        let (means, scales) = (&means[clip * channels..][..channels], &scales[clip * channels..][..channels]);
        let mut to_scales = vec![0.0f64; channels];
        let width = shape.lanes() * WIDTH;
        for (o, found) in found.chunks_exact(width).enumerate() {
            for c in 0..channels {
                let found = f64::from(found[c]);
                to_scales[c] += found * f64::from(inputs.weight[o * channels + c]);
                weight[o * channels + c] += found * f64::from(scales[c]);
            }
        }
        let to_scales: Vec<f32> = to_scales.into_iter().map(|v| v as f32).collect();
        let to_means = inputs.network.backward(means, scales, &to_scales, &mut network);
        let values = (shape.time * shape.pixels) as f32;
        offsets.push(pack(&to_means.iter().map(|g| g / values).collect::<Vec<f32>>()));
    }
    let weights = ScaledWeights::new(inputs.weight, scales, shape);
    let (mut x, sums) = pass.input(&weights, &offsets);
    let found = norm.gradients(&sums);
    if inputs.running.is_none() {
        shape.write_gradients(&found.mean, &found.variance, &mut x);
    }
    Gradients { x, norm: found, network, weight: weight.into_iter().map(|v| v as f32).collect() }
}

struct Pass<'a> {
    inputs: Inputs<'a>,
    gradient: &'a [f32],
    shape: Shape,
    norm: [Vec<Lane>; 3],
    outputs: usize,
}

impl Pass<'_> {
    /// The gradient's rows of a tile of a frame.
    fn rows(&self, frame: usize, first: usize, pixels: usize) -> Matrix<'_> {
        let start = (frame * self.shape.pixels + first) * self.outputs;
        Matrix::new(&self.gradient[start..], [pixels, self.outputs], self.outputs)
    }

    /// Finds the gradient to each clip's scaled weights: `[out, lane * WIDTH]`.
    fn scaled_weights(&self) -> Vec<Vec<f32>> {
        let shape = self.shape;
        let (width, tile) = (shape.lanes() * WIDTH, tile_pixels(shape));
        let frames = shape.time.div_ceil(PARTS);
        let parts = shape.time.div_ceil(frames);
        let found: Vec<Vec<f32>> = (0..shape.clips * parts)
            .into_par_iter()
            .map_init(
                || vec![Lane::ZERO; tile * shape.lanes()],
                |activated, index| {
                    let start = index % parts * frames;
                    let mut found = vec![0.0; self.outputs * width];
                    for t in start..(start + frames).min(shape.time) {
                        let frame = index / parts * shape.time + t;
                        for first in (0..shape.pixels).step_by(tile) {
                            let pixels = tile.min(shape.pixels - first);
                            for lane in 0..shape.lanes() {
                                let x = &plane(self.inputs.x, shape, frame, lane)[first..first + pixels];
                                let norm = [&self.norm[1][lane], &self.norm[2][lane]];
                                tile::activate_to_rows(x, norm, shape.lanes(), &mut activated[lane..]);
                            }
                            let activated = bytemuck::cast_slice(activated);
                            let activated = Matrix::new(activated, [pixels, width], width);
                            let rows = self.rows(frame, first, pixels);
                            multiply(rows.transposed(), activated, &mut found, width, true);
                        }
                    }
                    found
                },
            )
            .collect();
        let clips = found.chunks_exact(parts);
        clips.map(|parts| sum_in_order(parts, self.outputs * width)).collect()
    }

    /// Finds the gradient to `x`, and the sums for its norm. `offsets` are what each activated value of a
    /// clip gets through the mean.
    fn input(&self, weights: &ScaledWeights, offsets: &[Vec<Lane>]) -> (Recycled, Sums) {
        let shape = self.shape;
        let (lanes, tile) = (shape.lanes(), tile_pixels(shape));
        let width = lanes * WIDTH;
        let mut packed = shape.buffer();
        let frames = packed[..shape.planes()].par_chunks_mut(lanes * shape.pixels).enumerate();
        let sums: Vec<Sums> = frames
            .map_init(
                || vec![Lane::ZERO; tile * lanes],
                |back, (frame, out)| {
                    let clip = frame / shape.time;
                    let mut sums = Sums::new(shape.channels);
                    for first in (0..shape.pixels).step_by(tile) {
                        let pixels = tile.min(shape.pixels - first);
                        let rows = self.rows(frame, first, pixels);
                        let to = bytemuck::cast_slice_mut(back);
                        multiply(rows, weights.of(clip).transposed(), to, width, false);
                        for lane in 0..lanes {
                            let x = &plane(self.inputs.x, shape, frame, lane)[first..first + pixels];
                            let norm = self.norm.each_ref().map(|lanes| &lanes[lane]);
                            let out = &mut out[lane * shape.pixels + first..][..pixels];
                            let back = &back[lane..];
                            let found = tile::rows_back(back, lanes, x, norm, &offsets[clip][lane], out);
                            sums.add(lane, found);
                        }
                    }
                    sums
                },
            )
            .collect();
        let total = Sums::total(shape.channels, sums);
        (packed, total)
    }
}
