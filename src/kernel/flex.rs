//! Runs the kernels on Flex tensors: takes slices out, puts vectors back.

use std::borrow::Cow;

use burn::backend::Flex;
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{AllocationProperty, Bytes, DType, Shape as TensorShape, TensorData};

use super::buffer::Recycled;
use super::convolved::Shape;
use super::expand::{self, Sizes};
use super::join::{self, JoinSizes};
use super::lane::{Lane, WIDTH};
use super::norm::Running;
use super::read::{self, ReadSizes};
use super::squeeze::Network;
use super::{KernelGradients, KernelOps, expand_gradient, project, project_gradient, temporal};
use super::{affine_silu, channel_moments, join_gradient};

fn tensor(values: Vec<f32>, shape: impl Into<TensorShape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("kernels get contiguous f32 tensors")
}

fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.layout().shape().dims()
}

/// Wraps a packed tensor; its memory stays where it is, on whole cache lines, which the tensor library's
/// own memory need not be.
fn packed_tensor(lanes: Recycled) -> FlexTensor {
    let shape = [lanes.len(), WIDTH];
    recycled_tensor(lanes, shape)
}

/// Wraps values that lie in recycled memory, which may be longer.
fn recycled_tensor(values: Recycled, shape: impl Into<TensorShape>) -> FlexTensor {
    let bytes = Bytes::from_shared(bytes::Bytes::from_owner(values), AllocationProperty::Other);
    FlexTensor::new(bytes, Layout::contiguous(shape.into()), DType::F32)
}

/// Takes a packed tensor out; copies it only if somebody else made it and it lies askew in memory.
fn packed(tensor: &FlexTensor) -> Cow<'_, [Lane]> {
    let values = slice(tensor);
    match bytemuck::try_cast_slice(values) {
        Ok(lanes) => Cow::Borrowed(lanes),
        Err(_) => {
            let mut lanes = vec![Lane::ZERO; values.len() / WIDTH];
            bytemuck::cast_slice_mut(&mut lanes).copy_from_slice(values);
            Cow::Owned(lanes)
        }
    }
}

fn contiguous<const N: usize>(tensors: [FlexTensor; N]) -> [FlexTensor; N] {
    tensors.map(|tensor| tensor.to_contiguous())
}

fn expand_inputs(tensors: &[FlexTensor; 6]) -> expand::Inputs<'_> {
    let [x, positions, weight, gamma, beta, kernel] = tensors.each_ref().map(slice);
    expand::Inputs { x, positions, weight, gamma, beta, kernel }
}

fn network(tensors: &[FlexTensor; 8]) -> Network<'_> {
    let [_, _, _, reduce, reduce_bias, expand, expand_bias, _] = tensors.each_ref().map(slice);
    Network { reduce, reduce_bias, expand, expand_bias }
}

fn join_inputs<'a>(tensors: &'a [FlexTensor; 7], kept: &'a [f32]) -> join::Inputs<'a> {
    let [y, x, gamma, beta, shortcut_gamma, shortcut_beta, positions] = tensors.each_ref().map(slice);
    join::Inputs { y, x, positions, gamma: [gamma, shortcut_gamma], beta: [beta, shortcut_beta], kept }
}

