//! Scales channels by what the whole clip says of them.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};

use super::checkpoint::Checkpoint;
use super::pointwise::BiasedPointwise;
use crate::error::Result;

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

    /// Scales the channels of each clip.
    ///
    /// # Shapes
    /// - `x`, output: `[batch * row, channel]`
    pub fn forward(&self, x: Tensor<2>, batch: usize) -> Tensor<2> {
        let [rows, channels] = x.dims();
        let x: Tensor<3> = x.reshape([batch, rows / batch, channels]);
        let mean = x.clone().mean_dim(1).reshape([batch, channels]);
        let hidden = activation::silu(self.reduce.forward(mean, 1));
        let scale = activation::sigmoid(self.expand.forward(hidden, 1));
        (x * scale.unsqueeze_dim::<3>(1)).reshape([rows, channels])
    }
}
