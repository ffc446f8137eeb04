//! The kernels as plain tensor operations: what devices without loops of their own run, and what the
//! loops are tested against.

use burn::tensor::ops::PadMode;
use burn::tensor::{Tensor, activation};

use super::Activation;

/// See [`super::channel_moments`].
pub fn channel_moments(x: Tensor<2>) -> Tensor<2> {
    let mean = x.clone().mean_dim(0);
    let variance = (x - mean.clone()).square().mean_dim(0);
    Tensor::cat(vec![mean, variance], 0)
}

/// See [`super::affine`].
pub fn affine(x: Tensor<2>, scale: Tensor<1>, shift: Tensor<1>, activation: Activation) -> Tensor<2> {
    let y = x * scale.unsqueeze() + shift.unsqueeze();
    match activation {
        Activation::None => y,
        Activation::Silu => activation::silu(y),
    }
}

/// See [`super::depthwise_spatial`].
pub fn depthwise_spatial(x: Tensor<4>, weight: Tensor<3>, stride: usize) -> Tensor<4> {
    let [channels, kernel, _] = weight.dims();
    let options =
        burn::tensor::ops::ConvOptions::new([stride, stride], [kernel / 2, kernel / 2], [1, 1], channels);
    let weight = weight.reshape([channels, 1, kernel, kernel]);
    let y = burn::tensor::module::conv2d(x.permute([0, 3, 1, 2]), weight, None, options);
    y.permute([0, 2, 3, 1])
}

/// See [`super::depthwise_temporal`].
pub fn depthwise_temporal(x: Tensor<4>, weight: Tensor<2>) -> Tensor<4> {
    let [batch, time, pixels, channels] = x.dims();
    let [_, kernel] = weight.dims();
    let half = kernel / 2;
    let padded = x.pad([(0, 0), (half, half), (0, 0), (0, 0)], PadMode::Constant(0.0));
    (0..kernel)
        .map(|k| {
            let frames = padded.clone().slice([0..batch, k..k + time, 0..pixels, 0..channels]);
            let tap: Tensor<1> = weight.clone().slice([0..channels, k..k + 1]).reshape([channels]);
            frames * tap.unsqueeze()
        })
        .reduce(|sum, part| sum + part)
        .expect("a kernel has at least one tap")
}
