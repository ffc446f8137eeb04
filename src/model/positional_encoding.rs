//! Sinusoidal position in time, height and width, added before each block.

use burn::module::{Module, RunningState};
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Int, Tensor, s};

use super::checkpoint::Checkpoint;
use super::grid::Grid;
use super::tensors;
use crate::error::Result;

/// Frequencies `10000^(-2i / n)` with n = `2 ceil(channels / 6)` channels for each axis.
///
/// A buffer, not a formula: the published moving average shifted it slightly.
#[derive(Module, Debug)]
pub struct PositionalEncoding {
    inv_freq: RunningState<Tensor<1>>,
}

impl PositionalEncoding {
    /// Takes the encoding `name` out of a checkpoint.
    ///
    /// # Errors
    /// When the tensor is missing.
    pub fn load(source: &mut Checkpoint, name: &str, device: &Device) -> Result<Self> {
        let inv_freq = tensors::take(source, &format!("{name}.inv_freq"), device)?;
        Ok(Self { inv_freq: RunningState::new(inv_freq) })
    }

    /// Computes what is added at each frame, row and column: for time, height and width in turn the sines,
    /// then the cosines, each in channels of its own; cut to `channels`.
    ///
    /// # Shapes
    /// - output: `[time + height + width, channel]`, zero in the channels of the other axes
    pub fn positions(&self, grid: Grid, channels: usize) -> Tensor<2> {
        let inv_freq = self.inv_freq.value_sync().inner();
        let (device, [half]) = (inv_freq.device(), inv_freq.dims());
        let axis = |length: usize, before: usize| {
            let position = Tensor::<1, Int>::arange(0..length as i64, &device).float();
            let angle = position.unsqueeze_dim::<2>(1) * inv_freq.clone().unsqueeze();
            let own = Tensor::cat(vec![angle.clone().sin(), angle.cos()], 1);
            let after = 4 * half - before;
            own.pad([(0, 0), (before, after)], PadMode::Constant(0.0)).slice(s![.., 0..channels])
        };
        let axes = vec![axis(grid.time, 0), axis(grid.height, 2 * half), axis(grid.width, 4 * half)];
        Tensor::cat(axes, 0)
    }
}
