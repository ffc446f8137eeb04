//! A transparency mask from receptive fields: a pixel matters as far as neurons look at it.

use ndarray::Array2;

use super::receptive_field::FieldSummary;

/// Share of the greatest coverage at which the mask is 1.
const FULL: f64 = 0.5;
/// Narrowest envelope that is drawn, in pixels: a field is no smaller than a pixel.
const LEAST_SIGMA: f64 = 0.5;

/// Sums the envelopes of the neurons' fields, each 1 at its centre: how many neurons look at a pixel.
///
/// # Shapes
/// - `[height, width]` of the movies
pub fn coverage(neurons: &[FieldSummary], [height, width]: [usize; 2]) -> Array2<f32> {
    let mut sum = Array2::<f64>::zeros((height, width));
    for field in neurons.iter().filter(|field| field.is_found()) {
        let along = |axis: usize, length: usize| -> Vec<f64> {
            let sigma = field.sigma_px[axis].max(LEAST_SIGMA);
            (0..length).map(|k| (-0.5 * ((k as f64 - field.center_px[axis]) / sigma).powi(2)).exp()).collect()
        };
        let (across, down) = (along(0, width), along(1, height));
        for ((row, column), value) in sum.indexed_iter_mut() {
            *value += down[row] * across[column];
        }
    }
    sum.mapv(|value| value as f32)
}

/// Turns coverage into transparency: 1 where half as many neurons look as at the best place, 0.5 where a quarter does.
/// The best place is that of the 95th percentile, so that one crowded pixel does not decide. 0 when nobody looks anywhere.
pub fn transparency(coverage: &Array2<f32>) -> Array2<f32> {
    let mut sorted: Vec<f32> = coverage.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let best = sorted.get(sorted.len().saturating_sub(1) * 95 / 100).copied().unwrap_or(0.0);
    if best <= 0.0 {
        return Array2::zeros(coverage.raw_dim());
    }
    coverage.mapv(|value| value / (FULL as f32 * best))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(center_px: [f64; 2], signal_to_noise: f64) -> FieldSummary {
        FieldSummary { center_px, sigma_px: [2.0, 1.0], lag_frames: 3, signal_to_noise, reliability: 1.0 }
    }

    #[test]
    fn a_pixel_is_as_transparent_as_neurons_look_at_it() {
        let neurons = [field([3.0, 4.0], 10.0), field([3.0, 4.0], 9.0), field([11.0, 4.0], 10.0)];
        let covered = coverage(&neurons, [9, 15]);
        // Two and one; the other field is four standard deviations away: exp(-8).
        assert!((covered[[4, 3]] - 2.0).abs() < 1e-3 && (covered[[4, 11]] - 1.0).abs() < 1e-3);
        assert!((covered[[5, 3]] - 2.0 * (-0.5f32).exp()).abs() < 1e-3);
        let unseen = coverage(&[field([3.0, 4.0], 1.0), field([f64::NAN, 4.0], 10.0)], [9, 15]);
        assert!(unseen.iter().all(|&value| value == 0.0));
        assert!(transparency(&unseen).iter().all(|&value| value == 0.0));
    }

    #[test]
    fn half_the_best_coverage_is_fully_transparent() {
        let even = Array2::from_elem((10, 10), 8.0);
        assert!(transparency(&even).iter().all(|&value| value == 2.0));
        let mut some = even;
        some[[0, 0]] = 800.0; // one crowded pixel
        some[[1, 1]] = 4.0;
        some[[2, 2]] = 2.0;
        let mask = transparency(&some);
        assert_eq!((mask[[1, 1]], mask[[2, 2]]), (1.0, 0.5));
    }
}
