//! Reading features at places between pixels, each neuron at its own and with its own weights.
//!
//! A matrix of what every pixel counts for every neuron would be nearly all zeros: only the four pixels
//! around a place count, so these loops visit no others.

use rayon::prelude::*;

use super::corners::Corners;
use super::read_rows::{add_rows, dots, read_frame, spread_frame};

/// Neurons whose parameters' gradients one task finds: their sums stay in the level-1 cache.
const BLOCK: usize = 32;

/// Sizes of one reading.
#[derive(Debug, Clone, Copy)]
pub struct ReadSizes {
    /// Clips.
    pub clips: usize,
    /// Frames of a clip.
    pub time: usize,
    /// Rows of a frame.
    pub height: usize,
    /// Columns of a frame.
    pub width: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Neurons that read.
    pub neurons: usize,
}

impl ReadSizes {
    /// Values of a frame.
    fn frame(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Frames of all clips.
    fn frames(&self) -> usize {
        self.clips * self.time
    }
}

/// What goes in.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// `[clip * time * height * width, channel]`
    pub x: &'a [f32],
    /// x and y of each neuron in each clip, -1 to 1: `[clip, neuron, 2]`
    pub positions: &'a [f32],
    /// `[neuron, channel]`
    pub weight: &'a [f32],
}

fn corners(positions: &[f32], sizes: ReadSizes) -> Vec<Corners> {
    positions.chunks_exact(2).map(|position| Corners::at(position, [sizes.height, sizes.width])).collect()
}

/// Runs the operator: `[clip * time, neuron]`.
pub fn forward(inputs: Inputs, sizes: ReadSizes) -> Vec<f32> {
    let ReadSizes { time, channels, neurons, .. } = sizes;
    let corners = corners(inputs.positions, sizes);
    let mut out = vec![0.0; sizes.frames() * neurons];
    out.par_chunks_mut(neurons).enumerate().for_each(|(frame, out)| {
        let corners = &corners[frame / time * neurons..][..neurons];
        let x = &inputs.x[frame * sizes.frame()..][..sizes.frame()];
        read_frame(x, corners, inputs.weight, channels, out);
    });
    out
}

/// Carries `gradient`, `[clip * time, neuron]`, back to `x`.
pub fn backward_to_x(positions: &[f32], weight: &[f32], gradient: &[f32], sizes: ReadSizes) -> Vec<f32> {
    let ReadSizes { time, channels, neurons, .. } = sizes;
    let corners = corners(positions, sizes);
    let mut out = vec![0.0; sizes.frames() * sizes.frame()];
    out.par_chunks_mut(sizes.frame()).enumerate().for_each(|(frame, out)| {
        let corners = &corners[frame / time * neurons..][..neurons];
        let gradient = &gradient[frame * neurons..][..neurons];
        spread_frame(gradient, corners, weight, channels, out);
    });
    out
}

/// Gradients to a neuron's own parameters.
pub struct ParameterGradients {
    /// `[clip, neuron, 2]`
    pub positions: Vec<f32>,
    /// `[neuron, channel]`
    pub weight: Vec<f32>,
}

/// Carries `gradient`, `[clip * time, neuron]`, back to positions and weights.
pub fn backward_to_parameters(inputs: Inputs, gradient: &[f32], sizes: ReadSizes) -> ParameterGradients {
    let ReadSizes { clips, channels, neurons, .. } = sizes;
    let corners = corners(inputs.positions, sizes);
    let mut found = ParameterGradients {
        positions: vec![0.0; clips * neurons * 2],
        weight: vec![0.0; neurons * channels],
    };
    let blocks = found.weight.par_chunks_mut(BLOCK * channels).enumerate();
    let positions: Vec<Vec<f32>> = blocks
        .map(|(index, weight)| block_to_parameters(inputs, gradient, &corners, index * BLOCK, weight, sizes))
        .collect();
    for (index, positions) in positions.iter().enumerate() {
        let count = positions.len() / clips;
        let to = found.positions.chunks_exact_mut(neurons * 2);
        for (to, from) in to.zip(positions.chunks_exact(count)) {
            to[index * BLOCK * 2..][..count].copy_from_slice(from);
        }
    }
    found
}

