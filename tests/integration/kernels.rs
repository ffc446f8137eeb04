//! The kernels agree with plain tensor operations, values and gradients, on any shape.

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use v1reel::kernel::{self, Activation, reference};
use v1reel::model::tensors;

use super::support::relative_error;

/// Sums of at most some thousand products in f32, in another order.
const TOLERANCE: f64 = 2e-5;

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
    fn depthwise_spatial_agrees(
        frames in 1usize..3, height in 1usize..10, width in 1usize..10, channels in 1usize..70,
        half in 0usize..3, stride in 1usize..4, seed in 0u64..1000,
    ) {
        let kernel = 2 * half + 1;
        let x = random([frames, height, width, channels], seed);
        let weight = random([channels, kernel, kernel], seed + 1);
        let run = |out: Tensor<4>| values(out, |g| vec![grad(&x, g), grad(&weight, g)]);
        let fast = run(kernel::depthwise_spatial(x.clone(), weight.clone(), stride));
        let plain = run(reference::depthwise_spatial(x.clone(), weight.clone(), stride));
        assert_agree(&fast, &plain);
    }

    #[test]
    fn depthwise_temporal_agrees(
        batch in 1usize..3, time in 1usize..9, pixels in 1usize..40, channels in 1usize..40,
        half in 0usize..4, seed in 0u64..1000,
    ) {
        let x = random([batch, time, pixels, channels], seed);
        let weight = random([channels, 2 * half + 1], seed + 1);
        let run = |out: Tensor<4>| values(out, |g| vec![grad(&x, g), grad(&weight, g)]);
        let fast = run(kernel::depthwise_temporal(x.clone(), weight.clone()));
        let plain = run(reference::depthwise_temporal(x.clone(), weight.clone()));
        assert_agree(&fast, &plain);
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

#[test]
fn a_frozen_weight_gets_no_gradient_and_changes_no_other() {
    let x = random([2, 6, 5, 7], 1);
    let weight = random([7, 3, 3], 2).inner();
    let gradients = kernel::depthwise_spatial(x.clone(), weight.clone(), 2).sum().backward();
    let plain = reference::depthwise_spatial(x.clone(), weight, 2).sum().backward();
    assert!(relative_error(&grad(&x, &gradients), &grad(&x, &plain)) < TOLERANCE);
}
