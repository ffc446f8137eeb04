//! Pointwise convolutions: matrix products over channels, whole or in groups.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::checkpoint::Checkpoint;
use super::tensors;
use crate::error::Result;

/// A pointwise convolution without bias.
#[derive(Module, Debug)]
pub struct Pointwise {
    /// `[out, in / groups]`
    weight: Param<Tensor<2>>,
}

impl Pointwise {
    /// Takes the layer `name` out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing.
    pub fn load(source: &mut Checkpoint, name: &str, device: &Device) -> Result<Self> {
        let weight = tensors::take(source, &format!("{name}.weight"), device)?;
        Ok(Self { weight: Param::from_tensor(weight) })
    }

    /// Its weights: `[out, in / groups]`.
    pub fn weight(&self) -> Tensor<2> {
        self.weight.val()
    }

    /// See [`grouped`].
    pub fn forward(&self, x: Tensor<2>, groups: usize) -> Tensor<2> {
        grouped(x, self.weight.val(), groups)
    }
}

/// A pointwise convolution with bias.
#[derive(Module, Debug)]
pub struct BiasedPointwise {
    /// `[out, in]`
    weight: Param<Tensor<2>>,
    /// `[out]`
    bias: Param<Tensor<1>>,
}

impl BiasedPointwise {
    /// Takes the layer `name` out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing.
    pub fn load(source: &mut Checkpoint, name: &str, device: &Device) -> Result<Self> {
        let weight = tensors::take(source, &format!("{name}.weight"), device)?;
        let bias = tensors::take(source, &format!("{name}.bias"), device)?;
        Ok(Self { weight: Param::from_tensor(weight), bias: Param::from_tensor(bias) })
    }

    /// Its weights, `[out, in / groups]`, and biases, `[out]`.
    pub fn parameters(&self) -> (Tensor<2>, Tensor<1>) {
        (self.weight.val(), self.bias.val())
    }

    /// Maps channels of groups of inputs to groups of outputs, and adds the bias.
    ///
    /// # Shapes
    /// - `x`: `[row, groups * in]`
    /// - output: `[row, out]`
    pub fn forward(&self, x: Tensor<2>, groups: usize) -> Tensor<2> {
        grouped(x, self.weight.val(), groups) + self.bias.val().unsqueeze()
    }
}

/// Multiplies each group of channels with its own block of the weights.
///
/// # Shapes
/// - `x`: `[row, groups * in]`
/// - `weight`: `[out, in]`, the groups' rows one after the other
/// - output: `[row, out]`
pub fn grouped(x: Tensor<2>, weight: Tensor<2>, groups: usize) -> Tensor<2> {
    if groups == 1 {
        return x.matmul(weight.transpose());
    }
    let [rows, _] = x.dims();
    let [out, width] = weight.dims();
    let x = x.reshape([rows, groups, width]).swap_dims(0, 1);
    let weight = weight.reshape([groups, out / groups, width]).swap_dims(1, 2);
    x.matmul(weight).swap_dims(0, 1).reshape([rows, out])
}
