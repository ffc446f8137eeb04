//! From the scores of single reconstructions to curves: over the trials of each mouse, and over mice.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::Serialize;

use super::config::{Method, Order};
use super::curve::{Comparison, Curve, Measurements};
use super::neurons::NeuronScore;
use crate::data::MouseId;
use crate::metric::inference::{bonferroni, paired_t};
use crate::seed;

/// The curve of one order and method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedCurve {
    /// Whose trials; `None` over mice.
    pub mouse: Option<MouseId>,
    /// Which neurons are kept first.
    pub by: Order,
    /// What becomes of the others.
    pub method: Method,
    /// The curve.
    #[serde(flatten)]
    pub curve: Curve,
}

/// Excluding against silencing, at one number of neurons each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodComparison {
    /// Whose trials; `None` over mice.
    pub mouse: Option<MouseId>,
    /// Which neurons are kept first.
    pub by: Order,
    /// How many.
    pub keep: String,
    /// What the pairs are: "trials" or "mice".
    pub unit: &'static str,
    /// Exclude minus silence.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// Everything that a neuron ablation found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeuronSummary {
    /// Of each mouse over its trials, then, of several mice, over mice.
    pub curves: Vec<NamedCurve>,
    /// The two methods at the same numbers of neurons, when both were made.
    pub exclude_against_silence: Vec<MethodComparison>,
}

