//! Reads frames of an array from an open file.
//!
//! HDF5 does one thing at a time, whatever the threads. So it is asked only once where each array lies, and
//! frames that are stored plainly are read past it. They are read, not mapped: a clip is a few reads of
//! neighbouring bytes, which cost less than the page faults of a map, and a file that is cut short meanwhile is
//! an error instead of the end of the process. Compressed frames go through HDF5.

use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;

use hdf5::{Dataset, H5Type};
use ndarray::{ArrayD, s};

use super::dataset;
use super::file::{MouseFile, Stored};
use crate::data::format::npy_tree::Array;
use crate::data::trial::TrialId;
use crate::error::{Error, Result};

/// Bytes that are read more quickly with what lies between them than one by one.
const LITTLE: usize = 4 << 10;

/// Frames of an array of a trial that are to be read.
pub(crate) struct Wanted<'a> {
    pub(crate) array: Array,
    pub(crate) trial: TrialId,
    pub(crate) stored: Stored,
    pub(crate) frames: &'a [usize],
}

impl Wanted<'_> {
    /// The first and the last of them.
    fn span(&self) -> Option<(usize, usize)> {
        Some((*self.frames.iter().min()?, *self.frames.iter().max()?))
    }

    /// Picks their values, one frame after the other, from those of a whole span.
    fn pick<T: Copy>(&self, first: usize, span: &[T], values: &mut [f32], number: impl Fn(T) -> f32) {
        let width = self.stored.width();
        for (values, frame) in values.chunks_exact_mut(width).zip(self.frames) {
            let span = &span[(frame - first) * width..][..width];
            values.iter_mut().zip(span).for_each(|(value, &found)| *value = number(found));
        }
    }
}

impl MouseFile {
    /// Reads the wanted frames over `values`, one after the other, as they are stored.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Invalid`] when they can't be read.
    pub(crate) fn read(&self, wanted: &Wanted<'_>, values: &mut Vec<f32>) -> Result<()> {
        values.resize(wanted.stored.width() * wanted.frames.len(), 0.0);
        match (wanted.span(), wanted.stored.offset) {
            (None, _) => Ok(()),
            (Some(span), Some(offset)) if wanted.stored.is_u8 => {
                self.read_bytes(wanted, offset, span, values)
            }
            (Some(span), Some(offset)) => self.read_floats(wanted, offset, span, values),
            (Some(span), None) => self.read_compressed(wanted, span, values),
        }
    }

    /// Reads frames of bytes: few enough that those between come along in one read.
    fn read_bytes(
        &self,
        wanted: &Wanted<'_>,
        offset: u64,
        (first, last): (usize, usize),
        values: &mut [f32],
    ) -> Result<()> {
        let width = wanted.stored.width();
        let mut bytes = vec![0; (last - first + 1) * width];
        let at = offset + (first * width) as u64;
        self.plain.read_exact_at(&mut bytes, at).map_err(Error::io(&self.path))?;
        wanted.pick(first, &bytes, values, f32::from);
        Ok(())
    }

    /// Reads frames of floats, those that follow each other together.
    fn read_floats(
        &self,
        wanted: &Wanted<'_>,
        offset: u64,
        (first, last): (usize, usize),
        values: &mut [f32],
    ) -> Result<()> {
        let bytes_a_frame = 4 * wanted.stored.width();
        let bytes_in_all = (last - first + 1) * bytes_a_frame;
        if bytes_in_all <= LITTLE {
            let mut span = [0f32; LITTLE / 4];
            let span = &mut span[..bytes_in_all / 4];
            let at = offset + (first * bytes_a_frame) as u64;
            self.plain.read_exact_at(bytemuck::cast_slice_mut(span), at).map_err(Error::io(&self.path))?;
            wanted.pick(first, span, values, |value| f32::from_bits(u32::from_le(value.to_bits())));
            return Ok(());
        }
        self.will_need(offset + (first * bytes_a_frame) as u64, bytes_in_all);
        let mut values = values;
        for run in wanted.frames.chunk_by(|before, after| *after == before + 1) {
            let (target, rest) = values.split_at_mut(run.len() * wanted.stored.width());
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
        wanted: &Wanted<'_>,
        (first, last): (usize, usize),
        values: &mut [f32],
    ) -> Result<()> {
        let (array, id) = (wanted.array, wanted.trial);
        let damaged = |e: hdf5::Error| {
            let problem = format!("trial {id}: its {} frames are damaged: {e}; copy it again", array.word());
            Error::invalid(&self.path, problem)
        };
        let set = self.hdf5.dataset(&dataset(array, id)).map_err(damaged)?;
        if wanted.stored.is_u8 {
            let span: Vec<u8> = read_span(&set, array, first..=last).map_err(damaged)?;
            wanted.pick(first, &span, values, f32::from);
        } else {
            let span: Vec<f32> = read_span(&set, array, first..=last).map_err(damaged)?;
            wanted.pick(first, &span, values, |value| value);
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
