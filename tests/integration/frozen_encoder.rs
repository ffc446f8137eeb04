//! The frozen encoder computes what the one that trains computes, on any shape, whatever it keeps.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array3};
use proptest::prelude::*;
use rand::Rng;
use v1reel::model::checkpoint::Checkpoint;
use v1reel::model::frozen::{Clip, ClipGradient, FrozenEncoder, Pool};
use v1reel::model::{DwiseNeuro, ModelConfig, Pass, init, loss, tensors};
use v1reel::seed;

use super::support::{member_checkpoint, reference_array, relative_error};

/// Both round, in different orders, through a deep network.
const OUTPUT: f64 = 1e-5;
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
                _ => {}
            }
        }
    }
    checkpoint
}

fn clips(count: usize, [time, height, width]: [usize; 3], channels: usize, name: &str) -> Vec<Clip> {
    let mut rng = seed::stream("frozen", "clips", &[name]);
    let mut clip = || Clip {
        movie: Array3::from_shape_simple_fn((time, height, width), || rng.random_range(0.0..255.0)),
        behavior: Array2::from_shape_simple_fn((channels - 1, time), || rng.random_range(0.0..5.0)),
    };
    (0..count).map(|_| clip()).collect()
}

fn stacked(clips: &[Clip]) -> Tensor<5> {
    let (time, height, width) = clips[0].movie.dim();
    let channels = 1 + clips[0].behavior.nrows();
    let mut values: Vec<f32> = Vec::new();
    for clip in clips {
        values.extend(&clip.movie);
        for value in &clip.behavior {
            values.extend(std::iter::repeat_n(*value, height * width));
        }
    }
    let shape = [clips.len(), channels, time, height, width];
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Responses, gradients to the movies, and sums of squares of the others, by the encoder that trains.
fn expected(checkpoint: &Checkpoint, mouse: usize, clips: &[Clip]) -> (Vec<f32>, Vec<f32>, Vec<f64>) {
    let encoder = DwiseNeuro::load(checkpoint.clone(), &Device::flex()).unwrap();
    let input = stacked(clips).autodiff().require_grad();
    let predicted = encoder.forward(input.clone(), mouse, &Pass::evaluation());
    let target = predicted.clone().detach().mul_scalar(0.5);
    let responses = tensors::values(predicted.clone().inner().swap_dims(1, 2));
    let gradient = input.grad(&loss::poisson(predicted, target).sum().backward()).unwrap();
    let [count, channels, time, height, width] = gradient.dims();
    let movie = gradient.clone().slice([0..count, 0..1, 0..time, 0..height, 0..width]);
    let rest = gradient.slice([0..count, 1..channels, 0..time, 0..height, 0..width]);
    let squares = |values: &[f32]| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
    let rest = tensors::values(rest);
    let rest = match rest.len() / count {
        0 => vec![0.0; count],
        share => rest.chunks(share).map(squares).collect(),
    };
    (responses, tensors::values(movie), rest)
}

fn to_responses(_: usize, predicted: ndarray::ArrayView2<f32>) -> Array2<f32> {
    // The gradient of `p - r log(p + 1e-8)` at `r = p / 2`.
    predicted.mapv(|p| 1.0 - 0.5 * p / (p + 1e-8))
}

fn assert_agrees(checkpoint: &Checkpoint, mouse: usize, clips: &[Clip], budget: usize) {
    let (responses, movie, squares) = expected(checkpoint, mouse, clips);
    let frozen = FrozenEncoder::new(checkpoint).unwrap();
    let pool = Pool::default();
    let predicted = frozen.predict(mouse, clips, &pool, budget);
    let error = relative_error(predicted.iter().flatten(), responses.iter());
    assert!(error < OUTPUT, "responses: {error}");
    // Twice: the second time the buffers have been used.
    for _ in 0..2 {
        let found: Vec<ClipGradient> = frozen.gradient(mouse, clips, &to_responses, &pool, budget);
        let error = relative_error(found.iter().flat_map(|clip| &clip.movie), movie.iter());
        assert!(error < GRADIENT, "gradient: {error}");
        for (clip, expected) in found.iter().zip(&squares) {
            assert!((clip.behavior_squares - expected).abs() <= 1e-4 * expected.abs(), "{expected}");
        }
    }
}

proptest! {
    // Each case builds an encoder of another shape; more would take seconds.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_shape_agrees_with_the_encoder_that_trains(
        count in 1..4usize,
        size in (1..7usize, 1..13usize, 1..13usize),
        channels in 1..6usize,
        blocks in prop::collection::vec((1..4usize, 1..4usize), 1..4),
        kernels in (0..3usize, 0..3usize),
        expansion in 1..5usize,
        keep in any::<bool>(),
    ) {
        let config = ModelConfig {
            in_channels: channels,
            readout_outputs: vec![5, 4],
            core_features: blocks.iter().map(|(width, _)| 8 * width).collect(),
            spatial_strides: blocks.iter().map(|(_, stride)| *stride).collect(),
            spatial_kernel: 2 * kernels.0 + 1,
            temporal_kernel: 2 * kernels.1 + 1,
            expansion_ratio: expansion,
            se_reduce_ratio: 4,
            cortex_features: vec![24, 32],
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
        .map(|clip| Clip {
            movie: clip.index_axis(ndarray::Axis(0), 0).to_owned().into_dimensionality().unwrap(),
            behavior: Array2::from_shape_fn((dims[1] - 1, dims[2]), |(k, t)| clip[[k + 1, t, 0, 0]]),
        })
        .collect();
    let frozen = FrozenEncoder::new(&checkpoint).unwrap();
    for mouse in 0..2 {
        let predicted = frozen.predict(mouse, &clips, &Pool::default(), usize::MAX);
        let expected = reference_array("encoder.npz", &format!("encoder_output_mouse{mouse}"));
        let found = predicted.iter().flat_map(|clip| clip.t().to_owned().into_iter().collect::<Vec<_>>());
        let error = relative_error(&found.collect::<Vec<f32>>(), expected.iter());
        assert!(error < OUTPUT, "mouse {mouse}: {error}");
    }
    assert_agrees(&checkpoint, 1, &clips, usize::MAX);
}
