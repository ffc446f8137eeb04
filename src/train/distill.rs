//! Distillation: what the mice did not see, a first-stage model says for them.
//!
//! A clip was shown to one mouse; the readouts of all others learn nothing from it. In a second stage they
//! learn what a trained model predicts of them, which lets every clip train every readout (R. Baikulov,
//! winner of Sensorium 2023).

use burn::tensor::Device;

use super::config::TrainConfig;
use super::start::trained_model;
use super::trainer::{Targets, TrainingBatch};
use crate::error::{Error, Result};
use crate::model::checkpoint::Checkpoint;
use crate::model::{DwiseNeuro, ModelConfig, Pass};

/// Share of the loss that predicted targets have, as published.
const PREDICTED_SHARE: f64 = 0.36;

/// A trained model that fills in targets, or none.
#[derive(Debug)]
pub struct Teacher(Option<DwiseNeuro>);

impl Teacher {
    /// Loads the model that `train` names for `member`, if any: one of the same mice; its core may have
    /// other sizes.
    ///
    /// # Errors
    /// When it is not there, damaged, or one of other mice.
    pub fn of(train: &TrainConfig, model: &ModelConfig, member: usize, device: &Device) -> Result<Self> {
        let Some(path) = &train.distill_from else { return Ok(Self(None)) };
        let path = trained_model(path, member)?;
        let checkpoint = Checkpoint::read(&path)?;
        let found = &checkpoint.config;
        if found.readout_outputs != model.readout_outputs || found.in_channels != model.in_channels {
            let problem = format!(
                "is for mice of {:?} neurons and {} input channels; the recordings have {:?} neurons and {} \
                 channels; distil from a model of the same mice, in their order",
                found.readout_outputs, found.in_channels, model.readout_outputs, model.in_channels
            );
            return Err(Error::invalid(&path, problem));
        }
        Ok(Self(Some(DwiseNeuro::load(checkpoint, device)?)))
    }

    /// Adds targets for every mouse and every sample that it has none for: the predictions from the same
    /// input. With one mouse there is nothing to add, and the batch stays what it is.
    pub fn fill(&self, batch: TrainingBatch) -> TrainingBatch {
        let Some(encoder) = &self.0 else { return batch };
        let [samples, ..] = batch.input.dims();
        let empty = empty_targets(samples, encoder.mice(), &batch.targets);
        if empty.is_empty() {
            return batch;
        }
        let TrainingBatch { input, mut targets } = batch;
        let recorded: Vec<&mut f32> = targets.iter_mut().flat_map(|target| &mut target.weights).collect();
        let predicted = share(recorded, empty.iter().map(|(_, samples)| samples.len()).sum());
        let pass = Pass::evaluation();
        let features = encoder.features(input.clone(), &pass);
        for (mouse, samples) in empty {
            let count = samples.len();
            let responses = encoder.read_out(features.select(&samples), mouse, &pass);
            targets.push(Targets { mouse, samples, weights: vec![predicted; count], responses });
        }
        TrainingBatch { input, targets }
    }
}

/// Lists the mice that have no target for some samples, and those samples.
fn empty_targets(samples: usize, mice: usize, targets: &[Targets]) -> Vec<(usize, Vec<usize>)> {
    let has = |mouse, sample| targets.iter().any(|t| t.mouse == mouse && t.samples.contains(&sample));
    (0..mice)
        .map(|mouse| (mouse, (0..samples).filter(|&sample| !has(mouse, sample)).collect::<Vec<_>>()))
        .filter(|(_, samples)| !samples.is_empty())
        .collect()
}

