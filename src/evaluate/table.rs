//! Tables of scores: one row a trial, CSV.

use std::path::Path;

use serde::Serialize;

use super::controls::Controls;
use super::scores::Scores;
use crate::atomic;
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
pub const COLUMNS: [Column; 13] = [
    ("pixel_correlation", |row| row.scores.pixel_correlation),
    ("control_mean_movie", |row| row.controls.mean_movie),
    ("control_another_trial", |row| row.controls.another_trial),
    ("control_shuffled_neurons", |row| row.controls.shuffled_neurons),
    ("frame_correlation", |row| row.scores.frame_correlation),
    ("rmse", |row| row.scores.rmse),
    ("rmse_luminance_contrast_matched", |row| row.scores.rmse_luminance_contrast_matched),
    ("psnr", |row| row.scores.psnr),
    ("ssim", |row| row.scores.ssim),
    ("published_global_ssim", |row| row.scores.published_global_ssim),
    ("motion_energy_correlation", |row| row.scores.motion_energy_correlation),
    ("response_correlation", |row| row.scores.response_correlation),
    ("response_loss", |row| row.scores.response_loss),
];

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
    let failed = |e: String| Error::Failed(format!("{}: {e}", path.display()));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let heading = ["mouse", "trial", "members"].into_iter().chain(COLUMNS.iter().map(|(name, _)| *name));
    writer.write_record(heading).map_err(|e| failed(e.to_string()))?;
    for row in rows {
        let labels = [row.mouse.to_string(), row.trial.to_string(), row.members.to_string()];
        let numbers = COLUMNS.iter().map(|(_, value)| {
            let value = value(row);
            if value.is_finite() { value.to_string() } else { String::new() }
        });
        writer.write_record(labels.into_iter().chain(numbers)).map_err(|e| failed(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    atomic::write_bytes(path, &bytes)
}
