//! What validation found, in few numbers and as a table of every neuron.

use std::path::Path;

use serde::Serialize;

use super::responses::{Predictor, PredictorScores, ResponseScores};
use crate::csv_file::{cell, write_rows};
use crate::error::Result;

/// Scores of one predictor over the neurons of a mouse. NaN where undefined.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictorSummary {
    /// `member 0`, `ensemble`, `mean member`, `attainable`.
    pub predictor: String,
    /// Mean over neurons of the correlation with single trials.
    pub single_trial_correlation: f64,
    /// That, over the attainable one; of simulated mice only.
    pub fraction_of_attainable: f64,
    /// Mean over neurons of the correlation with the mean over showings.
    pub correlation_to_average: f64,
    /// Median over the neurons with signal power: those with little scatter far to both sides.
    pub ccnorm: f64,
}

/// What validation found of one mouse.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MouseSummary {
    /// The mouse.
    pub mouse: String,
    /// Its neurons.
    pub neurons: usize,
    /// Trials that were predicted.
    pub trials: usize,
    /// Their frames.
    pub frames: usize,
    /// Movies that are shown more than once among them.
    pub repeated_movies: usize,
    /// Showings of those movies.
    pub showings: usize,
    /// Neurons whose responses repeat at all, as far as that can be told; the others have no CCnorm.
    pub neurons_with_signal_power: usize,
    /// Neurons that an oracle score is defined for.
    pub neurons_with_oracle: usize,
    /// Mean of those oracle scores.
    pub oracle: f64,
    /// Mean over the neurons that it is defined for.
    pub explainable_variance: f64,
    /// The members in order, their mean, the ensemble, what can be attained.
    pub predictors: Vec<PredictorSummary>,
}

impl MouseSummary {
    /// Puts the scores of a mouse in few numbers.
    pub fn of(scores: &ResponseScores) -> Self {
        let attainable = scores.predictors.iter().find(|p| p.predictor == Predictor::Attainable);
        let attainable = attainable.map_or(f64::NAN, |p| mean(&p.single_trial));
        let summarise = |p: &PredictorScores| PredictorSummary {
            predictor: p.predictor.to_string(),
            single_trial_correlation: mean(&p.single_trial),
            fraction_of_attainable: mean(&p.single_trial) / attainable,
            correlation_to_average: mean(&p.to_average),
            ccnorm: median(defined(&p.normalised)),
        };
        let mut predictors: Vec<_> = scores.predictors.iter().map(summarise).collect();
        let members =
            scores.predictors.iter().filter(|p| matches!(p.predictor, Predictor::Member(_))).count();
        predictors.insert(members, mean_of("mean member", &predictors[..members]));
        let (oracle, explainable) = (defined(&scores.oracle), defined(&scores.explainable_variance));
        Self {
            mouse: scores.mouse.to_string(),
            neurons: scores.oracle.len(),
            trials: scores.trials,
            frames: scores.frames,
            repeated_movies: scores.repeated_movies,
            showings: scores.showings,
            neurons_with_signal_power: explainable.iter().filter(|&&share| share > 0.0).count(),
            neurons_with_oracle: oracle.len(),
            oracle: mean(&oracle),
            explainable_variance: mean(&explainable),
            predictors,
        }
    }
}

/// Averages over mice, predictor by predictor; NaN where one mouse has no such score.
pub fn mean_over_mice(mice: &[MouseSummary]) -> Vec<PredictorSummary> {
    let Some(first) = mice.first() else { return Vec::new() };
    let of = |predictor: &PredictorSummary| {
        let same = |p: &&PredictorSummary| p.predictor == predictor.predictor;
        let all: Vec<_> =
            mice.iter().filter_map(|mouse| mouse.predictors.iter().find(same).cloned()).collect();
        // A mouse that was not simulated has no ceiling: no mean over mice either.
        (all.len() == mice.len()).then(|| mean_of(&predictor.predictor, &all))
    };
    first.predictors.iter().filter_map(of).collect()
}

fn mean_of(name: &str, summaries: &[PredictorSummary]) -> PredictorSummary {
    let mean = |value: fn(&PredictorSummary) -> f64| mean(&summaries.iter().map(value).collect::<Vec<_>>());
    PredictorSummary {
        predictor: name.to_string(),
        single_trial_correlation: mean(|s| s.single_trial_correlation),
        fraction_of_attainable: mean(|s| s.fraction_of_attainable),
        correlation_to_average: mean(|s| s.correlation_to_average),
        ccnorm: mean(|s| s.ccnorm),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn defined(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| !value.is_nan()).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count.is_multiple_of(2) => 0.5 * (values[middle - 1] + values[middle]),
        _ => values[middle],
    }
}

