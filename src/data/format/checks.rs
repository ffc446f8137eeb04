//! What every reader checks and says alike, whatever a recording is stored as.

use std::path::Path;

use super::npy_tree::Array;
use crate::data::mouse::TrialSummary;
use crate::error::{Error, Result};

/// Checks that a trial's responses were published.
pub(super) fn require_responses(
    file: impl FnOnce() -> std::path::PathBuf,
    trial: &TrialSummary,
) -> Result<()> {
    if trial.withheld {
        let problem = format!("trial {} ({:?}) has no responses: they are withheld", trial.id, trial.tier.0);
        return Err(Error::invalid(file(), problem));
    }
    Ok(())
}

/// Checks that the listed frames are frames of a trial.
pub(super) fn require_frames(root: &Path, trial: &TrialSummary, frames: &[usize]) -> Result<()> {
    match frames.iter().find(|&&frame| frame >= trial.frames) {
        None => Ok(()),
        Some(beyond) => {
            let problem = format!("trial {}: frame {beyond} of {} was asked for", trial.id, trial.frames);
            Err(Error::invalid(root, problem))
        }
    }
}

/// Makes the error of a value that is NaN or infinite where there has to be a number. `width` is that of a frame
/// in pixels, for movies.
pub(super) fn not_a_number(
    file: &Path,
    trial: &TrialSummary,
    (array, width): (Array, usize),
    (row, frame, value): (usize, usize, f32),
) -> Error {
    let problem = format!(
        "trial {}: {value} at frame {frame}, {}; expected numbers up to the trial's end at frame {}: mend the {} \
         frames, or leave the trial out by giving it the tier 'none'",
        trial.id,
        array.row_name(row, width),
        trial.frames,
        array.word()
    );
    Error::invalid(file, problem)
}
