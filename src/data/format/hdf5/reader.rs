//! Opens a mouse in one HDF5 file: what it says of itself is checked against what is there, before anything
//! is allocated by it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hdf5::datatype::ByteOrder;
use hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5::{Dataset, H5Type};
use ndarray::Array2;

use super::store::{Store, Stored};
use super::{COORDINATES, FORMAT, FRAMES, TIERS, Text, UNIT_IDS, dataset};
use crate::data::format::npy_tree::Array;
use crate::data::mouse::{Mouse, MouseId, Storage, TrialSummary};
use crate::data::trial::{Tier, TrialId};
use crate::error::{Error, Result};
use crate::hdf5_file::unlocked;

/// Deflate makes nothing smaller than a 1032nd part: an array that claims more is none.
const MOST_COMPRESSED: u64 = 1032;

/// A file that is being opened.
struct Opening<'a> {
    path: &'a Path,
    hdf5: hdf5::File,
    length: u64,
}

/// Opens the mouse in a file.
///
/// # Errors
/// [`Error::Invalid`] naming the file, when it is no mouse, damaged, or its parts don't fit each other.
pub(crate) fn open(path: &Path) -> Result<Mouse> {
    let plain = fs::File::open(path).map_err(Error::io(path))?;
    let length = plain.metadata().map_err(Error::io(path))?.len();
    let hdf5 = unlocked()
        .open(path)
        .map_err(|e| Error::invalid(path, format!("not an HDF5 file, or damaged: {}", line(&e))))?;
    let opening = Opening { path, hdf5, length };
    opening.check_format()?;
    let tiers = opening.tiers()?;
    let lengths: Vec<u64> = opening.list(FRAMES)?;
    if lengths.len() != tiers.len() || tiers.is_empty() {
        return Err(opening.invalid(format!("{} tiers, {} lengths of trials", tiers.len(), lengths.len())));
    }
    let (frame_size, arrays) = opening.arrays(&lengths)?;
    let width = |array: Array| arrays[array as usize].iter().flatten().map(|stored| stored.width).next();
    let neurons = width(Array::Responses).ok_or_else(|| opening.invalid("no trial has responses"))?;
    let (behavior_rows, pupil_center_rows) =
        (width(Array::Behavior).unwrap_or(0), width(Array::PupilCenter).unwrap_or(0));
    let trials: Vec<TrialSummary> = tiers
        .into_iter()
        .zip(&lengths)
        .zip(&arrays[Array::Responses as usize])
        .enumerate()
        .map(|(n, ((tier, &frames), responses))| TrialSummary {
            id: TrialId(n as u32),
            tier,
            frames: frames as usize,
            withheld: responses.is_none(),
        })
        .collect();
    if let Some(trial) = trials.iter().find(|trial| trial.withheld && !trial.tier.may_withhold_responses()) {
        return Err(opening.invalid(format!("trial {} ({:?}) has no responses", trial.id, trial.tier.0)));
    }
    let (unit_ids, cell_motor_coordinates) = (opening.unit_ids(neurons)?, opening.coordinates(neurons)?);
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let store = Store { path: path.to_path_buf(), plain, hdf5: opening.hdf5, frame_size, arrays };
    Ok(Mouse {
        blank_rows: Vec::new(),
        id: MouseId(name),
        root: path.to_path_buf(),
        storage: Storage::Hdf5(Arc::new(store)),
        neurons,
        frame_size,
        behavior_rows,
        pupil_center_rows,
        trials,
        unit_ids,
        cell_motor_coordinates,
    })
}

/// Says in one line what HDF5 said in several.
fn line(error: &hdf5::Error) -> String {
    error.to_string().replace('\n', " ")
}

