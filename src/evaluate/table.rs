//! Tables of scores: one row a trial, CSV.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::controls::Controls;
use super::scores::Scores;
use crate::csv_file::{cell, write_rows};
use crate::data::{MouseId, TrialId};
use crate::error::{Error, Result};

/// Scores and controls of one trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialScore {
    /// Whose trial it is.
    pub mouse: MouseId,
    /// Which trial.
    pub trial: TrialId,
    /// Members that made it.
    pub members: usize,
    /// Its scores.
    pub scores: Scores,
    /// Its controls, pixel correlations too.
    pub controls: Controls,
}

/// Columns of the table, in order: name and value.
type Column = (&'static str, fn(&TrialScore) -> f64);

/// The numbers of a row, in the order of the columns.
pub const COLUMNS: [Column; 22] = [
    ("pixel_correlation", |row| row.scores.pixel_correlation),
    ("control_mean_movie", |row| row.controls.mean_movie),
    ("control_another_trial", |row| row.controls.another_trial),
    ("control_shuffled_neurons", |row| row.controls.shuffled_neurons),
    ("control_time_shifted", |row| row.controls.time_shifted),
    ("control_linear_decoder", |row| row.controls.linear_decoder),
    ("ceiling_predicted_responses", |row| row.controls.predicted),
    ("ceiling_averaged_responses", |row| row.controls.averaged),
    ("frame_correlation", |row| row.scores.frame_correlation),
    ("rmse", |row| row.scores.rmse),
    ("rmse_luminance_contrast_matched", |row| row.scores.rmse_luminance_contrast_matched),
    ("psnr", |row| row.scores.psnr),
    ("ssim", |row| row.scores.ssim),
    ("published_global_ssim", |row| row.scores.published_global_ssim),
    ("motion_energy_correlation", |row| row.scores.motion_energy_correlation),
    ("response_correlation", |row| row.scores.response_correlation),
    ("response_loss", |row| row.scores.response_loss),
    ("half_pixel_correlation", |row| row.controls.held_out_neurons.pixel_correlation),
    ("half_response_correlation", |row| row.controls.held_out_neurons.used_response_correlation),
    ("other_half_response_correlation", |row| row.controls.held_out_neurons.other_response_correlation),
    ("half_true_movie_response_correlation", |row| {
        row.controls.held_out_neurons.used_true_movie_response_correlation
    }),
    ("other_half_true_movie_response_correlation", |row| {
        row.controls.held_out_neurons.other_true_movie_response_correlation
    }),
];

/// Looks up what a column holds; NaN for a column that there is not.
pub fn value(row: &TrialScore, column: &str) -> f64 {
    COLUMNS.iter().find(|(name, _)| *name == column).map_or(f64::NAN, |(_, value)| value(row))
}

/// Averages a column over the trials of each mouse, then over mice, as the paper does; NaN without rows.
pub fn mean(rows: &[TrialScore], value: impl Fn(&TrialScore) -> f64) -> f64 {
    let mut mice: Vec<&MouseId> = rows.iter().map(|row| &row.mouse).collect();
    mice.sort();
    mice.dedup();
    let of_mouse = |mouse: &MouseId| {
        let own: Vec<f64> = rows.iter().filter(|row| &row.mouse == mouse).map(&value).collect();
        own.iter().sum::<f64>() / own.len() as f64
    };
    mice.iter().map(|mouse| of_mouse(mouse)).sum::<f64>() / mice.len() as f64
}

/// Writes the table as CSV; a number that is not defined is an empty cell.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn write_csv(path: &Path, rows: &[TrialScore]) -> Result<()> {
    let heading = ["mouse", "trial", "members"].into_iter().chain(COLUMNS.iter().map(|(name, _)| *name));
    let row = |row: &TrialScore| {
        let labels = [row.mouse.to_string(), row.trial.to_string(), row.members.to_string()];
        labels.into_iter().chain(COLUMNS.map(|(_, value)| cell(value(row))))
    };
    write_rows(path, heading, rows.iter().map(row))
}

/// Columns that name a row and are no score.
const LABELS: [&str; 2] = ["mouse", "trial"];

/// Numbers of a trial by column; those that are not defined are left out.
pub type Numbers = BTreeMap<String, f64>;

/// Reads what [`write_csv`] wrote: the numbers of each trial.
///
/// # Errors
/// [`Error::Invalid`] when the file is missing or damaged.
pub fn read_csv(path: &Path) -> Result<BTreeMap<(MouseId, TrialId), Numbers>> {
    let failed = |e: String| Error::invalid(path, format!("{e}; evaluate again (v1reel evaluate)"));
    let mut reader = csv::Reader::from_path(path).map_err(|e| failed(e.to_string()))?;
    let heading = reader.headers().map_err(|e| failed(e.to_string()))?.clone();
    let place = |name: &str| heading.iter().position(|column| column == name);
    let [Some(mouse), Some(trial)] = LABELS.map(place) else {
        return Err(failed("is no table of trials: columns mouse and trial were expected".into()));
    };
    let mut rows = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| failed(e.to_string()))?;
        let number =
            record[trial].parse().map_err(|_| failed(format!("trial {:?} is no number", &record[trial])))?;
        let cells = heading.iter().zip(record.iter()).filter(|(column, _)| !LABELS.contains(column));
        let numbers =
            cells.filter_map(|(column, cell)| Some((column.to_string(), cell.parse::<f64>().ok()?)));
        let numbers = numbers.filter(|(_, number)| number.is_finite()).collect();
        rows.insert((MouseId(record[mouse].to_string()), TrialId(number)), numbers);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::summary::tests::row;

    #[test]
    fn a_table_reads_back_and_what_is_not_defined_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.csv");
        let controls = Controls { mean_movie: -0.25, another_trial: 0.0, ..Controls::NONE };
        let row = TrialScore { controls, ..row("a, \"quoted\" mouse", 7, 0.5, 0.0) };
        write_csv(&path, std::slice::from_ref(&row)).unwrap();
        let found = read_csv(&path).unwrap().remove(&(row.mouse, row.trial)).unwrap();
        assert_eq!((found["members"], found["pixel_correlation"], found["response_loss"]), (3.0, 0.5, -3.5));
        assert_eq!(found["control_mean_movie"], -0.25);
        assert!(!found.contains_key("control_shuffled_neurons") && !found.contains_key("psnr"));
    }

    #[test]
    fn another_table_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.csv");
        for text in ["neuron,score\n1,2\n", "mouse,trial\na,first\n", "mouse,trial\na\n"] {
            std::fs::write(&path, text).unwrap();
            let said = read_csv(&path).unwrap_err().to_string();
            assert!(said.contains("trials.csv") && said.contains("v1reel evaluate"), "{said}");
        }
    }
}
