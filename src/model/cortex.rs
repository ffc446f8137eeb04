//! The cortex: grouped layers over channels, frame by frame and place by place, shared by all mice.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::batch_norm::BatchNorm;
use super::checkpoint::Checkpoint;
use super::config::ModelConfig;
use super::pass::Pass;
use super::pointwise::Pointwise;
use crate::error::Result;
use crate::kernel::{Activation, shortcut};

#[derive(Module, Debug)]
struct CortexLayer {
    conv: Pointwise,
    norm: BatchNorm,
    shortcut_norm: BatchNorm,
    #[module(skip)]
    groups: usize,
    #[module(skip)]
    width: usize,
    #[module(skip)]
    drop_path_rate: f64,
}

impl CortexLayer {
    /// # Shapes
    /// - `x`: `[batch * time * place, in]`
    /// - output: `[batch * time * place, out]`
    fn forward(&self, x: Tensor<2>, batch: usize, pass: &Pass) -> Tensor<2> {
        let y = self.conv.forward(x.clone(), self.groups);
        let y = shuffle(self.norm.forward(y, Activation::Silu, pass), self.groups);
        let y = pass.drop_path(y, batch, self.drop_path_rate);
        y + self.shortcut_norm.forward(shortcut::tile(x, self.width), Activation::None, pass)
    }
}

/// Mixes groups: `out[j * groups + i] = in[i * channels / groups + j]`.
///
/// # Shapes
/// - `x`, output: `[row, channel]`
fn shuffle(x: Tensor<2>, groups: usize) -> Tensor<2> {
    let [rows, channels] = x.dims();
    x.reshape([rows, groups, channels / groups]).swap_dims(1, 2).reshape([rows, channels])
}

/// DwiseNeuro's cortex.
#[derive(Module, Debug)]
pub struct Cortex {
    layers: Vec<CortexLayer>,
}

impl Cortex {
    /// Takes the cortex out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing.
    pub fn load(source: &mut Checkpoint, config: &ModelConfig, device: &Device) -> Result<Self> {
        let layers = config
            .cortex_features
            .iter()
            .enumerate()
            .map(|(index, &width)| {
                let name = |part: &str| format!("cortex.layers.{index}.{part}");
                Ok(CortexLayer {
                    conv: Pointwise::load(source, &name("conv"), device)?,
                    norm: BatchNorm::load(source, &name("norm"), device)?,
                    shortcut_norm: BatchNorm::load(source, &name("shortcut_norm"), device)?,
                    groups: config.groups,
                    width,
                    drop_path_rate: config.drop_path_rate,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { layers })
    }

    /// Runs all layers.
    ///
    /// # Shapes
    /// - `x`: `[batch * time * place, in]`
    /// - output: `[batch * time * place, out]`
    pub fn forward(&self, x: Tensor<2>, batch: usize, pass: &Pass) -> Tensor<2> {
        self.layers.iter().fold(x, |x, layer| layer.forward(x, batch, pass))
    }
}
