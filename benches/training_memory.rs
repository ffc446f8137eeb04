//! How much memory does training at the paper's size take, with ten mice of 8,000 neurons? Counted, and measured.
//!
//! Each batch size runs in a process of its own, so that each has its own peak.

mod support;

use std::process::Command;

use burn::tensor::{Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use v1reel::model::memory::TrainingMemory;
use v1reel::model::{DwiseNeuro, ModelConfig};
use v1reel::train::{Schedule, Targets, TrainConfig, Trainer, TrainingBatch};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MICE: usize = 10;
const NEURONS: usize = 8000;
const CLIP: [usize; 3] = [16, 64, 64];
const CLIPS: [usize; 3] = [1, 10, 20];
const STEPS: usize = 2;

fn main() {
    if let Some(clips) = support::argument("--clips") {
        return train(clips.parse().expect("--clips takes a number"));
    }
    println!("\ntraining_memory: {}", support::machine());
    println!("{MICE} readouts of {NEURONS} neurons, paper size, {STEPS} steps; GB");
    println!(
        "{:>6} {:>24} {:>8} {:>12} {:>8} {:>8} {:>9}",
        "clips", "weights, gradients, EMA", "moments", "activations", "passing", "counted", "measured"
    );
    for clips in CLIPS {
        let memory = TrainingMemory::of(&config(), clips, CLIP);
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--clips", &clips.to_string()])
            .output()
            .expect("a process");
        let measured = String::from_utf8_lossy(&output.stdout);
        let measured =
            measured.trim().parse::<f64>().map_or("failed".into(), |mb| format!("{:.2}", mb * 1048576e-9));
        let gb = |bytes: u64| bytes as f64 / 1e9;
        println!(
            "{clips:>6} {:>24.2} {:>8.2} {:>12.2} {:>8.2} {:>8.2} {measured:>9}",
            gb(3 * memory.weights),
            gb(memory.moments),
            gb(memory.activations),
            gb(memory.passing),
            gb(memory.total()),
        );
    }
}

fn config() -> ModelConfig {
    ModelConfig { readout_outputs: vec![NEURONS; MICE], ..support::paper() }
}

/// Takes a few steps, clips spread over the mice, and prints the peak in MiB.
fn train(clips: usize) {
    let device = support::device();
    let checkpoint = support::encoder(&config(), "training_memory");
    let encoder = DwiseNeuro::load(checkpoint, &device.clone().autodiff()).expect("an encoder");
    let rng = ChaCha8Rng::seed_from_u64(0);
    let mut trainer = Trainer::new(encoder, &TrainConfig::default(), Schedule::constant(1e-6), rng);
    for _ in 0..STEPS {
        trainer.step(batch(clips, &device));
    }
    println!("{}", support::peak_rss_mb());
}

/// Grey clips: what they show does not matter here.
fn batch(clips: usize, device: &burn::tensor::Device) -> TrainingBatch {
    let [time, height, width] = CLIP;
    let shape = [clips, config().in_channels, time, height, width];
    let input = TensorData::new(vec![1.0f32; shape.iter().product()], shape);
    let targets = (0..MICE.min(clips)).map(|mouse| {
        let samples: Vec<usize> = (mouse..clips).step_by(MICE).collect();
        let responses =
            TensorData::new(vec![1.0f32; samples.len() * NEURONS * time], [samples.len(), NEURONS, time]);
        let weights = vec![1.0 / clips as f32; samples.len()];
        Targets { mouse, samples, weights, responses: Tensor::from_data(responses, device) }
    });
    TrainingBatch { input: Tensor::from_data(input, device), targets: targets.collect() }
}
