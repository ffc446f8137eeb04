//! One recorded animal and session: neurons and trials.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array2, Array3};

use super::channel::Channel;
use super::format::{hdf5, npy_tree};
use super::trial::{Tier, Trial, TrialBuffer, TrialId};
use crate::error::{Error, Result};

/// Name of a mouse: the name of its folder, or of its file without the ending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct MouseId(pub String);

impl std::fmt::Display for MouseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of a trial without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialSummary {
    /// Which trial it is.
    pub id: TrialId,
    /// The dataset's own split label.
    pub tier: Tier,
    /// Valid frames, before the NaN tail.
    pub frames: usize,
    /// It was published without its responses: it can't be read as a [`Trial`].
    pub withheld: bool,
}

/// What a mouse is stored as.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A folder of `.npy` files.
    NpyTree,
    /// One HDF5 file.
    Hdf5(Arc<hdf5::Store>),
}

/// A mouse whose files were found and whose shapes agree; trials are read on demand.
#[derive(Debug, Clone)]
pub struct Mouse {
    /// The name of its folder, or of its file without the ending.
    pub id: MouseId,
    /// Its folder or file.
    pub root: PathBuf,
    /// How the data lies there.
    pub(crate) storage: Storage,
    /// Number of recorded neurons, at least 1.
    pub neurons: usize,
    /// Height and width of its movies in pixels.
    pub frame_size: [usize; 2],
    /// Rows of `behavior` (pupil dilation, running speed); 0 when there is no such folder.
    pub behavior_rows: usize,
    /// Rows of `pupil_center` (x, y); 0 when there is no such folder.
    pub pupil_center_rows: usize,
    /// Rows, among those of behavior and then pupil center, that are read as 0 in every frame.
    pub(crate) blank_rows: Vec<usize>,
    /// By ascending trial id.
    pub trials: Vec<TrialSummary>,
    /// One a neuron, when recorded.
    pub unit_ids: Option<Vec<i64>>,
    /// `[neuron, (x, y, z)]` in micrometres, when recorded.
    pub cell_motor_coordinates: Option<Array2<f32>>,
}

impl Mouse {
    /// Opens the mouse in a folder or in one HDF5 file: finds its trials and checks that their arrays fit
    /// each other.
    ///
    /// The data itself is read and checked later, trial by trial.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the file at fault, what was found, what was expected and what to do:
    /// not a mouse folder, no neurons, a missing or broken file, trials or tiers that don't fit.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_file() { hdf5::open(path) } else { npy_tree::open(path) }
    }

    /// Counts the channels of the encoder's input: the movie and the behavioral rows.
    pub fn channels(&self) -> usize {
        1 + self.behavior_rows + self.pupil_center_rows
    }

    /// Looks up a trial.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such trial.
    pub fn trial(&self, id: TrialId) -> Result<&TrialSummary> {
        match self.trials.binary_search_by_key(&id, |trial| trial.id) {
            Ok(at) => Ok(&self.trials[at]),
            Err(_) => Err(Error::usage(format!(
                "mouse {} has no trial {id}; it has {} trials, {} to {}",
                self.id,
                self.trials.len(),
                self.trials.first().map_or(id, |trial| trial.id),
                self.trials.last().map_or(id, |trial| trial.id),
            ))),
        }
    }

    /// Reads the valid part of a trial.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such trial; [`Error::Invalid`] when a value of its valid part
    /// is not a number, some row ends later than the rest, or its responses are withheld.
    pub fn read_trial(&self, id: TrialId) -> Result<Trial> {
        let summary = self.trial(id)?;
        let mut trial = match &self.storage {
            Storage::NpyTree => npy_tree::read_trial(self, summary),
            Storage::Hdf5(store) => store.read_trial(summary),
        }?;
        self.blank(&mut trial);
        Ok(trial)
    }

    /// The same mouse as if some channels had never been recorded: they are 0 in every frame, for training, prediction
    /// and reconstruction alike.
    ///
    /// # Errors
    /// [`Error::Usage`] when it has no such channel.
    pub fn without(mut self, channels: &[Channel]) -> Result<Self> {
        for &channel in channels {
            let rows = channel.rows(&self).ok_or_else(|| {
                let known = [Channel::Running, Channel::PupilDilation, Channel::PupilCenter];
                let known: Vec<String> = known
                    .into_iter()
                    .filter(|known| known.rows(&self).is_some())
                    .map(|known| known.to_string())
                    .collect();
                Error::usage(format!(
                    "mouse {}: its recording has no {channel} to leave out (data.without); it has {}",
                    self.id,
                    if known.is_empty() { "no channel of that kind".into() } else { known.join(", ") }
                ))
            })?;
            self.blank_rows.extend(rows);
        }
        Ok(self)
    }

    fn blank(&self, trial: &mut Trial) {
        for &row in &self.blank_rows {
            match row.checked_sub(trial.behavior.nrows()) {
                None => trial.behavior.row_mut(row).fill(0.0),
                Some(row) => trial.pupil_center.row_mut(row).fill(0.0),
            }
        }
    }

    /// Reads only the listed frames of a trial, as a clip needs them, and not the rest of it.
    ///
    /// # Errors
    /// As [`Mouse::read_trial`], for the frames read; [`Error::Invalid`] for a frame after its end.
    pub fn read_frames(&self, id: TrialId, frames: impl Iterator<Item = usize>) -> Result<Trial> {
        let mut buffer = TrialBuffer::default();
        self.read_frames_over(id, frames, &mut buffer)?;
        Ok(buffer.trial)
    }

    /// Does what [`Mouse::read_frames`] does, over another trial; after an error that is none any more.
    pub(crate) fn read_frames_over(
        &self,
        id: TrialId,
        frames: impl Iterator<Item = usize>,
        buffer: &mut TrialBuffer,
    ) -> Result<()> {
        let (summary, frames) = (self.trial(id)?, frames.collect::<Vec<_>>());
        match &self.storage {
            Storage::NpyTree => npy_tree::read_frames(self, summary, &frames, buffer),
            Storage::Hdf5(store) => store.read_frames(summary, &frames, buffer),
        }?;
        self.blank(&mut buffer.trial);
        Ok(())
    }

    /// Reads the movie of a trial: `[frame, height, width]`. It is there also when the responses are
    /// withheld.
    ///
    /// # Errors
    /// As [`Mouse::read_trial`], for the movie alone.
    pub fn read_movie(&self, id: TrialId) -> Result<Array3<f32>> {
        let summary = self.trial(id)?;
        let frames: Vec<usize> = (0..summary.frames).collect();
        match &self.storage {
            Storage::NpyTree => npy_tree::read_movie(self, summary, &frames),
            Storage::Hdf5(store) => store.read_movie(summary, &frames),
        }
    }
}
