//! Trains one member from its seed to its checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{ArrayBase, Data, Dimension};
use serde::{Deserialize, Serialize};

use super::config::TrainConfig;
use super::distill::Teacher;
use super::schedule::Schedule;
use super::start;
use super::trainer::{Targets, Trainer, TrainingBatch};
use super::validate::validate;
use crate::atomic;
use crate::data::batch::{Batch, Loader, LoaderConfig, TrainingMouse};
use crate::data::{ClipConfig, Mouse, TrialId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::model::checkpoint::{Checkpoint, Tensors};
use crate::model::{DwiseNeuro, Encoder, ModelConfig, Runtime, tensors};
use crate::seed;

/// Losses are read back and shown this often.
const REPORT_EVERY: u64 = 10;
/// Key of the checkpoint's metadata that says what it was trained with.
const SETTINGS: &str = "settings";

/// A mouse and how its trials are split.
#[derive(Debug, Clone)]
pub struct SplitMouse {
    /// The mouse.
    pub mouse: Mouse,
    /// Trials that are trained on.
    pub training: Vec<TrialId>,
    /// Trials that no member sees.
    pub held_out: Vec<TrialId>,
    /// Hash of the recording, so that a member is never taken for one of other data.
    pub fingerprint: String,
}

/// Everything that fixes a trained member.
#[derive(Debug)]
pub struct MemberPlan<'a> {
    /// Which member.
    pub member: usize,
    /// The mice, in the order of the readouts.
    pub mice: &'a [SplitMouse],
    /// Sizes of the encoder.
    pub model: &'a ModelConfig,
    /// How it is trained.
    pub train: &'a TrainConfig,
    /// The encoder's view in time.
    pub clip: ClipConfig,
    /// Height and width of the encoder's input.
    pub input_size: [usize; 2],
    /// Names the run's random streams.
    pub seed: &'a str,
}

/// One line of `metrics.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: usize,
    /// Steps done by its end.
    pub step: u64,
    /// Learning rate of its last step.
    pub learning_rate: f64,
    /// Mean training loss: summed over neurons and frames, averaged over samples.
    pub training_loss: f64,
    /// Mean over mice of the held-out response correlation of the average; empty when not validated.
    pub validation_correlation: Option<f64>,
}