fn read_inputs(tensors: &[FlexTensor; 3]) -> read::Inputs<'_> {
    let [x, positions, weight] = tensors.each_ref().map(slice);
    read::Inputs { x, positions, weight }
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

    fn expand(
        x: FlexTensor,
        positions: FlexTensor,
        weight: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        kernel: FlexTensor,
        running: Running,
        sizes: Sizes,
    ) -> (FlexTensor, FlexTensor, FlexTensor, FlexTensor) {
        let inputs = contiguous([x, positions, weight, gamma, beta, kernel]);
        let out = expand::forward(expand_inputs(&inputs), &running, sizes);
        (
            packed_tensor(out.packed),
            tensor(out.moments, [2, sizes.inner]),
            tensor(out.center, [sizes.channels]),
            tensor(out.slopes, [sizes.inner, sizes.channels]),
        )
    }

    fn temporal(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        kernel: FlexTensor,
        running: Running,
        shape: Shape,
    ) -> FlexTensor {
        let [x, gamma, beta, kernel] = contiguous([x, gamma, beta, kernel]);
        let (gamma, beta, kernel) = (slice(&gamma), slice(&beta), slice(&kernel));
        let inputs = temporal::Inputs { x: &packed(&x), gamma, beta, kernel, running: &running };
        packed_tensor(temporal::forward(inputs, shape))
    }

    fn project(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        reduce: FlexTensor,
        reduce_bias: FlexTensor,
        expand: FlexTensor,
        expand_bias: FlexTensor,
        weight: FlexTensor,
        running: Running,
        shape: Shape,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let inputs = contiguous([x, gamma, beta, reduce, reduce_bias, expand, expand_bias, weight]);
        let [x, gamma, beta, .., weight] = &inputs;
        let (x, gamma, beta, weight) = (&packed(x), slice(gamma), slice(beta), slice(weight));
        let network = network(&inputs);
        let inputs = project::Inputs { x, gamma, beta, network, weight, running: &running };
        let out = project::forward(inputs, shape);
        let by_clip = [shape.clips, shape.channels];
        (
            recycled_tensor(out.rows, [shape.rows(), inputs.outputs(shape)]),
            tensor(out.means, by_clip),
            tensor(out.scales, by_clip),
        )
    }

    fn join(
        y: FlexTensor,
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        shortcut_gamma: FlexTensor,
        shortcut_beta: FlexTensor,
        positions: FlexTensor,
        kept: Vec<f32>,
        running: [Running; 2],
        sizes: JoinSizes,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let inputs = contiguous([y, x, gamma, beta, shortcut_gamma, shortcut_beta, positions]);
        let inputs = join_inputs(&inputs, &kept);
        let moments = join::moments(inputs, sizes);
        let norms = join::norms(inputs, &running, moments.each_ref().map(|m| &m[..]), sizes.outputs);
        let out = join::forward(inputs, &norms, sizes);
        let [path, shortcut] = moments.map(|moments| tensor(moments, [2, sizes.outputs]));
        (recycled_tensor(out, [sizes.rows(), sizes.outputs]), path, shortcut)
    }

    fn read_at(x: FlexTensor, positions: FlexTensor, weight: FlexTensor, sizes: ReadSizes) -> FlexTensor {
        let inputs = contiguous([x, positions, weight]);
        tensor(read::forward(read_inputs(&inputs), sizes), [sizes.clips * sizes.time, sizes.neurons])
    }
}

impl KernelGradients for Flex {
    fn channel_moments_backward(x: FlexTensor, moments: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let shape: [usize; 2] = dims(&x);
        let [x, moments, grad] = contiguous([x, moments, grad]);
        tensor(channel_moments::backward(slice(&x), slice(&moments), slice(&grad)), shape)
    }

    fn affine_backward(
        inputs: [FlexTensor; 3],
        silu: bool,
        grad: FlexTensor,
        need: [bool; 2],
    ) -> (Option<FlexTensor>, Option<[FlexTensor; 2]>) {
        let shape: [usize; 2] = dims(&inputs[0]);
        let [x, scale, shift] = contiguous(inputs);
        let grad = grad.to_contiguous();
        let (to_x, to_parameters) =
            affine_silu::backward(slice(&x), slice(&scale), slice(&shift), silu, slice(&grad), need);
        (
            to_x.map(|g| tensor(g, shape)),
            to_parameters.map(|[scale, shift]| [tensor(scale, [shape[1]]), tensor(shift, [shape[1]])]),
        )
    }

    fn expand_backward(
        inputs: [FlexTensor; 6],
        outputs: [FlexTensor; 4],
        batch: bool,
        sizes: Sizes,
        grad: FlexTensor,
        to_x: bool,
    ) -> [Option<FlexTensor>; 5] {
        let (inputs, grad) = (contiguous(inputs), grad.to_contiguous());
        let [out, moments, center, slopes] = &outputs;
        let (out, grad) = (packed(out), packed(&grad));
        let kept = expand::Kept {
            packed: &out,
            moments: slice(moments),
            center: slice(center),
            slopes: slice(slopes),
        };
        let found = expand_gradient::backward(expand_inputs(&inputs), batch, kept, &grad, sizes, to_x);
        let Sizes { channels, inner, side, .. } = sizes;
        let rows = sizes.clips * sizes.time * sizes.pixels();
        [
            to_x.then(|| tensor(found.x, [rows, channels])),
            Some(tensor(found.weight, [inner, channels])),
            Some(tensor(found.gamma, [inner])),
            Some(tensor(found.beta, [inner])),
            Some(tensor(found.kernel, [inner, side, side])),
        ]
    }

