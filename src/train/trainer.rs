//! One optimisation step: forward, Poisson loss, backward, AdamW, moving average.
//!
//! Knows no files, no bars and no data set: a batch goes in, numbers come out.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::adamw::{FlatTensors, NamedAdamW};
use super::config::TrainConfig;
use super::ema::Ema;
use super::schedule::Schedule;
use super::start::READOUTS;
use crate::kernel;
use crate::model::checkpoint::Tensors;
use crate::model::{DwiseNeuro, Pass, loss, tensors};

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

/// Where a trainer stands, but for its tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainerPosition {
    /// Steps done.
    pub step: u64,
    /// Words drawn from the stream of dropout.
    pub dropout_words: u64,
    /// Steps of each parameter that ever had a gradient.
    pub moment_steps: BTreeMap<String, u64>,
}

/// Prefixes of [`Trainer::tensors`], beside those of the moments.
const ENCODER: &str = "encoder.";
const AVERAGE: &str = "average.";

/// An encoder in training.
pub struct Trainer {
    encoder: Option<DwiseNeuro>,
    /// The encoder that features are taken from when only the readouts learn.
    frozen_core: Option<DwiseNeuro>,
    optimizer: NamedAdamW,
    schedule: Schedule,
    ema: Ema,
    dropout: ChaCha8Rng,
    step: u64,
}

impl Trainer {
    /// Starts from `encoder`, which lives on an autodiff device.
    pub fn new(encoder: DwiseNeuro, config: &TrainConfig, schedule: Schedule, dropout: ChaCha8Rng) -> Self {
        let optimizer = NamedAdamW::new(config);
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

    /// Counts the steps done.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Lists all tensors that a training goes on from: encoder, average and moments, each under a prefix.
    pub fn tensors(&self) -> FlatTensors {
        let mut all = self.optimizer.moments();
        let prefixed = |prefix: &str, from: FlatTensors| -> FlatTensors {
            from.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect()
        };
        all.extend(prefixed(ENCODER, tensors::flat(self.encoder())));
        all.extend(prefixed(AVERAGE, self.ema.tensors().clone()));
        all
    }

    /// Says where the training stands, but for its tensors.
    pub fn position(&self) -> TrainerPosition {
        TrainerPosition {
            step: self.step,
            // A step takes eight words: 2^64 are never reached.
            dropout_words: self.dropout.get_word_pos() as u64,
            moment_steps: self.optimizer.steps(),
        }
    }

    /// Takes the encoder's share out of saved [`Trainer::tensors`]: what a trainer has to be made of before
    /// [`Trainer::restore`].
    pub fn encoder_of(saved: &mut Tensors) -> Tensors {
        take_part(saved, ENCODER)
    }

    /// Goes on from another trainer's position and the rest of its tensors; this one was made of its encoder
    /// and with its settings.
    ///
    /// # Errors
    /// Says what is missing, left over or does not fit.
    pub fn restore(&mut self, position: &TrainerPosition, mut saved: Tensors) -> Result<(), String> {
        self.ema.restore(take_part(&mut saved, AVERAGE))?;
        let parameters = tensors::flat(self.encoder());
        let device = self.device();
        self.optimizer.restore(&mut saved, &position.moment_steps, &parameters, &device)?;
        if let Some(name) = saved.into_keys().next() {
            return Err(format!("nobody knows the tensor {name}"));
        }
        self.step = position.step;
        self.dropout.set_word_pos(position.dropout_words.into());
        Ok(())
    }

    /// Where gradients live.
    fn device(&self) -> Device {
        let (_, tensor) = self.ema.tensors().values().next().expect("an encoder has tensors");
        tensor.device()
    }
}

/// Takes the tensors of one prefix out of `all`, and the prefix off.
fn take_part(all: &mut Tensors, prefix: &str) -> Tensors {
    let names: Vec<String> = all.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
    let part = names.into_iter().filter_map(|name| all.remove_entry(&name));
    part.map(|(name, tensor)| (name[prefix.len()..].to_string(), tensor)).collect()
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
    let features = match frozen_core {
        Some(core) => core.features(batch.input, &Pass::evaluation()),
        None => encoder.features(batch.input, pass),
    };
    batch
        .targets
        .into_iter()
        .map(|Targets { mouse, samples, weights, responses }| {
            let count = samples.len();
            let predicted = encoder.read_out(features.select(&samples), mouse, pass);
            let [_, neurons, time] = predicted.dims();
            let loss = loss::poisson(predicted, responses).reshape([count, neurons * time]).sum_dim(1);
            let weights = Tensor::<2>::from_data(TensorData::new(weights, [count, 1]), &device);
            (loss * weights).sum()
        })
        .reduce(|sum, loss| sum + loss)
        .expect("a batch has targets")
}
