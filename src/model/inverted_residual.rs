//! One block of the core: expand, convolve space, convolve time, squeeze-excite, project.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::batch_norm::BatchNorm;
use super::checkpoint::Checkpoint;
use super::config::ModelConfig;
use super::grid::Grid;
use super::pass::Pass;
use super::pointwise::Pointwise;
use super::positional_encoding::PositionalEncoding;
use super::squeeze_excite::SqueezeExcite;
use super::{shortcut, tensors};
use crate::error::Result;
use crate::kernel::{self, Activation};

/// Kernels of a depthwise convolution over space: `[channel, kernel, kernel]`.
#[derive(Module, Debug)]
struct Spatial {
    weight: Param<Tensor<3>>,
}

/// Kernels of a depthwise convolution over time: `[channel, kernel]`.
#[derive(Module, Debug)]
struct Temporal {
    weight: Param<Tensor<2>>,
}

/// A block of DwiseNeuro's core with the positional encoding before it.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    positional: PositionalEncoding,
    expand: Pointwise,
    expand_norm: BatchNorm,
    spatial: Spatial,
    spatial_norm: BatchNorm,
    temporal: Temporal,
    temporal_norm: BatchNorm,
    squeeze_excite: SqueezeExcite,
    project: Pointwise,
    project_norm: BatchNorm,
    shortcut_norm: BatchNorm,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    drop_path_rate: f64,
}

impl InvertedResidual {
    /// Takes block `index` out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing.
    pub fn load(
        source: &mut Checkpoint,
        config: &ModelConfig,
        index: usize,
        device: &Device,
    ) -> Result<Self> {
        let name = |part: &str| format!("core.blocks.{index}.{part}");
        Ok(Self {
            positional: PositionalEncoding::load(source, &name("positional"), device)?,
            expand: Pointwise::load(source, &name("expand"), device)?,
            expand_norm: BatchNorm::load(source, &name("expand_norm"), device)?,
            spatial: Spatial {
                weight: Param::from_tensor(tensors::take(source, &name("spatial.weight"), device)?),
            },
            spatial_norm: BatchNorm::load(source, &name("spatial_norm"), device)?,
            temporal: Temporal {
                weight: Param::from_tensor(tensors::take(source, &name("temporal.weight"), device)?),
            },
            temporal_norm: BatchNorm::load(source, &name("temporal_norm"), device)?,
            squeeze_excite: SqueezeExcite::load(source, &name("squeeze_excite"), device)?,
            project: Pointwise::load(source, &name("project"), device)?,
            project_norm: BatchNorm::load(source, &name("project_norm"), device)?,
            shortcut_norm: BatchNorm::load(source, &name("shortcut_norm"), device)?,
            stride: config.spatial_strides[index],
            drop_path_rate: config.drop_path_rate * index as f64 / config.core_features.len() as f64,
        })
    }

    /// Runs the block.
    ///
    /// # Shapes
    /// - `x`: `[grid rows, in]`
    /// - output: `[out rows, out]`, with the grid of its rows
    pub fn forward(&self, x: Tensor<2>, grid: Grid, pass: &Pass) -> (Tensor<2>, Grid) {
        let Grid { batch, time, height, width } = grid;
        let out = grid.strided(self.stride);
        let x = self.positional.forward(x, grid);

        let y = self.expand.forward(x.clone(), 1);
        let y = self.expand_norm.forward(y, Activation::Silu, pass);
        let [_, inner] = y.dims();
        let y = y.reshape([batch * time, height, width, inner]);
        let y = kernel::depthwise_spatial(y, self.spatial.weight.val(), self.stride);
        let y = self.spatial_norm.forward(y.reshape([out.rows(), inner]), Activation::Silu, pass);
        let y = y.reshape([batch, time, out.height * out.width, inner]);
        let y = kernel::depthwise_temporal(y, self.temporal.weight.val());
        let y = self.temporal_norm.forward(y.reshape([out.rows(), inner]), Activation::Silu, pass);
        let y = self.squeeze_excite.forward(y, batch);
        let y = self.project_norm.forward(self.project.forward(y, 1), Activation::None, pass);
        let [_, width_out] = y.dims();
        let y = pass.drop_path(y, batch, self.drop_path_rate);

        let around = shortcut::tile(shortcut::downsample(x, grid, out), width_out);
        (y + self.shortcut_norm.forward(around, Activation::None, pass), out)
    }
}
