//! The readout of one mouse of the frozen encoder: from the features of all clips at once to responses, and
//! back.

use rayon::prelude::*;

use super::fold::Source;
use super::grouped::Grouped;
use crate::kernel::ReadSizes;
use crate::kernel::read::{self, Inputs};
use crate::kernel::silu::sigmoid;
use crate::kernel::softplus;
use crate::model::grid::Grid;
use crate::model::{ModelConfig, ReadoutKind};

/// The readout of one mouse.
pub struct Readout {
    reading: Reading,
    /// Without those that only fill up the groups.
    pub neurons: usize,
    beta: f32,
}

/// From features to what the softplus gets.
enum Reading {
    Pooled(Grouped),
    Gaussian(Gaussian),
}

impl Readout {
    /// Takes the readout of mouse `index` out of a checkpoint.
    pub fn new(source: &Source, config: &ModelConfig, index: usize) -> Self {
        let take = |part: &str| source.values(&format!("readouts.{index}.{part}")).to_vec();
        let reading = match config.readout {
            ReadoutKind::Pooled => {
                Reading::Pooled(Grouped::new(take("conv.weight"), take("conv.bias"), config.groups))
            }
            ReadoutKind::Gaussian => Reading::Gaussian(Gaussian {
                positions: take("position").into_iter().map(|p| p.clamp(-1.0, 1.0)).collect(),
                weight: take("weight"),
                bias: take("bias"),
            }),
        };
        Self { reading, neurons: config.readout_outputs[index], beta: config.softplus_beta as f32 }
    }

    /// Neurons, and those that only fill up the groups.
    fn width(&self) -> usize {
        match &self.reading {
            Reading::Pooled(conv) => conv.shift.len(),
            Reading::Gaussian(gaussian) => gaussian.bias.len(),
        }
    }

    /// Computes what the softplus gets, `[clip * time, neuron]`, fillers included.
    pub fn drive(&self, features: &[f32], grid: Grid) -> Vec<f32> {
        match &self.reading {
            Reading::Pooled(conv) => conv.forward(features, grid.rows()),
            Reading::Gaussian(gaussian) => gaussian.forward(features, grid),
        }
    }

    /// Turns drive into responses, `[clip * time, neuron]`.
    pub fn respond(&self, drive: &[f32]) -> Vec<f32> {
        let width = self.width();
        let mut out = vec![0.0; drive.len() / width * self.neurons];
        out.par_chunks_mut(self.neurons).zip(drive.par_chunks(width)).for_each(|(out, drive)| {
            softplus::softplus(&drive[..self.neurons], self.beta, out);
        });
        out
    }

    /// Carries a gradient to responses back to the features.
    pub fn backward(&self, gradient: &[f32], drive: &[f32], grid: Grid) -> Vec<f32> {
        let width = self.width();
        let mut to_drive = vec![0.0; drive.len()];
        let each = gradient.par_chunks(self.neurons).zip(drive.par_chunks(width));
        to_drive.par_chunks_mut(width).zip(each).for_each(|(out, (gradient, drive))| {
            for ((out, g), &z) in out.iter_mut().zip(gradient).zip(drive) {
                let scaled = z * self.beta;
                *out = if scaled > softplus::LINEAR { *g } else { g * sigmoid::<false>(scaled) };
            }
        });
        match &self.reading {
            Reading::Pooled(conv) => conv.backward(&to_drive, grid.rows()),
            Reading::Gaussian(gaussian) => gaussian.backward(&to_drive, grid),
        }
    }
}

/// Reads at the mean place of each neuron.
struct Gaussian {
    /// `[neuron, 2]`, within -1 and 1.
    positions: Vec<f32>,
    /// `[neuron, channel]`
    weight: Vec<f32>,
    /// `[neuron]`
    bias: Vec<f32>,
}

impl Gaussian {
    fn sizes(&self, grid: Grid) -> ReadSizes {
        let neurons = self.bias.len();
        let Grid { batch: clips, time, height, width } = grid;
        // Places are the same in all clips: to the loops these are one clip of many frames.
        ReadSizes {
            clips: 1,
            time: clips * time,
            height,
            width,
            channels: self.weight.len() / neurons,
            neurons,
        }
    }

    fn forward(&self, features: &[f32], grid: Grid) -> Vec<f32> {
        let inputs = Inputs { x: features, positions: &self.positions, weight: &self.weight };
        let mut drive = read::forward(inputs, self.sizes(grid));
        for row in drive.chunks_exact_mut(self.bias.len()) {
            row.iter_mut().zip(&self.bias).for_each(|(drive, bias)| *drive += bias);
        }
        drive
    }

    fn backward(&self, to_drive: &[f32], grid: Grid) -> Vec<f32> {
        read::backward_to_x(&self.positions, &self.weight, to_drive, self.sizes(grid))
    }
}
