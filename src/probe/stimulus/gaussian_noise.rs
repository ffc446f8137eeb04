//! Gaussian noise that is smooth in space and time as far as its length constants say.

use ndarray::{Array3, s};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Light, Polarity};
use crate::metric::PIXEL_MAX;
use crate::metric::filter::gaussian_filter;

/// How far values of noise go together: the standard deviations of the Gaussian filter that white noise went through.
/// Pixels at a distance d correlate by exp(-d^2 / 4 s^2); by less where s is below 0.7, when the filter is hardly more than
/// one pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthConstants {
    /// In pixels, down and across.
    pub space_px: f64,
    /// In frames.
    pub time_frames: f64,
}

/// A field of noise of mean 0 and standard deviation 1.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianNoise {
    values: Array3<f32>,
}

/// Standard deviations of margin around what is shown: the filter's borders are not.
const MARGIN: f64 = 3.0;

impl LengthConstants {
    fn by_axis(self) -> [f64; 3] {
        [self.time_frames, self.space_px, self.space_px]
    }

    fn margins(self) -> [usize; 3] {
        self.by_axis().map(|sigma| (MARGIN * sigma).ceil() as usize)
    }
}

impl GaussianNoise {
    /// Counts the values that are drawn for noise of a shape, with those around what is shown.
    pub fn values_drawn(length: LengthConstants, shape: [usize; 3]) -> f64 {
        let margins = length.margins();
        (0..3).map(|axis| shape[axis] as f64 + 2.0 * margins[axis] as f64).product()
    }

    /// Draws noise, `[frame, height, width]`, equally strong everywhere.
    pub fn draw(length: LengthConstants, shape: [usize; 3], rng: &mut ChaCha8Rng) -> Self {
        let (sigma, margins) = (length.by_axis(), length.margins());
        let [frames, height, width] = [0, 1, 2].map(|axis| shape[axis] + 2 * margins[axis]);
        let white = Array3::from_shape_simple_fn((frames, height, width), || {
            let value: f32 = StandardNormal.sample(rng);
            value
        });
        let smooth = gaussian_filter(white.view(), sigma);
        let [t, y, x] = margins;
        let shown = s![t..t + shape[0], y..y + shape[1], x..x + shape[2]];
        let scale = sigma.into_iter().map(gain).product::<f64>().recip() as f32;
        Self { values: smooth.slice(shown).mapv(|value| scale * value) }
    }

    /// Turns it into grey levels, clipped to what can be shown.
    pub fn movie(&self, polarity: Polarity, light: Light) -> Array3<f32> {
        let sd = polarity.sign() * light.noise_sd();
        self.values.mapv(|value| (light.grey + sd * value).clamp(0.0, PIXEL_MAX as f32))
    }
}

/// Standard deviation of white noise of standard deviation 1 after a Gaussian filter along one axis.
fn gain(sigma: f64) -> f64 {
    if sigma <= 0.0 {
        return 1.0;
    }
    let radius = (4.0 * sigma + 0.5) as i64;
    let weights: Vec<f64> = (-radius..=radius).map(|k| (-0.5 * (k as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use ndarray::{ArrayView3, Axis, Slice};

    /// Correlation of values `distance` apart along an axis, about the known mean of 0.
    fn correlation(values: ArrayView3<f32>, axis: usize, distance: usize) -> f64 {
        let length = values.len_of(Axis(axis));
        let [a, b] = [0..length - distance, distance..length]
            .map(|range| values.slice_axis(Axis(axis), Slice::from(range)));
        let dot = |a: ArrayView3<f32>, b: ArrayView3<f32>| {
            a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>()
        };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn length_constants_and_strength_are_measured_back() {
        for (space_px, time_frames) in [(0.7, 4.0), (1.0, 1.0), (2.0, 3.0), (3.0, 0.0)] {
            let length = LengthConstants { space_px, time_frames };
            let name = format!("{space_px} {time_frames}");
            let noise =
                GaussianNoise::draw(length, [150, 40, 50], &mut seed::stream("test", "noise", &[&name]));
            for (axis, sigma) in [time_frames, space_px, space_px].into_iter().enumerate() {
                for distance in [1, 2, 4] {
                    let expected =
                        if sigma > 0.0 { (-(distance as f64 / sigma).powi(2) / 4.0).exp() } else { 0.0 };
                    let found = correlation(noise.values.view(), axis, distance);
                    // Some 1,000 independent values at the longest, so 0.03; at 0.7 pixels the filter's samples are few: 0.02.
                    assert!((found - expected).abs() < 0.08, "{length:?} axis {axis}: {found} {expected}");
                }
            }
            let [first, all] =
                [s![.., ..2, ..], s![.., .., ..]].map(|part| noise.values.slice(part).std(0.0));
            // As strong at the border.
            assert!((all - 1.0).abs() < 0.08 && (first - 1.0).abs() < 0.2, "{length:?}: {all} {first}");
        }
    }

    #[test]
    fn movies_stay_within_black_and_white_and_polarities_mirror() {
        let length = LengthConstants { space_px: 1.0, time_frames: 2.0 };
        let noise = GaussianNoise::draw(length, [30, 8, 9], &mut seed::stream("test", "movie", &[]));
        let light = Light::around(80.0, 58.0);
        assert_eq!((light.swing, light.noise_sd()), (80.0, 40.0));
        let [a, b] = Polarity::BOTH.map(|polarity| noise.movie(polarity, light));
        assert!(a.iter().chain(&b).all(|pixel| (0.0..=255.0).contains(pixel)));
        for (&a, &b) in a.iter().zip(&b).filter(|(a, b)| **a > 0.0 && **b > 0.0) {
            assert!((a + b - 160.0).abs() < 1e-3); // single precision
        }
    }
}
