//! The kernels as plain tensor operations: what devices without loops of their own run, and what the
//! loops are tested against.

use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{Int, Tensor, TensorData, activation, s};

use super::convolved::{Convolved, Shape};
use super::expand::Sizes;
use super::forward::{Activation, Expanded, Joined, Norm, SqueezeExcite};
use super::join::JoinSizes;
use super::norm::EPSILON;
use super::read::ReadSizes;
use super::shortcut;

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

/// Normalises by `norm`'s statistics, or by `moments`.
fn normalize(x: Tensor<2>, moments: Tensor<2>, norm: Norm, activation: Activation) -> Tensor<2> {
    let [mean, variance] =
        norm.running.unwrap_or_else(|| [0, 1].map(|k| moments.clone().slice(s![k..k + 1, ..]).flatten(0, 1)));
    let scale = norm.gamma / (variance + EPSILON).sqrt();
    let shift = norm.beta - mean * scale.clone();
    affine(x, scale, shift, activation)
}

/// See [`super::expand_and_convolve`].
pub fn expand_and_convolve(
    x: Tensor<2>,
    positions: Tensor<2>,
    weight: Tensor<2>,
    norm: Norm,
    kernel: Tensor<3>,
    sizes: Sizes,
) -> Expanded {
    let Sizes { clips, time, height, width, inner, side, stride, .. } = sizes;
    let y = add_positions(x, positions, [clips, time, height, width]).matmul(weight.transpose());
    let moments = channel_moments(y.clone());
    let y =
        normalize(y, moments.clone(), norm, Activation::Silu).reshape([clips * time, height, width, inner]);
    let options = ConvOptions::new([stride, stride], [side / 2, side / 2], [1, 1], inner);
    let kernel = kernel.reshape([inner, 1, side, side]);
    let y = burn::tensor::module::conv2d(y.permute([0, 3, 1, 2]), kernel, None, options);
    let shape = sizes.output();
    let rows = y.permute([0, 2, 3, 1]).reshape([shape.rows(), inner]);
    Expanded { convolved: Convolved::from_rows(rows, shape), moments: moments.detach() }
}

/// Adds to every pixel what `positions` (`[time + height + width, channel]`) say of its place.
pub fn add_positions(
    x: Tensor<2>,
    positions: Tensor<2>,
    [clips, time, height, width]: [usize; 4],
) -> Tensor<2> {
    let [rows, channels] = x.dims();
    let part = |from: usize, count: usize| positions.clone().slice(s![from..from + count, ..]);
    let of_time = part(0, time).reshape([1, time, 1, 1, channels]);
    let of_rows = part(time, height).reshape([1, 1, height, 1, channels]);
    let of_columns = part(time + height, width).reshape([1, 1, 1, width, channels]);
    let x = x.reshape([clips, time, height, width, channels]);
    (x + (of_time + of_rows + of_columns)).reshape([rows, channels])
}

/// See [`super::convolve_time`].
pub fn convolve_time(x: Convolved, norm: Norm, kernel: Tensor<2>) -> Convolved {
    let shape = x.shape();
    let Shape { clips, time, pixels, channels } = shape;
    let x = normalize(x.rows(), x.moments(), norm, Activation::Silu).reshape([clips, time, pixels, channels]);
    let [_, taps] = kernel.dims();
    let half = taps / 2;
    let padded = x.pad([(0, 0), (half, half), (0, 0), (0, 0)], PadMode::Constant(0.0));
    let y = (0..taps)
        .map(|k| {
            let frames = padded.clone().slice(s![.., k..k + time, .., ..]);
            let tap: Tensor<1> = kernel.clone().slice(s![.., k..k + 1]).reshape([channels]);
            frames * tap.unsqueeze()
        })
        .reduce(|sum, part| sum + part)
        .expect("a kernel has at least one tap");
    Convolved::from_rows(y.reshape([shape.rows(), channels]), shape)
}

