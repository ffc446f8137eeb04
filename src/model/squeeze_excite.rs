//! Scales channels by what the whole clip, or, in a causal encoder, the frame, says of them.

use burn::module::Module;
use burn::tensor::Device;

use super::checkpoint::Checkpoint;
use super::pointwise::BiasedPointwise;
use crate::error::Result;
use crate::kernel;

/// Mean over time and space, reduce, SiLU, expand, sigmoid, multiply.
#[derive(Module, Debug)]
pub struct SqueezeExcite {
    reduce: BiasedPointwise,
    expand: BiasedPointwise,
}

impl SqueezeExcite {
    /// Takes the layer `name` out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing.
    pub fn load(source: &mut Checkpoint, name: &str, device: &Device) -> Result<Self> {
        Ok(Self {
            reduce: BiasedPointwise::load(source, &format!("{name}.reduce"), device)?,
            expand: BiasedPointwise::load(source, &format!("{name}.expand"), device)?,
        })
    }

    /// Its parameters, for the operator that runs it together with the projection behind it.
    pub fn parameters(&self) -> kernel::SqueezeExcite {
        let ((reduce, reduce_bias), (expand, expand_bias)) =
            (self.reduce.parameters(), self.expand.parameters());
        kernel::SqueezeExcite { reduce, reduce_bias, expand, expand_bias }
    }
}
