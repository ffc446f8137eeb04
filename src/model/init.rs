//! Weights before training: normal with the variance of the fan out, as published. The Gaussian readout has a
//! start of its own.

use rand::Rng;
use rand_distr::{Distribution, Normal};

use super::checkpoint::{Checkpoint, NamedTensor};
use super::config::{ModelConfig, ReadoutKind};
use super::layout::expected_tensors;
use crate::error::Result;
use crate::seed;

/// Largest coordinate that a neuron's position starts with. As in the field's `FullGaussian2d`.
const POSITION_RANGE: f32 = 0.3;
/// What a neuron's position spreads by at first, in half widths and heights of the map. The field starts with
/// 0.1 on maps of some 30 x 60 pixels; ours are a few pixels wide, so that a neuron would not leave its pixel.
const SPREAD: f32 = 0.3;

/// Draws the weights of member `member`: normal(0, sqrt(2 / fan_out)), biases 0, batch norm 1 and 0. A
/// Gaussian readout starts with positions around the middle of the map, a round spread, and weights of
/// normal(0, sqrt(1 / features)), so that what it reads varies as a feature does.
///
/// Each tensor has a random stream of its own, by name, so that its values don't depend on the others.
///
/// # Errors
/// When the sizes don't fit together.
pub fn initialize(config: &ModelConfig, run_seed: &str, member: &str) -> Result<Checkpoint> {
    config.validate()?;
    let tensors = expected_tensors(config)
        .into_iter()
        .map(|(name, shape)| {
            let values = values(config, run_seed, member, &name, &shape);
            (name, NamedTensor { shape, values })
        })
        .collect();
    Ok(Checkpoint::new(config.clone(), Default::default(), tensors))
}

fn values(config: &ModelConfig, run_seed: &str, member: &str, name: &str, shape: &[usize]) -> Vec<f32> {
    let size = shape.iter().product();
    let gaussian = config.readout == ReadoutKind::Gaussian && name.starts_with("readouts.");
    match name.rsplit('.').next() {
        Some("gamma" | "running_var") => vec![1.0; size],
        Some("inv_freq") => {
            (0..size).map(|i| 10_000f32.powf(-(2.0 * i as f32) / (2.0 * size as f32))).collect()
        }
        Some("position") => {
            let mut rng = seed::stream(run_seed, "weights", &[member, name]);
            (0..size).map(|_| rng.random_range(-POSITION_RANGE..POSITION_RANGE)).collect()
        }
        Some("spread") => [SPREAD, 0.0, 0.0, SPREAD].repeat(size / 4),
        Some("weight") => {
            let variance =
                if gaussian { 1.0 / shape[1] as f64 } else { 2.0 / fan_out(config, name, shape) as f64 };
            let deviation = variance.sqrt();
            let normal = Normal::new(0.0, deviation).expect("the deviation is finite and positive");
            let mut rng = seed::stream(run_seed, "weights", &[member, name]);
            (0..size).map(|_| normal.sample(&mut rng) as f32).collect()
        }
        _ => vec![0.0; size],
    }
}

/// Kernel size times outputs over groups.
fn fan_out(config: &ModelConfig, name: &str, shape: &[usize]) -> usize {
    if name.contains(".spatial.") || name.contains(".temporal.") {
        // Depthwise: as many groups as outputs.
        shape[1..].iter().product()
    } else if name.starts_with("cortex.") || name.starts_with("readouts.") {
        shape[0] / config.groups
    } else {
        shape[0]
    }
}
