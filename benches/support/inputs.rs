//! The encoders and clips that everybody is given.

#[path = "../../tests/integration/stem_statistics.rs"]
mod stem_statistics;

use std::path::Path;

use rand::Rng;
use v1reel::data::format::npy_array::write_numbers;
use v1reel::model::checkpoint::Checkpoint;
use v1reel::model::{ModelConfig, init};
use v1reel::seed;

use super::Size;
use stem_statistics::fit_stem;

/// The paper's encoder, with one readout of 8,000 neurons.
pub fn paper() -> ModelConfig {
    ModelConfig { readout_outputs: vec![8000], ..ModelConfig::default() }
}

/// The demo's encoder, of 12 x 20 pixels and 500 neurons.
pub fn demo() -> ModelConfig {
    ModelConfig {
        readout_outputs: vec![500],
        core_features: vec![16, 32, 64],
        spatial_strides: vec![2, 1, 1],
        expansion_ratio: 3,
        se_reduce_ratio: 8,
        cortex_features: vec![256],
        ..ModelConfig::default()
    }
}

/// Makes an encoder: random, from a seed by name, batch norms as if it had been trained. With norms as they
/// start, signals leave the range of numbers that processors are fast at.
pub fn encoder(config: &ModelConfig, name: &str) -> Checkpoint {
    let mut checkpoint = init::initialize(config, "bench", name).expect("valid sizes");
    let mut rng = seed::stream("bench", "norms", &[name]);
    for (name, tensor) in &mut checkpoint.tensors {
        for value in &mut tensor.values {
            match name.rsplit('.').next() {
                Some("gamma" | "running_var") => *value = rng.random_range(0.5..1.5),
                Some("beta" | "running_mean") => *value = rng.random_range(-0.3..0.3),
                _ => {}
            }
        }
    }
    fit_stem(&mut checkpoint);
    checkpoint
}

/// Writes an encoder and clips for it.
pub fn write_inputs(size: &Size, folder: &Path) {
    let checkpoint = encoder(&size.config, size.name);
    checkpoint.write(&folder.join("model.safetensors")).expect("a checkpoint");
    let mut rng = seed::stream("bench", "inputs", &[size.name]);
    let [time, height, width] = size.clip;
    let channels = size.config.in_channels;
    let mut values = Vec::new();
    for _ in 0..size.clips {
        values.extend((0..time * height * width).map(|_| rng.random_range(0.0..255.0)));
        for _ in 1..channels {
            for _ in 0..time {
                values.extend(std::iter::repeat_n(rng.random_range(0.0..5.0), height * width));
            }
        }
    }
    let shape = [size.clips, channels, time, height, width];
    write_numbers(&folder.join("input.npy"), &shape, values).expect("inputs");
    let neurons = size.config.readout_outputs[0];
    let target = (0..size.clips * neurons * time).map(|_| rng.random_range(0.0..3.0f32).powi(3));
    write_numbers(&folder.join("target.npy"), &[size.clips, neurons, time], target).expect("targets");
}

/// The checkpoint of this measurement.
pub fn checkpoint(folder: &Path) -> Checkpoint {
    Checkpoint::read(&folder.join("model.safetensors")).expect("the checkpoint that was just written")
}
