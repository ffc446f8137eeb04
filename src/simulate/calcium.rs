//! From spike rates to deconvolved calcium: spikes, indicator, noise, deconvolution; and exactly what
//! to expect of it.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};

use super::config::SimulationConfig;
use super::drift::{Drift, normal, normal_cdf, normal_density};

/// Spikes a scan beyond which the rate saturates.
const MAX_SPIKES: f32 = 15.0;
/// Spikes a scan that matter for the expectation: at a mean of 15, more come once in 10^10 scans.
const COUNTS: usize = 48;
/// The indicator answers a burst with more than the sum of its spikes, as GCaMP6 does.
const BURST_EXPONENT: f64 = 1.3;
/// Deconvolved steps below this many standard deviations of their noise count as nothing.
const THRESHOLD_SD: f64 = 1.6;
/// Time constant of a neuron's own gain.
const PRIVATE_TAU_S: f32 = 0.25;

/// Indicator and deconvolution of one neuron; all in units of the response to one spike.
#[derive(Debug, Clone)]
pub(super) struct Calcium {
    decay: f32,
    trace_noise: f32,
    threshold: f32,
    private_sd: f32,
    private_tau_scans: f32,
    log_gain_variance: f32,
    /// Expected response over [`grid_rate`].
    expected: Vec<f32>,
}

impl Calcium {
    /// Sets up a neuron whose calcium decays with `tau_s`.
    pub(super) fn new(config: &SimulationConfig, tau_s: f32) -> Self {
        let scan_s = config.frames_per_scan() as f32 / config.frame_rate_hz as f32;
        let decay = f64::from((-scan_s / tau_s).exp());
        // Differencing y - decay * y_before adds the noise of two scans.
        let step_noise = config.imaging_noise * (1.0 + decay * decay).sqrt();
        let threshold = THRESHOLD_SD * step_noise;
        let log_gain_variance = config.shared_variability.powi(2) + config.private_variability.powi(2);
        Self {
            decay: decay as f32,
            trace_noise: config.imaging_noise as f32,
            threshold: threshold as f32,
            private_sd: config.private_variability as f32,
            private_tau_scans: PRIVATE_TAU_S / scan_s,
            log_gain_variance: log_gain_variance as f32,
            expected: expectation_table(step_noise, threshold, log_gain_variance),
        }
    }

    /// Returns the mean response to `spikes` expected a scan, over gain, spikes and noise.
    pub(super) fn expected(&self, spikes: f32) -> f32 {
        let place = grid_place(spikes.clamp(0.0, MAX_SPIKES));
        let low = (place as usize).min(self.expected.len() - 2);
        self.expected[low] + (place - low as f32) * (self.expected[low + 1] - self.expected[low])
    }

    /// Draws the deconvolved response of each scan, from expected spikes and the shared log gain.
    pub(super) fn record(&self, rng: &mut ChaCha8Rng, spikes: &[f32], shared_log_gain: &[f32]) -> Vec<f32> {
        let mut private = Drift::start(rng, self.private_sd, self.private_tau_scans);
        let mut calcium = 0.0;
        let mut trace_before = self.trace_noise * normal(rng);
        spikes
            .iter()
            .zip(shared_log_gain)
            .map(|(spikes, shared)| {
                // Less half the variance: the mean gain is 1.
                let gain = (shared + private.step(rng) - 0.5 * self.log_gain_variance).exp();
                let count = poisson(rng, (spikes * gain).min(MAX_SPIKES));
                calcium = self.decay * calcium + count.powf(BURST_EXPONENT as f32);
                let trace = calcium + self.trace_noise * normal(rng);
                let step = trace - self.decay * trace_before;
                trace_before = trace;
                (step - self.threshold).max(0.0)
            })
            .collect()
    }
}

fn poisson(rng: &mut ChaCha8Rng, mean: f32) -> f32 {
    Poisson::new(mean).map_or(0.0, |spikes| spikes.sample(rng))
}

