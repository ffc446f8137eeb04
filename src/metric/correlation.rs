//! Correlations: how much of a movie, or of a population's responses, another one explains.

use ndarray::{ArrayView2, ArrayView3};

use super::filter::gaussian_filter;
use super::statistics::{covariance_and_sds, mean, pearson};
use super::{assert_same_shape, masked, masked_frame};

/// Added to each standard deviation in the response correlation, so that a silent neuron scores 0
/// (Sensorium 2023).
pub(super) const RESPONSE_SD_EPSILON: f64 = 1e-8;

/// Pearson's r over all masked pixels and all frames of a trial: the score of a reconstruction.
///
/// NaN when the mask is empty or a movie is constant in it.
pub fn pixel_correlation(
    ground_truth: ArrayView3<f32>,
    reconstruction: ArrayView3<f32>,
    mask: ArrayView2<bool>,
) -> f64 {
    assert_same_shape(ground_truth, reconstruction, mask);
    pearson(&masked(ground_truth, mask), &masked(reconstruction, mask))
}

/// Pearson's r of two lists of numbers, such as the pixels of two images. NaN when one is constant or empty.
///
/// # Panics
/// When they differ in length.
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "lists of different lengths");
    pearson(a, b)
}

/// [`pixel_correlation`] after the reconstruction went through [`gaussian_filter`], the same `sigma`
/// (frames and pixels) on every axis. Bauer et al. use 0.5 and filter before they mask.
pub fn smoothed_pixel_correlation(
    ground_truth: ArrayView3<f32>,
    reconstruction: ArrayView3<f32>,
    mask: ArrayView2<bool>,
    sigma: f64,
) -> f64 {
    pixel_correlation(ground_truth, gaussian_filter(reconstruction, [sigma; 3]).view(), mask)
}

/// Pearson's r of each frame over its masked pixels; NaN for a frame in which either movie is constant.
pub fn frame_correlations(
    ground_truth: ArrayView3<f32>,
    reconstruction: ArrayView3<f32>,
    mask: ArrayView2<bool>,
) -> Vec<f64> {
    assert_same_shape(ground_truth, reconstruction, mask);
    let frames = ground_truth.outer_iter().zip(reconstruction.outer_iter());
    frames.map(|(a, b)| pearson(&masked_frame(a, mask), &masked_frame(b, mask))).collect()
}

/// [`frame_correlations`] averaged over frames.
///
/// Frames in which either movie is constant have no r and are left out, as published; NaN when that
/// leaves none.
pub fn mean_frame_correlation(
    ground_truth: ArrayView3<f32>,
    reconstruction: ArrayView3<f32>,
    mask: ArrayView2<bool>,
) -> f64 {
    let mut defined = frame_correlations(ground_truth, reconstruction, mask);
    defined.retain(|r| !r.is_nan());
    mean(&defined)
}

/// Correlation over time of each neuron's predicted and recorded responses, `[neuron, frame]`, with
/// ddof 0 and 1e-8 added to each standard deviation: 0 for a neuron that never changes.
///
/// NaN for every neuron when there are no frames.
pub fn neuron_correlations(predicted: ArrayView2<f32>, recorded: ArrayView2<f32>) -> Vec<f64> {
    assert_eq!(predicted.dim(), recorded.dim(), "responses of different shapes");
    let neurons = predicted.outer_iter().zip(recorded.outer_iter());
    neurons
        .map(|(p, r)| {
            let p: Vec<f64> = p.iter().map(|&v| f64::from(v)).collect();
            let r: Vec<f64> = r.iter().map(|&v| f64::from(v)).collect();
            let (covariance, sd_p, sd_r) = covariance_and_sds(&p, &r);
            covariance / ((sd_p + RESPONSE_SD_EPSILON) * (sd_r + RESPONSE_SD_EPSILON))
        })
        .collect()
}

/// Response correlation: [`neuron_correlations`] averaged over neurons. It is the validation score
/// of the encoder and that of Sensorium 2023. NaN without neurons or frames.
pub fn response_correlation(predicted: ArrayView2<f32>, recorded: ArrayView2<f32>) -> f64 {
    mean(&neuron_correlations(predicted, recorded))
}

/// Pearson's r over all neurons and frames at once, as Bauer et al. report it for reconstructions.
///
/// Loud neurons dominate it and mean rates count, so that it is much higher than
/// [`response_correlation`]. NaN when either side is constant or empty.
pub fn flattened_response_correlation(predicted: ArrayView2<f32>, recorded: ArrayView2<f32>) -> f64 {
    assert_eq!(predicted.dim(), recorded.dim(), "responses of different shapes");
    let flat = |responses: ArrayView2<f32>| responses.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    pearson(&flat(predicted), &flat(recorded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3, array};

    /// Two movies that agree where the mask is and oppose each other elsewhere.
    fn opposed_outside_mask() -> (Array3<f32>, Array3<f32>, Array2<bool>) {
        let mask = Array2::from_shape_fn((4, 5), |(row, _)| row < 2);
        let a = Array3::from_shape_fn((3, 4, 5), |(t, y, x)| ((t * 7 + y * 5 + x * 3) % 11) as f32);
        let b =
            Array3::from_shape_fn((3, 4, 5), |(t, y, x)| a[[t, y, x]] * if y < 2 { 2.0 } else { -9.0 } + 1.0);
        (a, b, mask)
    }

    #[test]
    fn only_masked_pixels_count() {
        let (a, b, mask) = opposed_outside_mask();
        // A linear map inside the mask: r = 1 up to f64 rounding.
        assert!((pixel_correlation(a.view(), b.view(), mask.view()) - 1.0).abs() < 1e-12);
        assert!((mean_frame_correlation(a.view(), b.view(), mask.view()) - 1.0).abs() < 1e-12);
        assert!(pixel_correlation(a.view(), b.view(), Array2::from_elem((4, 5), true).view()) < 0.5);
    }

    #[test]
    fn undefined_correlations_are_nan() {
        let (a, _, mask) = opposed_outside_mask();
        let flat = Array3::from_elem(a.dim(), 12.3);
        let nothing = Array2::from_elem(mask.dim(), false);
        assert!(pixel_correlation(a.view(), flat.view(), mask.view()).is_nan());
        assert!(mean_frame_correlation(a.view(), flat.view(), mask.view()).is_nan());
        assert!(pixel_correlation(a.view(), a.view(), nothing.view()).is_nan());
        assert!(mean_frame_correlation(a.view(), a.view(), nothing.view()).is_nan());
    }

    #[test]
    fn frames_without_contrast_are_left_out_of_the_mean() {
        let (a, mut b, mask) = opposed_outside_mask();
        b.index_axis_mut(ndarray::Axis(0), 1).fill(5.0);
        assert!((mean_frame_correlation(a.view(), b.view(), mask.view()) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_silent_neuron_scores_zero_and_halves_the_mean_of_two() {
        let recorded = array![[1.0f32, 3.0, 2.0, 8.0], [1.0, 2.0, 3.0, 4.0]];
        let predicted = array![[2.0f32, 6.0, 4.0, 16.0], [0.7, 0.7, 0.7, 0.7]];
        let each = neuron_correlations(predicted.view(), recorded.view());
        // The epsilon moves the first by about 1e-8 / sd.
        assert!((each[0] - 1.0).abs() < 1e-7 && each[1] == 0.0);
        assert!((response_correlation(predicted.view(), recorded.view()) - 0.5).abs() < 1e-7);
        assert!(response_correlation(Array2::zeros((0, 4)).view(), Array2::zeros((0, 4)).view()).is_nan());
    }
}
