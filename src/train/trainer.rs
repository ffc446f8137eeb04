//! One optimisation step: forward, Poisson loss, backward, AdamW, moving average.
//!
//! Knows no files, no bars and no data set: a batch goes in, numbers come out.

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Int, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::config::TrainConfig;
use super::ema::Ema;
use super::schedule::Schedule;
use super::start::READOUTS;
use crate::kernel;
use crate::model::checkpoint::Tensors;
use crate::model::{DwiseNeuro, Pass, loss};

/// What one mouse should have answered to some samples of a batch.
#[derive(Debug, Clone)]
pub struct Targets {
    /// Which readout.
    pub mouse: usize,
    /// Which samples of the batch.
    pub samples: Vec<usize>,
    /// Weight of each of them in the loss; a batch's weights add up to 1 over all mice.
    pub weights: Vec<f32>,
    /// `[sample, neuron, time]`, `>= 0`.
    pub responses: Tensor<3>,
}

/// Clips and what the mice answered to them.
#[derive(Debug, Clone)]
pub struct TrainingBatch {
    /// `[batch, channel, time, height, width]`
    pub input: Tensor<5>,
    /// One entry for each mouse in the batch; the readouts of the others are left alone.
    pub targets: Vec<Targets>,
}

/// What a step found. The loss stays a tensor, so that nobody waits for it who doesn't need it.
#[derive(Debug, Clone)]
pub struct StepStats {
    /// Steps done before this one.
    pub step: u64,
    /// Learning rate of this step.
    pub rate: f64,
    /// Weighted loss, one value.
    pub loss: Tensor<1>,
}

/// An encoder in training.
pub struct Trainer {
    encoder: Option<DwiseNeuro>,
    /// The encoder that features are taken from when only the readouts learn.
    frozen_core: Option<DwiseNeuro>,
    optimizer: ModuleOptimizer,
    schedule: Schedule,
    ema: Ema,
    dropout: ChaCha8Rng,
    step: u64,
}

impl Trainer {
    /// Starts from `encoder`, which lives on an autodiff device.
    pub fn new(encoder: DwiseNeuro, config: &TrainConfig, schedule: Schedule, dropout: ChaCha8Rng) -> Self {
        let optimizer = AdamWConfig::new()
            .with_beta_1(0.9)
            .with_beta_2(0.999)
            .with_epsilon(1e-8)
            .with_weight_decay(config.weight_decay as f32)
            .init();
        let ema = Ema::new(&encoder, config.ema_decay);
        let frozen_core = config.freeze_core.then(|| encoder.valid());
        Self { encoder: Some(encoder), frozen_core, optimizer, schedule, ema, dropout, step: 0 }
    }

    /// Moves the weights once.
    pub fn step(&mut self, batch: TrainingBatch) -> StepStats {
        let encoder = self.encoder.take().expect("the encoder is put back after each step");
        let rate = self.schedule.rate(self.step);
        let pass = Pass::training(ChaCha8Rng::from_rng(&mut self.dropout));
        let loss = weighted_loss(&encoder, self.frozen_core.as_ref(), batch, &pass);
        let gradients = GradientsParams::from_grads(loss.backward(), &encoder);
        let encoder = self.optimizer.step(rate, encoder, gradients);
        let readouts_only = self.frozen_core.is_some();
        self.ema.update(&encoder, |name| !readouts_only || name.starts_with(READOUTS));
        self.encoder = Some(encoder);
        let stats = StepStats { step: self.step, rate, loss: loss.inner() };
        self.step += 1;
        stats
    }

    /// The encoder as the last step left it.
    pub fn encoder(&self) -> &DwiseNeuro {
        self.encoder.as_ref().expect("the encoder is put back after each step")
    }

    /// The moving average: parameters and buffers.
    pub fn average(&self) -> Tensors {
        self.ema.export()
    }
}

impl Drop for Trainer {
    /// The next training may have other sizes.
    fn drop(&mut self) {
        kernel::buffer::release();
    }
}

/// Sums the Poisson loss over neurons and frames, and the samples by their weights. Features come from
/// `frozen_core`, as it stands, when there is one.
fn weighted_loss(
    encoder: &DwiseNeuro,
    frozen_core: Option<&DwiseNeuro>,
    batch: TrainingBatch,
    pass: &Pass,
) -> Tensor<1> {
    let device = batch.input.device();
    let [clips, ..] = batch.input.dims();
    let features = match frozen_core {
        Some(core) => core.features(batch.input, &Pass::evaluation()),
        None => encoder.features(batch.input, pass),
    };
    let [rows, width] = features.dims();
    let features = features.reshape([clips, rows / clips, width]);
    batch
        .targets
        .into_iter()
        .map(|Targets { mouse, samples, weights, responses }| {
            let count = samples.len();
            let index: Vec<i64> = samples.into_iter().map(|s| s as i64).collect();
            let index = Tensor::<1, Int>::from_data(TensorData::new(index, [count]), &device);
            let own = features.clone().select(0, index).reshape([count * rows / clips, width]);
            let predicted = encoder.read_out(own, count, mouse, pass);
            let [_, neurons, time] = predicted.dims();
            let loss = loss::poisson(predicted, responses).reshape([count, neurons * time]).sum_dim(1);
            let weights = Tensor::<2>::from_data(TensorData::new(weights, [count, 1]), &device);
            (loss * weights).sum()
        })
        .reduce(|sum, loss| sum + loss)
        .expect("a batch has targets")
}
