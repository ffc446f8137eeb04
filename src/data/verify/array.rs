//! Looks at every value of one array of a trial, row by row from its memory map: no array is ever held.

use std::collections::BTreeMap;
use std::path::Path;

use super::problem::Kind;
use crate::data::format::npy_array::NpyArray;
use crate::data::format::npy_tree::Array;
use crate::error::Error;

/// Grey levels beyond 0..255 that are forgiven: what resampling overshoots and rounding takes back.
const GREY_TOLERANCE: f32 = 0.5;

/// Values of one sort: how many there are, and the first of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) count: usize,
    pub(super) first: Option<(usize, usize, f32)>,
}

impl Tally {
    fn add(&mut self, row: usize, frame: usize, value: f32) {
        self.count += 1;
        self.first.get_or_insert((row, frame, value));
    }
}

/// What is known of an array after every value was seen.
#[derive(Debug)]
pub(super) struct ArrayScan {
    pub(super) map: NpyArray,
    /// Where the NaN tail starts, in most rows; 0 when there is no value.
    pub(super) end: usize,
    /// NaN from frame 0 on.
    pub(super) leading_nan: Tally,
    /// NaN after the first value of a row and before the end.
    pub(super) inner_nan: Tally,
    /// Infinite values.
    pub(super) infinite: Tally,
    /// Values after the end.
    pub(super) after_end: Tally,
    /// Values beyond 0..255.
    pub(super) beyond_grey: Tally,
    /// Values below 0.
    pub(super) negative: Tally,
    /// Rows whose values are all the same, counted at frame 0.
    pub(super) constant_rows: Tally,
    /// Some value is not 0.
    pub(super) any_nonzero: bool,
}

impl ArrayScan {
    /// Opens an array of a trial and looks at all of it.
    ///
    /// # Errors
    /// The kind of problem and what to say of it, when it is no array of this sort.
    pub(super) fn of(path: &Path, array: Array) -> Result<Self, (Kind, String)> {
        let map = NpyArray::open(path).map_err(|error| (Kind::UnreadableFile, unreadable(error)))?;
        map.require_recording().map_err(|error| (Kind::WrongType, said(error) + ": convert it"))?;
        let (axes, expected) = match array {
            Array::Movie => (3, "(height, width, frames)"),
            Array::Responses => (2, "(neurons, frames)"),
            Array::Behavior | Array::PupilCenter => (2, "(rows, frames)"),
        };
        // An empty axis ends here: another may then claim any length and would be walked along.
        if map.shape().len() != axes || map.rows() == 0 || map.frames() == 0 {
            let problem = format!(
                "shape {:?}; expected {expected}, none of them 0: write the array again",
                map.shape()
            );
            return Err((Kind::WrongShape, problem));
        }
        let end = common_end(&map);
        let mut scan = Self {
            map,
            end,
            leading_nan: Tally::default(),
            inner_nan: Tally::default(),
            infinite: Tally::default(),
            after_end: Tally::default(),
            beyond_grey: Tally::default(),
            negative: Tally::default(),
            constant_rows: Tally::default(),
            any_nonzero: false,
        };
        if end > 0 {
            (0..scan.map.rows()).for_each(|row| scan.look_at_row(row));
        }
        Ok(scan)
    }

    fn look_at_row(&mut self, row: usize) {
        let mut range: Option<(f32, f32)> = None;
        for frame in 0..self.map.frames() {
            let value = self.map.at(row, frame);
            if frame >= self.end {
                if !value.is_nan() {
                    self.after_end.add(row, frame, value);
                }
            } else if value.is_nan() {
                let tally = if range.is_none() { &mut self.leading_nan } else { &mut self.inner_nan };
                tally.add(row, frame, value);
            } else {
                let (low, high) = range.unwrap_or((value, value));
                range = Some((low.min(value), high.max(value)));
                self.any_nonzero |= value != 0.0;
                if value.is_infinite() {
                    self.infinite.add(row, frame, value);
                } else if !(-GREY_TOLERANCE..=255.0 + GREY_TOLERANCE).contains(&value) {
                    self.beyond_grey.add(row, frame, value);
                }
                if value < 0.0 {
                    self.negative.add(row, frame, value);
                }
            }
        }
        if let Some((value, _)) = range.filter(|(low, high)| low == high && self.end > 1) {
            self.constant_rows.add(row, 0, value);
        }
    }
}

/// Finds where most rows end; of two ends that are equally common, the later. Bytes have no NaN: they end
/// where the array does.
fn common_end(map: &NpyArray) -> usize {
    if !map.can_be_nan() {
        return map.frames();
    }
    let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
    for row in 0..map.rows() {
        if let Some(last) = (0..map.frames()).rev().find(|&frame| !map.at(row, frame).is_nan()) {
            *ends.entry(last + 1).or_default() += 1;
        }
    }
    ends.into_iter().max_by_key(|&(_, rows)| rows).map_or(0, |(end, _)| end)
}

/// Takes an error's words without its path, which a problem says elsewhere.
pub(super) fn said(error: Error) -> String {
    match error {
        Error::Invalid { problem, .. } => problem,
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// Says why a file can't be read and what to do.
pub(super) fn unreadable(error: Error) -> String {
    let text = said(error);
    // Where the reader knows better, it has said so.
    if text.contains("copy it again") { text } else { text + ": restore the file" }
}
