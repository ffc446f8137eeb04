//! The encoder's operators that a tensor library does slowly on a CPU, channels-last, with exact
//! hand-written gradients.
//!
//! Each is a function on tensors that runs on any device: on Flex through the loops of this module,
//! elsewhere through the plain tensor operations of [`reference`], which the loops are tested
//! against. Layout is `[.., channel]`, so that the inner loop runs over contiguous channels and a
//! pointwise convolution is one matrix product.

mod affine_silu;
mod autodiff;
mod channel_moments;
mod depthwise_spatial;
mod depthwise_temporal;
mod flex;
pub(crate) mod lane;
pub(crate) mod lane_product;
pub(crate) mod plane;
pub(crate) mod product;
pub mod reference;
pub(crate) mod silu;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::{Device, Tensor};

/// What follows the affine map of a batch norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `x * sigmoid(x)`.
    Silu,
}

/// Operators with loops of their own; forward.
#[backend_extension(Flex, Autodiff)]
pub trait KernelOps: Backend {
    /// See [`channel_moments`].
    fn channel_moments(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`affine`].
    fn affine(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        silu: bool,
    ) -> FloatTensor<Self>;
    /// See [`depthwise_spatial`].
    fn depthwise_spatial(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize)
    -> FloatTensor<Self>;
    /// See [`depthwise_temporal`].
    fn depthwise_temporal(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Gradients of [`KernelOps`]. `need` says which are asked for; the others come back empty.
pub trait KernelGradients: Backend {
    /// Gradient to `x`, given the moments.
    fn channel_moments_backward(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// Gradients to `x`, and to `scale` and `shift` together.
    fn affine_backward(
        inputs: [FloatTensor<Self>; 3],
        silu: bool,
        grad: FloatTensor<Self>,
        need: [bool; 2],
    ) -> (Option<FloatTensor<Self>>, Option<[FloatTensor<Self>; 2]>);
    /// Gradients to `x` and to `weight`.
    fn depthwise_spatial_backward(
        inputs: [FloatTensor<Self>; 2],
        stride: usize,
        grad: FloatTensor<Self>,
        need: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2];
    /// Gradients to `x` and to `weight`.
    fn depthwise_temporal_backward(
        inputs: [FloatTensor<Self>; 2],
        grad: FloatTensor<Self>,
        need: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2];
}

/// Computes mean and biased variance of every channel over all other axes.
///
/// # Shapes
/// - `x`: `[row, channel]`
/// - output: `[2, channel]`: means, then variances
pub fn channel_moments(x: Tensor<2>) -> Tensor<2> {
    if runs_natively(&x.device()) {
        Tensor::from_dispatch(Dispatch::channel_moments(x.into_dispatch()))
    } else {
        reference::channel_moments(x)
    }
}

/// Computes `activation(x * scale + shift)`: what is left of a batch norm once its statistics are known.
///
/// # Shapes
/// - `x`, output: `[row, channel]`
/// - `scale`, `shift`: `[channel]`
pub fn affine(x: Tensor<2>, scale: Tensor<1>, shift: Tensor<1>, activation: Activation) -> Tensor<2> {
    if runs_natively(&x.device()) {
        let silu = activation == Activation::Silu;
        Tensor::from_dispatch(Dispatch::affine(
            x.into_dispatch(),
            scale.into_dispatch(),
            shift.into_dispatch(),
            silu,
        ))
    } else {
        reference::affine(x, scale, shift, activation)
    }
}

/// Convolves every channel of every frame with its own odd square kernel, zero-padded by half of it.
///
/// # Shapes
/// - `x`: `[frame, height, width, channel]`
/// - `weight`: `[channel, kernel, kernel]`
/// - output: `[frame, ceil(height / stride), ceil(width / stride), channel]`
pub fn depthwise_spatial(x: Tensor<4>, weight: Tensor<3>, stride: usize) -> Tensor<4> {
    if runs_natively(&x.device()) {
        let out = Dispatch::depthwise_spatial(x.into_dispatch(), weight.into_dispatch(), stride);
        Tensor::from_dispatch(out)
    } else {
        reference::depthwise_spatial(x, weight, stride)
    }
}

/// Convolves every channel of every pixel over time with its own odd kernel, zero-padded by half of it.
///
/// # Shapes
/// - `x`, output: `[batch, time, pixel, channel]`
/// - `weight`: `[channel, kernel]`
pub fn depthwise_temporal(x: Tensor<4>, weight: Tensor<2>) -> Tensor<4> {
    if runs_natively(&x.device()) {
        Tensor::from_dispatch(Dispatch::depthwise_temporal(x.into_dispatch(), weight.into_dispatch()))
    } else {
        reference::depthwise_temporal(x, weight)
    }
}

/// Says whether `device` runs the loops of this module: whether it is burn's Flex.
pub(crate) fn runs_natively(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Flex(_))
}

/// Adds the parts of a parallel sum in their order, so that the result does not depend on threads.
fn sum_in_order(parts: &[Vec<f32>], size: usize) -> Vec<f32> {
    (0..size).map(|i| parts.iter().map(|part| f64::from(part[i])).sum::<f64>() as f32).collect()
}
