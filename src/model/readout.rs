//! The readout of one mouse: from the shared features to the responses of its neurons.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};

use super::checkpoint::Checkpoint;
use super::config::{ModelConfig, ReadoutKind};
use super::features::Features;
use super::gaussian_readout::GaussianReadout;
use super::grid::Grid;
use super::pass::Pass;
use super::pointwise::BiasedPointwise;
use crate::error::Result;

/// From features to responses.
#[derive(Module, Debug)]
pub enum Readout {
    /// From the mean over space: DwiseNeuro's.
    Pooled(PooledReadout),
    /// At each neuron's own place.
    Gaussian(GaussianReadout),
}

impl Readout {
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
        Ok(match config.readout {
            ReadoutKind::Pooled => Self::Pooled(PooledReadout::load(source, config, index, device)?),
            ReadoutKind::Gaussian => Self::Gaussian(GaussianReadout::load(source, config, index, device)?),
        })
    }

    /// Predicts responses, `>= 0`.
    ///
    /// # Shapes
    /// - output: `[batch, neuron, time]`
    pub fn forward(&self, features: Features, pass: &Pass) -> Tensor<3> {
        let Grid { batch, time, .. } = features.grid;
        let (drive, beta) = match self {
            Self::Pooled(readout) => (readout.drive(features, pass), readout.softplus_beta),
            Self::Gaussian(readout) => (readout.drive(features, pass), readout.softplus_beta()),
        };
        let [_, neurons] = drive.dims();
        activation::softplus(drive, beta).reshape([batch, time, neurons]).swap_dims(1, 2)
    }
}

/// Channel dropout and a grouped pointwise convolution.
#[derive(Module, Debug)]
pub struct PooledReadout {
    conv: BiasedPointwise,
    #[module(skip)]
    neurons: usize,
    #[module(skip)]
    groups: usize,
    #[module(skip)]
    drop_rate: f64,
    #[module(skip)]
    softplus_beta: f64,
}

impl PooledReadout {
    fn load(source: &mut Checkpoint, config: &ModelConfig, index: usize, device: &Device) -> Result<Self> {
        Ok(Self {
            conv: BiasedPointwise::load(source, &format!("readouts.{index}.conv"), device)?,
            neurons: config.readout_outputs[index],
            groups: config.groups,
            drop_rate: config.drop_rate,
            softplus_beta: config.softplus_beta,
        })
    }

    /// Computes what the softplus gets: `[batch * time, neuron]`.
    fn drive(&self, features: Features, pass: &Pass) -> Tensor<2> {
        let x = pass.drop_channels(features.rows, features.grid.batch, self.drop_rate);
        let [rows, _] = x.dims();
        // The width is a multiple of the groups; a neuron too many is cut off.
        self.conv.forward(x, self.groups).slice([0..rows, 0..self.neurons])
    }
}
