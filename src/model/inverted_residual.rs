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
use super::tensors;
use crate::error::Result;
use crate::kernel::{self, Convolved, JoinSizes, Joined};

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

impl Temporal {
    /// The kernels as a centred convolution takes them. Causal ones end in the middle: behind it are zeros, so
    /// that the last of the learned taps meets the present and none a later frame.
    fn centred(&self, causal: bool) -> Tensor<2> {
        let weight = self.weight.val();
        let [channels, taps] = weight.dims();
        if !causal || taps == 1 {
            return weight;
        }
        let future = Tensor::zeros([channels, taps - 1], &weight.device());
        Tensor::cat(vec![weight, future], 1)
    }
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
    #[module(skip)]
    causal: bool,
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
            causal: config.causal,
        })
    }

    /// Runs the block.
    ///
    /// # Shapes
    /// - `x`: `[grid rows, in]`
    /// - output: `[out rows, out]`, with the grid of its rows
    pub fn forward(&self, x: Tensor<2>, grid: Grid, pass: &Pass) -> (Tensor<2>, Grid) {
        let [_, channels] = x.dims();
        let positions = self.positional.positions(grid, channels);
        let y = self.expand_and_convolve(x.clone(), positions.clone(), grid, pass);
        let taps = self.temporal.centred(self.causal);
        let y = kernel::convolve_time(y, self.spatial_norm.parameters(pass), taps);
        self.temporal_norm.track_convolved(&y, pass);
        let norm = self.temporal_norm.parameters(pass);
        // A mean over the clip would tell every frame of those after it.
        let y = if self.causal { y.frames_apart() } else { y };
        let y = kernel::excite_and_project(y, norm, self.squeeze_excite.parameters(), self.project.weight());
        (self.join(y, x, positions, grid, pass), grid.strided(self.stride))
    }

    fn expand_and_convolve(&self, x: Tensor<2>, positions: Tensor<2>, grid: Grid, pass: &Pass) -> Convolved {
        let (weight, kernel) = (self.expand.weight(), self.spatial.weight.val());
        let Grid { batch: clips, time, height, width } = grid;
        let ([inner, channels], [_, side, _]) = (weight.dims(), kernel.dims());
        let sizes = kernel::Sizes { clips, time, height, width, channels, inner, side, stride: self.stride };
        let norm = self.expand_norm.parameters(pass);
        let kernel::Expanded { convolved, moments } =
            kernel::expand_and_convolve(x, positions, weight, norm, kernel, sizes);
        if pass.is_training() {
            self.expand_norm.track(moments, grid.rows());
        }
        self.spatial_norm.track_convolved(&convolved, pass);
        convolved
    }

    fn join(&self, y: Tensor<2>, x: Tensor<2>, positions: Tensor<2>, grid: Grid, pass: &Pass) -> Tensor<2> {
        let ([rows, outputs], [_, channels]) = (y.dims(), x.dims());
        let Grid { batch: clips, time, height, width } = grid;
        let sizes = JoinSizes { clips, time, height, width, channels, outputs, stride: self.stride };
        let norms = [self.project_norm.parameters(pass), self.shortcut_norm.parameters(pass)];
        let kept = pass.kept_paths(clips, self.drop_path_rate);
        let Joined { rows: joined, moments } = kernel::join(y, x, positions, norms, kept, sizes);
        if pass.is_training() {
            let [path, shortcut] = moments;
            self.project_norm.track(path, rows);
            self.shortcut_norm.track(shortcut, rows);
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tap_of_a_causal_kernel_meets_the_present() {
        let taps = Tensor::from_floats([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], &Device::flex());
        let temporal = Temporal { weight: Param::from_tensor(taps) };
        // In the middle of five taps, with which a centred convolution sees the present.
        let expected = vec![1.0, 2.0, 3.0, 0.0, 0.0, 4.0, 5.0, 6.0, 0.0, 0.0];
        assert_eq!(tensors::values(temporal.centred(true)), expected);
        assert_eq!(tensors::values(temporal.centred(false)), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
