//! Runs the kernels on Flex tensors: takes slices out, puts vectors back.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};

use super::{KernelGradients, KernelOps};
use super::{affine_silu, channel_moments, depthwise_spatial, depthwise_temporal};

fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("kernels get contiguous f32 tensors")
}

fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.layout().shape().dims()
}

/// Brings a `[channel, tap]` kernel into `[tap, channel]` order, the order of the inner loop.
fn taps_first(weight: &[f32], channels: usize) -> Vec<f32> {
    let taps = weight.len() / channels.max(1);
    (0..taps * channels).map(|i| weight[(i % channels) * taps + i / channels]).collect()
}

/// The way back of [`taps_first`].
fn channels_first(weight: &[f32], channels: usize) -> Vec<f32> {
    let taps = weight.len() / channels.max(1);
    (0..taps * channels).map(|i| weight[(i % taps) * channels + i / taps]).collect()
}

fn spatial_sizes(x: &FlexTensor, weight: &FlexTensor, stride: usize) -> depthwise_spatial::Sizes {
    let [frames, height, width, channels] = dims(x);
    let [_, kernel, _] = dims(weight);
    depthwise_spatial::Sizes { frames, height, width, channels, kernel, stride }
}

fn temporal_sizes(x: &FlexTensor, weight: &FlexTensor) -> depthwise_temporal::Sizes {
    let [_, time, pixels, channels] = dims(x);
    let [_, kernel] = dims(weight);
    depthwise_temporal::Sizes { time, pixels, channels, kernel }
}

impl KernelOps for Flex {
    fn channel_moments(x: FlexTensor) -> FlexTensor {
        let [_, channels] = dims(&x);
        tensor(channel_moments::forward(slice(&x.to_contiguous()), channels), [2, channels])
    }

    fn affine(x: FlexTensor, scale: FlexTensor, shift: FlexTensor, silu: bool) -> FlexTensor {
        let shape: [usize; 2] = dims(&x);
        let (scale, shift) = (scale.to_contiguous(), shift.to_contiguous());
        tensor(affine_silu::forward(slice(&x.to_contiguous()), slice(&scale), slice(&shift), silu), shape)
    }

    fn depthwise_spatial(x: FlexTensor, weight: FlexTensor, stride: usize) -> FlexTensor {
        let sizes = spatial_sizes(&x, &weight, stride);
        let taps = taps_first(slice(&weight.to_contiguous()), sizes.channels);
        let [height, width] = sizes.output();
        let out = depthwise_spatial::forward(slice(&x.to_contiguous()), &taps, sizes);
        tensor(out, [sizes.frames, height, width, sizes.channels])
    }

    fn depthwise_temporal(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        let sizes = temporal_sizes(&x, &weight);
        let taps = taps_first(slice(&weight.to_contiguous()), sizes.channels);
        let shape: [usize; 4] = dims(&x);
        tensor(depthwise_temporal::forward(slice(&x.to_contiguous()), &taps, sizes), shape)
    }
}

impl KernelGradients for Flex {
    fn channel_moments_backward(x: FlexTensor, moments: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let shape: [usize; 2] = dims(&x);
        let (x, moments, grad) = (x.to_contiguous(), moments.to_contiguous(), grad.to_contiguous());
        tensor(channel_moments::backward(slice(&x), slice(&moments), slice(&grad)), shape)
    }

    fn affine_backward(
        inputs: [FlexTensor; 3],
        silu: bool,
        grad: FlexTensor,
        need: [bool; 2],
    ) -> (Option<FlexTensor>, Option<[FlexTensor; 2]>) {
        let shape: [usize; 2] = dims(&inputs[0]);
        let [x, scale, shift] = inputs.map(|t| t.to_contiguous());
        let grad = grad.to_contiguous();
        let (to_x, to_parameters) =
            affine_silu::backward(slice(&x), slice(&scale), slice(&shift), silu, slice(&grad), need);
        (
            to_x.map(|g| tensor(g, shape)),
            to_parameters.map(|[scale, shift]| [tensor(scale, [shape[1]]), tensor(shift, [shape[1]])]),
        )
    }

    fn depthwise_spatial_backward(
        [x, weight]: [FlexTensor; 2],
        stride: usize,
        grad: FlexTensor,
        [need_x, need_weight]: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let sizes = spatial_sizes(&x, &weight, stride);
        let (x, weight, grad) = (x.to_contiguous(), weight.to_contiguous(), grad.to_contiguous());
        let to_x = need_x.then(|| {
            let taps = taps_first(slice(&weight), sizes.channels);
            let shape = [sizes.frames, sizes.height, sizes.width, sizes.channels];
            tensor(depthwise_spatial::backward_x(slice(&grad), &taps, sizes), shape)
        });
        let to_weight = need_weight.then(|| {
            let taps = depthwise_spatial::backward_weight(slice(&x), slice(&grad), sizes);
            tensor(channels_first(&taps, sizes.channels), [sizes.channels, sizes.kernel, sizes.kernel])
        });
        [to_x, to_weight]
    }

    fn depthwise_temporal_backward(
        [x, weight]: [FlexTensor; 2],
        grad: FlexTensor,
        [need_x, need_weight]: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let sizes = temporal_sizes(&x, &weight);
        let shape: [usize; 4] = dims(&x);
        let (x, weight, grad) = (x.to_contiguous(), weight.to_contiguous(), grad.to_contiguous());
        let to_x = need_x.then(|| {
            let taps = taps_first(slice(&weight), sizes.channels);
            tensor(depthwise_temporal::backward_x(slice(&grad), &taps, sizes), shape)
        });
        let to_weight = need_weight.then(|| {
            let taps = depthwise_temporal::backward_weight(slice(&x), slice(&grad), sizes);
            tensor(channels_first(&taps, sizes.channels), [sizes.channels, sizes.kernel])
        });
        [to_x, to_weight]
    }
}
