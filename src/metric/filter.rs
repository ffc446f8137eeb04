//! Gaussian filter of movies, with the numbers of `scipy.ndimage.gaussian_filter` at its defaults, so
//! that a reconstruction smoothed here equals one smoothed in Python.

use ndarray::{Array3, ArrayView3, Axis, Zip};

/// Standard deviations covered by the kernel (scipy's `truncate`).
const TRUNCATE: f64 = 4.0;

/// Below this an axis is left alone (scipy's threshold).
const SMALLEST_SIGMA: f64 = 1e-15;

/// Kernels are cut here: far beyond any movie, the filter is a plain mean and further taps are idle.
const LARGEST_RADIUS: usize = 1 << 20;

/// Smooths a movie with a Gaussian of standard deviation `sigma`, `[frames, pixels, pixels]` for the
/// axes `[frame, height, width]`.
///
/// The edge sample is repeated (scipy's mode `reflect`) and the kernel reaches `int(4 sigma + 0.5)`.
/// An axis whose sigma is 0 (or negative or NaN) is left alone. Sums in f64, rounded to f32 once.
pub fn gaussian_filter(movie: ArrayView3<f32>, sigma: [f64; 3]) -> Array3<f32> {
    let mut smooth = movie.mapv(f64::from);
    for (axis, sigma) in sigma.into_iter().enumerate() {
        if sigma.is_nan() || sigma <= SMALLEST_SIGMA || smooth.is_empty() {
            continue;
        }
        let rows = rows(sigma, smooth.len_of(Axis(axis)));
        Zip::from(smooth.lanes_mut(Axis(axis))).par_for_each(|mut lane| {
            let before: Vec<f64> = lane.iter().copied().collect();
            for (value, row) in lane.iter_mut().zip(&rows) {
                let taps = row.weights.iter().zip(&before[row.first..]);
                *value = taps.map(|(weight, sample)| weight * sample).sum();
            }
        });
    }
    smooth.mapv(|v| v as f32)
}

/// What one output sample takes from the samples at `first` and after.
struct Row {
    first: usize,
    weights: Vec<f64>,
}

/// The filter of one axis as the rows of a banded matrix, the reflections folded in: an axis shorter
/// than the kernel then needs no special care.
fn rows(sigma: f64, length: usize) -> Vec<Row> {
    let kernel = folded_kernel(sigma, 2 * length);
    (0..length)
        .map(|output| {
            let mut weights = vec![0.0; length];
            for (offset, weight) in kernel.iter().enumerate() {
                let position = (output + offset) % (2 * length);
                weights[position.min(2 * length - 1 - position)] += weight;
            }
            let first = weights.iter().position(|&w| w != 0.0).unwrap_or(0);
            let end = weights.iter().rposition(|&w| w != 0.0).map_or(0, |last| last + 1);
            Row { first, weights: weights[first..end.max(first)].to_vec() }
        })
        .collect()
}

/// The normalised kernel wrapped onto `period` samples: a signal whose edges are mirrored repeats
/// itself after twice its length.
fn folded_kernel(sigma: f64, period: usize) -> Vec<f64> {
    let radius = ((TRUNCATE * sigma + 0.5) as usize).min(LARGEST_RADIUS);
    let weight = |offset: usize| (-0.5 * (offset as f64 / sigma).powi(2)).exp();
    let total = 1.0 + 2.0 * (1..=radius).map(weight).sum::<f64>();
    let mut folded = vec![0.0; period];
    folded[0] = 1.0 / total;
    for offset in 1..=radius {
        folded[offset % period] += weight(offset) / total;
        folded[(period - offset % period) % period] += weight(offset) / total;
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// `scipy.ndimage.gaussian_filter1d([1, 5, 2, 9, 4], sigma)` in f64.
    const SCIPY: [(f64, [f64; 5]); 4] = [
        (0.0, [1.0, 5.0, 2.0, 9.0, 4.0]),
        (0.5, [1.4271224133, 4.2548445962, 3.0647715848, 7.7202159506, 4.5330454551]),
        (1.7, [3.0082230421, 3.5328161014, 4.2928315266, 4.9252994885, 5.2408298414]),
        (20.0, [4.1999930398, 4.2000116770, 4.1999858366, 4.2000210122, 4.1999884345]),
    ];

    #[test]
    fn every_sigma_agrees_with_scipy_on_every_axis() {
        for (sigma, expected) in SCIPY {
            for axis in 0..3 {
                let mut shape = [1, 1, 1];
                shape[axis] = 5;
                let movie = array![1.0f32, 5.0, 2.0, 9.0, 4.0].into_shape_with_order(shape).unwrap();
                let mut sigmas = [0.0; 3];
                sigmas[axis] = sigma;
                let found = gaussian_filter(movie.view(), sigmas);
                for (found, expected) in found.iter().zip(expected) {
                    // f32 rounding of values below 10.
                    assert!((f64::from(*found) - expected).abs() < 1e-6, "sigma {sigma}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn the_mean_of_a_movie_stays() {
        let movie = Array3::from_shape_fn((9, 6, 7), |(t, y, x)| ((t * 31 + y * 17 + x * 5) % 23) as f32);
        for sigma in [[0.5, 0.5, 0.5], [8.0, 2.0, 2.0], [40.0, 0.0, 3.0]] {
            let smooth = gaussian_filter(movie.view(), sigma);
            // f32 rounding of the stored values; mirrored edges lose and gain nothing.
            assert!((smooth.mean().unwrap() - movie.mean().unwrap()).abs() < 1e-4, "{sigma:?}");
        }
    }

    #[test]
    fn senseless_sigmas_and_empty_movies_do_no_harm() {
        let movie = Array3::from_shape_fn((3, 2, 2), |(t, y, x)| (t * 4 + y * 2 + x) as f32);
        assert_eq!(gaussian_filter(movie.view(), [f64::NAN, -1.0, 0.0]), movie);
        let mean = gaussian_filter(movie.view(), [f64::INFINITY; 3]);
        assert!(mean.iter().all(|v| (v - 5.5).abs() < 1e-4)); // 1e-6 relative: the kernel has an end
        assert!(gaussian_filter(Array3::zeros((0, 2, 2)).view(), [1.0; 3]).is_empty());
    }
}
