//! What looking through a mouse needs to know of how it is stored. Unlike the readers' own way in, it opens a mouse
//! however broken it is, and says of each part what is wrong with it.

mod hdf5;
mod npy_tree;
mod nwb;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::problem::{Kind, Problem};
use crate::data::format::hdf5::{FileKind, kind_of};
use crate::data::format::npy_array::NpyArray;
use crate::data::format::npy_tree::Array;
use crate::data::mouse::{Mouse, MouseId};
use crate::data::trial::{Tier, TrialId};
use crate::error::{Error, Result};

/// A part of a recording.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// An array, of all trials.
    Folder(Array),
    /// An array of one trial.
    Array(Array, TrialId),
    Tiers,
    /// How many frames each trial has, where that is written down.
    Lengths,
    UnitIds,
    Coordinates,
    /// The statistics of an array.
    Statistics(Array),
    /// One of them, such as `mean`.
    Statistic(Array, &'static str),
}

/// Where a part is: a file or folder, and where inside.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) inside: Option<String>,
}

/// What is wrong, and what to do about it.
pub(super) type Fault = (Kind, String);

/// The shape of a small array, and whether it holds numbers.
pub(super) type Header = (Vec<usize>, bool);

/// The arrays of a trial in the order of [`Array::ALL`]; `None` where there is none.
pub(super) type TrialArrays = [Result<Option<RawArray>, Fault>; 4];

/// How a mouse is stored.
pub(super) trait Storage: Sync {
    /// Says where a part is, or would be.
    fn place(&self, part: Part) -> Place;

    /// Says whether a mouse has such arrays at all.
    fn has(&self, array: Array) -> bool;

    /// Reads the tiers; `None` when there are none.
    fn tiers(&self) -> Result<Option<Vec<Tier>>, Fault>;

    /// Lists the trials that there is an array of.
    fn trials(&self, array: Array) -> Result<BTreeSet<TrialId>, Fault>;

    /// Opens the arrays of a trial; an error when it is none.
    fn trial(&self, id: TrialId) -> Result<TrialArrays, Fault>;

    /// Looks at a list of neurons or at statistics; `None` when there are none.
    fn header(&self, part: Part) -> Result<Option<Header>, Fault>;

    /// Reads how many frames each trial is said to have; `None` where nothing says it but the arrays.
    fn lengths(&self) -> Result<Option<Vec<u64>>, Fault> {
        Ok(None)
    }

    /// Opens the mouse as everything else does; `None` when it has to be made into another form before.
    fn open(&self) -> Option<Result<Mouse>>;

    /// Says what to do about a part that is missing or damaged.
    fn restore(&self) -> &'static str;
}

/// A mouse that is looked at.
pub(super) struct Subject {
    pub(super) id: MouseId,
    pub(super) storage: Box<dyn Storage>,
}

impl Subject {
    /// Makes a problem about a part.
    pub(super) fn problem(&self, kind: Kind, part: Part, message: impl AsRef<str>) -> Problem {
        let Place { file, inside } = self.storage.place(part);
        let message = message.as_ref();
        // What HDF5's own words name already is not named twice.
        let message = match inside {
            Some(inside) if !message.starts_with(&inside) => format!("{inside}: {message}"),
            _ => message.to_string(),
        };
        let problem = Problem::new(kind, &self.id, file, message);
        match part {
            Part::Array(_, id) => problem.of_trial(id),
            _ => problem,
        }
    }
}

/// Opens what stands at `path`.
///
/// # Errors
/// When it can't be opened at all.
pub(super) fn open(path: &Path) -> Result<Box<dyn Storage>, Fault> {
    if path.is_dir() {
        return Ok(Box::new(npy_tree::NpyTree::new(path)));
    }
    match kind_of(path) {
        FileKind::Nwb => nwb::Nwb::open(path).map(|nwb| Box::new(nwb) as Box<dyn Storage>),
        _ => hdf5::Hdf5::open(path).map(|hdf5| Box::new(hdf5) as Box<dyn Storage>),
    }
}

/// Says whether a file is one mouse, or was meant to be one; `named` when somebody said so.
pub(super) fn is_recording(path: &Path, named: bool) -> bool {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    let meant = ["h5", "hdf5", "nwb"].contains(&end);
    // A folder's other files are not opened.
    (meant || named)
        && path.is_file()
        && match kind_of(path) {
            FileKind::Mouse | FileKind::Nwb => true,
            FileKind::Other => false,
            FileKind::Unreadable => meant,
        }
}

/// An array of a trial, its last axis time, as it is stored.
#[derive(Debug)]
pub(super) struct RawArray {
    shape: Vec<usize>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Mapped(NpyArray),
    /// Row after row.
    Read(Vec<f32>),
}

impl RawArray {
    fn mapped(map: NpyArray) -> Self {
        Self { shape: map.shape().to_vec(), values: Values::Mapped(map) }
    }

    /// Takes values, row after row; `None` when there is not one for each element.
    fn read(shape: Vec<usize>, values: Vec<f32>) -> Option<Self> {
        (shape.iter().product::<usize>() == values.len())
            .then_some(Self { shape, values: Values::Read(values) })
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Counts the rows: the product of all axes but the last.
    pub(super) fn rows(&self) -> usize {
        self.shape.split_last().map_or(0, |(_, sizes)| sizes.iter().product())
    }

    pub(super) fn frames(&self) -> usize {
        self.shape.last().copied().unwrap_or(0)
    }

    /// Says whether a tail of NaN marks the end of a trial, and not the end of the array.
    pub(super) fn ends_in_nan(&self) -> bool {
        matches!(&self.values, Values::Mapped(map) if map.can_be_nan())
    }

    #[inline]
    pub(super) fn at(&self, row: usize, frame: usize) -> f32 {
        match &self.values {
            Values::Mapped(map) => map.at(row, frame),
            Values::Read(values) => values[row * self.frames() + frame],
        }
    }
}

/// Takes an error's words without its path, which a problem says elsewhere.
pub(super) fn said(error: Error) -> String {
    match error {
        Error::Invalid { problem, .. } => problem,
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
