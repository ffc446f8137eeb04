//! Metrics against the numbers of the published Python code.

use ndarray::{Array2, Array3, ArrayD, Ix2, Ix3, s};
use v1reel::metric::correlation::{
    flattened_response_correlation, mean_frame_correlation, pixel_correlation, response_correlation,
    smoothed_pixel_correlation,
};
use v1reel::metric::error::{poisson_loss, psnr, rmse};
use v1reel::metric::filter::gaussian_filter;
use v1reel::metric::luminance::{MatchedStatistics, match_luminance_contrast};
use v1reel::metric::motion_energy::motion_energy;
use v1reel::metric::ssim::published_global_ssim;

use super::support::{reference_array, reference_json};

/// Both sides sum f32 pixels in f64: what differs is the order of sums.
const SUM_ORDER: f64 = 1e-9;

/// One f32 rounding of a pixel near 255.
const PIXEL_ROUNDING: f32 = 2e-5;

struct Case {
    ground_truth: Array3<f32>,
    reconstruction: Array3<f32>,
    mask: Array2<bool>,
}

fn movie(array: ArrayD<f32>) -> Array3<f32> {
    array.into_dimensionality::<Ix3>().unwrap()
}

fn case() -> Case {
    let mask = reference_array("metrics.npz", "metrics_mask").into_dimensionality::<Ix2>().unwrap();
    Case {
        ground_truth: movie(reference_array("metrics.npz", "metrics_ground_truth")),
        reconstruction: movie(reference_array("metrics.npz", "metrics_reconstruction")),
        mask: mask.mapv(|v| v >= 1.0),
    }
}

#[track_caller]
fn assert_scalar(key: &str, found: f64, tolerance: f64) {
    let expected = reference_json("expected.json")[key].as_f64().unwrap();
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance, "{key}: found {found}, expected {expected}");
}

#[track_caller]
fn assert_pixels(found: &Array3<f32>, expected: &Array3<f32>) {
    assert_eq!(found.dim(), expected.dim());
    let worst = found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f32::max);
    assert!(worst <= PIXEL_ROUNDING, "pixels differ by up to {worst}");
}

#[test]
fn movie_scores_agree() {
    let Case { ground_truth, reconstruction, mask } = case();
    let (truth, found, mask) = (ground_truth.view(), reconstruction.view(), mask.view());
    assert_scalar("video_corr", pixel_correlation(truth, found, mask), SUM_ORDER);
    assert_scalar("frame_corr", mean_frame_correlation(truth, found, mask), SUM_ORDER);
    assert_scalar("rmse", rmse(truth, found, mask), SUM_ORDER);
    assert_scalar("psnr", psnr(truth, found, mask), SUM_ORDER);
    assert_scalar("ssim_global", published_global_ssim(truth, found, mask), SUM_ORDER);
    // We store the smoothed movie as f32: 1e-7 relative in each pixel, independent, so far less in r.
    assert_scalar("video_corr_smoothed", smoothed_pixel_correlation(truth, found, mask, 0.5), 1e-8);
}

#[test]
fn response_scores_agree() {
    let recorded =
        reference_array("trial.npz", "trial_responses_mouse1").into_dimensionality::<Ix2>().unwrap();
    let members = movie(reference_array("trial.npz", "trial_prediction_mouse1"));
    let member_0 = members.index_axis(ndarray::Axis(0), 0);
    // The published code works in f32 here.
    assert_scalar("sensorium_corr", response_correlation(member_0, recorded.view()), 1e-7);
    assert_scalar("response_corr_flat", flattened_response_correlation(member_0, recorded.view()), SUM_ORDER);
}

#[test]
fn poisson_loss_agrees() {
    let predicted = movie(reference_array("encoder.npz", "encoder_output_mouse1"));
    let recorded = movie(reference_array("encoder.npz", "encoder_target_mouse1"));
    let flat = |responses: &Array3<f32>| {
        let (samples, neurons, frames) = responses.dim();
        responses.to_shape((samples * neurons, frames)).unwrap().into_owned()
    };
    // The published loss is summed in f32.
    assert_scalar(
        "encoder_poisson_loss",
        poisson_loss(flat(&predicted).view(), flat(&recorded).view()),
        1e-6,
    );
}

#[test]
fn motion_energy_agrees() {
    let Case { ground_truth, reconstruction, mask } = case();
    for (name, movie) in
        [("metrics_motion_energy_gt", ground_truth), ("metrics_motion_energy_rec", reconstruction)]
    {
        let expected = reference_array("metrics.npz", name);
        let found = motion_energy(movie.view(), mask.view());
        assert_eq!(found.len(), expected.len());
        for (found, &expected) in found.iter().zip(&expected) {
            // The expected values are read as f32.
            assert!((found - f64::from(expected)).abs() <= 1e-7 * found.abs(), "{name}: {found} {expected}");
        }
    }
}

#[test]
fn luminance_contrast_match_agrees() {
    let Case { ground_truth, reconstruction, .. } = case();
    let transparency = reference_array("mask.npz", "mask").into_dimensionality::<Ix2>().unwrap();
    let (_, height, width) = ground_truth.dim();
    let (top, left) = ((transparency.nrows() - height) / 2, (transparency.ncols() - width) / 2);
    let content = transparency.slice(s![top..top + height, left..left + width]);
    let mask = content.mapv(|v| v >= 1.0);
    let matched = match_luminance_contrast(
        reconstruction.view(),
        ground_truth.view(),
        mask.view(),
        MatchedStatistics::AllFrames,
    );
    assert_pixels(&matched, &movie(reference_array("metrics.npz", "luminance_contrast_matched")));
}

#[test]
fn gaussian_filter_agrees() {
    let expected = movie(reference_array("metrics.npz", "gaussian_filtered_sigma0p5"));
    assert_pixels(&gaussian_filter(case().reconstruction.view(), [0.5; 3]), &expected);
}
