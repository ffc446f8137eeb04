//! The Gaussian readout: each neuron reads the features at a place of its own, with its own weights.
//!
//! After Lurz et al. (ICLR 2021, "Generalization in data-driven models of primary visual cortex") and the
//! field's `FullGaussian2d`. While training, the place is drawn anew for every clip, so that the gradient of
//! the place sees further than the next pixel; the spread of the draws is learned, and shrinks as the place
//! is found. With few neurons or narrow cores this needs far less data than a readout of pooled features,
//! which has to find where a neuron looks in the channels.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::checkpoint::Checkpoint;
use super::config::ModelConfig;
use super::features::Features;
use super::grid::Grid;
use super::pass::Pass;
use super::tensors;
use crate::error::Result;
use crate::kernel::{self, ReadSizes};

/// Channel dropout, bilinear reading at a learned place, weights of the neuron's own.
#[derive(Module, Debug)]
pub struct GaussianReadout {
    /// x and y of each neuron's mean place on the map, from -1 to 1, the centres of the outermost pixels; what
    /// lies outside is taken to the border, so nothing is ever read from beyond it. `[neuron, 2]`
    position: Param<Tensor<2>>,
    /// What two standard normal draws are multiplied by for a place around the mean: its product with its own
    /// transpose is the covariance, any one. `[neuron, 2, 2]`
    spread: Param<Tensor<3>>,
    /// `[neuron, channel]`
    weight: Param<Tensor<2>>,
    /// `[neuron]`
    bias: Param<Tensor<1>>,
    #[module(skip)]
    drop_rate: f64,
    #[module(skip)]
    softplus_beta: f64,
}

impl GaussianReadout {
    /// Takes the readout of mouse `index` out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing.
    pub fn load(
        source: &mut Checkpoint,
        config: &ModelConfig,
        index: usize,
        device: &Device,
    ) -> Result<Self> {
        let name = |part: &str| format!("readouts.{index}.{part}");
        Ok(Self {
            position: Param::from_tensor(tensors::take(source, &name("position"), device)?),
            spread: Param::from_tensor(tensors::take(source, &name("spread"), device)?),
            weight: Param::from_tensor(tensors::take(source, &name("weight"), device)?),
            bias: Param::from_tensor(tensors::take(source, &name("bias"), device)?),
            drop_rate: config.drop_rate,
            softplus_beta: config.softplus_beta,
        })
    }

    /// Sharpness of the softplus behind it.
    pub(super) fn softplus_beta(&self) -> f64 {
        self.softplus_beta
    }

    /// Computes what the softplus gets.
    ///
    /// # Shapes
    /// - output: `[batch * time, neuron]`
    pub fn drive(&self, features: Features, pass: &Pass) -> Tensor<2> {
        let Grid { batch: clips, time, height, width } = features.grid;
        let x = pass.drop_channels(features.rows, clips, self.drop_rate);
        let weight = self.weight.val();
        let [neurons, channels] = weight.dims();
        let sizes = ReadSizes { clips, time, height, width, channels, neurons };
        kernel::read_at(x, self.places(clips, pass), weight, sizes) + self.bias.val().unsqueeze()
    }

    /// The places to read at: the means, or, while training, draws around them, one a clip and neuron.
    ///
    /// # Shapes
    /// - output: `[clip, neuron, 2]`
    fn places(&self, clips: usize, pass: &Pass) -> Tensor<3> {
        let position = self.position.val();
        let [neurons, _] = position.dims();
        // The gradient passes the border, so that a mean that strayed out can come back.
        let to_border = (position.clone().clamp(-1.0, 1.0) - position.clone()).detach();
        let mean = (position + to_border).unsqueeze::<3>().expand([clips, neurons, 2]);
        let Some(noise) = pass.noise([clips, neurons, 1, 2], &mean.device()) else { return mean };
        let offset = (self.spread.val().unsqueeze::<4>() * noise).sum_dim(3).reshape([clips, neurons, 2]);
        (mean + offset).clamp(-1.0, 1.0)
    }
}
