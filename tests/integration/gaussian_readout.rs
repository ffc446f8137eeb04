//! The Gaussian readout: places are drawn while training and not otherwise, and can be learned.

use std::collections::BTreeMap;

use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use v1reel::data::Mouse;
use v1reel::event::Silent;
use v1reel::model::checkpoint::Checkpoint;
use v1reel::model::gaussian_readout::GaussianReadout;
use v1reel::model::grid::Grid;
use v1reel::model::{DwiseNeuro, Features, ModelConfig, Pass, ReadoutKind, init, layout, tensors};
use v1reel::simulate::{SimulationConfig, simulate};
use v1reel::train::{Schedule, SplitMouse, Targets, TrainConfig, Trainer, TrainingBatch, start};

use super::support::relative_error;

fn config() -> ModelConfig {
    ModelConfig {
        in_channels: 2,
        readout_outputs: vec![3, 2],
        core_features: vec![4, 6],
        spatial_strides: vec![2, 1],
        expansion_ratio: 2,
        se_reduce_ratio: 4,
        readout: ReadoutKind::Gaussian,
        cortex_features: Vec::new(),
        drop_rate: 0.0,
        drop_path_rate: 0.0,
        ..ModelConfig::default()
    }
}

/// The readout of one neuron that reads two channels at `position`.
fn readout(position: [f32; 2], spread: f32, device: &Device) -> GaussianReadout {
    let config =
        ModelConfig { readout_outputs: vec![1], core_features: vec![4, 2], drop_rate: 0.0, ..config() };
    let mut start = init::initialize(&config, "gaussian", "readout").unwrap();
    let mut set = |part: &str, values: Vec<f32>| {
        start.tensors.get_mut(&format!("readouts.0.{part}")).unwrap().values = values;
    };
    set("position", position.to_vec());
    set("spread", vec![spread, 0.0, 0.0, spread]);
    set("weight", vec![1.0, -1.0]);
    GaussianReadout::load(&mut start, &config, 0, device).unwrap()
}

/// Features of `frames` frames of 5 x 7 places: every frame has a bump of its own, in both channels.
fn bumps(frames: usize, device: &Device) -> Features {
    let grid = Grid { batch: frames, time: 1, height: 5, width: 7 };
    let at = |frame: usize, y: usize, x: usize, channel: usize| {
        let (cy, cx) = ((frame * 2 + channel) % 5, (frame * 3 + channel) % 7);
        let distance = (y.abs_diff(cy).pow(2) + x.abs_diff(cx).pow(2)) as f32;
        (-distance / 4.0).exp()
    };
    let places = (0..frames).flat_map(|f| (0..5).flat_map(move |y| (0..7).map(move |x| (f, y, x))));
    let values: Vec<f32> = places.flat_map(|(f, y, x)| [0, 1].map(|c| at(f, y, x, c))).collect();
    Features { rows: Tensor::from_data(TensorData::new(values, [grid.rows(), 2]), device), grid }
}

fn training(seed: u64) -> Pass {
    Pass::training(ChaCha8Rng::seed_from_u64(seed))
}

#[test]
fn places_are_drawn_while_training_by_the_seed_and_evaluation_reads_at_the_mean() {
    let device = Device::flex();
    let run = |spread: f32, pass: Pass| {
        let features = bumps(6, &device);
        tensors::values(readout([0.2, -0.1], spread, &device).drive(features, &pass))
    };
    let mean = run(0.3, Pass::evaluation());
    assert_eq!(mean, run(0.0, training(1)));
    assert_eq!(run(0.3, training(1)), run(0.3, training(1)));
    assert_ne!(run(0.3, training(1)), run(0.3, training(2)));
    // Every clip has a draw of its own.
    assert!(mean.iter().zip(run(0.3, training(1))).all(|(mean, drawn)| *mean != drawn));
}

#[test]
fn a_mean_beyond_the_border_is_read_at_the_border_and_can_come_back() {
    let device = Device::flex().autodiff();
    let features = bumps(3, &device);
    let beyond = readout([1.4, -2.0], 0.0, &device);
    let found = tensors::values(beyond.drive(features.clone(), &Pass::evaluation()).inner());
    let border = readout([1.0, -1.0], 0.0, &device).drive(features.clone(), &Pass::evaluation());
    // The border is reached through a sum, which rounds.
    assert!(relative_error(&found, &tensors::values(border.inner())) < 1e-5);
    let gradients = beyond.drive(features, &Pass::evaluation()).sum().backward();
    let gradients = GradientsParams::from_grads(gradients, &beyond);
    let moved = AdamWConfig::new().with_weight_decay(0.0).init().step(0.1, beyond, gradients);
    let position = &tensors::export(&moved)["position"].values;
    assert!(position[0] != 1.4 && position[1] != -2.0, "{position:?}");
}

