//! Structural similarity, in the standard windowed form and in the global form published with the
//! reconstructions, whose constants are so large that every movie looks similar.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis, Zip};

use super::statistics::{covariance_and_sds, mean, mean_and_sd};
use super::{PIXEL_MAX, assert_same_shape, masked};

/// Pixels from the centre of the 11x11 window to its edge (Wang et al. 2004).
const WINDOW_RADIUS: usize = 5;

/// Standard deviation of the window's Gaussian, in pixels (Wang et al. 2004).
const WINDOW_SIGMA: f64 = 1.5;

/// `(K1 L)^2` with K1 = 0.01 and L = 255 (Wang et al. 2004).
const C1: f64 = (0.01 * PIXEL_MAX) * (0.01 * PIXEL_MAX);

/// `(K2 L)^2` with K2 = 0.03 and L = 255 (Wang et al. 2004).
const C2: f64 = (0.03 * PIXEL_MAX) * (0.03 * PIXEL_MAX);

/// Averages the standard SSIM (Wang et al. 2004: 11x11 Gaussian window of sigma 1.5, K1 = 0.01,
/// K2 = 0.03, L = 255, moments weighted with ddof 0) over the masked pixels of all frames.
///
/// Pixels outside the mask enter no window: a reconstruction is grey there and its truth is not. A
/// window that reaches over the edge of mask or frame is cut and its weights are normalised again; all
/// others are the standard ones. NaN for an empty mask or no frames.
pub fn ssim(ground_truth: ArrayView3<f32>, reconstruction: ArrayView3<f32>, mask: ArrayView2<bool>) -> f64 {
    assert_same_shape(ground_truth, reconstruction, mask);
    let inside = mask.mapv(|inside| f64::from(u8::from(inside)));
    let coverage = blur(&inside);
    let frames: Vec<f64> = ground_truth
        .axis_iter(Axis(0))
        .into_par_iter()
        .zip(reconstruction.axis_iter(Axis(0)))
        .map(|(a, b)| {
            let map = similarity_map(a, b, &inside, &coverage);
            mean(&map.iter().zip(mask).filter(|&(_, &m)| m).map(|(&v, _)| v).collect::<Vec<_>>())
        })
        .collect();
    mean(&frames)
}

/// The "SSIM" of Bauer et al.: one window over all masked pixels and frames, K1 = K2 = 1.
///
/// Its constants exceed the moments they should only steady, so that it lies near 1 for any pair of
/// movies; use it to compare with published figures and [`ssim`] for anything else. Standard
/// deviations have ddof 0, the covariance ddof 1. NaN for an empty mask.
pub fn published_global_ssim(
    ground_truth: ArrayView3<f32>,
    reconstruction: ArrayView3<f32>,
    mask: ArrayView2<bool>,
) -> f64 {
    assert_same_shape(ground_truth, reconstruction, mask);
    let (a, b) = (masked(ground_truth, mask), masked(reconstruction, mask));
    let c = PIXEL_MAX * PIXEL_MAX;
    let ((mean_a, sd_a), (mean_b, sd_b)) = (mean_and_sd(&a), mean_and_sd(&b));
    let count = a.len() as f64;
    let covariance = covariance_and_sds(&a, &b).0 * count / (count - 1.0);
    let luminance = (2.0 * mean_a * mean_b + c) / (mean_a.powi(2) + mean_b.powi(2) + c);
    let contrast = (2.0 * sd_a * sd_b + c) / (sd_a.powi(2) + sd_b.powi(2) + c);
    let structure = (covariance + c / 2.0) / (sd_a * sd_b + c / 2.0);
    luminance * contrast * structure
}

/// SSIM at every pixel; meaningless (NaN) where no masked pixel is within the window.
fn similarity_map(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    inside: &Array2<f64>,
    coverage: &Array2<f64>,
) -> Array2<f64> {
    let mut a = a.mapv(f64::from);
    let mut b = b.mapv(f64::from);
    // Not a product: a NaN outside the mask would stay one.
    a.zip_mut_with(inside, |v, &m| *v = if m > 0.0 { *v } else { 0.0 });
    b.zip_mut_with(inside, |v, &m| *v = if m > 0.0 { *v } else { 0.0 });
    let mean_of = |values: &Array2<f64>| blur(values) / coverage;
    let (mean_a, mean_b) = (mean_of(&a), mean_of(&b));
    let squares = mean_of(&(&a * &a + &b * &b));
    let products = mean_of(&(&a * &b));
    Zip::from(&mean_a).and(&mean_b).and(&squares).and(&products).map_collect(
        |&ma, &mb, &squares, &product| {
            let means = ma * ma + mb * mb;
            let covariance = product - ma * mb;
            (2.0 * ma * mb + C1) * (2.0 * covariance + C2) / ((means + C1) * (squares - means + C2))
        },
    )
}

