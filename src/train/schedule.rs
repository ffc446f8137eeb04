//! The learning rate: linear warm-up from 0, then a cosine.

use std::f64::consts::PI;

use super::config::TrainConfig;

/// Learning rate of every step.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    peak: f64,
    floor: f64,
    warmup_steps: u64,
    cosine_steps: u64,
}

impl Schedule {
    /// Spreads the epochs of `config` over steps. The peak grows with the batch, as published.
    pub fn new(config: &TrainConfig, steps_per_epoch: u64) -> Self {
        let peak = config.learning_rate_per_4 * config.batch_size as f64 / 4.0;
        Self {
            peak,
            floor: peak * config.final_rate_fraction,
            warmup_steps: config.warmup_epochs as u64 * steps_per_epoch,
            cosine_steps: config.cosine_epochs as u64 * steps_per_epoch,
        }
    }

    /// A rate that never changes.
    pub fn constant(rate: f64) -> Self {
        Self { peak: rate, floor: rate, warmup_steps: 0, cosine_steps: 1 }
    }

    /// Counts all steps.
    pub fn steps(&self) -> u64 {
        self.warmup_steps + self.cosine_steps
    }

    /// Rate of step `step`, counted from 0: the first warm-up step has rate 0.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak * step as f64 / self.warmup_steps as f64;
        }
        let done = (step - self.warmup_steps) as f64 / self.cosine_steps.max(1) as f64;
        self.floor + (self.peak - self.floor) * (1.0 + (PI * done.min(1.0)).cos()) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_from_zero_and_ends_near_the_floor() {
        let schedule = Schedule::new(&TrainConfig::default(), 3000);
        let peak = 3e-4 * 6.0;
        assert_eq!(schedule.steps(), 63_000);
        assert_eq!(schedule.rate(0), 0.0);
        assert!((schedule.rate(4500) - peak / 2.0).abs() < 1e-12);
        assert!((schedule.rate(9000) - peak).abs() < 1e-12);
        let middle = 9000 + 27_000;
        assert!((schedule.rate(middle) - peak * 1.01 / 2.0).abs() < 1e-12);
        assert!((schedule.rate(62_999) / (peak * 0.01) - 1.0).abs() < 1e-6);
    }
}