/// Tabulates the expected response. Knowing the count, a deconvolved step is normal around its size:
/// the calcium left from before cancels, so the marginal expectation needs no history.
fn expectation_table(step_noise: f64, threshold: f64, log_gain_variance: f64) -> Vec<f32> {
    let of_count: Vec<f64> = (0..COUNTS)
        .map(|count| rectified_mean((count as f64).powf(BURST_EXPONENT) - threshold, step_noise))
        .collect();
    let gains = gain_quadrature(log_gain_variance);
    (0..=GRID_STEPS)
        .map(|step| {
            let rate = f64::from(grid_rate(step as f32));
            let mean_at = |gain: f64| poisson_mean(&of_count, (rate * gain).min(f64::from(MAX_SPIKES)));
            gains.iter().map(|&(gain, weight)| weight * mean_at(gain)).sum::<f64>() as f32
        })
        .collect()
}

/// Returns the mean of a normal variable with its negative part set to 0.
fn rectified_mean(mean: f64, sd: f64) -> f64 {
    if sd == 0.0 {
        return mean.max(0.0);
    }
    mean * normal_cdf(mean / sd) + sd * normal_density(mean / sd)
}

/// Averages `of_count` over Poisson counts.
fn poisson_mean(of_count: &[f64], rate: f64) -> f64 {
    let mut probability = (-rate).exp();
    let mut sum = 0.0;
    for (count, value) in of_count.iter().enumerate() {
        sum += probability * value;
        probability *= rate / (count + 1) as f64;
    }
    sum
}

/// Lists gains and weights that stand for a log-normal gain of mean 1: the trapezoid rule over 4
/// standard deviations, which converges exponentially for a normal weight.
fn gain_quadrature(variance: f64) -> Vec<(f64, f64)> {
    let points: Vec<(f64, f64)> = (-8..=8)
        .map(|k| f64::from(k) / 2.0)
        .map(|x| ((x * variance.sqrt() - 0.5 * variance).exp(), normal_density(x)))
        .collect();
    let total: f64 = points.iter().map(|point| point.1).sum();
    points.into_iter().map(|(gain, weight)| (gain, weight / total)).collect()
}

/// Steps of the table's grid, which is fine where rates are low: `rate = 15 * (step / steps)^2`.
const GRID_STEPS: usize = 64;

fn grid_rate(place: f32) -> f32 {
    MAX_SPIKES * (place / GRID_STEPS as f32).powi(2)
}

fn grid_place(rate: f32) -> f32 {
    (rate / MAX_SPIKES).sqrt() * GRID_STEPS as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn the_expectation_is_the_mean_of_what_is_recorded() {
        let config = SimulationConfig::default();
        let calcium = Calcium::new(&config, 0.7);
        for spikes in [0.0, 0.02, 0.3, 2.0] {
            let rng = &mut seed::stream("test", "calcium", &[&spikes.to_string()]);
            let scans = 200_000;
            let mut shared = Drift::start(rng, config.shared_variability as f32, 2.0);
            let shared: Vec<f32> = (0..scans).map(|_| shared.step(rng)).collect();
            let drawn = calcium.record(rng, &vec![spikes; scans], &shared);
            let mean = drawn.iter().map(|&v| f64::from(v)).sum::<f64>() / scans as f64;
            let variance = drawn.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / scans as f64;
            // Gains outlast a scan, which leaves about a third as many independent draws; 4 standard errors.
            let tolerance = 4.0 * (3.0 * variance / scans as f64).sqrt();
            let expected = f64::from(calcium.expected(spikes));
            assert!((mean - expected).abs() < tolerance, "{spikes}: {mean} for {expected} +- {tolerance}");
        }
    }

    #[test]
    fn without_spikes_almost_nothing_is_seen() {
        let calcium = Calcium::new(&SimulationConfig::default(), 0.7);
        let rng = &mut seed::stream("test", "quiet", &[]);
        let drawn = calcium.record(rng, &[0.0; 20_000], &[0.0; 20_000]);
        let seen = drawn.iter().filter(|&&v| v > 0.0).count() as f64 / 20_000.0;
        // A normal variable exceeds 1.6 standard deviations in 5.5 % of the cases.
        assert!((0.045..0.065).contains(&seen), "{seen}");
    }
}
