//! The readout of one mouse: from the cortex's features to the responses of its neurons.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};

use super::checkpoint::Checkpoint;
use super::config::ModelConfig;
use super::pass::Pass;
use super::pointwise::BiasedPointwise;
use crate::error::Result;

/// Channel dropout, grouped pointwise convolution, softplus.
#[derive(Module, Debug)]
pub struct Readout {
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
        Ok(Self {
            conv: BiasedPointwise::load(source, &format!("readouts.{index}.conv"), device)?,
            neurons: config.readout_outputs[index],
            groups: config.groups,
            drop_rate: config.drop_rate,
            softplus_beta: config.softplus_beta,
        })
    }

    /// Predicts responses, `>= 0`.
    ///
    /// # Shapes
    /// - `x`: `[batch * time, feature]`
    /// - output: `[batch, neuron, time]`
    pub fn forward(&self, x: Tensor<2>, batch: usize, pass: &Pass) -> Tensor<3> {
        let [rows, _] = x.dims();
        let x = pass.drop_channels(x, batch, self.drop_rate);
        // The width is a multiple of the groups; a neuron too many is cut off.
        let y = self.conv.forward(x, self.groups).slice([0..rows, 0..self.neurons]);
        let y = activation::softplus(y, self.softplus_beta);
        y.reshape([batch, rows / batch, self.neurons]).swap_dims(1, 2)
    }
}
