//! The kernels agree with plain tensor operations, values and gradients, on any shape.

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use v1reel::kernel::{self, Activation, Convolved, Expanded, Norm, Shape, Sizes, SqueezeExcite, reference};
use v1reel::model::tensors;

use super::support::relative_error;

/// Sums of at most some thousand products in f32, in another order.
const TOLERANCE: f64 = 1e-4;

fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-2.0..2.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex()).autodiff().require_grad()
}

/// Runs an operator, and its gradient for a random gradient of its output.
fn values<const D: usize>(
    output: Tensor<D>,
    gradients_of: impl FnOnce(&burn::tensor::Gradients) -> Vec<Vec<f32>>,
) -> Vec<Vec<f32>> {
    let upstream = random(output.dims(), 99).inner();
    let gradients = (output.clone() * upstream).sum().backward();
    let mut all = gradients_of(&gradients);
    all.push(tensors::values(output.inner()));
    all
}

fn grad<const D: usize>(tensor: &Tensor<D>, gradients: &burn::tensor::Gradients) -> Vec<f32> {
    tensors::values(tensor.grad(gradients).expect("it asked for its gradient"))
}

fn assert_agree(fast: &[Vec<f32>], plain: &[Vec<f32>]) {
    for (k, (fast, plain)) in fast.iter().zip(plain).enumerate() {
        let error = relative_error(fast, plain);
        assert!(error < TOLERANCE, "result {k}: relative error {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn expand_and_convolve_agrees(
        [clips, time, height, width] in [1usize..3, 1usize..4, 1usize..10, 1usize..10],
        channels in 1usize..20, inner in 1usize..70, half in 0usize..3, stride in 1usize..4,
        batch: bool, seed in 0u64..1000,
    ) {
        let side = 2 * half + 1;
        let sizes = Sizes { clips, time, height, width, channels, inner, side, stride };
        let x = random([clips * time * height * width, channels], seed);
        let positions = random([time + height + width, channels], seed + 1).inner();
        let weight = random([inner, channels], seed + 2);
        let norm = norm(inner, batch, seed + 3);
        let kernel = random([inner, side, side], seed + 6);
        let run = |operator: fn(_, _, _, _, _, _) -> Expanded| {
            let (x, positions, weight) = (x.clone(), positions.clone(), weight.clone());
            let Expanded { convolved, moments } =
                operator(x.clone(), positions, weight.clone(), norm.clone(), kernel.clone(), sizes);
            let mut all = values(with_moments(convolved), |g| {
                vec![grad(&x, g), grad(&weight, g), grad(&norm.gamma, g), grad(&norm.beta, g), grad(&kernel, g)]
            });
            // With running statistics, nobody asks for the batch's.
            all.extend(batch.then(|| tensors::values(moments.inner())));
            all
        };
        assert_agree(&run(kernel::expand_and_convolve), &run(reference::expand_and_convolve));
    }

    #[test]
    fn convolve_time_agrees(shape in shape(), half in 0usize..4, batch: bool, seed in 0u64..1000) {
        let x = random([shape.rows(), shape.channels], seed);
        let norm = norm(shape.channels, batch, seed + 1);
        let kernel = random([shape.channels, 2 * half + 1], seed + 4);
        let run = |pack: fn(_, _) -> Convolved| {
            let y = kernel::convolve_time(pack(x.clone(), shape), norm.clone(), kernel.clone());
            values(with_moments(y), |g| {
                vec![grad(&x, g), grad(&norm.gamma, g), grad(&norm.beta, g), grad(&kernel, g)]
            })
        };
        assert_agree(&run(Convolved::pack), &run(Convolved::from_rows));
    }

    #[test]
    fn excite_and_project_agrees(
        shape in shape(), hidden in 1usize..5, out in 1usize..20, batch: bool, seed in 0u64..1000,
    ) {
        let channels = shape.channels;
        let x = random([shape.rows(), channels], seed);
        let norm = norm(channels, batch, seed + 1);
        let excite = SqueezeExcite {
            reduce: random([hidden, channels], seed + 4),
            reduce_bias: random([hidden], seed + 5),
            expand: random([channels, hidden], seed + 6),
            expand_bias: random([channels], seed + 7),
        };
        let weight = random([out, channels], seed + 8);
        let run = |pack: fn(_, _) -> Convolved| {
            let x_in = pack(x.clone(), shape);
            let y = kernel::excite_and_project(x_in, norm.clone(), excite.clone(), weight.clone());
            values(y, |g| {
                vec![
                    grad(&x, g), grad(&norm.gamma, g), grad(&norm.beta, g), grad(&excite.reduce, g),
                    grad(&excite.reduce_bias, g), grad(&excite.expand, g), grad(&excite.expand_bias, g),
                    grad(&weight, g),
                ]
            })
        };
        assert_agree(&run(Convolved::pack), &run(Convolved::from_rows));
    }

    #[test]
    fn affine_agrees(rows in 1usize..600, channels in 1usize..40, silu: bool, seed in 0u64..1000) {
        let activation = if silu { Activation::Silu } else { Activation::None };
        let x = random([rows, channels], seed);
        let (scale, shift) = (random([channels], seed + 1), random([channels], seed + 2));
        let run = |out: Tensor<2>| values(out, |g| vec![grad(&x, g), grad(&scale, g), grad(&shift, g)]);
        let fast = run(kernel::affine(x.clone(), scale.clone(), shift.clone(), activation));
        let plain = run(reference::affine(x.clone(), scale.clone(), shift.clone(), activation));
        assert_agree(&fast, &plain);
    }

    #[test]
    fn channel_moments_agree(rows in 1usize..900, channels in 1usize..40, seed in 0u64..1000) {
        let x = random([rows, channels], seed);
        let run = |out: Tensor<2>| values(out, |g| vec![grad(&x, g)]);
        assert_agree(&run(kernel::channel_moments(x.clone())), &run(reference::channel_moments(x.clone())));
    }
}

/// Sizes of a convolution's output: odd ones, one frame, one pixel, one channel, more than one lane.
fn shape() -> impl Strategy<Value = Shape> {
    (1usize..3, 1usize..9, 1usize..100, 1usize..70).prop_map(|(clips, time, pixels, channels)| Shape {
        clips,
        time,
        pixels,
        channels,
    })
}

fn norm(channels: usize, batch: bool, seed: u64) -> Norm {
    let running = || [random([channels], seed + 2).inner(), random([channels], seed + 3).inner().square()];
    Norm {
        gamma: random([channels], seed),
        beta: random([channels], seed + 1),
        running: (!batch).then(running),
    }
}

/// A convolution's values and moments, so that gradients come back through both.
fn with_moments(x: Convolved) -> Tensor<2> {
    Tensor::cat(vec![x.rows(), x.moments()], 0)
}

#[test]
fn a_frozen_weight_gets_no_gradient_and_changes_no_other() {
    let sizes = Sizes { clips: 1, time: 2, height: 6, width: 5, channels: 4, inner: 7, side: 3, stride: 2 };
    let x = random([60, 4], 1);
    let (positions, weight) = (random([13, 4], 2).inner(), random([7, 4], 3).inner());
    let (norm, kernel) = (norm(7, true, 4), random([7, 3, 3], 8).inner());
    let run = |operator: fn(_, _, _, _, _, _) -> Expanded| {
        let norm = norm.clone();
        let out = operator(x.clone(), positions.clone(), weight.clone(), norm, kernel.clone(), sizes);
        values(out.convolved.rows(), |g| vec![grad(&x, g)])
    };
    assert_agree(&run(kernel::expand_and_convolve), &run(reference::expand_and_convolve));
}
