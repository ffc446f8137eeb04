//! Trains one member from its seed to its checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array, Dimension};
use serde::{Deserialize, Serialize};

use super::checkpoint;
use super::config::TrainConfig;
use super::course::Course;
use super::start;
use super::trainer::{Targets, TrainingBatch};
use super::validate::validate;
use crate::data::batch::{Batch, Loader, LoaderConfig, TrainingMouse};
use crate::data::{ClipConfig, Mouse, TrialId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::model::checkpoint::{Checkpoint, Tensors};
use crate::model::{Encoder, ModelConfig, Runtime};
use crate::stop::Stop;
use crate::{atomic, csv_file};

/// Key of the checkpoint's metadata that says what it was trained with.
const SETTINGS: &str = "settings";

/// A mouse and how its trials are split.
#[derive(Debug, Clone)]
pub struct SplitMouse {
    /// The mouse.
    pub mouse: Mouse,
    /// Trials that are trained on.
    pub training: Vec<TrialId>,
    /// Trials that are left out.
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
    /// Ends the training between two steps.
    pub stop: &'a Stop,
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
    /// Trains the member into `folder` (`model.safetensors`, `metrics.csv`), going on from where an earlier
    /// process stopped, or does nothing when it is there already with the same settings. Returns the
    /// validation correlation, if it was trained now.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it was asked to stop. When data can't be read, a file can't be written, the
    /// loss is no longer finite, or `folder` holds a member that was trained with other settings or is being
    /// trained by another process.
    pub fn train(&self, folder: &Path, runtime: &Runtime, observer: &dyn Observer) -> Result<Option<f64>> {
        self.stop.check()?;
        let path = folder.join("model.safetensors");
        let settings = self.settings_hash()?;
        let _claim = atomic::claim_folder(folder)?;
        if path.exists() {
            let found = Checkpoint::read(&path)?.metadata.remove(SETTINGS).unwrap_or_default();
            if found != settings {
                let problem = "was trained with other settings or data; choose another run folder (run = ...) \
                               or delete it";
                return Err(Error::invalid(&path, problem));
            }
            let message = format!("member {} is trained already", self.member);
            observer.emit(Event::Note { message });
            return checkpoint::remove(folder).map(|()| None);
        }
        let course = Course::open(self, settings.clone(), folder, runtime, observer)?;
        let (average, metrics) = course.run()?;
        let metadata = BTreeMap::from([
            (SETTINGS.to_string(), settings),
            ("member".to_string(), self.member.to_string()),
            ("seed".to_string(), self.seed.to_string()),
        ]);
        Checkpoint::new(self.model.clone(), metadata, average).write(&path)?;
        checkpoint::remove(folder)?;
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
        let failed = |e: serde_json::Error| Error::Failed(e.to_string());
        let mut train = serde_json::to_value(start::by_content(self.train, self.member)?).map_err(failed)?;
        // When the state is saved changes nothing in it.
        train.as_object_mut().map(|train| train.remove("checkpoint_seconds"));
        let all = (self.member, self.model, train, self.clip, self.input_size, self.seed, mice);
        let text = serde_json::to_string(&all).map_err(failed)?;
        Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
    }

    /// Epochs of the whole training.
    pub(super) fn epochs(&self) -> usize {
        self.train.warmup_epochs + self.train.cosine_epochs
    }

    /// Opens the training trials.
    pub(super) fn loader(&self) -> Result<Loader> {
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

    /// Validates the average on the held-out trials; `None` when there are none.
    pub(super) fn validation(&self, average: Tensors, runtime: &Runtime) -> Result<Option<f64>> {
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

/// Puts a batch on the device, sorted by mouse; every sample weighs the same.
pub fn training_batch(batch: &Batch, device: &Device) -> TrainingBatch {
    let weight = 1.0 / batch.mouse.len() as f32;
    let mut mice = batch.mouse.clone();
    mice.sort_unstable();
    mice.dedup();
    let targets = mice
        .into_iter()
        .map(|mouse| {
            let samples: Vec<usize> = (0..batch.mouse.len()).filter(|&k| batch.mouse[k] == mouse).collect();
            let (neurons, time) = batch.responses[samples[0]].dim();
            let values = samples.iter().map(|&k| slice(&batch.responses[k])).collect::<Vec<_>>().concat();
            let data = TensorData::new(values, [samples.len(), neurons, time]);
            let responses = Tensor::from_data(data, device);
            Targets { mouse, weights: vec![weight; samples.len()], samples, responses }
        })
        .collect();
    let data = TensorData::new(batch.input_values(), batch.input_shape());
    TrainingBatch { input: Tensor::from_data(data, device), targets }
}

fn slice<D: Dimension>(array: &Array<f32, D>) -> &[f32] {
    array.as_slice().expect("batches are in C order")
}

/// Reads a member's `metrics.csv`.
///
/// # Errors
/// [`Error::Invalid`] when it is missing or damaged.
pub fn read_csv(path: &Path) -> Result<Vec<EpochMetrics>> {
    let mut reader = csv::Reader::from_path(path).map_err(|e| Error::invalid(path, e.to_string()))?;
    reader.deserialize().collect::<Result<_, _>>().map_err(|e| Error::invalid(path, e.to_string()))
}

/// Writes a member's `metrics.csv`.
pub(super) fn write_csv(path: &Path, metrics: &[EpochMetrics]) -> Result<()> {
    csv_file::write_records(path, metrics)
}
