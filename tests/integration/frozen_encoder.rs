//! The frozen encoder computes what the one that trains computes, on any shape, whatever it keeps.

use burn::tensor::Device;
use ndarray::{Array2, Array3};
use proptest::prelude::*;
use rand::Rng;
use v1reel::model::checkpoint::Checkpoint;
use v1reel::model::{Clip, Encoder, ModelConfig, ReadoutKind, Runtime, init};
use v1reel::seed;

use super::support::{member_checkpoint, reference_array, relative_error};

/// Both round, in different orders, through a deep network of any shape: an untrained one of odd sizes magnifies
/// rounding to 1.5e-5.
const OUTPUT: f64 = 3e-5;
/// Gradients gather more rounding; the reference asks for 1e-3 of their norm.
const GRADIENT: f64 = 1e-4;

/// An encoder with batch-norm statistics as if it had been trained.
fn trained(config: &ModelConfig, name: &str) -> Checkpoint {
    let mut checkpoint = init::initialize(config, "frozen", name).unwrap();
    let mut rng = seed::stream("frozen", "statistics", &[name]);
    for (name, tensor) in &mut checkpoint.tensors {
        for value in &mut tensor.values {
            match name.rsplit('.').next() {
                Some("gamma" | "running_var") => *value = rng.random_range(0.5..1.5),
                Some("beta" | "running_mean" | "bias") => *value = rng.random_range(-0.3..0.3),
                // Beyond the border too.
                Some("position") => *value = rng.random_range(-1.3..1.3),
                _ => {}
            }
        }
    }
    checkpoint
}

fn clips(count: usize, [time, height, width]: [usize; 3], channels: usize, name: &str) -> Vec<Clip> {
    let mut rng = seed::stream("frozen", "clips", &[name]);
    let mut clip = || {
        let movie = Array3::from_shape_simple_fn((time, height, width), || rng.random_range(0.0..255.0));
        let behavior = Array2::from_shape_simple_fn((channels - 1, time), || rng.random_range(0.0..5.0));
        Clip::new(movie.view(), behavior.view())
    };
    (0..count).map(|_| clip()).collect()
}

fn to_responses(_: usize, predicted: ndarray::ArrayView2<f32>) -> Array2<f32> {
    // The gradient of `p - r log(p + 1e-8)` at `r = p / 2`.
    predicted.mapv(|p| 1.0 - 0.5 * p / (p + 1e-8))
}

fn assert_agrees(checkpoint: &Checkpoint, mouse: usize, clips: &[Clip], budget: usize) {
    let tensors = Encoder::by_tensors(checkpoint.clone(), &Device::flex()).unwrap();
    let frozen = Encoder::load(checkpoint.clone(), &Runtime::new(Device::flex(), budget)).unwrap();
    let expected = tensors.gradient(mouse, clips, &to_responses);
    let predicted = frozen.predict(mouse, clips);
    // Twice: the second time the buffers have been used.
    for _ in 0..2 {
        let found = frozen.gradient(mouse, clips, &to_responses);
        assert_eq!(found.len(), expected.len());
        for ((found, expected), predicted) in found.iter().zip(&expected).zip(&predicted) {
            for responses in [predicted, &found.responses] {
                let error = relative_error(responses.iter(), expected.responses.iter());
                assert!(error < OUTPUT, "responses: {error}");
            }
            let error = relative_error(found.movie.iter(), expected.movie.iter());
            assert!(error < GRADIENT, "gradient: {error}");
            let (found, expected) = (found.behavior_squares, expected.behavior_squares);
            assert!((found - expected).abs() <= GRADIENT * expected.abs(), "{found} {expected}");
        }
    }
}

proptest! {
    // Each case builds an encoder of another shape; more would take seconds.
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn any_shape_agrees_with_the_encoder_that_trains(
        count in 1..4usize,
        size in (1..7usize, 1..13usize, 1..13usize),
        channels in 1..6usize,
        blocks in prop::collection::vec((1..4usize, 1..4usize), 1..4),
        kernels in (0..3usize, 0..3usize),
        expansion in 1..5usize,
        gaussian in any::<bool>(),
        layers in 0..3usize,
        causal in any::<bool>(),
        keep in any::<bool>(),
    ) {
        let layers = if gaussian { layers } else { 2 };
        let config = ModelConfig {
            in_channels: channels,
            readout_outputs: vec![5, 4],
            core_features: blocks.iter().map(|(width, _)| 8 * width).collect(),
            spatial_strides: blocks.iter().map(|(_, stride)| *stride).collect(),
            spatial_kernel: 2 * kernels.0 + 1,
            temporal_kernel: 2 * kernels.1 + 1,
            expansion_ratio: expansion,
            se_reduce_ratio: 4,
            causal,
            readout: if gaussian { ReadoutKind::Gaussian } else { ReadoutKind::Pooled },
            cortex_features: [24, 32][..layers].to_vec(),
            ..ModelConfig::default()
        };
        let name = format!("{config:?}");
        let clips = clips(count, [size.0, size.1, size.2], channels, &name);
        let budget = if keep { usize::MAX } else { 0 };
        assert_agrees(&trained(&config, &name), 1, &clips, budget);
    }
}

#[test]
fn the_published_encoder_agrees_and_its_stored_outputs_match() {
    let checkpoint = member_checkpoint(0);
    let input = reference_array("encoder.npz", "encoder_input");
    let dims = input.shape().to_vec();
    let clips: Vec<Clip> = input
        .outer_iter()
        .map(|clip| {
            let movie: Array3<f32> =
                clip.index_axis(ndarray::Axis(0), 0).to_owned().into_dimensionality().unwrap();
            let behavior = Array2::from_shape_fn((dims[1] - 1, dims[2]), |(k, t)| clip[[k + 1, t, 0, 0]]);
            Clip::new(movie.view(), behavior.view())
        })
        .collect();
    let frozen = Encoder::load(checkpoint.clone(), &Runtime::new(Device::flex(), 0)).unwrap();
    for mouse in 0..2 {
        let predicted = frozen.predict(mouse, &clips);
        let expected = reference_array("encoder.npz", &format!("encoder_output_mouse{mouse}"));
        let found: Vec<f32> =
            predicted.iter().flat_map(|clip| clip.t().iter().copied().collect::<Vec<_>>()).collect();
        let error = relative_error(&found, expected.iter());
        assert!(error < OUTPUT, "mouse {mouse}: {error}");
    }
    assert_agrees(&checkpoint, 1, &clips, usize::MAX);
}
