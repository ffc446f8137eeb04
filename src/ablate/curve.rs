//! Pixel correlation against the number of neurons: means, a logarithmic fit, and how far both would move among other
//! trials or mice.

use ndarray::{Array2, Axis};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::metric::inference::{
    PairedT, RepeatedMeasures, bonferroni, bootstrap, paired_t, repeated_measures_anova,
};

/// Places that the fit is drawn at.
const DRAWN: usize = 33;

/// `intercept + slope ln(neurons)`, by least squares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LogFit {
    /// Value at one neuron.
    pub intercept: f64,
    /// Gain by each time that the neurons become e times as many; per doubling it is `slope * ln 2`.
    pub slope: f64,
    /// Share of the variance of the points that it explains.
    pub r_squared: f64,
}

impl LogFit {
    /// Fits means at numbers of neurons; NaN when there are fewer than two different numbers.
    pub fn of(neurons: &[f64], values: &[f64]) -> Self {
        let count = values.len() as f64;
        let x: Vec<f64> = neurons.iter().map(|n| n.ln()).collect();
        let mean = |v: &[f64]| v.iter().sum::<f64>() / count;
        let (x_mean, y_mean) = (mean(&x), mean(values));
        let product = |a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| {
            (0..values.len()).map(|k| a(k) * b(k)).sum::<f64>()
        };
        let (dx, dy) = (|k: usize| x[k] - x_mean, |k: usize| values[k] - y_mean);
        let (xx, xy, yy) = (product(&dx, &dx), product(&dx, &dy), product(&dy, &dy));
        let slope = if xx > 1e-12 { xy / xx } else { f64::NAN };
        Self { intercept: y_mean - slope * x_mean, slope, r_squared: slope * xy / yy }
    }

    /// Value at a number of neurons.
    pub fn at(&self, neurons: f64) -> f64 {
        self.intercept + self.slope * neurons.ln()
    }
}

/// One number of neurons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// How many are kept, as it was asked for.
    pub keep: String,
    /// How many that is, the mean over units.
    pub neurons: f64,
    /// Mean pixel correlation over units.
    pub mean: f64,
    /// Limits of its 95 % bootstrap interval; absent with one unit.
    pub confidence_95: Option<[f64; 2]>,
}

/// Where the fit passes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Drawn {
    /// Number of neurons.
    pub neurons: f64,
    /// The fit there.
    pub fit: f64,
    /// Limits of its 95 % bootstrap interval; absent with one unit.
    pub confidence_95: Option<[f64; 2]>,
}

/// A number of neurons against the largest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared.
    pub of: String,
    /// With what.
    pub with: String,
    /// Over units.
    #[serde(flatten)]
    pub test: PairedT,
    /// p times the comparisons of the table, at most 1.
    pub p_bonferroni: f64,
}

/// The curve of one way to ablate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// What was measured repeatedly and drawn again: "trials" of one mouse, or "mice".
    pub unit: &'static str,
    /// How many of them.
    pub units: usize,
    /// From most neurons to fewest.
    pub points: Vec<Point>,
    /// Through the means.
    pub fit: LogFit,
    /// Limits of the slope's 95 % bootstrap interval; absent with one unit.
    pub slope_confidence_95: Option<[f64; 2]>,
    /// The fit and its band.
    pub band: Vec<Drawn>,
    /// Whether the number of neurons matters.
    pub anova: RepeatedMeasures,
    /// Each number of neurons against the largest.
    pub comparisons: Vec<Comparison>,
}

/// What a curve is made from: pixel correlations, the mean over draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurements {
    /// What a row is: "trials" or "mice".
    pub unit: &'static str,
    /// How many neurons are kept in each column, as it was asked for.
    pub keeps: Vec<String>,
    /// How many that is, `[unit, number of neurons]`.
    pub neurons: Array2<f64>,
    /// Pixel correlation, `[unit, number of neurons]`.
    pub values: Array2<f64>,
}

impl Measurements {
    /// Sorts the columns from most neurons to fewest.
    fn sorted(&self) -> Self {
        let mean = self.neurons.mean_axis(Axis(0)).unwrap_or_default();
        let mut order: Vec<usize> = (0..self.keeps.len()).collect();
        order.sort_by(|&a, &b| mean[b].total_cmp(&mean[a]));
        Self {
            unit: self.unit,
            keeps: order.iter().map(|&column| self.keeps[column].clone()).collect(),
            neurons: self.neurons.select(Axis(1), &order),
            values: self.values.select(Axis(1), &order),
        }
    }

    /// Mean neurons and mean values of each column over some units.
    fn means(&self, units: &[usize]) -> (Vec<f64>, Vec<f64>) {
        let mean = |values: &Array2<f64>| {
            let chosen = values.select(Axis(0), units);
            (0..values.ncols()).map(|c| chosen.column(c).sum() / units.len() as f64).collect()
        };
        (mean(&self.neurons), mean(&self.values))
    }

