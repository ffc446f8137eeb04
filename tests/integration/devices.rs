//! Every device that is compiled in computes what the CPU does: predictions, gradients, a training step.
//!
//! A device that the machine lacks is skipped, and said.

use burn::tensor::{Device, Tensor};
use ndarray::{Array2, ArrayView2, Axis, Ix3, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use v1reel::device::DeviceChoice;
use v1reel::model::{Clip, DwiseNeuro, Encoder, Runtime, tensors};
use v1reel::train::{Schedule, Targets, TrainConfig, Trainer, TrainingBatch};

use super::support::{encoder, member_checkpoint, reference_array, relative_error, tensor};

/// Other libraries sum in other orders; the reference itself asks for 1e-4 and 1e-3.
const OUTPUT: f64 = 1e-4;
const GRADIENT: f64 = 1e-3;

/// The devices that were compiled in, and that this machine has.
fn devices() -> Vec<(DeviceChoice, Device)> {
    let names = ["cpu", "tch", "vulkan", "wgpu", "cuda:0"];
    let choices = names.map(|name| name.parse::<DeviceChoice>().unwrap());
    let open = |choice: DeviceChoice| match choice.open() {
        Ok(device) => Some((choice, device)),
        Err(reason) => {
            eprintln!("skipped: {reason}");
            None
        }
    };
    choices.into_iter().filter_map(open).collect()
}

fn clip() -> Clip {
    let input = reference_array("encoder.npz", "encoder_input");
    let clip = input.index_axis(Axis(0), 0);
    let movie = clip.index_axis(Axis(0), 0).into_dimensionality::<Ix3>().unwrap();
    let behavior = clip.slice(s![1.., .., 0, 0]).into_dimensionality().unwrap();
    Clip::new(movie, behavior)
}

/// The gradient of the sum of squares: as good as any.
fn slope(_: usize, predicted: ArrayView2<f32>) -> Array2<f32> {
    predicted.mapv(|p| 2.0 * p)
}

#[test]
fn every_device_predicts_and_differentiates_as_the_cpu_does() {
    let expected = encoder(0).gradient(1, &[clip()], &slope).remove(0);
    for (choice, device) in devices() {
        let runtime = Runtime::new(device, 1 << 20);
        let encoder = Encoder::load(member_checkpoint(0), &runtime).unwrap();
        let predicted = encoder.predict(1, &[clip()]).remove(0);
        let found = encoder.gradient(1, &[clip()], &slope).remove(0);
        for responses in [&predicted, &found.responses] {
            let error = relative_error(responses.iter(), expected.responses.iter());
            assert!(error < OUTPUT, "{choice}: responses: {error}");
        }
        let error = relative_error(found.movie.iter(), expected.movie.iter());
        assert!(error < GRADIENT, "{choice}: gradient: {error}");
        let error = (found.behavior_squares / expected.behavior_squares - 1.0).abs();
        assert!(error < GRADIENT, "{choice}: squares of the other channels: {error}");
    }
}

#[test]
fn every_device_trains_to_the_published_loss() {
    let input = reference_array("encoder.npz", "encoder_input");
    let target = reference_array("encoder.npz", "encoder_target_mouse1");
    let mut losses = Vec::new();
    for (choice, device) in devices() {
        let mut checkpoint = member_checkpoint(0);
        (checkpoint.config.drop_rate, checkpoint.config.drop_path_rate) = (0.0, 0.0);
        let encoder = DwiseNeuro::load(checkpoint, &device.clone().autodiff()).unwrap();
        let rng = ChaCha8Rng::seed_from_u64(0);
        let mut trainer = Trainer::new(encoder, &TrainConfig::default(), Schedule::constant(1e-4), rng);
        let mut step = || {
            let input: Tensor<5> = tensor(&input, &device);
            let samples: Vec<usize> = (0..input.dims()[0]).collect();
            let weights = vec![1.0 / samples.len() as f32; samples.len()];
            let targets = Targets { mouse: 1, samples, weights, responses: tensor(&target, &device) };
            f64::from(tensors::values(trainer.step(TrainingBatch { input, targets: vec![targets] }).loss)[0])
        };
        losses.push((choice, [step(), step()]));
    }
    let (_, expected) = losses[0];
    for (choice, found) in losses {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < OUTPUT, "{choice}: {found}, the CPU {expected}");
        }
    }
}
