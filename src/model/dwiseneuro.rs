//! The encoder: core, cortex and one readout a mouse. After R. Baikulov's DwiseNeuro.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::checkpoint::Checkpoint;
use super::config::ReadoutKind;
use super::core::Core;
use super::cortex::Cortex;
use super::features::Features;
use super::pass::Pass;
use super::readout::Readout;
use crate::error::Result;

/// Predicts the responses of every mouse to movie and behavior.
#[derive(Module, Debug)]
pub struct DwiseNeuro {
    core: Core,
    cortex: Cortex,
    readouts: Vec<Readout>,
    /// Whether the readouts get the mean over space.
    #[module(skip)]
    pooled: bool,
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
            pooled: config.readout == ReadoutKind::Pooled,
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
    pub fn features(&self, input: Tensor<5>, pass: &Pass) -> Features {
        let (rows, grid) = self.core.forward(input, pass);
        let core = Features { rows, grid };
        // Pooled, what a neuron sees where is in the channels by now.
        let Features { rows, grid } = if self.pooled { core.mean_over_space() } else { core };
        Features { rows: self.cortex.forward(rows, grid.batch, pass), grid }
    }

    /// Reads the responses of one mouse out of shared features.
    ///
    /// # Shapes
    /// - output: `[batch, neuron, time]`
    pub fn read_out(&self, features: Features, mouse: usize, pass: &Pass) -> Tensor<3> {
        self.readouts[mouse].forward(features, pass)
    }

    /// Predicts the responses of one mouse.
    ///
    /// # Shapes
    /// - `input`: `[batch, channel, time, height, width]`
    /// - output: `[batch, neuron, time]`
    pub fn forward(&self, input: Tensor<5>, mouse: usize, pass: &Pass) -> Tensor<3> {
        self.read_out(self.features(input, pass), mouse, pass)
    }
}
