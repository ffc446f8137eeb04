//! Weights before training: normal with the variance of the fan out, as published.

use rand_distr::{Distribution, Normal};

use super::checkpoint::{Checkpoint, NamedTensor};
use super::config::ModelConfig;
use super::layout::expected_tensors;
use crate::error::Result;
use crate::seed;

/// Draws the weights of member `member`: normal(0, sqrt(2 / fan_out)), biases 0, batch norm 1 and 0.
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
    match name.rsplit('.').next() {
        Some("gamma" | "running_var") => vec![1.0; size],
        Some("inv_freq") => {
            (0..size).map(|i| 10_000f32.powf(-(2.0 * i as f32) / (2.0 * size as f32))).collect()
        }
        Some("weight") => {
            let deviation = (2.0 / fan_out(config, name, shape) as f64).sqrt();
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