/// See [`super::excite_and_project`].
pub fn excite_and_project(x: Convolved, norm: Norm, excite: SqueezeExcite, weight: Tensor<2>) -> Tensor<2> {
    let shape = x.shape();
    let Shape { clips, time, pixels, channels } = shape;
    let x =
        normalize(x.rows(), x.moments(), norm, Activation::Silu).reshape([clips, time * pixels, channels]);
    let mean = x.clone().mean_dim(1).reshape([clips, channels]);
    let hidden = activation::silu(mean.matmul(excite.reduce.transpose()) + excite.reduce_bias.unsqueeze());
    let scale =
        activation::sigmoid(hidden.matmul(excite.expand.transpose()) + excite.expand_bias.unsqueeze());
    let y = (x * scale.unsqueeze_dim::<3>(1)).reshape([shape.rows(), channels]);
    y.matmul(weight.transpose())
}

/// See [`super::join`].
pub fn join(
    y: Tensor<2>,
    x: Tensor<2>,
    positions: Tensor<2>,
    norms: [Norm; 2],
    kept: Vec<f32>,
    sizes: JoinSizes,
) -> Joined {
    let JoinSizes { clips, time, height, width, channels, outputs, .. } = sizes;
    let x = add_positions(x, positions, [clips, time, height, width]);
    let x = shortcut::downsample(x.reshape([clips * time, height, width, channels]), sizes.reached());
    let x = shortcut::tile(x.reshape([sizes.rows(), channels]), outputs);
    let moments = [channel_moments(y.clone()), channel_moments(x.clone())];
    let [norm, shortcut] = norms;
    let kept = Tensor::<2>::from_data(TensorData::new(kept, [clips, 1]), &y.device());
    let y = normalize(y, moments[0].clone(), norm, Activation::None);
    let y = (y.reshape([clips, sizes.rows() / clips * outputs]) * kept).reshape([sizes.rows(), outputs]);
    let rows = y + normalize(x, moments[1].clone(), shortcut, Activation::None);
    Joined { rows, moments: moments.map(Tensor::detach) }
}

/// See [`super::read_at`]. What every pixel counts for every neuron is a matrix here, nearly all zeros, and the
/// features that each neuron reads in each frame exist at once.
pub fn read_at(x: Tensor<2>, positions: Tensor<3>, weight: Tensor<2>, sizes: ReadSizes) -> Tensor<2> {
    let ReadSizes { clips, time, height, width, channels, neurons } = sizes;
    let axis = |k: usize| positions.clone().slice(s![.., .., k..k + 1]);
    let columns = shares(axis(0), width).reshape([clips, neurons, 1, width]);
    let rows = shares(axis(1), height).reshape([clips, neurons, height, 1]);
    let shares = (rows * columns).reshape([clips, neurons, height * width]);
    let map = x.reshape([clips, time, height * width, channels]).swap_dims(1, 2);
    let read = shares.matmul(map.reshape([clips, height * width, time * channels]));
    let read = read.reshape([clips, neurons, time, channels]) * weight.reshape([1, neurons, 1, channels]);
    read.sum_dim(3).reshape([clips, neurons, time]).swap_dims(1, 2).reshape([clips * time, neurons])
}

/// What each of `length` pixels in a row counts for coordinates from -1 to 1.
///
/// # Shapes
/// - `coordinate`: `[clip, neuron, 1]`
/// - output: `[clip, neuron, length]`
fn shares(coordinate: Tensor<3>, length: usize) -> Tensor<3> {
    let [clips, neurons, _] = coordinate.dims();
    let place = (coordinate + 1.0) * (0.5 * (length - 1) as f64);
    let before = place.clone().detach().floor().clamp(0.0, length.saturating_sub(2) as f64);
    let behind = place - before.clone();
    let pixels = Tensor::<1, Int>::arange(0..length as i64, &before.device()).float();
    let pixels = pixels.reshape([1, 1, length]).expand([clips, neurons, length]);
    let is = |pixel: Tensor<3>| pixels.clone().equal(pixel.expand([clips, neurons, length])).float();
    is(before.clone()) * (1.0 - behind.clone()) + is(before + 1.0) * behind
}
