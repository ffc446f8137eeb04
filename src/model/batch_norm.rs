//! Batch normalisation over rows, channels-last, with the activation that follows it.

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor, s};

use super::checkpoint::Checkpoint;
use super::pass::Pass;
use super::tensors;
use crate::error::Result;
use crate::kernel::{self, Activation, Convolved, EPSILON};

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

    /// Its parameters, for an operator that runs it together with its neighbours: with the running
    /// statistics unless `pass` trains.
    pub fn parameters(&self, pass: &Pass) -> kernel::Norm {
        let running =
            (!pass.is_training()).then(|| [self.running_mean.value_sync(), self.running_var.value_sync()]);
        kernel::Norm { gamma: self.gamma.val(), beta: self.beta.val(), running }
    }

    /// Finds the batch's mean and biased variance and moves the running ones towards them.
    fn batch_statistics(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
        let [rows, _] = x.dims();
        let moments = kernel::channel_moments(x);
        self.track(moments.clone().detach(), rows);
        let part = |k: usize| moments.clone().slice(s![k..k + 1, ..]).flatten(0, 1);
        (part(0), part(1))
    }

    /// Moves the running statistics towards those of a convolution's output, if `pass` trains.
    pub fn track_convolved(&self, x: &Convolved, pass: &Pass) {
        if pass.is_training() {
            self.track(x.clone().detach().moments(), x.shape().rows());
        }
    }

    /// Moves the running statistics towards those of a batch of `rows` rows.
    ///
    /// # Shapes
    /// - `moments`: `[2, channel]`, without a history
    pub fn track(&self, moments: Tensor<2>, rows: usize) {
        // The running variance is unbiased, the one that normalises is not.
        let unbiased = rows as f64 / (rows as f64 - 1.0).max(1.0);
        for (k, (state, factor)) in
            [(&self.running_mean, 1.0), (&self.running_var, unbiased)].into_iter().enumerate()
        {
            let new: Tensor<1> = moments.clone().slice(s![k..k + 1, ..]).flatten(0, 1);
            let old = state.value_sync();
            state.update(old * (1.0 - MOMENTUM) + new * (MOMENTUM * factor));
        }
    }
}
