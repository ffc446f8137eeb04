//! Compares what a probe found with what is known of a simulated mouse's neurons, beside the same with the neurons
//! shuffled: what chance gives.

use std::f64::consts::{PI, TAU};

use rand::seq::SliceRandom;
use serde::Serialize;

use crate::seed;

/// Shuffles of the neurons.
const SHUFFLES: usize = 200;

/// One number about a group of neurons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// What was compared and how.
    pub measure: &'static str,
    /// Which neurons.
    pub group: &'static str,
    /// How many they are.
    pub neurons: usize,
    /// Of how many.
    pub of: usize,
    /// The number.
    pub value: f64,
    /// The same with the neurons shuffled: mean over shuffles.
    pub shuffled: f64,
    /// Share of shuffles, itself counted, that are as good.
    pub p: f64,
}

/// How two values of a neuron, found and true, make a number over neurons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// Median distance of places, `[x, y]`.
    MedianDistance,
    /// Median error in degrees of angles in radians that repeat after a period in radians; the first of each pair counts.
    MedianAngleDeg(f64),
    /// Mean cosine of that error, its period stretched to a full turn: 1 for no error, 0 for chance.
    MeanCosine(f64),
    /// Pearson's r of the logarithms of the first of each pair.
    LogCorrelation,
}

impl Measure {
    fn name(self) -> &'static str {
        match self {
            Self::MedianDistance => "receptive-field centre, median error (px)",
            Self::MedianAngleDeg(period) if period < TAU => "orientation, median error (deg; chance 45)",
            Self::MedianAngleDeg(_) => "direction, median error (deg; chance 90)",
            Self::MeanCosine(period) if period < TAU => "orientation, circular correlation",
            Self::MeanCosine(_) => "direction, circular correlation",
            Self::LogCorrelation => "spatial frequency, r of logarithms",
        }
    }

    fn is_error(self) -> bool {
        matches!(self, Self::MedianDistance | Self::MedianAngleDeg(_))
    }

    fn of(self, found: &[[f64; 2]], truth: &[[f64; 2]]) -> f64 {
        let pairs = || found.iter().zip(truth);
        let turn = |a: f64, period: f64| (a + 0.5 * period).rem_euclid(period) - 0.5 * period;
        match self {
            Self::MedianDistance => median(pairs().map(|(f, t)| (f[0] - t[0]).hypot(f[1] - t[1])).collect()),
            Self::MedianAngleDeg(period) => {
                median(pairs().map(|(f, t)| turn(f[0] - t[0], period).abs().to_degrees()).collect())
            }
            Self::MeanCosine(period) => {
                let sum: f64 = pairs().map(|(f, t)| (TAU / period * (f[0] - t[0])).cos()).sum();
                sum / found.len() as f64
            }
            Self::LogCorrelation => {
                let logs = |values: &[[f64; 2]]| values.iter().map(|v| v[0].ln()).collect::<Vec<_>>();
                pearson(&logs(found), &logs(truth))
            }
        }
    }
}

/// Period of an orientation, in radians.
pub const ORIENTATION: f64 = PI;
/// Period of a direction, in radians.
pub const DIRECTION: f64 = TAU;