impl Opening<'_> {
    fn invalid(&self, problem: impl Into<String>) -> Error {
        let problem = problem.into();
        Error::invalid(self.path, format!("{problem}; convert the recording again (v1reel data convert)"))
    }

    fn damaged<T>(&self, what: &str, result: hdf5::Result<T>) -> Result<T> {
        result.map_err(|e| self.invalid(format!("{what} can't be read: {}", line(&e))))
    }

    fn check_format(&self) -> Result<()> {
        let found = self.hdf5.attr("format").and_then(|attribute| attribute.read_scalar::<Text>());
        match found {
            Ok(found) if found.as_str() == FORMAT => Ok(()),
            _ => {
                Err(self.invalid(format!("an HDF5 file, but not of a mouse: its format is not \"{FORMAT}\"")))
            }
        }
    }

    fn tiers(&self) -> Result<Vec<Tier>> {
        let tiers: Vec<Text> = self.list(TIERS)?;
        if u32::try_from(tiers.len()).is_err() {
            return Err(self.invalid("more trials than can be numbered"));
        }
        Ok(tiers.iter().map(|tier| Tier(tier.as_str().to_string())).collect())
    }

    fn set(&self, name: &str) -> Result<Dataset> {
        self.damaged(name, self.hdf5.dataset(name))
    }

    /// Reads a small dataset whole, once it was seen that it is in the file.
    fn list<T: H5Type>(&self, name: &str) -> Result<Vec<T>> {
        let set = self.set(name)?;
        let bytes = (size_of::<T>() as u64).checked_mul(set.size() as u64);
        if set.offset().is_none() || bytes.is_none_or(|bytes| bytes > self.length) {
            return Err(self.invalid(format!("{name} of shape {:?} is not in the file", set.shape())));
        }
        self.damaged(name, set.read_raw())
    }

    fn unit_ids(&self, neurons: usize) -> Result<Option<Vec<i64>>> {
        if !self.hdf5.link_exists(UNIT_IDS) {
            return Ok(None);
        }
        let ids: Vec<i64> = self.list(UNIT_IDS)?;
        if ids.len() != neurons {
            return Err(self.invalid(format!("{} unit ids for {neurons} neurons", ids.len())));
        }
        Ok(Some(ids))
    }

    fn coordinates(&self, neurons: usize) -> Result<Option<Array2<f32>>> {
        if !self.hdf5.link_exists(COORDINATES) {
            return Ok(None);
        }
        let values = self.list(COORDINATES)?;
        let found = values.len();
        let rows = Array2::from_shape_vec((neurons, 3), values);
        rows.map(Some).map_err(|_| self.invalid(format!("{found} coordinates of {neurons} neurons")))
    }

    /// Finds all arrays of all trials, and the size of the movies' frames.
    #[allow(clippy::type_complexity)]
    fn arrays(&self, lengths: &[u64]) -> Result<([usize; 2], [Vec<Option<Stored>>; 4])> {
        let mut frame_size = None;
        let mut arrays = [const { Vec::new() }; 4];
        for array in Array::ALL {
            let mut common = None;
            let found = &mut arrays[array as usize];
            for (n, &frames) in lengths.iter().enumerate() {
                let name = dataset(array, TrialId(n as u32));
                if array != Array::Movie && !self.hdf5.link_exists(&name) {
                    found.push(None);
                    continue;
                }
                let set = self.set(&name)?;
                let shape = set.shape();
                let size = match (array, &shape[..]) {
                    (Array::Movie, &[_, height, width]) => [height, width],
                    (Array::Responses | Array::Behavior | Array::PupilCenter, &[_, width]) => [1, width],
                    _ => return Err(self.invalid(format!("{name} has shape {shape:?}"))),
                };
                if shape[0] as u64 != frames || shape.contains(&0) || *common.get_or_insert(size) != size {
                    let problem =
                        format!("{name} has shape {shape:?}, the trial {frames} frames, those before ");
                    return Err(self.invalid(format!("{problem}{common:?} a frame")));
                }
                found.push(Some(self.locate(&name, &set, frames, size)?));
            }
            let optional = matches!(array, Array::Behavior | Array::PupilCenter);
            if optional && found.iter().any(Option::is_some) && found.iter().any(Option::is_none) {
                return Err(self.invalid(format!("some trials have no {}", array.folder())));
            }
            if array == Array::Movie {
                frame_size = common;
            }
        }
        Ok((frame_size.ok_or_else(|| self.invalid("no trials"))?, arrays))
    }

    /// Finds where a dataset lies, and checks that it can be as large as it says.
    fn locate(&self, name: &str, set: &Dataset, frames: u64, size: [usize; 2]) -> Result<Stored> {
        let kind = self.damaged(name, set.dtype())?;
        let is_u8 = match self.damaged(name, kind.to_descriptor())? {
            TypeDescriptor::Unsigned(IntSize::U1) => true,
            TypeDescriptor::Float(FloatSize::U4) if kind.byte_order() == ByteOrder::LittleEndian => false,
            other => {
                return Err(self.invalid(format!("{name} holds {other}; expected u8 or little-endian f32")));
            }
        };
        let bytes = [frames, size[0] as u64, size[1] as u64, if is_u8 { 1 } else { 4 }];
        let bytes = bytes.iter().try_fold(1u64, |product, &factor| product.checked_mul(factor));
        let offset = if set.is_chunked() { None } else { set.offset() };
        let room = match (offset, set.chunk()) {
            (Some(offset), _) => self.length.checked_sub(offset),
            // HDF5 makes room for a whole chunk, however little of it is used.
            (None, Some(chunk)) if chunk.iter().zip(set.shape()).all(|(&part, whole)| part <= whole) => {
                set.storage_size().min(self.length).checked_mul(MOST_COMPRESSED)
            }
            // Data that lies in another file, for one.
            _ => return Err(self.invalid(format!("{name} is stored in a way that is not read"))),
        };
        match (bytes, room) {
            (Some(bytes), Some(room)) if bytes <= room && usize::try_from(bytes).is_ok() => {}
            _ => {
                return Err(
                    self.invalid(format!("{name} of shape {:?} is longer than the file", set.shape()))
                );
            }
        }
        Ok(Stored { width: size[0] * size[1], is_u8, offset })
    }
}
