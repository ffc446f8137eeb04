//! Random textures whose amplitude falls with spatial frequency as it does in natural images.

use rand::Rng;
use rustfft::{FftPlanner, num_complex::Complex32};

use super::drift::normal;

/// A square that repeats in both directions; mean 0, standard deviation 1.
#[derive(Debug, Clone)]
pub(super) struct Texture {
    side: usize,
    values: Vec<f32>,
}

impl Texture {
    /// Draws two independent textures with amplitude spectrum `1 / frequency^exponent`.
    ///
    /// `side` must be a power of two.
    pub(super) fn pair(rng: &mut impl Rng, side: usize, exponent: f32) -> [Self; 2] {
        debug_assert!(side.is_power_of_two());
        // Complex white noise through a real, even filter: real and imaginary part don't know of each other.
        let mut plane: Vec<Complex32> = Vec::with_capacity(side * side);
        for row in 0..side {
            for column in 0..side {
                let frequency = signed_frequency(row, side).hypot(signed_frequency(column, side));
                let amplitude = if frequency == 0.0 { 0.0 } else { frequency.powf(-exponent) };
                plane.push(Complex32::new(normal(rng), normal(rng)) * amplitude);
            }
        }
        transform_2d(&mut plane, side);
        [plane.iter().map(|v| v.re).collect(), plane.iter().map(|v| v.im).collect()]
            .map(|values| Self::standardised(side, values))
    }

    fn standardised(side: usize, mut values: Vec<f32>) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        let scale = 1.0 / variance.sqrt().max(1e-20);
        values.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) * scale) as f32);
        Self { side, values }
    }

    /// Reads between the points, wrapping around.
    #[inline]
    pub(super) fn sample(&self, x: f32, y: f32) -> f32 {
        let mask = self.side - 1;
        let (left, top) = (x.floor(), y.floor());
        let (right_part, lower_part) = (x - left, y - top);
        // Through i32, as two's complement: a power-of-two mask then wraps negative places rightly too.
        let (left, top) = (left as i32 as usize & mask, top as i32 as usize & mask);
        let (right, below) = ((left + 1) & mask, (top + 1) & mask);
        let row = |row: usize| {
            let line = &self.values[row * self.side..(row + 1) * self.side];
            line[left] + right_part * (line[right] - line[left])
        };
        let upper = row(top);
        upper + lower_part * (row(below) - upper)
    }
}

/// Returns the frequency of an FFT bin in cycles per side, negative in the upper half.
fn signed_frequency(bin: usize, side: usize) -> f32 {
    if bin <= side / 2 { bin as f32 } else { bin as f32 - side as f32 }
}

/// Transforms the rows, then the columns; the result is transposed, which noise does not mind.
fn transform_2d(plane: &mut Vec<Complex32>, side: usize) {
    let fft = FftPlanner::new().plan_fft_inverse(side);
    fft.process(plane);
    let mut transposed = Vec::with_capacity(plane.len());
    for column in 0..side {
        transposed.extend((0..side).map(|row| plane[row * side + column]));
    }
    fft.process(&mut transposed);
    *plane = transposed;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn textures_wrap_and_are_standardised() {
        let [a, b] = Texture::pair(&mut seed::stream("test", "texture", &[]), 64, 1.0);
        let mean = a.values.iter().sum::<f32>() / 4096.0;
        let variance = a.values.iter().map(|v| v * v).sum::<f32>() / 4096.0;
        assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-3, "{mean} {variance}");
        // f32 rounding of places near 64.
        assert!((a.sample(-3.25, 70.5) - a.sample(60.75, 6.5)).abs() < 1e-4);
        assert_ne!(a.values, b.values);
    }
}
