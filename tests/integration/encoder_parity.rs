//! The encoder computes what the published PyTorch code computes: outputs, inner stages, gradients.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, Axis, Ix3, concatenate};
use v1reel::data::ClipConfig;
use v1reel::model::{Pass, loss, predictor, tensors};

use super::support::{
    encoder, input_size, member, member_count, mice, reference_array, reference_json, relative_error, tensor,
};

/// Order of f32 sums through a deep network; the reference asks for 1e-4.
const OUTPUT: f64 = 1e-5;
/// Gradients gather more rounding; the reference asks for 1e-3 of their norm.
const GRADIENT: f64 = 1e-4;

fn device() -> Device {
    Device::flex()
}

fn assert_close<const D: usize>(found: Tensor<D>, file: &str, name: &str, tolerance: f64) {
    let expected = reference_array(file, name);
    assert_eq!(found.dims().as_slice(), expected.shape(), "{name}");
    let error = relative_error(&tensors::values(found), expected.iter());
    assert!(error < tolerance, "{name}: relative error {error}");
}

#[test]
fn outputs_match_the_published_encoder() {
    let encoder = member(0, &device());
    for mouse in 0..mice() {
        let input = tensor::<5>(&reference_array("encoder.npz", "encoder_input"), &device());
        let output = encoder.forward(input, mouse, &Pass::evaluation());
        assert_close(output, "encoder.npz", &format!("encoder_output_mouse{mouse}"), OUTPUT);
    }
}

#[test]
fn stem_core_and_cortex_match_the_published_encoder() {
    let encoder = member(0, &device());
    let input = tensor::<5>(&reference_array("encoder.npz", "encoder_input"), &device());
    let pass = Pass::evaluation();
    let [batch, _, time, height, width] = input.dims();

    let (stem, _) = encoder.core().stem(input.clone(), &pass);
    let [_, channels] = stem.dims();
    let stem = stem.reshape([batch, time, height, width, channels]).permute([0, 4, 1, 2, 3]);
    let values = tensors::values(stem);
    let stem = ndarray::Array5::from_shape_vec((batch, channels, time, height, width), values).unwrap();
    let cut = stem.slice(ndarray::s![.., .., ..2, ..;8, ..;8]);
    let error = relative_error(cut.iter(), reference_array("encoder.npz", "encoder_stem").iter());
    assert!(error < OUTPUT, "stem: relative error {error}");

    let (core, grid) = encoder.core().forward(input.clone(), &pass);
    let [_, channels] = core.dims();
    let core = core.reshape([batch, grid.time, grid.height, grid.width, channels]).permute([0, 4, 1, 2, 3]);
    assert_close(core, "encoder.npz", "encoder_core", OUTPUT);

    let cortex = encoder.features(input, &pass).rows;
    let [_, channels] = cortex.dims();
    let cortex = cortex.reshape([batch, time, channels]).swap_dims(1, 2);
    assert_close(cortex, "encoder.npz", "encoder_cortex", OUTPUT);
}

#[test]
fn the_loss_and_its_gradient_to_the_input_match() {
    let encoder = member(0, &device());
    let input = tensor::<5>(&reference_array("encoder.npz", "encoder_input"), &device());
    let input = input.autodiff().require_grad();
    let target = tensor::<3>(&reference_array("encoder.npz", "encoder_target_mouse1"), &device());
    let predicted = encoder.forward(input.clone(), 1, &Pass::evaluation());
    let loss = loss::poisson(predicted, target).mean();
    let gradient = input.grad(&loss.backward()).unwrap();

    let expected = reference_json("expected.json")["encoder_poisson_loss"].as_f64().unwrap();
    let found = f64::from(tensors::values(loss.inner())[0]);
    assert!((found / expected - 1.0).abs() < OUTPUT, "{found} {expected}");

    let [batch, channels, time, height, width] = gradient.dims();
    let sample = gradient.clone().slice([0..1, 0..2, 0..time, 0..height, 0..width]);
    let sample = sample.reshape([2, time, height, width]);
    assert_close(sample, "encoder.npz", "encoder_input_grad_sample0", GRADIENT);
    let norm: Tensor<2> = gradient
        .square()
        .reshape([batch, channels, time * height * width])
        .sum_dim(2)
        .sqrt()
        .reshape([batch, channels]);
    assert_close(norm, "encoder.npz", "encoder_input_grad_norm", GRADIENT);
}

#[test]
fn the_movie_gradient_agrees_with_finite_differences() {
    let encoder = member(0, &device());
    let base = tensor::<5>(&reference_array("encoder.npz", "encoder_input"), &device());
    let [batch, channels, time, height, width] = base.dims();
    let target = tensor::<3>(&reference_array("encoder.npz", "encoder_target_mouse1"), &device());
    // A random direction with every pixel in it: its slope tests the whole gradient at once.
    let direction: Vec<f32> = (0..batch * channels * time * height * width)
        .map(|i| if (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63 == 0 { 1.0 } else { -1.0 })
        .collect();
    let direction =
        Tensor::<5>::from_data(TensorData::new(direction, [batch, channels, time, height, width]), &device());
    let loss = |input: Tensor<5>| {
        let predicted = encoder.forward(input, 1, &Pass::evaluation());
        loss::poisson(predicted, target.clone()).sum()
    };
    let input = base.clone().autodiff().require_grad();
    let gradient = input.grad(&loss(input.clone()).backward()).unwrap();
    let slope = f64::from(tensors::values((gradient * direction.clone()).sum())[0]);
    let step = 0.05;
    let at =
        |sign: f32| f64::from(tensors::values(loss(base.clone() + direction.clone() * (sign * step)))[0]);
    let measured = (at(1.0) - at(-1.0)) / (2.0 * f64::from(step));
    // f32 losses of about 4e3 carry 3e-4 of noise, divided by the step; the slope is about 10.
    assert!((measured - slope).abs() < 0.02 * slope.abs().max(1.0), "{measured} {slope}");
}

#[test]
fn trial_predictions_of_every_member_match() {
    let stack = |name: &str| reference_array("trial.npz", name);
    let movie = stack("trial_video").into_dimensionality::<Ix3>().unwrap().permuted_axes([2, 0, 1]);
    let (frames, height, width) = movie.dim();
    let size = input_size();
    let rows: Vec<_> = ["trial_behavior", "trial_pupil_center"]
        .map(|name| stack(name).into_dimensionality::<ndarray::Ix2>().unwrap())
        .into();
    let rows = concatenate(Axis(0), &[rows[0].view(), rows[1].view()]).unwrap();
    let mut input = Array4::<f32>::zeros((1 + rows.nrows(), frames, size[0], size[1]));
    let (top, left) = ((size[0] - height) / 2, (size[1] - width) / 2);
    input.slice_mut(ndarray::s![0, .., top..top + height, left..left + width]).assign(&movie);
    for (k, row) in rows.rows().into_iter().enumerate() {
        for (t, &value) in row.iter().enumerate() {
            input.slice_mut(ndarray::s![1 + k, t, .., ..]).fill(value);
        }
    }
    let expected = stack("trial_prediction_mouse1");
    assert_eq!(member_count(), expected.shape()[0]);
    for k in 0..member_count() {
        let found = predictor::predict_trial(&encoder(k), 1, input.view(), ClipConfig::default()).unwrap();
        let error = relative_error(found.iter(), expected.index_axis(Axis(0), k).iter());
        assert!(error < OUTPUT, "member {k}: relative error {error}");
    }
}
