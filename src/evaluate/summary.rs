//! Scores over trials and mice: the mean of each, how sure it is, and what it is a mean of.

use std::path::Path;

use serde::Serialize;

use super::table::{COLUMNS, TrialScore, value};
use crate::csv_file::{cell, write_rows};
use crate::data::MouseId;
use crate::error::Result;
use crate::metric::inference::{ClusterMean, cluster_bootstrap};
use crate::seed;

/// Draws of the bootstrap.
const RESAMPLES: usize = 10_000;
/// The score that controls and ceilings are held against.
const SCORE: &str = "pixel_correlation";

/// One score or control over all trials that have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Its column in `evaluation/trials.csv`.
    pub score: &'static str,
    /// What was drawn again for the intervals: mice; of a single mouse its trials, and then the intervals say nothing
    /// of other mice.
    pub over: &'static str,
    /// Mice that have it.
    pub mice: usize,
    /// Trials that have it.
    pub trials: usize,
    /// Mean over the trials of each mouse, then over mice.
    pub mean: f64,
    /// Lower limit of the mean's 95 % bootstrap interval; NaN (empty) where there is one mouse and one trial.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
    /// Of controls and ceilings of the pixel correlation: by how much the reconstruction is above them, the mean over
    /// the same trials.
    pub above: f64,
    /// Lower limit of that difference's interval.
    pub above_low: f64,
    /// Upper limit.
    pub above_high: f64,
}

/// Says whether a column is to be held against the pixel correlation.
pub fn is_compared(column: &str) -> bool {
    ["control_", "ceiling_", "half_pixel"].iter().any(|start| column.starts_with(start))
}

/// Sums up every column that at least one trial has a number in. `run_seed` names the draws.
pub fn summaries(rows: &[TrialScore], run_seed: &str) -> Vec<Summary> {
    let mut mice: Vec<&MouseId> = rows.iter().map(|row| &row.mouse).collect();
    mice.sort();
    mice.dedup();
    let over = if mice.len() > 1 { "mice" } else { "trials" };
    let estimate = |number: &dyn Fn(&TrialScore) -> f64, purpose: &str| -> ClusterMean {
        let clusters: Vec<Vec<f64>> = if mice.len() > 1 {
            let of_mouse =
                |mouse: &&MouseId| rows.iter().filter(|row| &row.mouse == *mouse).map(number).collect();
            mice.iter().map(of_mouse).collect()
        } else {
            rows.iter().map(|row| vec![number(row)]).collect()
        };
        cluster_bootstrap(&clusters, RESAMPLES, &mut seed::stream(run_seed, "summary", &[purpose]))
    };
    let summary = |&(column, number): &(&'static str, fn(&TrialScore) -> f64)| {
        let found = estimate(&number, column);
        let above = |row: &TrialScore| value(row, SCORE) - number(row);
        let difference = is_compared(column).then(|| estimate(&above, &format!("above {column}")));
        let [above_low, above_high] = difference.map_or([f64::NAN; 2], |d| d.confidence_95);
        let with_value = rows.iter().filter(|row| number(row).is_finite());
        let mut having: Vec<&MouseId> = with_value.map(|row| &row.mouse).collect();
        having.dedup();
        Summary {
            score: column,
            over,
            mice: having.len(),
            trials: found.values,
            mean: found.mean,
            low: found.confidence_95[0],
            high: found.confidence_95[1],
            above: difference.map_or(f64::NAN, |d| d.mean),
            above_low,
            above_high,
        }
    };
    COLUMNS.iter().map(summary).filter(|summary| summary.trials > 0).collect()
}

/// Writes summaries as CSV; a number that is not defined is an empty cell.
///
/// # Errors
/// When it can't be written.
pub fn write_summary(path: &Path, summaries: &[Summary]) -> Result<()> {
    let heading =
        ["score", "mice", "trials", "mean", "low", "high", "above", "above_low", "above_high", "over"];
    let row = |s: &Summary| {
        let numbers = [s.mean, s.low, s.high, s.above, s.above_low, s.above_high].map(cell);
        let labels = [s.score.to_string(), s.mice.to_string(), s.trials.to_string()];
        labels.into_iter().chain(numbers).chain([s.over.to_string()])
    };
    write_rows(path, heading, summaries.iter().map(row))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::TrialId;
    use crate::evaluate::{Controls, Scores};

    pub fn row(mouse: &str, trial: u32, pixel_correlation: f64, linear_decoder: f64) -> TrialScore {
        let scores = Scores {
            pixel_correlation,
            frame_correlation: 0.25,
            rmse: 30.0,
            rmse_luminance_contrast_matched: 20.0,
            psnr: f64::INFINITY,
            ssim: 0.75,
            published_global_ssim: 1.0,
            motion_energy_correlation: -0.5,
            response_correlation: 0.125,
            response_loss: -3.5,
        };
        let controls = Controls { linear_decoder, ..Controls::NONE };
        TrialScore { mouse: MouseId(mouse.into()), trial: TrialId(trial), members: 3, scores, controls }
    }

    #[test]
    fn intervals_are_over_mice_and_of_a_single_mouse_over_its_trials() {
        let none = f64::NAN;
        let rows =
            [row("a", 1, 0.2, 0.1), row("a", 2, 0.4, none), row("b", 1, 0.5, 0.5), row("b", 2, 0.7, none)];
        let found = summaries(&rows, "seed");
        let get = |found: &[Summary], score| found.iter().find(|s| s.score == score).cloned();
        let r = get(&found, "pixel_correlation").unwrap();
        assert_eq!((r.over, r.mice, r.trials), ("mice", 2, 4));
        assert!((r.mean - 0.45).abs() < 1e-12);
        // Of two mice the draws are both, or either one alone.
        assert!((r.low - 0.3).abs() < 1e-12 && (r.high - 0.6).abs() < 1e-12);
        assert!(r.above.is_nan());
        let linear = get(&found, "control_linear_decoder").unwrap();
        assert_eq!((linear.mice, linear.trials), (2, 2));
        // Only over the trials that have it: 0.2 - 0.1 and 0.5 - 0.5.
        assert!((linear.above - 0.05).abs() < 1e-12 && (linear.mean - 0.3).abs() < 1e-12);
        assert!(get(&found, "control_shuffled_neurons").is_none() && get(&found, "psnr").is_none());

        let alone = summaries(&rows[..2], "seed");
        let r = get(&alone, "pixel_correlation").unwrap();
        assert_eq!((r.over, r.mice, r.trials), ("trials", 1, 2));
        assert!((r.low - 0.2).abs() < 1e-12 && (r.high - 0.4).abs() < 1e-12);
        let single = summaries(&rows[..1], "seed");
        assert!(get(&single, "pixel_correlation").unwrap().low.is_nan());
        assert!(summaries(&[], "seed").is_empty());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.csv");
        write_summary(&path, &found).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("score,mice,trials,mean,low,high,above,"), "{text}");
        assert!(text.contains("\npixel_correlation,2,4,0.45") && !text.contains("NaN"), "{text}");
    }
}
