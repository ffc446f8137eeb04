//! The core: stem and blocks, from pixels and behavior to features of the whole frame.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::batch_norm::BatchNorm;
use super::checkpoint::Checkpoint;
use super::config::ModelConfig;
use super::grid::Grid;
use super::inverted_residual::InvertedResidual;
use super::pass::Pass;
use super::pointwise::Pointwise;
use crate::error::Result;
use crate::kernel::Activation;

/// Pointwise convolution and batch norm.
#[derive(Module, Debug)]
struct Stem {
    conv: Pointwise,
    norm: BatchNorm,
}

/// DwiseNeuro's core.
#[derive(Module, Debug)]
pub struct Core {
    stem: Stem,
    blocks: Vec<InvertedResidual>,
}

impl Core {
    /// Takes the core out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing.
    pub fn load(source: &mut Checkpoint, config: &ModelConfig, device: &Device) -> Result<Self> {
        let stem = Stem {
            conv: Pointwise::load(source, "core.stem.conv", device)?,
            norm: BatchNorm::load(source, "core.stem.norm", device)?,
        };
        let blocks = (0..config.core_features.len())
            .map(|index| InvertedResidual::load(source, config, index, device))
            .collect::<Result<_>>()?;
        Ok(Self { stem, blocks })
    }

    /// Maps the input's channels to the first block's width.
    ///
    /// # Shapes
    /// - `input`: `[batch, channel, time, height, width]`
    /// - output: `[grid rows, feature]`, with the grid of its rows
    pub fn stem(&self, input: Tensor<5>, pass: &Pass) -> (Tensor<2>, Grid) {
        let [batch, channels, time, height, width] = input.dims();
        let grid = Grid { batch, time, height, width };
        let rows = input.permute([0, 2, 3, 4, 1]).reshape([grid.rows(), channels]);
        (self.stem.norm.forward(self.stem.conv.forward(rows, 1), Activation::None, pass), grid)
    }

    /// Runs stem and blocks.
    ///
    /// # Shapes
    /// - `input`: `[batch, channel, time, height, width]`
    /// - output: `[grid rows, feature]`, with the grid of its rows
    pub fn forward(&self, input: Tensor<5>, pass: &Pass) -> (Tensor<2>, Grid) {
        let stem = self.stem(input, pass);
        self.blocks.iter().fold(stem, |(x, grid), block| block.forward(x, grid, pass))
    }
}
