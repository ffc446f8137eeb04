//! Reads trials and clips of a mouse in one file, every value checked to be a number.

use ndarray::{Array2, Array3};

use super::file::{MouseFile, Stored};
use super::read::Wanted;
use crate::data::format::checks::{not_a_number, require_frames, require_responses};
use crate::data::format::npy_tree::Array;
use crate::data::format::values::{first_not_finite, transpose_with};
use crate::data::mouse::TrialSummary;
use crate::data::trial::{Trial, TrialBuffer, at_least, memory};
use crate::error::Result;

/// An open file, and where everything lies in it.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) file: MouseFile,
    pub(super) frame_size: [usize; 2],
    /// In the order of [`Array::ALL`], by trial.
    pub(super) arrays: [Vec<Option<Stored>>; 4],
}

impl Store {
    /// Reads the valid part of a trial.
    pub(crate) fn read_trial(&self, summary: &TrialSummary) -> Result<Trial> {
        let mut buffer = TrialBuffer::default();
        self.read_frames(summary, &(0..summary.frames).collect::<Vec<_>>(), &mut buffer)?;
        Ok(buffer.trial)
    }

    /// Reads the listed frames of a trial over another one.
    pub(crate) fn read_frames(
        &self,
        summary: &TrialSummary,
        frames: &[usize],
        buffer: &mut TrialBuffer,
    ) -> Result<()> {
        require_responses(|| self.file.path.clone(), summary)?;
        let TrialBuffer { trial, stored, least_response } = buffer;
        trial.id = summary.id;
        self.gather_movie(summary, frames, &mut trial.movie)?;
        for (array, rows) in [
            (Array::Responses, &mut trial.responses),
            (Array::Behavior, &mut trial.behavior),
            (Array::PupilCenter, &mut trial.pupil_center),
        ] {
            let count = self.gather(array, summary, frames, stored)?;
            let mut values = memory(rows);
            let least = if array == Array::Responses { *least_response } else { f32::NEG_INFINITY };
            transpose_with(stored, frames.len(), count, &mut values, at_least(least));
            *rows = Array2::from_shape_vec((count, frames.len()), values).expect("transposed to this");
        }
        Ok(())
    }

    /// Reads the listed frames of a trial's movie: `[frame, height, width]`.
    pub(crate) fn read_movie(&self, summary: &TrialSummary, frames: &[usize]) -> Result<Array3<f32>> {
        let mut movie = Array3::zeros((0, 0, 0));
        self.gather_movie(summary, frames, &mut movie)?;
        Ok(movie)
    }

    fn gather_movie(&self, summary: &TrialSummary, frames: &[usize], movie: &mut Array3<f32>) -> Result<()> {
        let [height, width] = self.frame_size;
        let mut pixels = memory(movie);
        self.gather(Array::Movie, summary, frames, &mut pixels)?;
        *movie = Array3::from_shape_vec((frames.len(), height, width), pixels)
            .expect("sizes were checked at opening");
        Ok(())
    }

    /// Reads the listed frames of an array over `values`, one after the other, every value checked to be a
    /// number. Returns how many values a frame has.
    fn gather(
        &self,
        array: Array,
        summary: &TrialSummary,
        frames: &[usize],
        values: &mut Vec<f32>,
    ) -> Result<usize> {
        require_frames(&self.file.path, summary, frames)?;
        let trials = &self.arrays[array as usize];
        let Some(stored) = trials.get(summary.id.0 as usize).copied().flatten() else {
            values.clear();
            return Ok(0);
        };
        self.file.read(&Wanted { array, trial: summary.id, stored, frames }, values)?;
        let width = stored.width();
        if let Some(at) = first_not_finite(values) {
            let place = (at % width, frames[at / width], values[at]);
            return Err(not_a_number(&self.file.path, summary, (array, self.frame_size[1]), place));
        }
        Ok(width)
    }
}