    /// Draws the curve, with `resamples` behind every interval.
    pub fn curve(&self, resamples: usize, rng: &mut ChaCha8Rng) -> Curve {
        let sorted = self.sorted();
        let units = sorted.values.nrows();
        let columns = sorted.keeps.len();
        let (neurons, means) = sorted.means(&(0..units).collect::<Vec<_>>());
        let fit = LogFit::of(&neurons, &means);
        let places = places(&neurons);
        // The means, the slope, then the fit where it is drawn.
        let intervals = bootstrap(units, resamples, rng, |chosen| {
            let (neurons, means) = sorted.means(chosen);
            let fit = LogFit::of(&neurons, &means);
            let drawn = places.iter().map(|&n| fit.at(n));
            means.iter().copied().chain([fit.slope]).chain(drawn).collect()
        });
        let interval = |index: usize| intervals.get(index).copied();
        Curve {
            unit: self.unit,
            units,
            points: (0..columns)
                .map(|column| Point {
                    keep: sorted.keeps[column].clone(),
                    neurons: neurons[column],
                    mean: means[column],
                    confidence_95: interval(column),
                })
                .collect(),
            fit,
            slope_confidence_95: interval(columns),
            band: places
                .iter()
                .enumerate()
                .map(|(k, &n)| Drawn { neurons: n, fit: fit.at(n), confidence_95: interval(columns + 1 + k) })
                .collect(),
            anova: repeated_measures_anova(sorted.values.view()),
            comparisons: (1..columns).map(|column| sorted.against_most(column)).collect(),
        }
    }

    /// Compares a column with that of the most neurons.
    fn against_most(&self, column: usize) -> Comparison {
        let test = paired_t(&self.values.column(column).to_vec(), &self.values.column(0).to_vec());
        Comparison {
            of: self.keeps[column].clone(),
            with: self.keeps[0].clone(),
            p_bonferroni: bonferroni(test.p, self.keeps.len() - 1),
            test,
        }
    }
}

/// Numbers of neurons from the fewest to the most, evenly in their logarithm.
fn places(neurons: &[f64]) -> Vec<f64> {
    let least = neurons.iter().copied().fold(f64::INFINITY, f64::min).ln();
    let most = neurons.iter().copied().fold(f64::NEG_INFINITY, f64::max).ln();
    let place = |k: usize| (least + (most - least) * k as f64 / (DRAWN - 1) as f64).exp();
    if neurons.is_empty() { Vec::new() } else { (0..DRAWN).map(place).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    /// Eight trials that gain 0.1 with every doubling, from 0.2 to 0.5, each with an offset of its own.
    fn measured() -> Measurements {
        let counts = [100.0, 800.0, 200.0, 400.0];
        let neurons = Array2::from_shape_fn((8, 4), |(_, column)| counts[column]);
        let values = Array2::from_shape_fn((8, 4), |(trial, column)| {
            // Offsets sum to 0; the last term differs from trial to trial and sums to 0 too.
            let wiggle = if (trial + column) % 2 == 0 { 0.01 } else { -0.01 };
            0.2 + 0.1 * (counts[column] / 100.0f64).log2() + 0.03 * (trial as f64 - 3.5) + wiggle
        });
        let keeps = counts.map(|count| count.to_string()).to_vec();
        Measurements { unit: "trials", keeps, neurons, values }
    }

    #[test]
    fn the_slope_of_a_logarithmic_curve_is_found_with_its_band() {
        let curve = measured().curve(2000, &mut seed::stream("test", "curve", &[]));
        let counts: Vec<f64> = curve.points.iter().map(|point| point.neurons).collect();
        assert_eq!(counts, [800.0, 400.0, 200.0, 100.0]);
        assert!(
            (curve.fit.slope * 2f64.ln() - 0.1).abs() < 1e-12 && (curve.fit.r_squared - 1.0).abs() < 1e-12
        );
        assert!((curve.fit.at(800.0) - 0.5).abs() < 1e-12);
        let [low, high] = curve.points[0].confidence_95.unwrap();
        assert!(low < 0.5 && 0.5 < high && high - low < 0.15, "{low} {high}");
        // The trials' offsets move the level, hardly the slope.
        let [low, high] = curve.slope_confidence_95.unwrap().map(|slope| slope * 2f64.ln());
        assert!(low <= 0.1 && 0.1 <= high && high - low < 0.02, "{low} {high}");
        let last = curve.band.last().unwrap();
        assert!((last.neurons - 800.0).abs() < 1e-9 && last.confidence_95.unwrap()[0] < last.fit);
        assert_eq!((curve.anova.subjects, curve.anova.degrees_of_freedom), (8, [3, 21]));
        assert!(curve.anova.p < 1e-9 && curve.anova.partial_eta_squared > 0.9);
        let against: Vec<(&str, usize)> =
            curve.comparisons.iter().map(|c| (c.of.as_str(), c.test.degrees_of_freedom)).collect();
        assert_eq!(against, [("400", 7), ("200", 7), ("100", 7)]);
        assert!(curve.comparisons.iter().all(|c| c.with == "800" && c.test.mean_difference < -0.09));
        assert_eq!(curve.comparisons[0].p_bonferroni, bonferroni(curve.comparisons[0].test.p, 3));
    }

    #[test]
    fn a_single_unit_has_a_curve_and_no_intervals() {
        let all = measured();
        let one = Measurements {
            neurons: all.neurons.select(Axis(0), &[0]),
            values: all.values.select(Axis(0), &[0]),
            ..all
        };
        let curve = one.curve(100, &mut seed::stream("test", "curve", &[]));
        assert!(curve.fit.slope > 0.0 && curve.anova.p.is_nan());
        assert!(curve.points.iter().all(|point| point.confidence_95.is_none()));
        assert!(curve.band.iter().all(|drawn| drawn.confidence_95.is_none() && drawn.fit.is_finite()));
    }
}
