//! Motion energy: how much a movie changes from frame to frame, whatever it shows.

use ndarray::{ArrayView2, ArrayView3};

use super::statistics::{mean, pearson};
use super::{assert_mask_fits, assert_same_shape, masked_frame};

/// Mean absolute difference of successive frames over the masked pixels, in grey levels.
///
/// One value less than the movie has frames (none for a movie of one frame or none). All NaN for an
/// empty mask.
pub fn motion_energy(movie: ArrayView3<f32>, mask: ArrayView2<bool>) -> Vec<f64> {
    assert_mask_fits(movie, mask);
    let frames: Vec<Vec<f64>> = movie.outer_iter().map(|frame| masked_frame(frame, mask)).collect();
    let change = |pair: &[Vec<f64>]| {
        mean(&pair[1].iter().zip(&pair[0]).map(|(next, now)| (next - now).abs()).collect::<Vec<_>>())
    };
    frames.windows(2).map(change).collect()
}

/// Pearson's r over time of the two movies' [`motion_energy`].
///
/// NaN when either series is constant, as in a still movie or one of fewer than three frames.
pub fn motion_energy_correlation(
    ground_truth: ArrayView3<f32>,
    reconstruction: ArrayView3<f32>,
    mask: ArrayView2<bool>,
) -> f64 {
    assert_same_shape(ground_truth, reconstruction, mask);
    pearson(&motion_energy(ground_truth, mask), &motion_energy(reconstruction, mask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    #[test]
    fn a_step_of_known_size_is_its_energy() {
        let steps = [0.0f32, 2.0, 1.0, 7.0]; // grey level of each frame
        let movie = Array3::from_shape_fn((4, 3, 3), |(t, y, x)| steps[t] + (y * x) as f32);
        let mask = Array2::from_elem((3, 3), true);
        assert_eq!(motion_energy(movie.view(), mask.view()), [2.0, 1.0, 6.0]);
        let louder = movie.mapv(|v| 3.0 * v);
        let r = motion_energy_correlation(movie.view(), louder.view(), mask.view());
        assert!((r - 1.0).abs() < 1e-12); // f64 rounding
    }

    #[test]
    fn still_and_short_movies_have_no_correlation() {
        let mask = Array2::from_elem((2, 2), true);
        let still = Array3::from_elem((5, 2, 2), 9.0);
        assert_eq!(motion_energy(still.view(), mask.view()), [0.0; 4]);
        assert!(motion_energy_correlation(still.view(), still.view(), mask.view()).is_nan());
        let one = Array3::from_elem((1, 2, 2), 9.0);
        assert!(motion_energy(one.view(), mask.view()).is_empty());
        assert!(motion_energy_correlation(one.view(), one.view(), mask.view()).is_nan());
    }

    #[test]
    fn an_empty_mask_has_no_energy() {
        let movie = Array3::from_shape_fn((3, 2, 2), |(t, _, _)| t as f32);
        let nothing = Array2::from_elem((2, 2), false);
        assert!(motion_energy(movie.view(), nothing.view()).iter().all(|e| e.is_nan()));
    }
}
