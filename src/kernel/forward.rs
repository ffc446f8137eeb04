//! The operators as functions on tensors of any device.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use super::convolved::{Convolved, Shape};
use super::expand::Sizes;
use super::join::JoinSizes;
use super::norm::Running;
use super::read::ReadSizes;
use super::{KernelOps, reference, runs_natively};

/// What follows the affine map of a batch norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `x * sigmoid(x)`.
    Silu,
}

/// A batch norm's parameters, and the statistics to use instead of the batch's.
#[derive(Debug, Clone)]
pub struct Norm {
    /// `[channel]`
    pub gamma: Tensor<1>,
    /// `[channel]`
    pub beta: Tensor<1>,
    /// Mean and variance, `[channel]` each.
    pub running: Option<[Tensor<1>; 2]>,
}

impl Norm {
    fn running(&self) -> Running {
        let values = |t: &Tensor<1>| t.clone().inner().into_data().try_into_vec().expect("norms are f32");
        self.running.as_ref().map(|running| running.each_ref().map(values))
    }
}

/// The parameters of squeeze-excite.
#[derive(Debug, Clone)]
pub struct SqueezeExcite {
    /// `[hidden, channel]`
    pub reduce: Tensor<2>,
    /// `[hidden]`
    pub reduce_bias: Tensor<1>,
    /// `[channel, hidden]`
    pub expand: Tensor<2>,
    /// `[channel]`
    pub expand_bias: Tensor<1>,
}

/// What [`expand_and_convolve`] returns.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// The convolved channels.
    pub convolved: Convolved,
    /// Mean and biased variance of the expanded channels, for running statistics: no gradient follows
    /// them. `[2, inner]`
    pub moments: Tensor<2>,
}

/// What [`join`] returns.
#[derive(Debug, Clone)]
pub struct Joined {
    /// `[clip * time * pixel, output]`
    pub rows: Tensor<2>,
    /// Mean and biased variance of the path's channels and of the shortcut's, for running statistics: no
    /// gradient follows them. `[2, output]` each.
    pub moments: [Tensor<2>; 2],
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

/// Adds positions, expands channels by `weight`, normalises, applies SiLU, and convolves every channel of
/// every frame with its own odd square kernel, zero-padded by half of it.
///
/// # Shapes
/// - `x`: `[clip * time * height * width, channel]`
/// - `positions`: `[time + height + width, channel]`: what is added at each frame, row and column; no
///   gradient follows them
/// - `weight`: `[inner, channel]`
/// - `kernel`: `[inner, side, side]`
/// - output: `inner` channels, `ceil(height / stride) * ceil(width / stride)` pixels
pub fn expand_and_convolve(
    x: Tensor<2>,
    positions: Tensor<2>,
    weight: Tensor<2>,
    norm: Norm,
    kernel: Tensor<3>,
    sizes: Sizes,
) -> Expanded {
    if !runs_natively(&x.device()) {
        return reference::expand_and_convolve(x, positions, weight, norm, kernel, sizes);
    }
    let running = norm.running();
    let (packed, moments, _, _) = Dispatch::expand(
        x.into_dispatch(),
        positions.into_dispatch(),
        weight.into_dispatch(),
        norm.gamma.into_dispatch(),
        norm.beta.into_dispatch(),
        kernel.into_dispatch(),
        running,
        sizes,
    );
    Expanded {
        convolved: Convolved::from_packed(Tensor::from_dispatch(packed), sizes.output()),
        moments: Tensor::from_dispatch(moments),
    }
}

/// Normalises, applies SiLU, and convolves every channel of every pixel over time with its own odd kernel,
/// zero-padded by half of it.
///
/// # Shapes
/// - `kernel`: `[channel, tap]`
/// - output: as `x`
pub fn convolve_time(x: Convolved, norm: Norm, kernel: Tensor<2>) -> Convolved {
    let shape = x.shape();
    let Some(packed) = x.packed() else {
        return reference::convolve_time(x, norm, kernel);
    };
    let running = norm.running();
    let out = Dispatch::temporal(
        packed.clone().into_dispatch(),
        norm.gamma.into_dispatch(),
        norm.beta.into_dispatch(),
        kernel.into_dispatch(),
        running,
        shape,
    );
    Convolved::from_packed(Tensor::from_dispatch(out), shape)
}

/// Normalises, applies SiLU, scales the channels of each clip by what the mean over the clip says of them
/// (squeeze-excite), and projects them by `weight`.
///
/// # Shapes
/// - `weight`: `[out, channel]`
/// - output: `[clip * time * pixel, out]`
pub fn excite_and_project(x: Convolved, norm: Norm, excite: SqueezeExcite, weight: Tensor<2>) -> Tensor<2> {
    let shape: Shape = x.shape();
    let Some(packed) = x.packed() else {
        return reference::excite_and_project(x, norm, excite, weight);
    };
    let running = norm.running();
    let (rows, _, _) = Dispatch::project(
        packed.clone().into_dispatch(),
        norm.gamma.into_dispatch(),
        norm.beta.into_dispatch(),
        excite.reduce.into_dispatch(),
        excite.reduce_bias.into_dispatch(),
        excite.expand.into_dispatch(),
        excite.expand_bias.into_dispatch(),
        weight.into_dispatch(),
        running,
        shape,
    );
    Tensor::from_dispatch(rows)
}

/// Ends a block: normalises `y`, times `kept` for each clip, plus the shortcut, normalised. The shortcut is
/// `x` with positions added, downsampled to the nearest pixels, its channels repeated to the width of `y`.
///
/// # Shapes
/// - `y`: `[clip * time * pixel, output]`
/// - `x`: `[clip * time * height * width, channel]`
/// - `positions`: `[time + height + width, channel]`; no gradient follows them
/// - `kept`: `[clip]`
pub fn join(
    y: Tensor<2>,
    x: Tensor<2>,
    positions: Tensor<2>,
    norms: [Norm; 2],
    kept: Vec<f32>,
    sizes: JoinSizes,
) -> Joined {
    if !runs_natively(&y.device()) {
        return reference::join(y, x, positions, norms, kept, sizes);
    }
    let running = norms.each_ref().map(Norm::running);
    let [norm, shortcut] = norms;
    let (rows, path, around) = Dispatch::join(
        y.into_dispatch(),
        x.into_dispatch(),
        norm.gamma.into_dispatch(),
        norm.beta.into_dispatch(),
        shortcut.gamma.into_dispatch(),
        shortcut.beta.into_dispatch(),
        positions.into_dispatch(),
        kept,
        running,
        sizes,
    );
    Joined { rows: Tensor::from_dispatch(rows), moments: [path, around].map(Tensor::from_dispatch) }
}

/// Reads features by bilinear interpolation, each neuron at its own place in each clip, and adds them up by
/// the neuron's own weights.
///
/// # Shapes
/// - `x`: `[clip * time * height * width, channel]`
/// - `positions`: `[clip, neuron, 2]`: x and y, each from -1 to 1, the centres of the outermost pixels
/// - `weight`: `[neuron, channel]`
/// - output: `[clip * time, neuron]`
pub fn read_at(x: Tensor<2>, positions: Tensor<3>, weight: Tensor<2>, sizes: ReadSizes) -> Tensor<2> {
    if !runs_natively(&x.device()) {
        return reference::read_at(x, positions, weight, sizes);
    }
    Tensor::from_dispatch(Dispatch::read_at(
        x.into_dispatch(),
        positions.into_dispatch(),
        weight.into_dispatch(),
        sizes,
    ))
}
