//! The kernels agree with plain tensor operations, values and gradients, on any shape.

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use v1reel::kernel::{
    self, Activation, Convolved, Expanded, JoinSizes, Joined, Norm, ReadSizes, Shape, Sizes, SqueezeExcite,
    reference,
};
use v1reel::model::tensors;

use super::support::relative_error;

/// Sums of at most some thousand products in f32, in another order, one after the other: 2e-5 nearly always,
/// but a sum in the middle may come out small beside its terms. An operator that is wrong is off by more.
const TOLERANCE: f64 = 1e-3;
/// The last sum may come out small too. How small is seen from what a change of this size in every term does
/// to it, which is some times the rounding of f32.
const NOISE: f32 = 1e-6;

fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    random_within(2.0, shape, seed)
}

fn random_within<const D: usize>(limit: f32, shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-limit..limit)).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex()).autodiff().require_grad()
}

/// Runs an operator, and its gradient for a random gradient of its output, each value of which is changed
/// by up to `noise` of itself.
fn values<const D: usize>(
    output: Tensor<D>,
    noise: f32,
    gradients_of: impl FnOnce(&burn::tensor::Gradients) -> Vec<Vec<f32>>,
) -> Vec<Vec<f32>> {
    let noise = random_within(1.0, output.dims(), 98).inner() * noise + 1.0;
    let upstream = random(output.dims(), 99).inner() * noise;
    let gradients = (output.clone() * upstream).sum().backward();
    let mut all = gradients_of(&gradients);
    all.push(tensors::values(output.inner()));
    all
}

fn grad<const D: usize>(tensor: &Tensor<D>, gradients: &burn::tensor::Gradients) -> Vec<f32> {
    tensors::values(tensor.grad(gradients).expect("it asked for its gradient"))
}