/// Weighs `empty` predicted targets against the recorded ones: gives each predicted one
/// `0.36 / 0.64 * sum / empty`, where `sum` is that of the recorded ones, then divides all weights by their
/// sum. Returns the weight of a predicted target.
fn share(recorded: Vec<&mut f32>, empty: usize) -> f32 {
    let sum: f64 = recorded.iter().map(|weight| f64::from(**weight)).sum();
    let predicted = PREDICTED_SHARE / (1.0 - PREDICTED_SHARE) * sum / empty as f64;
    let all = sum + predicted * empty as f64;
    for weight in recorded {
        *weight = (f64::from(*weight) / all) as f32;
    }
    (predicted / all) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{init, tensors};
    use burn::tensor::{Tensor, TensorData};

    fn model(mice: usize) -> ModelConfig {
        ModelConfig {
            in_channels: 1,
            readout_outputs: (0..mice).map(|mouse| 3 + mouse).collect(),
            core_features: vec![4],
            spatial_strides: vec![2],
            expansion_ratio: 2,
            se_reduce_ratio: 4,
            cortex_features: vec![6],
            ..ModelConfig::default()
        }
    }

    fn encoder(mice: usize, device: &Device) -> DwiseNeuro {
        DwiseNeuro::load(init::initialize(&model(mice), "test", "teacher").unwrap(), device).unwrap()
    }

    /// Four samples of 2 frames, the last of mouse 1 when there is one, the others of mouse 0.
    fn batch(mice: usize, device: &Device) -> TrainingBatch {
        let values: Vec<f32> = (0..4 * 2 * 6 * 6).map(|k| ((k * k) % 255) as f32).collect();
        let input = Tensor::from_data(TensorData::new(values, [4, 1, 2, 6, 6]), device);
        let own = if mice == 1 { vec![vec![0, 1, 2, 3]] } else { vec![vec![0, 1, 2], vec![3]] };
        let targets = own.into_iter().enumerate().map(|(mouse, samples)| Targets {
            mouse,
            weights: vec![0.25; samples.len()],
            responses: Tensor::ones([samples.len(), 3 + mouse, 2], device),
            samples,
        });
        TrainingBatch { input, targets: targets.collect() }
    }

    #[test]
    fn predictions_have_their_share_of_the_loss_and_all_weights_add_up_to_one() {
        let mut recorded = [0.5f32, 0.25, 0.25, 1.0];
        let predicted = share(recorded.iter_mut().collect(), 3);
        // f32 weights
        assert!((3.0 * f64::from(predicted) - 0.36).abs() < 1e-6);
        assert!((recorded.iter().sum::<f32>() - 0.64).abs() < 1e-6);
        assert!((recorded[0] - 0.16).abs() < 1e-6 && (recorded[3] - 0.32).abs() < 1e-6);
    }

    #[test]
    fn every_mouse_gets_a_target_for_every_sample_from_the_same_input() {
        let device = Device::flex();
        let teacher = Teacher(Some(encoder(3, &device)));
        let TrainingBatch { input, targets } = teacher.fill(batch(3, &device));
        let of = |mouse: usize| targets.iter().filter(move |target| target.mouse == mouse);
        for mouse in 0..3 {
            let mut samples: Vec<usize> = of(mouse).flat_map(|target| target.samples.clone()).collect();
            samples.sort_unstable();
            assert_eq!(samples, [0, 1, 2, 3], "mouse {mouse}");
        }
        let total: f32 = targets.iter().flat_map(|target| &target.weights).sum();
        assert!((total - 1.0).abs() < 1e-6); // f32 weights
        assert_eq!(tensors::values(targets[0].responses.clone()), [1.0; 3 * 3 * 2], "recorded ones stay");
        // Mouse 1 has no response to the first sample: what the model says of it, computed alone.
        let first = input.narrow(0, 0, 1);
        let expected = tensors::values(encoder(3, &device).forward(first, 1, &Pass::evaluation()));
        let filled = of(1).find(|target| target.samples.contains(&0)).unwrap();
        let found = tensors::values(filled.responses.clone());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{found} {expected}"); // f32 sums
        }
    }

    #[test]
    fn with_one_mouse_or_no_teacher_it_is_the_plain_training() {
        let device = Device::flex();
        for (teacher, mice) in [(Teacher(Some(encoder(1, &device))), 1), (Teacher(None), 3)] {
            let filled = teacher.fill(batch(mice, &device)).targets;
            let plain = batch(mice, &device).targets;
            assert_eq!(filled.len(), plain.len());
            for (filled, plain) in filled.iter().zip(&plain) {
                assert_eq!((&filled.samples, &filled.weights), (&plain.samples, &plain.weights));
            }
        }
    }
}
