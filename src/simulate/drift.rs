//! Signals that drift and return (Ornstein-Uhlenbeck processes), from which motion, pupil and gain
//! fluctuations are made; and the normal distribution.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Draws a standard normal number.
pub(super) fn normal(rng: &mut impl Rng) -> f32 {
    StandardNormal.sample(rng)
}

/// A stationary process of mean 0 that forgets over a time constant.
#[derive(Debug, Clone)]
pub(super) struct Drift {
    value: f32,
    decay: f32,
    kick: f32,
}

impl Drift {
    /// Starts from the stationary distribution, so that no trial has a transient.
    pub(super) fn start(rng: &mut impl Rng, sd: f32, time_constant_frames: f32) -> Self {
        let decay = (-1.0 / time_constant_frames.max(1e-3)).exp();
        Self { value: sd * normal(rng), decay, kick: sd * (1.0 - decay * decay).sqrt() }
    }

    /// Returns the value and moves one frame on.
    pub(super) fn step(&mut self, rng: &mut impl Rng) -> f32 {
        let value = self.value;
        self.value = self.decay * value + self.kick * normal(rng);
        value
    }
}

/// Draws `frames` values of a [`Drift`].
pub(super) fn drift(rng: &mut impl Rng, frames: usize, sd: f32, time_constant_frames: f32) -> Vec<f32> {
    let mut process = Drift::start(rng, sd, time_constant_frames);
    (0..frames).map(|_| process.step(rng)).collect()
}

/// Smooths causally with an exponential, starting from the first value.
pub(super) fn smooth(values: &[f32], time_constant_frames: f32) -> Vec<f32> {
    let keep = (-1.0 / time_constant_frames.max(1e-3)).exp();
    let mut state = values.first().copied().unwrap_or(0.0);
    values
        .iter()
        .map(|value| {
            state = keep * state + (1.0 - keep) * value;
            state
        })
        .collect()
}

/// Returns the density of the standard normal distribution.
pub(super) fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Returns the standard normal distribution function, to 1.5e-7 (Abramowitz & Stegun 7.1.26).
pub(super) fn normal_cdf(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let polynomial = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592]
        .iter()
        .fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    let tail = 0.5 * polynomial * (-z * z).exp();
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn the_normal_distribution_matches_its_table() {
        for (x, expected) in [(-1.959_964, 0.025), (0.0, 0.5), (1.0, 0.841_344_7), (3.0, 0.998_650_1)] {
            // Twice the error the approximation is published with.
            assert!((normal_cdf(x) - expected).abs() < 3e-7, "{x}");
        }
    }

    #[test]
    fn drift_keeps_its_spread_and_forgets_over_its_time_constant() {
        let mut rng = seed::stream("test", "drift", &[]);
        let values = drift(&mut rng, 200_000, 2.0, 10.0);
        let n = values.len() as f32;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / n;
        let lagged = values.iter().zip(&values[10..]).map(|(a, b)| a * b).sum::<f32>() / n;
        // 200,000 frames hold about 10,000 independent values: a relative error near 2 %.
        assert!((variance - 4.0).abs() < 0.3, "{variance}");
        assert!((lagged / variance - (-1.0f32).exp()).abs() < 0.05);
    }
}