/// Compares found and true values of those neurons that belong to a group and have both; `None` when they are fewer
/// than three.
pub fn compare(
    measure: Measure,
    group: &'static str,
    found: &[[f64; 2]],
    truth: &[[f64; 2]],
    belongs: impl Fn(usize) -> bool,
    run_seed: &str,
) -> Option<Agreement> {
    let finite = |pair: &[f64; 2]| pair.iter().all(|v| v.is_finite());
    let of = found.len().min(truth.len());
    let own: Vec<usize> = (0..of).filter(|&n| belongs(n) && finite(&found[n]) && finite(&truth[n])).collect();
    if own.len() < 3 {
        return None;
    }
    let found: Vec<[f64; 2]> = own.iter().map(|&n| found[n]).collect();
    let mut truth: Vec<[f64; 2]> = own.iter().map(|&n| truth[n]).collect();
    let value = measure.of(&found, &truth);
    let mut rng = seed::stream(run_seed, "shuffled neurons of a probe", &[measure.name(), group]);
    let shuffled: Vec<f64> = (0..SHUFFLES)
        .map(|_| {
            truth.shuffle(&mut rng);
            measure.of(&found, &truth)
        })
        .collect();
    let as_good = |&&other: &&f64| if measure.is_error() { other <= value } else { other >= value };
    Some(Agreement {
        measure: measure.name(),
        group,
        neurons: own.len(),
        of,
        value,
        shuffled: shuffled.iter().sum::<f64>() / SHUFFLES as f64,
        p: (1 + shuffled.iter().filter(as_good).count()) as f64 / (1 + SHUFFLES) as f64,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) }
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let count = a.len() as f64;
    let [mean_a, mean_b] = [a, b].map(|values| values.iter().sum::<f64>() / count);
    let sum = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
    };
    sum(a, mean_a, b, mean_b) / (sum(a, mean_a, a, mean_a) * sum(b, mean_b, b, mean_b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    fn draws(name: &str) -> Vec<[f64; 2]> {
        let mut rng = seed::stream("test", name, &[]);
        (0..200).map(|_| [0.1 + rng.random::<f64>() * 6.0, 0.1 + rng.random::<f64>() * 6.0]).collect()
    }

    #[test]
    fn what_is_found_exactly_stands_out_from_chance_and_what_is_not_does_not() {
        let (truth, other) = (draws("a"), draws("b"));
        let near: Vec<[f64; 2]> = truth.iter().map(|t| [t[0] + 0.03, t[1] - 0.04]).collect();
        let all =
            |found: &[[f64; 2]], measure| compare(measure, "all", found, &truth, |_| true, "s").unwrap();
        let place = all(&near, Measure::MedianDistance);
        assert!((place.value - 0.05).abs() < 1e-9 && place.shuffled > 2.0 && place.p < 0.01, "{place:?}");
        for (period, half) in [(ORIENTATION, 45.0), (DIRECTION, 90.0)] {
            let angle = all(&near, Measure::MedianAngleDeg(period));
            assert!((angle.value - 0.03f64.to_degrees()).abs() < 1e-6, "{angle:?}"); // f64 rounding of turns
            assert!((angle.shuffled - half).abs() < 6.0, "{angle:?}"); // 200 neurons, 200 shuffles
            let cosine = all(&near, Measure::MeanCosine(period));
            assert!(cosine.value > 0.99 && cosine.shuffled.abs() < 0.1, "{cosine:?}");
            let chance = all(&other, Measure::MeanCosine(period));
            assert!(chance.value.abs() < 0.25, "{chance:?}");
        }
        let frequency = all(&near, Measure::LogCorrelation);
        assert!(
            frequency.value > 0.97 && frequency.shuffled.abs() < 0.1 && frequency.p < 0.01,
            "{frequency:?}"
        );
    }

    #[test]
    fn angles_are_compared_around_the_circle_and_half_of_it() {
        let truth = [[0.1, 0.0], [3.0, 0.0], [6.2, 0.0]];
        let turned = truth.map(|t| [t[0] + PI, 0.0]);
        let at =
            |found: &[[f64; 2]], measure| compare(measure, "g", found, &truth, |_| true, "s").unwrap().value;
        assert!(at(&turned, Measure::MedianAngleDeg(ORIENTATION)) < 1e-9);
        assert!((at(&turned, Measure::MedianAngleDeg(DIRECTION)) - 180.0).abs() < 1e-9);
        assert!((at(&turned, Measure::MeanCosine(DIRECTION)) + 1.0).abs() < 1e-9);
        assert!(compare(Measure::LogCorrelation, "g", &truth, &truth, |n| n < 2, "s").is_none());
    }
}
