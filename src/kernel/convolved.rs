//! What a fused convolution hands to the next one: its output before the batch norm, and the mean and
//! variance of every channel, found while the output was in cache.
//!
//! The moments travel in the same tensor as the values, and so do their gradients: what comes back is
//! the gradient to the values, to the means and to the variances, and the operator that made them
//! completes the first by the other two while it reads it. A graph of separate tensors would add
//! gradients of the largest tensors in passes of their own.

use burn::tensor::ops::PadMode;
use burn::tensor::{Tensor, s};

use super::buffer::Recycled;
use super::lane::{self, Lane, WIDTH};
use super::norm::Moments;

/// Sizes of a packed tensor: `[clip, time, lane, pixel]` of lanes, then mean and variance: `[2, lane]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Clips.
    pub clips: usize,
    /// Frames of a clip.
    pub time: usize,
    /// Pixels of a frame.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
}

impl Shape {
    /// Lanes of a pixel.
    pub fn lanes(&self) -> usize {
        lane::count(self.channels)
    }

    /// Frames of all clips.
    pub fn frames(&self) -> usize {
        self.clips * self.time
    }

    /// Values that each channel has.
    pub fn rows(&self) -> usize {
        self.frames() * self.pixels
    }

    /// Lanes of the values.
    pub(super) fn planes(&self) -> usize {
        self.rows() * self.lanes()
    }

    /// Lanes of values and moments.
    pub(super) fn size(&self) -> usize {
        self.planes() + 2 * self.lanes()
    }

    /// Makes room for a packed tensor, of which only the moments are set: to 0.
    pub(super) fn buffer(&self) -> Recycled {
        let mut packed = Recycled::new(self.size());
        packed[self.planes()..].fill(Lane::ZERO);
        packed
    }

    /// Takes means and variances out of a packed tensor: one value a channel each.
    pub(super) fn moments<'a>(&self, packed: &'a [Lane]) -> [&'a [f32]; 2] {
        let (mean, variance) = packed[self.planes()..self.size()].split_at(self.lanes());
        [lane::unpack(mean, self.channels), lane::unpack(variance, self.channels)]
    }

    /// Merges what parts found of each lane, in the order of the parts, into the packed moments.
    pub(super) fn write_moments(&self, parts: &[Vec<Moments>], packed: &mut [Lane]) {
        let (mean, variance) = packed[self.planes()..].split_at_mut(self.lanes());
        for lane in 0..self.lanes() {
            let all = parts.iter().fold(Moments::EMPTY, |all, part| all.merge(&part[lane]));
            (mean[lane], variance[lane]) = (all.mean(), all.variance());
        }
    }

    /// Finds what completes a gradient: `2 variance / rows` and `mean / rows - 2 mean variance / rows`,
    /// where the gradients to mean and variance are `gradient`'s and the mean is `packed`'s.
    pub(super) fn completion(&self, packed: &[Lane], gradient: &[Lane]) -> [Vec<Lane>; 2] {
        let rows = self.rows() as f32;
        let mean = &packed[self.planes()..];
        let (to_mean, to_variance) = gradient[self.planes()..].split_at(self.lanes());
        let slope: Vec<Lane> = to_variance.iter().map(|v| v.map(|v| 2.0 * v / rows)).collect();
        let offset = to_mean.iter().zip(mean).zip(&slope);
        let offset = offset
            .map(|((g, m), s)| g.map(|g| g / rows).zip(m.zip(*s, |m, s| m * s), |a, b| a - b))
            .collect();
        [slope, offset]
    }

    /// Writes the gradients to means and variances.
    pub(super) fn write_gradients(&self, mean: &[f32], variance: &[f32], packed: &mut [Lane]) {
        let tail = &mut packed[self.planes()..];
        for (k, values) in [mean, variance].into_iter().enumerate() {
            let lanes = lane::pack(self.channels, |channel| values[channel]);
            tail[k * self.lanes()..(k + 1) * self.lanes()].copy_from_slice(&lanes);
        }
    }
}

/// The output of a convolution that a batch norm follows.
#[derive(Debug, Clone)]
pub struct Convolved {
    values: Values,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Values {
    /// See [`Shape`]; on the device with loops of its own.
    Packed(Tensor<2>),
    /// `[row, channel]`
    Rows(Tensor<2>),
}

impl Convolved {
    pub(super) fn from_packed(packed: Tensor<2>, shape: Shape) -> Self {
        Self { values: Values::Packed(packed), shape }
    }

    /// Takes values as they are, for the plain tensor operations.
    ///
    /// # Shapes
    /// - `rows`: `[clip * time * pixel, channel]`
    pub fn from_rows(rows: Tensor<2>, shape: Shape) -> Self {
        Self { values: Values::Rows(rows), shape }
    }

    /// Packs values and their moments, for the loops; by tensor operations, so the way back is known.
    ///
    /// # Shapes
    /// - `rows`: `[clip * time * pixel, channel]`
    pub fn pack(rows: Tensor<2>, shape: Shape) -> Self {
        let (lanes, surplus) = (shape.lanes(), shape.lanes() * WIDTH - shape.channels);
        let fill = |x: Tensor<2>| x.pad([(0, 0), (0, surplus)], PadMode::Constant(0.0));
        let moments = fill(super::reference::channel_moments(rows.clone())).reshape([2 * lanes, WIDTH]);
        let values = fill(rows)
            .reshape([shape.frames(), shape.pixels, lanes, WIDTH])
            .swap_dims(1, 2)
            .reshape([shape.planes(), WIDTH]);
        Self { values: Values::Packed(Tensor::cat(vec![values, moments], 0)), shape }
    }

    /// The sizes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The packed tensor, if it is one.
    pub(super) fn packed(&self) -> Option<&Tensor<2>> {
        match &self.values {
            Values::Packed(packed) => Some(packed),
            Values::Rows(_) => None,
        }
    }

    /// The values.
    ///
    /// # Shapes
    /// - output: `[clip * time * pixel, channel]`
    pub fn rows(&self) -> Tensor<2> {
        let Shape { pixels, channels, .. } = self.shape;
        match &self.values {
            Values::Rows(rows) => rows.clone(),
            Values::Packed(packed) => packed
                .clone()
                .slice(s![0..self.shape.planes(), ..])
                .reshape([self.shape.frames(), self.shape.lanes(), pixels, WIDTH])
                .swap_dims(1, 2)
                .reshape([self.shape.rows(), self.shape.lanes() * WIDTH])
                .slice(s![.., 0..channels]),
        }
    }

    /// Mean and biased variance of every channel.
    ///
    /// # Shapes
    /// - output: `[2, channel]`
    pub fn moments(&self) -> Tensor<2> {
        match &self.values {
            Values::Rows(rows) => super::reference::channel_moments(rows.clone()),
            Values::Packed(packed) => packed
                .clone()
                .slice(s![self.shape.planes()..self.shape.size(), ..])
                .reshape([2, self.shape.lanes() * WIDTH])
                .slice(s![.., 0..self.shape.channels]),
        }
    }

    /// The same values, every frame a clip of its own: for what works on whole clips.
    pub fn frames_apart(self) -> Self {
        Self { shape: Shape { clips: self.shape.frames(), time: 1, ..self.shape }, ..self }
    }

    /// The same values, without their history.
    pub fn detach(self) -> Self {
        let values = match self.values {
            Values::Packed(packed) => Values::Packed(packed.detach()),
            Values::Rows(rows) => Values::Rows(rows.detach()),
        };
        Self { values, ..self }
    }
}
