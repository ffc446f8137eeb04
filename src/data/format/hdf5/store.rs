//! Reads frames of trials from an open file.
//!
//! HDF5 does one thing at a time, whatever the threads. So it is asked only once where each array lies, and
//! frames that are stored plainly are read past it. They are read, not mapped: a clip is a few reads of
//! neighbouring bytes, which cost less than the page faults of a map, and a file that is cut short meanwhile is
//! an error instead of the end of the process. Compressed frames go through HDF5.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use ndarray::{Array2, Array3, ArrayD, s};

use super::dataset;
use crate::data::format::npy_tree::Array;
use crate::data::mouse::TrialSummary;
use crate::data::trial::{Trial, TrialId};
use crate::error::{Error, Result};

/// Where an array of a trial lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    /// Values of one frame.
    pub(super) width: usize,
    /// Bytes, not f32.
    pub(super) is_u8: bool,
    /// First byte in the file; `None` of compressed arrays.
    pub(super) offset: Option<u64>,
}

/// An open file, and where everything lies in it.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) path: PathBuf,
    pub(super) plain: fs::File,
    pub(super) hdf5: hdf5::File,
    pub(super) frame_size: [usize; 2],
    /// In the order of [`Array::ALL`], by trial.
    pub(super) arrays: [Vec<Option<Stored>>; 4],
}

impl Store {
    /// Reads the listed frames of a trial.
    pub(crate) fn read_frames(&self, summary: &TrialSummary, frames: &[usize]) -> Result<Trial> {
        if summary.withheld {
            let problem =
                format!("trial {} ({:?}) has no responses: they are withheld", summary.id, summary.tier.0);
            return Err(Error::invalid(&self.path, problem));
        }
        let rows = |array: Array| {
            let stored = self.arrays[array as usize].get(summary.id.0 as usize).copied().flatten();
            let rows = stored.map_or(0, |stored| stored.width);
            Ok(transposed(&self.gather(array, summary, frames)?, rows, frames.len()))
        };
        Ok(Trial {
            id: summary.id,
            movie: self.read_movie(summary, frames)?,
            responses: rows(Array::Responses)?,
            behavior: rows(Array::Behavior)?,
            pupil_center: rows(Array::PupilCenter)?,
        })
    }

    /// Reads the listed frames of a trial's movie: `[frame, height, width]`.
    pub(crate) fn read_movie(&self, summary: &TrialSummary, frames: &[usize]) -> Result<Array3<f32>> {
        let [height, width] = self.frame_size;
        let pixels = self.gather(Array::Movie, summary, frames)?;
        Ok(Array3::from_shape_vec((frames.len(), height, width), pixels)
            .expect("sizes were checked at opening"))
    }

    /// Reads the listed frames of an array, one after the other, every value checked to be a number.
    fn gather(&self, array: Array, summary: &TrialSummary, frames: &[usize]) -> Result<Vec<f32>> {
        if let Some(beyond) = frames.iter().find(|&&frame| frame >= summary.frames) {
            let problem = format!("trial {}: frame {beyond} of {} was asked for", summary.id, summary.frames);
            return Err(Error::invalid(&self.path, problem));
        }
        let trials = &self.arrays[array as usize];
        let Some(stored) = trials.get(summary.id.0 as usize).copied().flatten() else {
            return Ok(Vec::new());
        };
        let values = match stored.offset {
            Some(offset) => self.read_plain(stored, offset, frames)?,
            None => self.read_compressed(array, summary.id, stored, frames)?,
        };
        // Branchless over all: a clip has a hundred thousand values, and all are numbers.
        if !values.iter().fold(true, |fine, value| fine & value.is_finite()) {
            let at = values.iter().position(|value| !value.is_finite()).unwrap_or(0);
            let problem = format!(
                "trial {}: {} at frame {} of its {} frames; expected numbers: convert the recording again",
                summary.id,
                values[at],
                frames[at / stored.width],
                array.word()
            );
            return Err(Error::invalid(&self.path, problem));
        }
        Ok(values)
    }

    fn read_plain(&self, stored: Stored, offset: u64, frames: &[usize]) -> Result<Vec<f32>> {
        let bytes_a_frame = stored.width * if stored.is_u8 { 1 } else { 4 };
        let read = |bytes: &mut [u8], frame: usize| {
            let at = offset + (frame * bytes_a_frame) as u64;
            self.plain.read_exact_at(bytes, at).map_err(Error::io(&self.path))
        };
        let mut values = vec![0f32; stored.width * frames.len()];
        let mut bytes = vec![0; if stored.is_u8 { stored.width } else { 0 }];
        let (mut rest, mut place) = (frames, 0);
        while let Some(&first) = rest.first() {
            // Frames that follow each other are one read.
            let run = if stored.is_u8 { 1 } else { consecutive(rest) };
            let target = &mut values[place..place + run * stored.width];
            if stored.is_u8 {
                read(&mut bytes, first)?;
                target.iter_mut().zip(&bytes).for_each(|(value, &byte)| *value = f32::from(byte));
            } else {
                read(bytemuck::cast_slice_mut(target), first)?;
                // Nothing on little-endian machines.
                target.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
            }
            place += run * stored.width;
            rest = &rest[run..];
        }
        Ok(values)
    }

    /// Reads from the first to the last frame through HDF5 and keeps those that are listed.
    fn read_compressed(
        &self,
        array: Array,
        id: TrialId,
        stored: Stored,
        frames: &[usize],
    ) -> Result<Vec<f32>> {
        let (Some(&first), Some(&last)) = (frames.iter().min(), frames.iter().max()) else {
            return Ok(Vec::new());
        };
        let damaged = |e: hdf5::Error| {
            let problem = format!("trial {id}: its {} frames are damaged: {e}; copy it again", array.word());
            Error::invalid(&self.path, problem)
        };
        let set = self.hdf5.dataset(&dataset(array, id)).map_err(damaged)?;
        let span: Vec<f32> = if stored.is_u8 {
            let bytes: ArrayD<u8> = match array {
                Array::Movie => set.read_slice(s![first..=last, .., ..]),
                _ => set.read_slice(s![first..=last, ..]),
            }
            .map_err(damaged)?;
            bytes.iter().map(|&byte| f32::from(byte)).collect()
        } else {
            let values: ArrayD<f32> = match array {
                Array::Movie => set.read_slice(s![first..=last, .., ..]),
                _ => set.read_slice(s![first..=last, ..]),
            }
            .map_err(damaged)?;
            values.into_raw_vec_and_offset().0
        };
        let width = stored.width;
        let at = |frame: usize| (frame - first) * width..(frame - first + 1) * width;
        Ok(frames.iter().flat_map(|&frame| &span[at(frame)]).copied().collect())
    }
}

/// Counts the frames at the start of a list that follow each other.
fn consecutive(frames: &[usize]) -> usize {
    1 + frames.windows(2).take_while(|pair| pair[1] == pair[0] + 1).count()
}

/// Turns `[frame, row]` into `[row, frame]`.
fn transposed(values: &[f32], rows: usize, frames: usize) -> Array2<f32> {
    // As many rows as a cache line holds values: each line of every frame is fetched once.
    const TILE: usize = 16;
    let mut out = vec![0f32; values.len()];
    for first in (0..rows).step_by(TILE) {
        let end = rows.min(first + TILE);
        for (frame, values) in values.chunks_exact(rows).enumerate() {
            for (row, &value) in (first..end).zip(&values[first..end]) {
                out[row * frames + frame] = value;
            }
        }
    }
    Array2::from_shape_vec((rows, frames), out).expect("a value for each row and frame")
}