#[test]
fn a_neuron_finds_the_place_that_drives_it_from_across_the_map() {
    let device = Device::flex().autodiff();
    let features = bumps(40, &device);
    let target = readout([0.55, -0.6], 0.0, &device).drive(features.clone(), &Pass::evaluation()).detach();
    let mut learner = readout([-0.3, 0.3], 0.3, &device);
    let mut optimizer = AdamWConfig::new().with_weight_decay(0.0).init();
    for step in 0..300 {
        let error = learner.drive(features.clone(), &training(step)) - target.clone();
        let gradients = GradientsParams::from_grads(error.square().mean().backward(), &learner);
        learner = optimizer.step(0.01, learner, gradients);
    }
    let found = tensors::export(&learner);
    let position = &found["position"].values;
    // A third of the distance between places.
    assert!((position[0] - 0.55).abs() < 0.11 && (position[1] + 0.6).abs() < 0.17, "{position:?}");
    // Draws that hit other places cost, so the spread shrinks.
    let spread = found["spread"].values.iter().map(|s| s * s).sum::<f32>().sqrt();
    assert!(spread < 0.5 * 0.3 * 2f32.sqrt(), "{spread}");
}

#[test]
fn a_training_step_moves_all_of_the_readout_in_the_batch_and_keeps_the_names() {
    let device = Device::flex().autodiff();
    let start = init::initialize(&config(), "gaussian", "step").unwrap();
    let before = start.tensors.clone();
    let encoder = DwiseNeuro::load(start, &device).unwrap();
    let (settings, schedule) = (TrainConfig::default(), Schedule::constant(1e-3));
    let mut trainer = Trainer::new(encoder, &settings, schedule, ChaCha8Rng::seed_from_u64(3));
    let values: Vec<f32> = (0..2 * 2 * 4 * 6 * 8).map(|k| (k * 37 % 255) as f32).collect();
    let plain = Device::flex();
    trainer.step(TrainingBatch {
        input: Tensor::from_data(TensorData::new(values, [2, 2, 4, 6, 8]), &plain),
        targets: vec![Targets {
            mouse: 1,
            samples: vec![1],
            weights: vec![1.0],
            responses: Tensor::from_data(TensorData::new(vec![3.0f32; 8], [1, 2, 4]), &plain),
        }],
    });
    let after = tensors::export(trainer.encoder());
    let names: Vec<&String> = after.keys().collect();
    assert_eq!(names, layout::expected_tensors(&config()).keys().collect::<Vec<_>>());
    for part in ["position", "spread", "weight", "bias"] {
        let moved = |mouse: usize| {
            let name = format!("readouts.{mouse}.{part}");
            before[&name].values != after[&name].values
        };
        assert!(moved(1), "{part} of the mouse in the batch");
        assert!(!moved(0), "{part} of the mouse that is not");
    }
    Checkpoint::new(config(), BTreeMap::new(), trainer.average()).check().unwrap();
}

#[test]
fn neurons_start_with_their_mean_response_in_the_training_trials() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mouse");
    let recipe =
        SimulationConfig { neurons: 6, trials: 3, height: 9, width: 16, ..SimulationConfig::default() };
    simulate(&recipe, &path, &Silent).unwrap();
    let mouse = Mouse::open(&path).unwrap();
    let ids: Vec<_> = mouse.trials.iter().map(|trial| trial.id).collect();
    let (training, held_out) = (ids[..2].to_vec(), ids[2..].to_vec());
    let responses: Vec<_> = training.iter().map(|&id| mouse.read_trial(id).unwrap().responses).collect();
    let mice = [SplitMouse { mouse, training, held_out, fingerprint: String::new() }];
    for softplus_beta in [0.07, 1.0] {
        let model = ModelConfig { readout_outputs: vec![6], softplus_beta, ..config() };
        let start = start::initialize(&model, &TrainConfig::default(), &mice, "gaussian", 0).unwrap();
        for (neuron, &bias) in start.tensors["readouts.0.bias"].values.iter().enumerate() {
            let softplus = (softplus_beta * f64::from(bias)).exp().ln_1p() / softplus_beta;
            let rows = responses.iter().flat_map(|trial| trial.row(neuron).to_vec());
            let mean = rows.clone().map(f64::from).sum::<f64>() / rows.count() as f64;
            // A bias is rounded to f32, and the least mean is 0.01.
            assert!((softplus - mean.max(0.01)).abs() < 1e-5 * mean.max(1.0), "{neuron}: {softplus}, {mean}");
        }
    }
}
