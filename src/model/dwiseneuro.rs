//! The encoder: core, cortex and one readout a mouse. After R. Baikulov's DwiseNeuro.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::checkpoint::Checkpoint;
use super::core::Core;
use super::cortex::Cortex;
use super::pass::Pass;
use super::readout::Readout;
use crate::error::Result;

/// Predicts the responses of every mouse to movie and behavior.
#[derive(Module, Debug)]
pub struct DwiseNeuro {
    core: Core,
    cortex: Cortex,
    readouts: Vec<Readout>,
}

impl DwiseNeuro {
    /// Takes an encoder out of a checkpoint, which must hold nothing else.
    ///
    /// # Errors
    /// When a tensor is missing, misshapen or left over, or the sizes don't fit together.
    pub fn load(mut source: Checkpoint, device: &Device) -> Result<Self> {
        let config = source.config.clone();
        source.check()?;
        let encoder = Self {
            core: Core::load(&mut source, &config, device)?,
            cortex: Cortex::load(&mut source, &config, device)?,
            readouts: (0..config.readout_outputs.len())
                .map(|mouse| Readout::load(&mut source, &config, mouse, device))
                .collect::<Result<_>>()?,
        };
        source.finish()?;
        Ok(encoder)
    }

    /// Counts the mice, each with a readout.
    pub fn mice(&self) -> usize {
        self.readouts.len()
    }

    /// The core, for those who want its features.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Computes the features that all readouts share.
    ///
    /// # Shapes
    /// - `input`: `[batch, channel, time, height, width]`: movie 0..255, behavior, pupil center
    /// - output: `[batch * time, feature]`
    pub fn features(&self, input: Tensor<5>, pass: &Pass) -> Tensor<2> {
        let (x, grid) = self.core.forward(input, pass);
        let [_, channels] = x.dims();
        let frames = grid.batch * grid.time;
        // Space is pooled away: what a neuron sees where is in the channels by now.
        let pooled = x.reshape([frames, grid.height * grid.width, channels]).mean_dim(1);
        self.cortex.forward(pooled.reshape([frames, channels]), grid.batch, pass)
    }

    /// Reads the responses of one mouse out of shared features.
    ///
    /// # Shapes
    /// - `features`: `[batch * time, feature]`
    /// - output: `[batch, neuron, time]`
    pub fn read_out(&self, features: Tensor<2>, batch: usize, mouse: usize, pass: &Pass) -> Tensor<3> {
        self.readouts[mouse].forward(features, batch, pass)
    }

    /// Predicts the responses of one mouse.
    ///
    /// # Shapes
    /// - `input`: `[batch, channel, time, height, width]`
    /// - output: `[batch, neuron, time]`
    pub fn forward(&self, input: Tensor<5>, mouse: usize, pass: &Pass) -> Tensor<3> {
        let [batch, ..] = input.dims();
        self.read_out(self.features(input, pass), batch, mouse, pass)
    }
}