/// The part of the neurons from `first` on, as many as `to_weight` has rows; returns the gradient to their
/// positions, `[clip, neuron, 2]`.
fn block_to_parameters(
    inputs: Inputs,
    gradient: &[f32],
    corners: &[Corners],
    first: usize,
    to_weight: &mut [f32],
    sizes: ReadSizes,
) -> Vec<f32> {
    let ReadSizes { clips, time, channels, neurons, .. } = sizes;
    let count = to_weight.len() / channels;
    let weight = &inputs.weight[first * channels..][..to_weight.len()];
    let mut to_positions = vec![0.0; clips * count * 2];
    for frame in 0..sizes.frames() {
        let clip = frame / time;
        let x = &inputs.x[frame * sizes.frame()..][..sizes.frame()];
        let corners = &corners[clip * neurons + first..][..count];
        let gradient = &gradient[frame * neurons + first..][..count];
        let positions = to_positions[clip * count * 2..][..count * 2].chunks_exact_mut(2);
        let rows = weight.chunks_exact(channels).zip(to_weight.chunks_exact_mut(channels));
        for (((&g, corners), to_position), (weight, to_weight)) in
            gradient.iter().zip(corners).zip(positions).zip(rows)
        {
            let rows = corners.rows(x, channels);
            let dots = dots(weight, rows);
            for (to, slopes) in to_position.iter_mut().zip(&corners.slopes) {
                *to += g * dot(slopes, &dots);
            }
            add_rows(corners.shares.map(|share| g * share), rows, to_weight);
        }
    }
    to_positions
}

fn dot(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: ReadSizes = ReadSizes { clips: 1, time: 1, height: 2, width: 3, channels: 1, neurons: 1 };

    fn read(position: [f32; 2]) -> f32 {
        // Values by `[y, x]`.
        let x = [0.0, 1.0, 4.0, 10.0, 11.0, 14.0];
        forward(Inputs { x: &x, positions: &position, weight: &[2.0] }, SIZES)[0]
    }

    #[test]
    fn corners_are_pixel_centres_and_between_them_values_are_interpolated() {
        assert_eq!(read([-1.0, -1.0]), 0.0);
        assert_eq!(read([1.0, -1.0]), 8.0);
        assert_eq!(read([1.0, 1.0]), 28.0);
        assert_eq!(read([0.0, 1.0]), 22.0);
        // Half-way from the middle column to the last, half-way down: (1 + 4 + 11 + 14) / 4.
        assert_eq!(read([0.5, 0.0]), 15.0);
    }

    #[test]
    fn a_map_of_one_pixel_has_one_value_and_no_slope() {
        let sizes = ReadSizes { height: 1, width: 1, ..SIZES };
        let inputs = Inputs { x: &[3.0], positions: &[0.4, -0.7], weight: &[2.0] };
        assert_eq!(forward(inputs, sizes), [6.0]);
        let found = backward_to_parameters(inputs, &[1.0], sizes);
        assert_eq!((found.positions, found.weight), (vec![0.0, 0.0], vec![3.0]));
    }

    #[test]
    fn the_gradient_to_a_place_is_the_slope_between_pixels() {
        let x = [0.5, 1.0, 4.0, -3.0, 11.0, 2.0];
        let value =
            |positions: [f32; 2]| forward(Inputs { x: &x, positions: &positions, weight: &[2.0] }, SIZES)[0];
        let [px, py] = [0.3, -0.4];
        let inputs = Inputs { x: &x, positions: &[px, py], weight: &[2.0] };
        let found = backward_to_parameters(inputs, &[1.0], SIZES).positions;
        // Between pixels the value is linear along either axis, so that only rounding remains.
        let step = 0.05;
        let slopes = [
            (value([px + step, py]) - value([px - step, py])) / (2.0 * step),
            (value([px, py + step]) - value([px, py - step])) / (2.0 * step),
        ];
        for (found, slope) in found.iter().zip(slopes) {
            assert!((found - slope).abs() < 1e-4 * slope.abs(), "{found} {slope}");
        }
    }
}
