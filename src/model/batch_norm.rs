//! Batch normalisation over rows, channels-last, with the activation that follows it.

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor};

use super::checkpoint::Checkpoint;
use super::pass::Pass;
use super::tensors;
use crate::error::Result;
use crate::kernel::{self, Activation};

/// Added to the variance. PyTorch's default.
pub(super) const EPSILON: f64 = 1e-5;
/// Weight of a new batch in the running statistics. PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Normalises each channel: by the batch's statistics while training, by the running ones otherwise.
#[derive(Module, Debug)]
pub struct BatchNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    running_mean: RunningState<Tensor<1>>,
    running_var: RunningState<Tensor<1>>,
}

impl BatchNorm {
    /// Takes the layer `name` out of a checkpoint.
    ///
    /// # Errors
    /// When a tensor is missing.
    pub fn load(source: &mut Checkpoint, name: &str, device: &Device) -> Result<Self> {
        let mut take = |part: &str| tensors::take(source, &format!("{name}.{part}"), device);
        Ok(Self {
            gamma: Param::from_tensor(take("gamma")?),
            beta: Param::from_tensor(take("beta")?),
            running_mean: RunningState::new(take("running_mean")?),
            running_var: RunningState::new(take("running_var")?),
        })
    }

    /// Normalises and activates.
    ///
    /// # Shapes
    /// - `x`, output: `[row, channel]`
    pub fn forward(&self, x: Tensor<2>, activation: Activation, pass: &Pass) -> Tensor<2> {
        let (mean, variance) = if pass.is_training() {
            self.batch_statistics(x.clone())
        } else {
            (self.running_mean.value_sync(), self.running_var.value_sync())
        };
        let scale = self.gamma.val() / (variance + EPSILON).sqrt();
        let shift = self.beta.val() - mean * scale.clone();
        kernel::affine(x, scale, shift, activation)
    }

    /// Finds the batch's mean and biased variance and moves the running ones towards them.
    fn batch_statistics(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
        let [rows, channels] = x.dims();
        let moments = kernel::channel_moments(x);
        let mean: Tensor<1> = moments.clone().slice([0..1, 0..channels]).reshape([channels]);
        let variance: Tensor<1> = moments.slice([1..2, 0..channels]).reshape([channels]);
        // The running variance is unbiased, the one that normalises is not.
        let unbiased = rows as f64 / (rows as f64 - 1.0).max(1.0);
        let moved = |state: &RunningState<Tensor<1>>, new: Tensor<1>| {
            let old = state.value_sync();
            state.update(old * (1.0 - MOMENTUM) + new * MOMENTUM);
        };
        moved(&self.running_mean, mean.clone().detach());
        moved(&self.running_var, variance.clone().detach() * unbiased);
        (mean, variance)
    }
}
