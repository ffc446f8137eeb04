//! Errors: how far a movie is from the truth in grey levels, and predicted responses from recorded
//! ones in the Poisson loss.

use ndarray::{ArrayView2, ArrayView3};

use super::statistics::mean;
use super::{PIXEL_MAX, assert_same_shape, masked};

/// Keeps the logarithm of the Poisson loss finite where a neuron is predicted silent.
const LOG_EPSILON: f64 = 1e-8;

/// Root mean squared error over all masked pixels and frames, in grey levels. NaN for an empty mask.
pub fn rmse(ground_truth: ArrayView3<f32>, reconstruction: ArrayView3<f32>, mask: ArrayView2<bool>) -> f64 {
    mean_squared_error(ground_truth, reconstruction, mask).sqrt()
}

/// Peak signal-to-noise ratio in dB, with the peak at 255.
///
/// Infinite for equal movies, NaN for an empty mask.
pub fn psnr(ground_truth: ArrayView3<f32>, reconstruction: ArrayView3<f32>, mask: ArrayView2<bool>) -> f64 {
    10.0 * (PIXEL_MAX * PIXEL_MAX / mean_squared_error(ground_truth, reconstruction, mask)).log10()
}

/// Mean over neurons and frames of `p - r*log(p + 1e-8)`, the loss of training and reconstruction,
/// for predicted `p` and recorded `r`, both `[neuron, frame]` and not negative. NaN when empty.
pub fn poisson_loss(predicted: ArrayView2<f32>, recorded: ArrayView2<f32>) -> f64 {
    assert_eq!(predicted.dim(), recorded.dim(), "responses of different shapes");
    let pairs = predicted.iter().zip(recorded).map(|(&p, &r)| (f64::from(p), f64::from(r)));
    mean(&pairs.map(|(p, r)| p - r * (p + LOG_EPSILON).ln()).collect::<Vec<_>>())
}

fn mean_squared_error(a: ArrayView3<f32>, b: ArrayView3<f32>, mask: ArrayView2<bool>) -> f64 {
    assert_same_shape(a, b, mask);
    let pairs = masked(a, mask).into_iter().zip(masked(b, mask));
    mean(&pairs.map(|(a, b)| (a - b).powi(2)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3, array};

    #[test]
    fn a_constant_offset_is_its_own_rmse() {
        let a = Array3::from_shape_fn((2, 3, 4), |(t, y, x)| (t + y + x) as f32);
        let mask = Array2::from_shape_fn((3, 4), |(y, x)| y != x);
        let mut b = &a - 3.0;
        b[[0, 1, 1]] = 255.0; // outside the mask
        assert_eq!(rmse(a.view(), b.view(), mask.view()), 3.0);
        let expected = 20.0 * (255.0f64 / 3.0).log10();
        assert!((psnr(a.view(), b.view(), mask.view()) - expected).abs() < 1e-12); // f64 rounding
        assert_eq!(psnr(a.view(), a.view(), mask.view()), f64::INFINITY);
        let nothing = Array2::from_elem((3, 4), false);
        assert!(rmse(a.view(), b.view(), nothing.view()).is_nan());
        assert!(psnr(a.view(), b.view(), nothing.view()).is_nan());
    }

    #[test]
    fn the_poisson_loss_is_least_at_the_truth_and_finite_at_zero() {
        let recorded = array![[2.0f32, 0.0], [5.0, 1.0]];
        let at = |predicted: Array2<f32>| poisson_loss(predicted.view(), recorded.view());
        let truth = at(recorded.clone());
        assert!(truth < at(&recorded + 0.3) && truth < at(&recorded * 0.8));
        assert!(at(Array2::zeros((2, 2))).is_finite());
        let expected = 3.0 - (8.0 / 4.0) * (3.0f64 + 1e-8).ln();
        assert!((at(Array2::from_elem((2, 2), 3.0)) - expected).abs() < 1e-12); // f64 rounding
    }
}
