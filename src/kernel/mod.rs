//! The encoder's operators that a tensor library does slowly on a CPU, channels-last, with exact
//! hand-written gradients.
//!
//! Each is a function on tensors that runs on any device: on Flex through the loops of this module,
//! elsewhere through the plain tensor operations of [`reference`], which the loops are tested against.
//!
//! # Memory traffic
//!
//! Between its two products a block is bound by memory, so what counts is how often its three wide tensors are
//! read and written: the expansion `E`, what the convolution over space left, `S`, and the one over time, `T`.
//! For a clip of the published encoder (16 frames of 64 x 64) they hold, summed over blocks, 330, 176 and 176 MB.
//!
//! | | operator by operator | here |
//! | --- | --- | --- |
//! | expansion | write `E` | write `E`; the first block's (117 MB) is never stored |
//! | norm, SiLU, convolution over space | 2 `E`, 2 `E`, `E` + `S` | `E` + `S` |
//! | norm, SiLU, convolution over time | 2 `S`, 2 `S`, `S` + `T` | `S` + `T` |
//! | norm, SiLU, mean, scale, projection | 2 `T`, 2 `T`, `T`, 2 `T`, `T` | 2 `T` |
//! | forward, with the rows between blocks | 4.8 GB | 1.5 GB |
//!
//! Every pass activates what it reads: SiLU is computed again rather than stored. On the way back `T`, `S` and `E`
//! are read once more and the gradient to each is written once and read once, 2.4 GB. The loops go by lanes of 32
//! channels, so that a convolution's window stays in the first-level cache; frozen, the gate of squeeze-excite
//! goes into the projection's weights, and later blocks' tensors stay in the last-level cache between passes.
//! The README's section on speed says what a machine made of it.

mod affine_silu;
mod autodiff;
pub(crate) mod buffer;
mod channel_moments;
mod convolved;
mod corners;
mod expand;
mod expand_gradient;
mod flex;
mod forward;
mod join;
mod join_gradient;
pub(crate) mod lane;
pub(crate) mod lane_product;
mod moments_of_inputs;
mod norm;
pub(crate) mod plane;
pub(crate) mod product;
mod project;
mod project_gradient;
pub(crate) mod read;
mod read_rows;
pub mod reference;
pub mod shortcut;
pub(crate) mod silu;
pub(crate) mod softplus;
mod squeeze;
mod temporal;
mod tile;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, DispatchDevice, backend_extension};
use burn::tensor::Device;

pub use convolved::{Convolved, Shape};
pub use expand::Sizes;
pub use forward::{
    Activation, Expanded, Joined, Norm, SqueezeExcite, affine, channel_moments, convolve_time,
    excite_and_project, expand_and_convolve, join, read_at,
};
pub use join::JoinSizes;
pub use norm::{EPSILON, Running};
pub use read::ReadSizes;

/// Operators with loops of their own; forward. Packed tensors are described by [`Shape`].
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
    /// See [`expand_and_convolve`]. Also returns what the gradient needs, without gradients of their own:
    /// the expansion's moments, the input's center, and its covariances with the expanded channels.
    #[allow(clippy::too_many_arguments)] // They are the operator's tensors.
    fn expand(
        x: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        running: Running,
        sizes: Sizes,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// See [`convolve_time`].
    fn temporal(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        running: Running,
        shape: Shape,
    ) -> FloatTensor<Self>;
    /// See [`excite_and_project`]. Also returns what the gradient needs, without gradients of their own:
    /// each clip's means and scales.
    #[allow(clippy::too_many_arguments)] // They are the operator's tensors.
    fn project(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        reduce: FloatTensor<Self>,
        reduce_bias: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        running: Running,
        shape: Shape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// See [`join`]. Also returns the moments of path and shortcut, without gradients of their own.
    #[allow(clippy::too_many_arguments)] // They are the operator's tensors.
    fn join(
        y: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        shortcut_gamma: FloatTensor<Self>,
        shortcut_beta: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        kept: Vec<f32>,
        running: [Running; 2],
        sizes: JoinSizes,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// See [`read_at`].
    fn read_at(
        x: FloatTensor<Self>,
        positions: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        sizes: ReadSizes,
    ) -> FloatTensor<Self>;
}

/// Gradients of [`KernelOps`], in the order of the operator's arguments.
pub trait KernelGradients: Backend {
    /// Gradient to `x`, given the moments.
    fn channel_moments_backward(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// Gradients to `x`, and to `scale` and `shift` together, as far as `need` asks.
    fn affine_backward(
        inputs: [FloatTensor<Self>; 3],
        silu: bool,
        grad: FloatTensor<Self>,
        need: [bool; 2],
    ) -> (Option<FloatTensor<Self>>, Option<[FloatTensor<Self>; 2]>);
    /// Gradients to `x` (if `to_x`), weight, gamma, beta and kernel; `inputs` has the positions second.
    fn expand_backward(
        inputs: [FloatTensor<Self>; 6],
        outputs: [FloatTensor<Self>; 4],
        batch: bool,
        sizes: Sizes,
        grad: FloatTensor<Self>,
        to_x: bool,
    ) -> [Option<FloatTensor<Self>>; 5];
    /// Gradients to `x`, gamma, beta and kernel.
    fn temporal_backward(
        inputs: [FloatTensor<Self>; 4],
        output: FloatTensor<Self>,
        running: Running,
        shape: Shape,
        grad: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 4];
    /// Gradients to all inputs. `kept` are means and scales.
    fn project_backward(
        inputs: [FloatTensor<Self>; 8],
        kept: [FloatTensor<Self>; 2],
        running: Running,
        shape: Shape,
        grad: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 8];
    /// Gradients to all inputs but the positions, which come last. `moments` are path's and shortcut's.
    fn join_backward(
        inputs: [FloatTensor<Self>; 7],
        moments: [FloatTensor<Self>; 2],
        kept: Vec<f32>,
        running: [Running; 2],
        sizes: JoinSizes,
        grad: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 6];
    /// Gradients to `x`, and to positions and weights together, as far as `need` asks.
    fn read_at_backward(
        inputs: [FloatTensor<Self>; 3],
        sizes: ReadSizes,
        grad: FloatTensor<Self>,
        need: [bool; 2],
    ) -> (Option<FloatTensor<Self>>, Option<[FloatTensor<Self>; 2]>);
}

/// Says whether `device` runs the loops of this module: whether it is burn's Flex.
pub(crate) fn runs_natively(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Flex(_))
}

/// Adds the parts of a parallel sum in their order, so that the result does not depend on threads.
fn sum_in_order<P: AsRef<[f32]>>(parts: &[P], size: usize) -> Vec<f32> {
    let mut total = vec![0.0f64; size];
    for part in parts {
        for (t, p) in total.iter_mut().zip(part.as_ref()) {
            *t += f64::from(*p);
        }
    }
    total.into_iter().map(|v| v as f32).collect()
}