impl MemberPlan<'_> {
    /// Trains the member into `folder` (`model.safetensors`, `metrics.csv`), or does nothing when it is
    /// there already with the same settings. Returns the validation correlation, if it was trained now.
    ///
    /// # Errors
    /// When data can't be read, a file can't be written, the loss is no longer finite, or `folder` holds a
    /// member that was trained with other settings.
    pub fn train(&self, folder: &Path, runtime: &Runtime, observer: &dyn Observer) -> Result<Option<f64>> {
        let path = folder.join("model.safetensors");
        let settings = self.settings_hash()?;
        if path.exists() {
            let found = Checkpoint::read(&path)?.metadata.remove(SETTINGS).unwrap_or_default();
            if found != settings {
                let problem = "was trained with other settings or data; choose another run folder (run = ...) \
                               or delete it";
                return Err(Error::invalid(&path, problem));
            }
            let message = format!("member {} is trained already", self.member);
            observer.emit(Event::Note { message });
            return Ok(None);
        }
        let (average, metrics) = self.optimise(folder, runtime, observer)?;
        let metadata = BTreeMap::from([
            (SETTINGS.to_string(), settings),
            ("member".to_string(), self.member.to_string()),
            ("seed".to_string(), self.seed.to_string()),
        ]);
        Checkpoint::new(self.model.clone(), metadata, average).write(&path)?;
        Ok(metrics.last().and_then(|epoch| epoch.validation_correlation))
    }

    /// Says whether the model in `folder` is this member, trained on these trials; `None` when it does not say
    /// what it was trained on, as a model that was imported does not.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn made(&self, folder: &Path) -> Result<Option<bool>> {
        let found = Checkpoint::read(&folder.join("model.safetensors"))?.metadata.remove(SETTINGS);
        let settings = self.settings_hash()?;
        Ok(found.map(|found| found == settings))
    }

    /// Hashes all that the weights depend on.
    fn settings_hash(&self) -> Result<String> {
        let mice: Vec<_> =
            self.mice.iter().map(|split| (&split.mouse.id, &split.training, &split.fingerprint)).collect();
        let train = start::by_content(self.train, self.member)?;
        let all = (self.member, self.model, train, self.clip, self.input_size, self.seed, mice);
        let text = serde_json::to_string(&all).map_err(|e| Error::Failed(e.to_string()))?;
        Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
    }

    fn loader(&self) -> Result<Loader> {
        let mice = self
            .mice
            .iter()
            .map(|split| TrainingMouse { mouse: split.mouse.clone(), trials: split.training.clone() })
            .collect();
        let config = LoaderConfig {
            clip: self.clip,
            input_size: self.input_size,
            batch_size: self.train.batch_size,
            epoch_samples: self.train.epoch_samples,
            cutmix_probability: self.train.cutmix_probability,
            seed: self.seed.to_string(),
            member: self.member,
        };
        Loader::new(mice, config)
    }

    fn optimise(
        &self,
        folder: &Path,
        runtime: &Runtime,
        observer: &dyn Observer,
    ) -> Result<(Tensors, Vec<EpochMetrics>)> {
        let loader = self.loader()?;
        let schedule = Schedule::new(self.train, loader.batches() as u64);
        let member = format!("member {}", self.member);
        let start = start::initialize(self.model, self.train, self.seed, self.member)?;
        let encoder = DwiseNeuro::load(start, &runtime.device.clone().autodiff())?;
        let task = format!("train {member}");
        observer.emit(Event::Started { task: task.clone(), steps: schedule.steps(), unit: "steps" });
        let dropout = seed::stream(self.seed, "dropout", &[&member]);
        let teacher = Teacher::of(self.train, self.model, self.member, &runtime.device)?;
        let mut trainer = Trainer::new(encoder, self.train, schedule, dropout);
        let epochs = self.train.warmup_epochs + self.train.cosine_epochs;
        let mut metrics = Vec::new();
        for epoch in 0..epochs {
            let mut losses = Vec::new();
            let (mut step, mut learning_rate) = (0, 0.0);
            for batch in loader.epoch(epoch) {
                let stats = trainer.step(teacher.fill(training_batch(batch?, &runtime.device)));
                (step, learning_rate) = (stats.step + 1, stats.rate);
                losses.push(stats.loss);
                if step.is_multiple_of(REPORT_EVERY) {
                    let loss = mean(&losses[losses.len().saturating_sub(REPORT_EVERY as usize)..]);
                    self.check(loss, step)?;
                    observer.emit(Event::Progress { task: task.clone(), step, loss: Some(loss) });
                }
            }
            let training_loss = mean(&losses);
            self.check(training_loss, step)?;
            let last = epoch + 1 == epochs;
            let due = last || (epoch + 1).is_multiple_of(self.train.validate_every.max(1));
            let validation_correlation =
                due.then(|| self.validation(trainer.average(), runtime)).transpose()?.flatten();
            metrics.push(EpochMetrics {
                epoch: epoch + 1,
                step,
                learning_rate,
                training_loss,
                validation_correlation,
            });
            write_csv(&folder.join("metrics.csv"), &metrics)?;
        }
        observer.emit(Event::Finished { task });
        Ok((trainer.average(), metrics))
    }

    fn check(&self, loss: f64, step: u64) -> Result<()> {
        if loss.is_finite() {
            return Ok(());
        }
        Err(Error::Failed(format!(
            "member {}: the loss is {loss} at step {step}; nothing was saved; a smaller train.learning_rate_per_4 \
             may help",
            self.member
        )))
    }

    /// Validates the average on the held-out trials; `None` when there are none.
    fn validation(&self, average: Tensors, runtime: &Runtime) -> Result<Option<f64>> {
        let checkpoint = Checkpoint::new(self.model.clone(), BTreeMap::new(), average);
        let encoder = Encoder::load(checkpoint, runtime)?;
        let mut scores = Vec::new();
        for (readout, split) in self.mice.iter().enumerate().filter(|(_, split)| !split.held_out.is_empty()) {
            let SplitMouse { mouse, held_out, .. } = split;
            scores.push(validate(&encoder, readout, mouse, held_out, self.clip, self.input_size)?);
        }
        Ok((!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64))
    }
}

fn mean(losses: &[Tensor<1>]) -> f64 {
    let sum: f64 = losses.iter().map(|loss| f64::from(tensors::values(loss.clone())[0])).sum();
    sum / losses.len() as f64
}

/// Puts a batch on the device, sorted by mouse; every sample weighs the same.
pub fn training_batch(batch: Batch, device: &Device) -> TrainingBatch {
    let weight = 1.0 / batch.mouse.len() as f32;
    let mut mice = batch.mouse.clone();
    mice.sort_unstable();
    mice.dedup();
    let targets = mice
        .into_iter()
        .map(|mouse| {
            let samples: Vec<usize> = (0..batch.mouse.len()).filter(|&k| batch.mouse[k] == mouse).collect();
            let (neurons, time) = batch.responses[samples[0]].dim();
            let values: Vec<f32> = samples.iter().flat_map(|&k| batch.responses[k].iter().copied()).collect();
            let data = TensorData::new(values, [samples.len(), neurons, time]);
            let responses = Tensor::from_data(data, device);
            Targets { mouse, weights: vec![weight; samples.len()], samples, responses }
        })
        .collect();
    TrainingBatch { input: tensor(&batch.inputs, device), targets }
}

fn tensor<const N: usize, S: Data<Elem = f32>, D: Dimension>(
    array: &ArrayBase<S, D>,
    device: &Device,
) -> Tensor<N> {
    Tensor::from_data(TensorData::new(array.iter().copied().collect::<Vec<f32>>(), array.shape()), device)
}

/// Reads a member's `metrics.csv`.
///
/// # Errors
/// [`Error::Invalid`] when it is missing or damaged.
pub fn read_csv(path: &Path) -> Result<Vec<EpochMetrics>> {
    let mut reader = csv::Reader::from_path(path).map_err(|e| Error::invalid(path, e.to_string()))?;
    reader.deserialize().collect::<Result<_, _>>().map_err(|e| Error::invalid(path, e.to_string()))
}

fn write_csv(path: &Path, metrics: &[EpochMetrics]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |e: String| Error::Failed(format!("{}: {e}", path.display()));
    for line in metrics {
        writer.serialize(line).map_err(|e| failed(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    atomic::write_bytes(path, &bytes)
}
