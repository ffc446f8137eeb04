//! A mouse in one HDF5 file, of which any part may be missing, damaged or something else. Of an array of a trial
//! all values are read at once: HDF5 does one thing at a time, so this takes the memory of a trial for each thread.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Fault, Header, Part, Place, RawArray, Storage, TrialArrays, said};
use crate::data::format::hdf5::{
    COORDINATES, FRAMES, Fault as FileFault, FileKind, MouseFile, TIERS, UNIT_IDS, Wanted, dataset, kind_of,
};
use crate::data::format::npy_tree::Array;
use crate::data::format::transpose;
use crate::data::mouse::Mouse;
use crate::data::trial::{Tier, TrialId};
use crate::data::verify::problem::Kind;
use crate::error::Result;

pub(super) struct Hdf5 {
    path: PathBuf,
    file: MouseFile,
    /// Trials of each array.
    trials: [Result<BTreeSet<TrialId>, FileFault>; 4],
}

impl Hdf5 {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let file = MouseFile::open(path).map_err(|error| {
            let kind = if kind_of(path) == FileKind::Other { Kind::NotAMouse } else { Kind::UnreadableFile };
            (kind, again(said(error)))
        })?;
        let trials = Array::ALL.map(|array| file.trials(array));
        Ok(Self { path: path.to_path_buf(), file, trials })
    }

    fn array(&self, array: Array, id: TrialId) -> Result<Option<RawArray>, Fault> {
        if !self.trials[array as usize].as_ref().is_ok_and(|trials| trials.contains(&id)) {
            return Ok(None);
        }
        let stored = self.file.locate(array, id).map_err(fault)?;
        let frames: Vec<usize> = (0..stored.frames).collect();
        let mut by_frame = Vec::new();
        self.file
            .read(&Wanted { array, trial: id, stored, frames: &frames }, &mut by_frame)
            .map_err(|error| (Kind::UnreadableFile, again(said(error))))?;
        let mut by_row = Vec::new();
        transpose(&by_frame, stored.frames, stored.width(), &mut by_row);
        let [height, width] = stored.size;
        let shape = match array {
            Array::Movie => vec![height, width, stored.frames],
            _ => vec![width, stored.frames],
        };
        Ok(RawArray::read(shape, by_row))
    }
}

impl Storage for Hdf5 {
    fn place(&self, part: Part) -> Place {
        let inside = match part {
            Part::Whole => None,
            Part::Folder(array) => Some(format!("data/{}", array.folder())),
            Part::Array(array, id) => Some(dataset(array, id)),
            Part::Tiers => Some(TIERS.into()),
            Part::Lengths => Some(FRAMES.into()),
            Part::UnitIds => Some(UNIT_IDS.into()),
            Part::Coordinates => Some(COORDINATES.into()),
            Part::Statistics(array) => Some(format!("meta/statistics/{}/all", array.folder())),
            Part::Statistic(array, name) => Some(format!("meta/statistics/{}/all/{name}", array.folder())),
        };
        Place { file: self.path.clone(), inside }
    }

    fn has(&self, array: Array) -> bool {
        self.trials[array as usize].as_ref().is_ok_and(|trials| !trials.is_empty())
    }

    fn tiers(&self) -> Result<Option<Vec<Tier>>, Fault> {
        if !self.file.has(TIERS) {
            return Ok(None);
        }
        self.file.tiers().map(Some).map_err(fault)
    }

    fn trials(&self, array: Array) -> Result<BTreeSet<TrialId>, Fault> {
        self.trials[array as usize].clone().map_err(fault)
    }

    fn trial(&self, id: TrialId) -> Result<TrialArrays, Fault> {
        Ok(Array::ALL.map(|array| self.array(array, id)))
    }

    fn header(&self, part: Part) -> Result<Option<Header>, Fault> {
        let name = self.place(part).inside.unwrap_or_default();
        if !self.file.has(&name) {
            return Ok(None);
        }
        self.file.header(&name).map(Some).map_err(fault)
    }

    fn lengths(&self) -> Result<Option<Vec<u64>>, Fault> {
        if !self.file.has(FRAMES) {
            return Err((Kind::MissingFile, again("missing; expected the number of frames of each trial")));
        }
        self.file.list(FRAMES).map(Some).map_err(fault)
    }

    fn open(&self) -> Option<Result<Mouse>> {
        Some(Mouse::open(&self.path))
    }

    fn restore(&self) -> &'static str {
        "convert the recording again (v1reel data convert)"
    }
}

fn fault(fault: FileFault) -> Fault {
    let kind = match &fault {
        FileFault::Unreadable(_) => Kind::UnreadableFile,
        FileFault::WrongType(_) => Kind::WrongType,
        FileFault::WrongShape(_) => Kind::WrongShape,
    };
    (kind, again(fault.said()))
}

/// Adds what to do, unless that was said.
fn again(problem: impl Into<String>) -> String {
    let problem = problem.into();
    if problem.contains("again") { problem } else { problem + ": convert the recording again" }
}
