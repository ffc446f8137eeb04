//! When the samples of a series were taken: at a rate, or each at its own time.

use super::object::{Field, Node};
use crate::error::Result;

/// Seconds from the session's reference time to each sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TimeAxis {
    /// `starting_time` and `rate`.
    Regular { start: f64, rate_hz: f64, samples: usize },
    /// `timestamps`, ascending, and the median of the steps between them.
    Stamps { times: Vec<f64>, period: f64 },
}

impl TimeAxis {
    /// Reads the times of a series of so many samples.
    pub(super) fn read(series: &Node, data: &Field, samples: usize) -> Result<Self> {
        if let Some(stamps) = series.field("timestamps") {
            let times = stamps.numbers()?;
            if times.len() != samples {
                let hint = if data.shape().get(1) == Some(&times.len()) {
                    ": the second axis fits, so time is not the first: transpose the data"
                } else {
                    ""
                };
                return Err(data.problem(format!(
                    "shape {:?}, but {} timestamps; expected as many as the first axis is long{hint}",
                    data.shape(),
                    times.len()
                )));
            }
            if let Some(at) = times.iter().position(|time| !time.is_finite()) {
                return Err(stamps.problem(format!("{} at sample {at}; expected seconds", times[at])));
            }
            if let Some(at) = times.windows(2).position(|pair| pair[1] <= pair[0]) {
                return Err(stamps.problem(format!(
                    "{} s at sample {at}, then {} s; expected ascending times",
                    times[at],
                    times[at + 1]
                )));
            }
            return Ok(Self::stamps(times));
        }
        let Some(starting) = series.field("starting_time") else {
            return Err(series.problem("has neither timestamps nor starting_time: when was it recorded?"));
        };
        let start = starting.numbers()?.first().copied().unwrap_or(f64::NAN);
        let rate_hz = starting.number("rate").unwrap_or(f64::NAN);
        if !start.is_finite() || !rate_hz.is_finite() || rate_hz <= 0.0 {
            return Err(starting.problem(format!(
                "starts at {start} s with the rate {rate_hz} Hz; expected a time and a rate above 0"
            )));
        }
        Ok(Self::Regular { start, rate_hz, samples })
    }

    /// Takes times, ascending.
    pub(super) fn stamps(times: Vec<f64>) -> Self {
        let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let middle = steps.len() / 2;
        let period = match steps.is_empty() {
            true => f64::INFINITY,
            false => *steps.select_nth_unstable_by(middle, f64::total_cmp).1,
        };
        Self::Stamps { times, period }
    }

    /// Counts the samples.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Regular { samples, .. } => *samples,
            Self::Stamps { times, .. } => times.len(),
        }
    }

    /// Returns the time of a sample.
    pub(super) fn at(&self, sample: usize) -> f64 {
        match self {
            Self::Regular { start, rate_hz, .. } => start + sample as f64 / rate_hz,
            Self::Stamps { times, .. } => times[sample],
        }
    }

    /// Returns the seconds from one sample to the next; of timestamps, the median.
    pub(super) fn period(&self) -> f64 {
        match self {
            Self::Regular { rate_hz, .. } => 1.0 / rate_hz,
            Self::Stamps { period, .. } => *period,
        }
    }

    /// Counts the samples at or before a time.
    pub(super) fn count_until(&self, time: f64) -> usize {
        match self {
            Self::Regular { start, rate_hz, samples } => {
                let count = ((time - start) * rate_hz).floor() + 1.0;
                // Casts saturate: a time before the start counts none.
                let mut count = (count.max(0.0) as usize).min(*samples);
                // The product may round to the other side of a sample.
                while count < *samples && self.at(count) <= time {
                    count += 1;
                }
                while count > 0 && self.at(count - 1) > time {
                    count -= 1;
                }
                count
            }
            Self::Stamps { times, .. } => times.partition_point(|&stamp| stamp <= time),
        }
    }

    /// Keeps only the listed samples, ascending.
    pub(super) fn select(&self, samples: &[usize]) -> Self {
        Self::stamps(samples.iter().map(|&sample| self.at(sample)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_axis_agree_on_what_came_until_when() {
        let regular = TimeAxis::Regular { start: 2.0, rate_hz: 30.0, samples: 50 };
        let stamps = TimeAxis::stamps((0..50).map(|n| 2.0 + f64::from(n) / 30.0).collect());
        for n in 0..60 {
            let time = 2.0 + f64::from(n) / 30.0;
            for time in [time, time - 0.01, time + 0.01] {
                assert_eq!(regular.count_until(time), stamps.count_until(time), "{time}");
            }
            assert_eq!(regular.count_until(time), (n as usize + 1).min(50));
        }
        for time in [f64::NEG_INFINITY, -1e300, 1.99] {
            assert_eq!((regular.count_until(time), stamps.count_until(time)), (0, 0));
        }
        assert_eq!(regular.count_until(f64::INFINITY), 50);
        assert_eq!(regular.count_until(1e300), 50);
        // Differences of numbers near 3, in f64.
        assert!((stamps.period() - regular.period()).abs() < 1e-12);
    }
}