impl NeuronSummary {
    /// Summarises scores; `run` names the random streams of the intervals.
    pub fn of(rows: &[NeuronScore], resamples: usize, run: &str) -> Self {
        let mut ways: Vec<(Order, Method)> = Vec::new();
        for way in rows.iter().map(|row| (row.by, row.method)) {
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        let mut groups: Vec<Option<MouseId>> = Vec::new();
        for mouse in rows.iter().map(|row| Some(row.mouse.clone())) {
            if !groups.contains(&mouse) {
                groups.push(mouse);
            }
        }
        // Over one mouse there is nothing to say that its trials have not said.
        if groups.len() > 1 {
            groups.push(None);
        }
        let mut curves = Vec::new();
        let mut exclude_against_silence = Vec::new();
        for mouse in groups {
            for &(by, method) in &ways {
                let name = mouse.as_ref().map_or("", |mouse| mouse.0.as_str());
                let parts = [by.to_string(), method.to_string()];
                let mut rng = seed::stream(run, "ablate/curve", &[name, &parts[0], &parts[1]]);
                let curve = measurements(rows, mouse.as_ref(), by, method).curve(resamples, &mut rng);
                curves.push(NamedCurve { mouse: mouse.clone(), by, method, curve });
                if method == Method::Silence && ways.contains(&(by, Method::Exclude)) {
                    exclude_against_silence.extend(compare_methods(rows, mouse.as_ref(), by));
                }
            }
        }
        Self { curves, exclude_against_silence }
    }
}

/// Collects the pixel correlations of one way to ablate: a row a trial of `mouse`, or a row a mouse.
fn measurements(rows: &[NeuronScore], mouse: Option<&MouseId>, by: Order, method: Method) -> Measurements {
    let own: Vec<&NeuronScore> = rows
        .iter()
        .filter(|row| row.by == by && row.method == method && mouse.is_none_or(|mouse| *mouse == row.mouse))
        .collect();
    let mut keeps: Vec<String> = Vec::new();
    for keep in own.iter().map(|row| &row.keep) {
        if !keeps.contains(keep) {
            keeps.push(keep.clone());
        }
    }
    // Of every trial the mean over draws.
    let mut trials: BTreeMap<(&MouseId, _), Vec<[f64; 2]>> = BTreeMap::new();
    for (column, keep) in keeps.iter().enumerate() {
        let mut sums: BTreeMap<(&MouseId, _), ([f64; 2], f64)> = BTreeMap::new();
        for row in own.iter().filter(|row| row.keep == *keep) {
            let (sum, count) = sums.entry((&row.mouse, row.trial)).or_default();
            sum[0] += row.neurons as f64;
            sum[1] += row.pixel_correlation;
            *count += 1.0;
        }
        for (trial, (sum, count)) in sums {
            let cells = trials.entry(trial).or_insert_with(|| vec![[f64::NAN; 2]; keeps.len()]);
            cells[column] = sum.map(|sum| sum / count);
        }
    }
    let mut units: Vec<Vec<[f64; 2]>> = trials.values().cloned().collect();
    if mouse.is_none() {
        let mut mice: BTreeMap<&MouseId, Vec<&Vec<[f64; 2]>>> = BTreeMap::new();
        for ((mouse, _), cells) in &trials {
            mice.entry(mouse).or_default().push(cells);
        }
        units = mice.values().map(|trials| mean(trials, keeps.len())).collect();
    }
    let array = |part: usize| Array2::from_shape_fn((units.len(), keeps.len()), |(u, k)| units[u][k][part]);
    Measurements {
        unit: if mouse.is_some() { "trials" } else { "mice" },
        neurons: array(0),
        values: array(1),
        keeps,
    }
}

/// Averages trials column by column.
fn mean(trials: &[&Vec<[f64; 2]>], columns: usize) -> Vec<[f64; 2]> {
    let of = |column: usize| {
        [0, 1].map(|part| trials.iter().map(|cells| cells[column][part]).sum::<f64>() / trials.len() as f64)
    };
    (0..columns).map(of).collect()
}

/// Compares the methods at every number of neurons at which they differ at all.
fn compare_methods(rows: &[NeuronScore], mouse: Option<&MouseId>, by: Order) -> Vec<MethodComparison> {
    let [exclude, silence] =
        [Method::Exclude, Method::Silence].map(|method| measurements(rows, mouse, by, method));
    let same_units = exclude.values.nrows() == silence.values.nrows();
    let pairs: Vec<(usize, usize)> = (0..exclude.keeps.len())
        .filter_map(|column| {
            Some((column, silence.keeps.iter().position(|keep| *keep == exclude.keeps[column])?))
        })
        // All neurons: both methods are one reconstruction.
        .filter(|&(a, b)| same_units && exclude.values.column(a) != silence.values.column(b))
        .collect();
    let compare = |&(a, b): &(usize, usize)| {
        let test = paired_t(&exclude.values.column(a).to_vec(), &silence.values.column(b).to_vec());
        MethodComparison {
            mouse: mouse.cloned(),
            by,
            keep: exclude.keeps[a].clone(),
            unit: exclude.unit,
            comparison: Comparison {
                of: Method::Exclude.to_string(),
                with: Method::Silence.to_string(),
                p_bonferroni: bonferroni(test.p, pairs.len()),
                test,
            },
        }
    };
    pairs.iter().map(compare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::TrialId;

    fn row(mouse: &str, trial: u32, method: Method, neurons: usize, draw: usize, r: f64) -> NeuronScore {
        NeuronScore {
            mouse: MouseId(mouse.into()),
            trial: TrialId(trial),
            by: Order::Random,
            method,
            keep: format!("{}%", neurons / 4),
            neurons,
            draw,
            pixel_correlation: r,
            kept_response_correlation: 0.0,
            left_out_response_correlation: 0.0,
        }
    }

    fn rows(mice: &[&str]) -> Vec<NeuronScore> {
        let mut rows = Vec::new();
        for (m, mouse) in mice.iter().enumerate() {
            for trial in 0..3 {
                let offset = 0.1 * m as f64 + 0.05 * f64::from(trial);
                for (method, loss) in [(Method::Exclude, 0.1), (Method::Silence, 0.2)] {
                    rows.push(row(mouse, trial, method, 400, 0, 0.6 + offset));
                    for draw in 0..2 {
                        let r = 0.6 + offset - loss * (0.9 + 0.2 * draw as f64) - 0.001 * f64::from(trial);
                        rows.push(row(mouse, trial, method, 200, draw, r));
                    }
                }
            }
        }
        rows
    }

    #[test]
    fn draws_are_averaged_within_trials_and_trials_within_mice() {
        let summary = NeuronSummary::of(&rows(&["a", "b"]), 200, "run");
        // Two mice and both together, with either method.
        assert_eq!(summary.curves.len(), 6);
        let a = &summary.curves[0];
        assert_eq!((a.mouse.as_ref().unwrap().0.as_str(), a.curve.unit, a.curve.units), ("a", "trials", 3));
        assert!((a.curve.points[0].mean - 0.65).abs() < 1e-12);
        assert!((a.curve.points[1].mean - (0.65 - 0.1 - 0.001)).abs() < 1e-12);
        let both = &summary.curves[4];
        assert_eq!((both.mouse.as_ref(), both.curve.unit, both.curve.units), (None, "mice", 2));
        assert!((both.curve.points[0].mean - 0.7).abs() < 1e-12);
        // Exclude minus silence, where they differ: at half the neurons.
        assert_eq!(summary.exclude_against_silence.len(), 3);
        for found in &summary.exclude_against_silence {
            assert_eq!(found.keep, "50%");
            assert!((found.comparison.test.mean_difference - 0.1).abs() < 1e-12, "{found:?}");
        }
        let n: Vec<usize> = summary.exclude_against_silence.iter().map(|c| c.comparison.test.n).collect();
        assert_eq!(n, [3, 3, 2]);
    }

    #[test]
    fn one_mouse_has_no_curve_over_mice() {
        let summary = NeuronSummary::of(&rows(&["a"]), 200, "run");
        assert!(summary.curves.iter().all(|curve| curve.mouse.is_some()));
    }
}
