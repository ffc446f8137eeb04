//! Reads frames of trials from an open file.
//!
//! HDF5 does one thing at a time, whatever the threads. So it is asked only once where each array lies, and
//! frames that are stored plainly are read past it. They are read, not mapped: a clip is a few reads of
//! neighbouring bytes, which cost less than the page faults of a map, and a file that is cut short meanwhile is
//! an error instead of the end of the process. Compressed frames go through HDF5.

use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use hdf5::{Dataset, H5Type};
use ndarray::{Array2, Array3, ArrayD, s};

use super::dataset;
use crate::data::format::npy_tree::Array;
use crate::data::format::values::{first_not_finite, transpose};
use crate::data::mouse::TrialSummary;
use crate::data::trial::{Trial, TrialBuffer, TrialId, memory};
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
        if summary.withheld {
            let problem =
                format!("trial {} ({:?}) has no responses: they are withheld", summary.id, summary.tier.0);
            return Err(Error::invalid(&self.path, problem));
        }
        let TrialBuffer { trial, stored } = buffer;
        trial.id = summary.id;
        self.gather_movie(summary, frames, &mut trial.movie)?;
        for (array, rows) in [
            (Array::Responses, &mut trial.responses),
            (Array::Behavior, &mut trial.behavior),
            (Array::PupilCenter, &mut trial.pupil_center),
        ] {
            let count = self.gather(array, summary, frames, stored)?;
            let mut values = memory(rows);
            transpose(stored, frames.len(), count, &mut values);
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
        if let Some(beyond) = frames.iter().find(|&&frame| frame >= summary.frames) {
            let problem = format!("trial {}: frame {beyond} of {} was asked for", summary.id, summary.frames);
            return Err(Error::invalid(&self.path, problem));
        }
        let trials = &self.arrays[array as usize];
        let Some(stored) = trials.get(summary.id.0 as usize).copied().flatten() else {
            values.clear();
            return Ok(0);
        };
        values.resize(stored.width * frames.len(), 0.0);
        match (span(frames), stored.offset) {
            (None, _) => {}
            (Some(span), Some(offset)) if stored.is_u8 => {
                self.read_bytes(stored, offset, span, frames, values)?;
            }
            (Some(span), Some(offset)) => self.read_floats(stored, offset, span, frames, values)?,
            (Some(span), None) => self.read_compressed(array, summary.id, stored, span, frames, values)?,
        }
        if let Some(at) = first_not_finite(values) {
            let problem = format!(
                "trial {}: {} at frame {} of its {} frames; expected numbers: convert the recording again",
                summary.id,
                values[at],
                frames[at / stored.width],
                array.word()
            );
            return Err(Error::invalid(&self.path, problem));
        }
        Ok(stored.width)
    }

    /// Reads frames of bytes: few enough that those between come along in one read.
    fn read_bytes(
        &self,
        stored: Stored,
        offset: u64,
        (first, last): (usize, usize),
        frames: &[usize],
        values: &mut [f32],
    ) -> Result<()> {
        let width = stored.width;
        let mut bytes = vec![0; (last - first + 1) * width];
        let at = offset + (first * width) as u64;
        self.plain.read_exact_at(&mut bytes, at).map_err(Error::io(&self.path))?;
        for (values, frame) in values.chunks_exact_mut(width).zip(frames) {
            let bytes = &bytes[(frame - first) * width..][..width];
            values.iter_mut().zip(bytes).for_each(|(value, &byte)| *value = f32::from(byte));
        }
        Ok(())
    }

    /// Reads frames of floats, those that follow each other together.
    fn read_floats(
        &self,
        stored: Stored,
        offset: u64,
        (first, last): (usize, usize),
        frames: &[usize],
        values: &mut [f32],
    ) -> Result<()> {
        let bytes_a_frame = 4 * stored.width;
        self.will_need(offset + (first * bytes_a_frame) as u64, (last - first + 1) * bytes_a_frame);
        let mut values = values;
        for run in frames.chunk_by(|before, after| *after == before + 1) {
            let (target, rest) = values.split_at_mut(run.len() * stored.width);
            let at = offset + (run[0] * bytes_a_frame) as u64;
            let bytes = bytemuck::cast_slice_mut(target);
            self.plain.read_exact_at(bytes, at).map_err(Error::io(&self.path))?;
            // Nothing on little-endian machines.
            target.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
            values = rest;
        }
        Ok(())
    }

    /// Has a part of the file read ahead at once, which halves the time of a clip that is not in memory.
    fn will_need(&self, offset: u64, length: usize) {
        #[cfg(unix)]
        {
            // SAFETY: nothing is ever read through this map.
            let map = unsafe { memmap2::MmapOptions::new().offset(offset).len(length).map(&self.plain) };
            // Only advice.
            let _ = map.and_then(|map| map.advise(memmap2::Advice::WillNeed));
        }
    }

    /// Reads from the first to the last frame through HDF5 and keeps those that are listed.
    fn read_compressed(
        &self,
        array: Array,
        id: TrialId,
        stored: Stored,
        (first, last): (usize, usize),
        frames: &[usize],
        values: &mut [f32],
    ) -> Result<()> {
        let damaged = |e: hdf5::Error| {
            let problem = format!("trial {id}: its {} frames are damaged: {e}; copy it again", array.word());
            Error::invalid(&self.path, problem)
        };
        let set = self.hdf5.dataset(&dataset(array, id)).map_err(damaged)?;
        let span = if stored.is_u8 {
            read_span::<u8>(&set, array, first..=last).map(|bytes| bytes.into_iter().map(f32::from).collect())
        } else {
            read_span::<f32>(&set, array, first..=last)
        };
        let span = span.map_err(damaged)?;
        let width = stored.width;
        for (values, frame) in values.chunks_exact_mut(width).zip(frames) {
            values.copy_from_slice(&span[(frame - first) * width..][..width]);
        }
        Ok(())
    }
}

fn read_span<T: H5Type>(set: &Dataset, array: Array, frames: RangeInclusive<usize>) -> hdf5::Result<Vec<T>> {
    let values: ArrayD<T> = match array {
        Array::Movie => set.read_slice(s![frames, .., ..]),
        _ => set.read_slice(s![frames, ..]),
    }?;
    Ok(values.into_raw_vec_and_offset().0)
}

/// Finds the first and the last of the listed frames.
fn span(frames: &[usize]) -> Option<(usize, usize)> {
    Some((*frames.iter().min()?, *frames.iter().max()?))
}
