//! An NWB file, as the mouse that `data import` would make of it when it is told nothing else. A row of its table of
//! trials is looked at as the trial of that number, whether or not earlier rows would be left out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ndarray::Array2;

use super::{Fault, Header, Part, Place, RawArray, Storage, TrialArrays, said};
use crate::data::format::npy_tree::Array;
use crate::data::format::nwb::{ImportOptions, Recording};
use crate::data::mouse::Mouse;
use crate::data::trial::{Tier, Trial, TrialId};
use crate::data::verify::problem::Kind;
use crate::error::Result;

pub(super) struct Nwb {
    path: PathBuf,
    /// One trial at a time, as they are imported: HDF5 does no more.
    recording: Mutex<Recording>,
    tiers: Vec<Tier>,
    has: [bool; 4],
}

impl Nwb {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let recording = Recording::open(path, &ImportOptions::default()).map_err(|error| {
            (Kind::CannotBeOpened, "data import would refuse it: ".to_string() + &said(error))
        })?;
        let tiers = (0..recording.intervals()).map(|row| recording.tier(row)).collect();
        let [behavior, pupil_center] = recording.behavior_rows().map(|rows| rows > 0);
        let has = [true, true, behavior, pupil_center];
        Ok(Self { path: path.to_path_buf(), recording: Mutex::new(recording), tiers, has })
    }

    fn read(&self, id: TrialId) -> Result<Trial, Fault> {
        let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        match recording.read_trial(id.0 as usize, id) {
            Ok(Ok(trial)) => Ok(trial),
            Ok(Err(why)) => Err((
                Kind::NotImported,
                format!("data import would leave out row {id} of the table of trials: {why}"),
            )),
            Err(error) => Err((Kind::UnreadableFile, said(error))),
        }
    }
}

impl Storage for Nwb {
    fn place(&self, part: Part) -> Place {
        let inside = match part {
            Part::Array(array, _) | Part::Folder(array) => Some(array.folder().to_string()),
            _ => None,
        };
        Place { file: self.path.clone(), inside }
    }

    fn has(&self, array: Array) -> bool {
        self.has[array as usize]
    }

    fn tiers(&self) -> Result<Option<Vec<Tier>>, Fault> {
        Ok(Some(self.tiers.clone()))
    }

    fn trials(&self, _: Array) -> Result<BTreeSet<TrialId>, Fault> {
        Ok((0..self.tiers.len()).filter_map(|row| u32::try_from(row).ok()).map(TrialId).collect())
    }

    fn trial(&self, id: TrialId) -> Result<TrialArrays, Fault> {
        let Trial { movie, responses, behavior, pupil_center, .. } = self.read(id)?;
        let (frames, height, width) = movie.dim();
        let pixels = movie.permuted_axes([1, 2, 0]);
        let movie = RawArray::read(vec![height, width, frames], pixels.iter().copied().collect());
        let rows = |rows: Array2<f32>| {
            let shape = rows.shape().to_vec();
            // An empty array is one that the file does not have.
            RawArray::read(shape, rows.into_iter().collect()).filter(|array| array.rows() > 0)
        };
        Ok([movie, rows(responses), rows(behavior), rows(pupil_center)].map(Ok))
    }

    /// Lists of neurons fit when they come out of the reader, and statistics are made by the import.
    fn header(&self, part: Part) -> Result<Option<Header>, Fault> {
        let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match part {
            Part::UnitIds => Some((vec![recording.unit_ids().len()], true)),
            Part::Coordinates => recording.places().map(|places| (places.shape().to_vec(), true)),
            _ => Some((Vec::new(), true)),
        })
    }

    fn open(&self) -> Option<Result<Mouse>> {
        None
    }

    fn restore(&self) -> &'static str {
        "mend the NWB file"
    }
}
