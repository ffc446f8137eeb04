//! Sinusoidal position in time, height and width, added before each block.

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Int, Tensor};

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

    /// Adds the encoding to every clip.
    ///
    /// # Shapes
    /// - `x`, output: `[batch * time * height * width, channel]`
    pub fn forward(&self, x: Tensor<2>, grid: Grid) -> Tensor<2> {
        let [rows, channels] = x.dims();
        let position = self.encode(grid, channels, &x.device()).unsqueeze();
        (x.reshape([grid.batch, rows / grid.batch, channels]) + position).reshape([rows, channels])
    }

    /// Computes the encoding: for time, height and width the sines, then the cosines; cut to `channels`.
    ///
    /// # Shapes
    /// - output: `[time * height * width, channel]`
    fn encode(&self, grid: Grid, channels: usize, device: &Device) -> Tensor<2> {
        let Grid { time, height, width, .. } = grid;
        let inv_freq = self.inv_freq.value_sync().inner();
        let [half] = inv_freq.dims();
        let axis = |length: usize| {
            let position = Tensor::<1, Int>::arange(0..length as i64, &device.clone().inner()).float();
            let angle = position.unsqueeze_dim::<2>(1) * inv_freq.clone().unsqueeze();
            Tensor::cat(vec![angle.clone().sin(), angle.cos()], 1)
        };
        let shape = [time, height, width, 2 * half];
        let parts = vec![
            axis(time).reshape([time, 1, 1, 2 * half]).expand(shape),
            axis(height).reshape([1, height, 1, 2 * half]).expand(shape),
            axis(width).reshape([1, 1, width, 2 * half]).expand(shape),
        ];
        let all = Tensor::cat(parts, 3).reshape([time * height * width, 6 * half]);
        all.slice([0..time * height * width, 0..channels])
    }
}
