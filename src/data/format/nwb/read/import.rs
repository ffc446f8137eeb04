//! Makes a mouse folder of an NWB file.

use std::path::Path;

use ndarray::Array2;

use super::options::ImportOptions;
use super::recording::Recording;
use crate::atomic;
use crate::data::format::npy_tree::{Meta, Writer};
use crate::data::trial::{Tier, TrialId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};

/// Trials that are left out and said why, each; the rest is counted.
const LISTED: usize = 5;

/// What became of an NWB file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Neurons of the mouse.
    pub neurons: usize,
    /// Height and width of its movies.
    pub frame_size: [usize; 2],
    /// Rows of behavior and of pupil center.
    pub behavior_rows: [usize; 2],
    /// Trials that were written, numbered from 0.
    pub trials: usize,
    /// Rows of the table of trials that are none, and why.
    pub left_out: Vec<(usize, String)>,
}

/// Reads the NWB file `path` and writes the mouse folder `out`, whole or not at all.
///
/// # Errors
/// Those of [`Recording::open`]; [`Error::Usage`] when `out` is there already; [`Error::Invalid`] when no trial
/// can be read; [`Error::Io`] when the folder can't be written.
pub fn import(path: &Path, out: &Path, options: &ImportOptions, observer: &dyn Observer) -> Result<Imported> {
    if out.exists() {
        return Err(Error::usage(format!("{} is there already; move it away first", out.display())));
    }
    let recording = Recording::open(path, options)?;
    for note in recording.notes() {
        observer.emit(Event::Note { message: note.clone() });
    }
    let mut left_out = Vec::new();
    atomic::write_folder(out, |folder| {
        left_out = write(&recording, folder, observer)?;
        Ok(())
    })?;
    warn(&left_out, observer);
    Ok(Imported {
        neurons: recording.neurons(),
        frame_size: recording.frame_size(),
        behavior_rows: recording.behavior_rows(),
        trials: recording.intervals() - left_out.len(),
        left_out,
    })
}

/// Writes all trials that can be read; returns the others.
fn write(recording: &Recording, folder: &Path, observer: &dyn Observer) -> Result<Vec<(usize, String)>> {
    let rows = recording.intervals();
    let task = || "import".to_string();
    observer.emit(Event::Started { task: task(), steps: rows as u64, unit: "trials" });
    let mut writer = Writer::create(folder)?;
    let (mut tiers, mut left_out): (Vec<Tier>, Vec<(usize, String)>) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let id =
            u32::try_from(tiers.len()).map_err(|_| recording.problem("more trials than can be numbered"))?;
        match recording.read_trial(row, TrialId(id))? {
            Ok(trial) => {
                // Not padded: each trial's files are as long as it is.
                writer.write_trial(&trial, 0)?;
                tiers.push(recording.tier(row));
            }
            Err(why) => left_out.push((row, why)),
        }
        observer.emit(Event::Progress { task: task(), step: row as u64 + 1, loss: None });
    }
    if tiers.is_empty() {
        let why = left_out.first().map_or("", |(_, why)| why);
        return Err(recording.problem(format!("none of its {rows} trials can be read; the first: {why}")));
    }
    let cell_motor_coordinates = recording.places().cloned().unwrap_or_else(|| Array2::zeros((0, 3)));
    writer.finish(&Meta { tiers, unit_ids: recording.unit_ids().to_vec(), cell_motor_coordinates })?;
    observer.emit(Event::Finished { task: task() });
    Ok(left_out)
}

/// Says which rows became no trials.
fn warn(left_out: &[(usize, String)], observer: &dyn Observer) {
    for (row, why) in left_out.iter().take(LISTED) {
        observer.emit(Event::Warning { message: format!("row {row} is left out: {why}") });
    }
    if let Some((row, _)) = left_out.first() {
        let more = left_out.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(", {more} of them for like reasons") } else { String::new() };
        let message = format!(
            "{} rows of the table of trials are left out{more}; from row {row} on, trials have lower numbers than rows",
            left_out.len()
        );
        observer.emit(Event::Warning { message });
    }
}
