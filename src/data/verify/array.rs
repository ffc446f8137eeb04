//! Looks at every value of one array of a trial, row by row.

use std::collections::BTreeMap;

use super::problem::Kind;
use super::storage::RawArray;
use crate::data::format::npy_tree::Array;

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
    pub(super) raw: RawArray,
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
    /// Looks at all of an array of a trial.
    ///
    /// # Errors
    /// The kind of problem and what to say of it, when it is no array of this sort.
    pub(super) fn of(raw: RawArray, array: Array) -> Result<Self, (Kind, String)> {
        let (axes, expected) = match array {
            Array::Movie => (3, "(height, width, frames)"),
            Array::Responses => (2, "(neurons, frames)"),
            Array::Behavior | Array::PupilCenter => (2, "(rows, frames)"),
        };
        // An empty axis ends here: another may then claim any length and would be walked along.
        if raw.shape().len() != axes || raw.rows() == 0 || raw.frames() == 0 {
            let problem = format!(
                "shape {:?}; expected {expected}, none of them 0: write the array again",
                raw.shape()
            );
            return Err((Kind::WrongShape, problem));
        }
        let end = common_end(&raw);
        let mut scan = Self {
            raw,
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
            (0..scan.raw.rows()).for_each(|row| scan.look_at_row(row));
        }
        Ok(scan)
    }

    fn look_at_row(&mut self, row: usize) {
        let mut range: Option<(f32, f32)> = None;
        for frame in 0..self.raw.frames() {
            let value = self.raw.at(row, frame);
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

/// Finds where most rows end; of two ends that are equally common, the later. Arrays without a tail of NaN end
/// where they end, unless they are nothing but NaN.
fn common_end(raw: &RawArray) -> usize {
    let is_number = |row: usize, frame: usize| !raw.at(row, frame).is_nan();
    if !raw.ends_in_nan() {
        let any = (0..raw.rows()).any(|row| (0..raw.frames()).any(|frame| is_number(row, frame)));
        return if any { raw.frames() } else { 0 };
    }
    let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
    for row in 0..raw.rows() {
        if let Some(last) = (0..raw.frames()).rev().find(|&frame| is_number(row, frame)) {
            *ends.entry(last + 1).or_default() += 1;
        }
    }
    ends.into_iter().max_by_key(|&(_, rows)| rows).map_or(0, |(end, _)| end)
}