    fn temporal_backward(
        inputs: [FlexTensor; 4],
        output: FlexTensor,
        running: Running,
        shape: Shape,
        grad: FlexTensor,
    ) -> [FlexTensor; 4] {
        let [x, gamma, beta, kernel] = &contiguous(inputs);
        let (x, gamma, beta, kernel) = (&packed(x), slice(gamma), slice(beta), slice(kernel));
        let inputs = temporal::Inputs { x, gamma, beta, kernel, running: &running };
        let found = temporal::backward(inputs, &packed(&output), &packed(&grad.to_contiguous()), shape);
        [
            packed_tensor(found.x),
            tensor(found.norm.gamma, [shape.channels]),
            tensor(found.norm.beta, [shape.channels]),
            tensor(found.kernel, [shape.channels, kernel.len() / shape.channels]),
        ]
    }

    fn project_backward(
        inputs: [FlexTensor; 8],
        kept: [FlexTensor; 2],
        running: Running,
        shape: Shape,
        grad: FlexTensor,
    ) -> [FlexTensor; 8] {
        let (inputs, grad) = (contiguous(inputs), grad.to_contiguous());
        let sizes = inputs.each_ref().map(|tensor| tensor.layout().shape().clone());
        let [x, gamma, beta, .., weight] = &inputs;
        let (x, gamma, beta, weight) = (&packed(x), slice(gamma), slice(beta), slice(weight));
        let network = network(&inputs);
        let inputs = project::Inputs { x, gamma, beta, network, weight, running: &running };
        let [means, scales] = kept.each_ref().map(slice);
        let found = project_gradient::backward(inputs, means, scales, slice(&grad), shape);
        let [_, gamma, beta, reduce, reduce_bias, expand, expand_bias, weight] = sizes;
        let network = found.network;
        [
            packed_tensor(found.x),
            tensor(found.norm.gamma, gamma),
            tensor(found.norm.beta, beta),
            tensor(network.reduce, reduce),
            tensor(network.reduce_bias, reduce_bias),
            tensor(network.expand, expand),
            tensor(network.expand_bias, expand_bias),
            tensor(found.weight, weight),
        ]
    }

    fn join_backward(
        inputs: [FlexTensor; 7],
        moments: [FlexTensor; 2],
        kept: Vec<f32>,
        running: [Running; 2],
        sizes: JoinSizes,
        grad: FlexTensor,
    ) -> [FlexTensor; 6] {
        let (tensors, grad) = (contiguous(inputs), grad.to_contiguous());
        let inputs = join_inputs(&tensors, &kept);
        let norms = join::norms(inputs, &running, moments.each_ref().map(slice), sizes.outputs);
        let batch = running.each_ref().map(Option::is_none);
        let found = join_gradient::backward(inputs, &norms, batch, slice(&grad), sizes);
        let [path, shortcut] = found.norms;
        let parameters = [path.gamma, path.beta, shortcut.gamma, shortcut.beta];
        let [gamma, beta, shortcut_gamma, shortcut_beta] =
            parameters.map(|values| tensor(values, [sizes.outputs]));
        let y = recycled_tensor(found.y, [sizes.rows(), sizes.outputs]);
        let x = tensor(found.x, dims::<2>(&tensors[1]));
        [y, x, gamma, beta, shortcut_gamma, shortcut_beta]
    }

    fn read_at_backward(
        inputs: [FlexTensor; 3],
        sizes: ReadSizes,
        grad: FlexTensor,
        need: [bool; 2],
    ) -> (Option<FlexTensor>, Option<[FlexTensor; 2]>) {
        let (tensors, grad) = (contiguous(inputs), grad.to_contiguous());
        let (inputs, grad) = (read_inputs(&tensors), slice(&grad));
        let [to_x, to_parameters] = need;
        let x = to_x.then(|| {
            let found = read::backward_to_x(inputs.positions, inputs.weight, grad, sizes);
            tensor(found, dims::<2>(&tensors[0]))
        });
        let parameters = to_parameters.then(|| {
            let found = read::backward_to_parameters(inputs, grad, sizes);
            let ReadSizes { clips, channels, neurons, .. } = sizes;
            [tensor(found.positions, [clips, neurons, 2]), tensor(found.weight, [neurons, channels])]
        });
        (x, parameters)
    }
}