/// Columns of [`write_csv`].
const COLUMNS: [&str; 9] = [
    "mouse",
    "neuron",
    "unit_id",
    "predictor",
    "single_trial_correlation",
    "correlation_to_average",
    "ccnorm",
    "oracle",
    "explainable_variance",
];

/// Writes every neuron of every mouse under every predictor as CSV, one row each; what is not defined is an
/// empty cell. Neurons are counted from 0, in the order of the recording.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn write_csv(path: &Path, mice: &[ResponseScores]) -> Result<()> {
    let mut rows = Vec::new();
    for mouse in mice {
        for scores in &mouse.predictors {
            for neuron in 0..mouse.oracle.len() {
                let unit = mouse.unit_ids.as_ref().map(|ids| ids[neuron].to_string()).unwrap_or_default();
                let labels =
                    [mouse.mouse.to_string(), neuron.to_string(), unit, scores.predictor.to_string()];
                let numbers = [
                    scores.single_trial[neuron],
                    scores.to_average[neuron],
                    scores.normalised[neuron],
                    mouse.oracle[neuron],
                    mouse.explainable_variance[neuron],
                ];
                rows.push(labels.into_iter().chain(numbers.map(cell)));
            }
        }
    }
    write_rows(path, COLUMNS, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::MouseId;

    fn scores(mouse: &str, single_trial: [[f64; 2]; 4]) -> ResponseScores {
        let names = [Predictor::Member(0), Predictor::Member(1), Predictor::Ensemble, Predictor::Attainable];
        let predictors =
            names.into_iter().zip(single_trial).map(|(predictor, single_trial)| PredictorScores {
                predictor,
                single_trial: single_trial.to_vec(),
                to_average: vec![f64::NAN; 2],
                normalised: vec![f64::NAN, 0.5],
            });
        ResponseScores {
            mouse: MouseId(mouse.into()),
            unit_ids: None,
            trials: 3,
            frames: 900,
            repeated_movies: 1,
            showings: 2,
            oracle: vec![f64::NAN, 0.25],
            explainable_variance: vec![f64::NAN, -0.1],
            predictors: predictors.collect(),
        }
    }

    const SINGLE_TRIAL: [[f64; 2]; 4] = [[0.1, 0.3], [0.2, 0.4], [0.25, 0.4], [0.4, 0.6]];

    #[test]
    fn the_fraction_of_the_attainable_is_that_of_the_means_over_neurons() {
        let summary = MouseSummary::of(&scores("a", SINGLE_TRIAL));
        let names: Vec<&str> = summary.predictors.iter().map(|p| p.predictor.as_str()).collect();
        assert_eq!(names, ["member 0", "member 1", "mean member", "ensemble", "attainable"]);
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        for (index, fraction) in [0.4, 0.6, 0.5, 0.65, 1.0].into_iter().enumerate() {
            close(summary.predictors[index].fraction_of_attainable, fraction);
        }
        close(summary.predictors[2].single_trial_correlation, 0.25);
        // Neurons without a score don't count as 0.
        close(summary.oracle, 0.25);
        close(summary.predictors[0].ccnorm, 0.5);
        assert_eq!((summary.neurons_with_oracle, summary.neurons_with_signal_power), (1, 0));
    }

    #[test]
    fn mice_count_alike_and_a_ceiling_that_one_lacks_has_no_mean() {
        let first = MouseSummary::of(&scores("a", SINGLE_TRIAL));
        let mut second = scores("b", SINGLE_TRIAL.map(|pair| pair.map(|r| 0.5 * r)));
        let both = mean_over_mice(&[first.clone(), MouseSummary::of(&second)]);
        assert!((both[3].single_trial_correlation - 0.75 * 0.325).abs() < 1e-12);
        assert_eq!(both.len(), 5);
        second.predictors.pop();
        let both = mean_over_mice(&[first, MouseSummary::of(&second)]);
        assert_eq!(both.len(), 4);
        assert!(both[3].fraction_of_attainable.is_nan());
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(vec![5.0, 1.0, 2.0, 9.0]), 3.5);
        assert_eq!(median(vec![5.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn every_neuron_has_a_row_under_every_predictor_and_what_is_undefined_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("responses.csv");
        write_csv(&path, &[scores("a", SINGLE_TRIAL)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 2 * 4);
        assert_eq!(lines[1], "a,0,,member 0,0.1,,,,");
        assert_eq!(lines[6], "a,1,,ensemble,0.4,,0.5,0.25,-0.1");
    }
}