/// Compares what `run` finds with the loops and with plain tensor operations.
fn assert_agree<O>(fast: O, plain: O, run: impl Fn(&O, f32) -> Vec<Vec<f32>>) {
    let (fast, noisy, plain) = (run(&fast, 0.0), run(&plain, NOISE), run(&plain, 0.0));
    for (k, ((fast, plain), noisy)) in fast.iter().zip(&plain).zip(&noisy).enumerate() {
        let (error, noise) = (relative_error(fast, plain), relative_error(noisy, plain));
        assert!(error < TOLERANCE + 2.0 * noise, "result {k}: relative error {error}, noise {noise}");
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
        // Of one channel, the norm takes its weight out again, and leaves a gradient of rounding.
        let norm = norm(inner, batch && channels > 1, sizes.output().rows(), seed + 3);
        let kernel = random([inner, side, side], seed + 6);
        let run = |operator: &fn(_, _, _, _, _, _) -> Expanded, noise: f32| {
            let (x, positions, weight) = (x.clone(), positions.clone(), weight.clone());
            let Expanded { convolved, moments } =
                operator(x.clone(), positions, weight.clone(), norm.clone(), kernel.clone(), sizes);
            let mut all = values(with_moments(convolved), noise, |g| {
                vec![grad(&x, g), grad(&weight, g), grad(&norm.gamma, g), grad(&norm.beta, g), grad(&kernel, g)]
            });
            // With running statistics, nobody asks for the batch's.
            all.extend(norm.running.is_none().then(|| tensors::values(moments.inner())));
            all
        };
        assert_agree(kernel::expand_and_convolve as fn(_, _, _, _, _, _) -> _, reference::expand_and_convolve, run);
    }

    #[test]
    fn convolve_time_agrees(shape in shape(), half in 0usize..4, batch: bool, seed in 0u64..1000) {
        let x = random([shape.rows(), shape.channels], seed);
        let norm = norm(shape.channels, batch, shape.rows(), seed + 1);
        let kernel = random([shape.channels, 2 * half + 1], seed + 4);
        let run = |pack: &fn(_, _) -> Convolved, noise: f32| {
            let y = kernel::convolve_time(pack(x.clone(), shape), norm.clone(), kernel.clone());
            values(with_moments(y), noise, |g| {
                vec![grad(&x, g), grad(&norm.gamma, g), grad(&norm.beta, g), grad(&kernel, g)]
            })
        };
        assert_agree(Convolved::pack as fn(_, _) -> _, Convolved::from_rows, run);
    }

    #[test]
    fn excite_and_project_agrees(
        shape in shape(), hidden in 1usize..5, out in 1usize..20, batch: bool, seed in 0u64..1000,
    ) {
        let channels = shape.channels;
        let x = random([shape.rows(), channels], seed);
        let norm = norm(channels, batch, shape.rows(), seed + 1);
        // Small, so that no sigmoid saturates: there `1 - s` is rounding.
        let excite = SqueezeExcite {
            reduce: random_within(0.3, [hidden, channels], seed + 4),
            reduce_bias: random_within(0.3, [hidden], seed + 5),
            expand: random_within(0.3, [channels, hidden], seed + 6),
            expand_bias: random_within(0.3, [channels], seed + 7),
        };
        let weight = random([out, channels], seed + 8);
        let run = |pack: &fn(_, _) -> Convolved, noise: f32| {
            let x_in = pack(x.clone(), shape);
            let y = kernel::excite_and_project(x_in, norm.clone(), excite.clone(), weight.clone());
            values(y, noise, |g| {
                vec![
                    grad(&x, g), grad(&norm.gamma, g), grad(&norm.beta, g), grad(&excite.reduce, g),
                    grad(&excite.reduce_bias, g), grad(&excite.expand, g), grad(&excite.expand_bias, g),
                    grad(&weight, g),
                ]
            })
        };
        assert_agree(Convolved::pack as fn(_, _) -> _, Convolved::from_rows, run);
    }

    #[test]
    fn join_agrees(
        [clips, time, height, width] in [1usize..3, 1usize..4, 1usize..10, 1usize..10],
        channels in 1usize..20, outputs in 1usize..50, stride in 1usize..4, batch: bool, seed in 0u64..1000,
    ) {
        let sizes = JoinSizes { clips, time, height, width, channels, outputs, stride };
        let (y, x) =
            (random([sizes.rows(), outputs], seed), random([clips * time * height * width, channels], seed + 1));
        let positions = random([time + height + width, channels], seed + 2).inner();
        let norms = [3, 7].map(|k| norm(outputs, batch, sizes.rows(), seed + k));
        // The first clip's path is dropped.
        let kept: Vec<f32> = (0..clips).map(|clip| clip as f32 * 1.25).collect();
        let run = |operator: &fn(_, _, _, _, _, _) -> Joined, noise: f32| {
            let Joined { rows, moments } =
                operator(y.clone(), x.clone(), positions.clone(), norms.clone(), kept.clone(), sizes);
            let mut all = values(rows, noise, |g| {
                let [path, shortcut] = &norms;
                let parameters = [&path.gamma, &path.beta, &shortcut.gamma, &shortcut.beta];
                let mut all: Vec<Vec<f32>> = parameters.map(|p| grad(p, g)).into();
                all.extend([grad(&y, g), grad(&x, g)]);
                all
            });
            all.extend(moments.map(|m| tensors::values(m.inner())));
            all
        };
        assert_agree(kernel::join as fn(_, _, _, _, _, _) -> _, reference::join, run);
    }

    #[test]
    fn read_at_agrees(
        [clips, time, height, width] in [1usize..4, 1usize..4, 1usize..7, 1usize..7],
        channels in 1usize..70, neurons in 1usize..80, seed in 0u64..1000,
    ) {
        let sizes = ReadSizes { clips, time, height, width, channels, neurons };
        let x = random([clips * time * height * width, channels], seed);
        let positions = random_within(1.0, [clips, neurons, 2], seed + 1);
        let weight = random([neurons, channels], seed + 2);
        let run = |operator: &fn(_, _, _, _) -> _, noise: f32| {
            let out = operator(x.clone(), positions.clone(), weight.clone(), sizes);
            let mut all =
                values::<2>(out, noise, |g| vec![grad(&x, g), grad(&positions, g), grad(&weight, g)]);
            // Along an axis of one pixel there is no slope to compare.
            for (k, slope) in all[1].iter_mut().enumerate() {
                if [width, height][k % 2] == 1 {
                    assert_eq!(std::mem::take(slope), 0.0);
                }
            }
            all
        };
        assert_agree(kernel::read_at as fn(_, _, _, _) -> _, reference::read_at, run);
    }

    #[test]
    fn affine_agrees(rows in 1usize..600, channels in 1usize..40, silu: bool, seed in 0u64..1000) {
        let activation = if silu { Activation::Silu } else { Activation::None };
        let x = random([rows, channels], seed);
        let (scale, shift) = (random([channels], seed + 1), random([channels], seed + 2));
        let run = |operator: &fn(_, _, _, _) -> _, noise: f32| {
            let out = operator(x.clone(), scale.clone(), shift.clone(), activation);
            values::<2>(out, noise, |g| vec![grad(&x, g), grad(&scale, g), grad(&shift, g)])
        };
        assert_agree(kernel::affine as fn(_, _, _, _) -> _, reference::affine, run);
    }

    #[test]
    fn channel_moments_agree(rows in 1usize..900, channels in 1usize..40, seed in 0u64..1000) {
        let x = random([rows, channels], seed);
        let run = |operator: &fn(_) -> _, noise: f32| {
            values::<2>(operator(x.clone()), noise, |g| vec![grad(&x, g)])
        };
        assert_agree(kernel::channel_moments as fn(_) -> _, reference::channel_moments, run);
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

/// A norm with the statistics of a batch of `rows` rows, if `batch` asks for them and the rows are enough
/// to have any: with one row the gradient is nothing but rounding.
fn norm(channels: usize, batch: bool, rows: usize, seed: u64) -> Norm {
    let batch = batch && rows >= 8;
    let running =
        || [random([channels], seed + 2).inner(), random([channels], seed + 3).inner().square() + 0.1];
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
    let (norm, kernel) = (norm(7, true, 60, 4), random([7, 3, 3], 8).inner());
    let run = |operator: &fn(_, _, _, _, _, _) -> Expanded, noise: f32| {
        let norm = norm.clone();
        let out = operator(x.clone(), positions.clone(), weight.clone(), norm, kernel.clone(), sizes);
        values(out.convolved.rows(), noise, |g| vec![grad(&x, g)])
    };
    assert_agree(
        kernel::expand_and_convolve as fn(_, _, _, _, _, _) -> _,
        reference::expand_and_convolve,
        run,
    );
}