/// Weighs each pixel's neighbourhood with the (unnormalised) window; nothing beyond the frame.
fn blur(image: &Array2<f64>) -> Array2<f64> {
    let weights: Vec<f64> =
        (0..=WINDOW_RADIUS).map(|d| (-0.5 * (d as f64 / WINDOW_SIGMA).powi(2)).exp()).collect();
    let mut blurred = image.clone();
    for axis in [Axis(0), Axis(1)] {
        for mut lane in blurred.lanes_mut(axis) {
            let before: Vec<f64> = lane.iter().copied().collect();
            for (centre, value) in lane.iter_mut().enumerate() {
                let first = centre.saturating_sub(WINDOW_RADIUS);
                let end = (centre + WINDOW_RADIUS + 1).min(before.len());
                *value = (first..end).map(|i| weights[i.abs_diff(centre)] * before[i]).sum();
            }
        }
    }
    blurred
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};

    fn movies() -> (Array3<f32>, Array3<f32>) {
        let texture = |seed: usize| {
            Array3::from_shape_fn((3, 17, 19), |(t, y, x)| {
                ((seed + t * 5 + y * y * 3 + x * 7 + y * x) % 256) as f32
            })
        };
        (texture(3), texture(91))
    }

    #[test]
    fn equal_movies_score_one_and_the_order_does_not_matter() {
        let (a, b) = movies();
        let mask = Array2::from_shape_fn((17, 19), |(y, x)| (y + 2 * x) % 3 > 0);
        let same = ssim(a.view(), a.view(), mask.view());
        assert!((same - 1.0).abs() < 1e-12, "{same}"); // f64 rounding
        let (ab, ba) = (ssim(a.view(), b.view(), mask.view()), ssim(b.view(), a.view(), mask.view()));
        assert!((ab - ba).abs() < 1e-12 && ab < 0.9, "{ab} {ba}");
    }

    #[test]
    fn two_pixels_agree_with_the_formula_worked_by_hand() {
        let (a, b) = (array![[[10.0f32, 30.0]]], array![[[50.0f32, 20.0]]]);
        // Each pixel sees itself with weight 1 and its neighbour with exp(-1/4.5).
        let near = (-1.0f64 / 4.5).exp();
        let (p, q) = (1.0 / (1.0 + near), near / (1.0 + near));
        let at = |p: f64, q: f64| {
            let (ma, mb) = (p * 10.0 + q * 30.0, p * 50.0 + q * 20.0);
            // The variance of two values is p q (difference)^2.
            let (va, vb, cab) = (p * q * 400.0, p * q * 900.0, p * q * 20.0 * -30.0);
            (2.0 * ma * mb + 6.5025) * (2.0 * cab + 58.5225)
                / ((ma * ma + mb * mb + 6.5025) * (va + vb + 58.5225))
        };
        let found = ssim(a.view(), b.view(), array![[true, true]].view());
        assert!((found - (at(p, q) + at(q, p)) / 2.0).abs() < 1e-12); // f64 rounding
    }

    #[test]
    fn a_window_within_the_frame_is_the_standard_one() {
        let (a, b) = movies();
        let (y, x) = (8, 9);
        let window = |movie: &Array3<f32>, f: &dyn Fn(f64, f64) -> f64, other: &Array3<f32>| {
            let (mut sum, mut total) = (0.0, 0.0);
            for dy in -5i32..=5 {
                for dx in -5i32..=5 {
                    let weight = (-f64::from(dx * dx + dy * dy) / (2.0 * 1.5 * 1.5)).exp();
                    let at = [0, (y + dy) as usize, (x + dx) as usize];
                    sum += weight * f(f64::from(movie[at]), f64::from(other[at]));
                    total += weight;
                }
            }
            sum / total
        };
        let (ma, mb) = (window(&a, &|v, _| v, &b), window(&b, &|v, _| v, &a));
        let va = window(&a, &|v, _| (v - ma).powi(2), &b);
        let vb = window(&b, &|v, _| (v - mb).powi(2), &a);
        let cab = window(&a, &|v, w| (v - ma) * (w - mb), &b);
        let expected = (2.0 * ma * mb + 6.5025) * (2.0 * cab + 58.5225)
            / ((ma * ma + mb * mb + 6.5025) * (va + vb + 58.5225));
        let inside = Array2::from_elem((17, 19), 1.0);
        let map = similarity_map(a.index_axis(Axis(0), 0), b.index_axis(Axis(0), 0), &inside, &blur(&inside));
        // The raw second moments, near 2e4, cancel to f64 rounding.
        assert!((map[[8, 9]] - expected).abs() < 1e-10);
    }

    #[test]
    fn nothing_outside_the_mask_matters() {
        let (a, b) = movies();
        let mask = Array2::from_shape_fn((17, 19), |(y, x)| (3..12).contains(&y) && (2..13).contains(&x));
        let mut altered = b.clone();
        for mut frame in altered.outer_iter_mut() {
            frame.zip_mut_with(&mask, |v, &m| *v = if m { *v } else { f32::NAN });
        }
        assert_eq!(ssim(a.view(), b.view(), mask.view()), ssim(a.view(), altered.view(), mask.view()));
        let nothing = Array2::from_elem((17, 19), false);
        assert!(ssim(a.view(), b.view(), nothing.view()).is_nan());
        assert!(published_global_ssim(a.view(), b.view(), nothing.view()).is_nan());
    }
}
