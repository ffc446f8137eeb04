//! Matches a movie's luminance and contrast to another's: both are lost in a reconstruction whose
//! scale the encoder hardly feels, and no correlation sees them.

use ndarray::{Array3, ArrayView2, ArrayView3, Axis};

use super::statistics::mean_and_sd;
use super::{MID_GRAY, PIXEL_MAX, assert_mask_fits, assert_same_shape, masked, masked_frame};

/// What mean and standard deviation are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchedStatistics {
    /// All masked pixels of all frames: what Bauer et al. feed back to the encoder.
    AllFrames,
    /// The masked pixels of the time-averaged image: what their figures show. A movie varies more
    /// than its average, so that contrast is set by what stands still.
    TimeAverage,
}

/// Shifts and scales `movie` so that mean and standard deviation (ddof 0) over the mask become those
/// of `target`, then clips to 0..255; mid-grey outside the mask.
///
/// A movie without contrast can't be scaled: it becomes mid-grey everywhere, as published.
pub fn match_luminance_contrast(
    movie: ArrayView3<f32>,
    target: ArrayView3<f32>,
    mask: ArrayView2<bool>,
    statistics: MatchedStatistics,
) -> Array3<f32> {
    assert_same_shape(movie, target, mask);
    let (mean, sd) = mean_and_sd(&sample(movie, mask, statistics));
    let (target_mean, target_sd) = mean_and_sd(&sample(target, mask, statistics));
    let mut matched = Array3::from_elem(movie.dim(), MID_GRAY);
    for (mut to, from) in matched.outer_iter_mut().zip(movie.outer_iter()) {
        for ((to, &from), _) in to.iter_mut().zip(from).zip(mask).filter(|&(_, &inside)| inside) {
            let value = (f64::from(from) - mean) / sd * target_sd + target_mean;
            if value.is_finite() {
                *to = value.clamp(0.0, PIXEL_MAX) as f32;
            }
        }
    }
    matched
}

/// Luminance and contrast of a movie: mean and standard deviation (ddof 0) of its masked pixels over all frames.
pub fn luminance_and_contrast(movie: ArrayView3<f32>, mask: ArrayView2<bool>) -> (f64, f64) {
    assert_mask_fits(movie, mask);
    mean_and_sd(&masked(movie, mask))
}

/// The pixels whose mean and spread count.
fn sample(movie: ArrayView3<f32>, mask: ArrayView2<bool>, statistics: MatchedStatistics) -> Vec<f64> {
    match statistics {
        MatchedStatistics::AllFrames => masked(movie, mask),
        MatchedStatistics::TimeAverage => {
            let mut sums = vec![0.0; mask.iter().filter(|&&inside| inside).count()];
            for frame in movie.outer_iter() {
                for (sum, value) in sums.iter_mut().zip(masked_frame(frame, mask)) {
                    *sum += value;
                }
            }
            let frames = movie.len_of(Axis(0)) as f64;
            sums.iter().map(|sum| sum / frames).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn movies() -> (Array3<f32>, Array3<f32>, Array2<bool>) {
        let movie =
            Array3::from_shape_fn((6, 4, 5), |(t, y, x)| 120.0 + ((t * 5 + y * 3 + x * 7) % 13) as f32);
        let target = Array3::from_shape_fn((6, 4, 5), |(t, y, x)| {
            90.0 + 4.0 * ((t * 2 + y * 5 + x * 3) % 11) as f32 + (y * x) as f32
        });
        (movie, target, Array2::from_shape_fn((4, 5), |(y, x)| y + x > 2))
    }

    #[test]
    fn mean_and_contrast_become_the_targets_in_either_form() {
        let (movie, target, mask) = movies();
        for statistics in [MatchedStatistics::AllFrames, MatchedStatistics::TimeAverage] {
            let matched = match_luminance_contrast(movie.view(), target.view(), mask.view(), statistics);
            assert!(matched.iter().all(|&v| v > 0.0 && v < 255.0), "clipping would spoil the claim");
            let (mean, sd) = mean_and_sd(&sample(matched.view(), mask.view(), statistics));
            let (target_mean, target_sd) = mean_and_sd(&sample(target.view(), mask.view(), statistics));
            // f32 rounding of values near 100.
            assert!((mean - target_mean).abs() < 1e-5 && (sd - target_sd).abs() < 1e-5, "{statistics:?}");
            assert!(
                matched.outer_iter().all(|frame| frame[[0, 0]] == MID_GRAY),
                "(0, 0) is outside the mask"
            );
        }
    }

    #[test]
    fn the_result_stays_within_the_range_of_pixels() {
        let (movie, target, mask) = movies();
        let steep = target.mapv(|v| (v - 100.0) * 40.0);
        let matched =
            match_luminance_contrast(movie.view(), steep.view(), mask.view(), MatchedStatistics::AllFrames);
        assert!(matched.iter().all(|v| (0.0..=255.0).contains(v)));
        assert!(matched.iter().any(|&v| v == 255.0) && matched.iter().any(|&v| v == 0.0));
    }

    #[test]
    fn a_movie_without_contrast_becomes_mid_grey() {
        let (movie, target, mask) = movies();
        let flat = Array3::from_elem(movie.dim(), 3.0);
        let matched =
            match_luminance_contrast(flat.view(), target.view(), mask.view(), MatchedStatistics::AllFrames);
        assert!(matched.iter().all(|&v| v == MID_GRAY));
    }
}
