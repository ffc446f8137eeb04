//! Opens a mouse in one HDF5 file: what it says of itself is checked against what is there, before anything
//! is allocated by it.

use std::path::Path;
use std::sync::Arc;

use ndarray::Array2;

use super::file::{Fault, MouseFile, Stored};
use super::store::Store;
use super::{COORDINATES, FRAMES, UNIT_IDS, dataset};
use crate::data::format::npy_tree::Array;
use crate::data::mouse::{Mouse, MouseId, Storage, TrialSummary};
use crate::data::trial::TrialId;
use crate::error::Result;

/// Opens the mouse in a file.
///
/// # Errors
/// [`Error::Invalid`] naming the file, when it is no mouse, damaged, or its parts don't fit each other.
pub(crate) fn open(path: &Path) -> Result<Mouse> {
    let file = MouseFile::open(path)?;
    let tiers = file.tiers().map_err(|fault| file.invalid(fault.said()))?;
    let lengths: Vec<u64> = file.list(FRAMES).map_err(|fault| file.invalid(fault.said()))?;
    if lengths.len() != tiers.len() || tiers.is_empty() {
        return Err(file.invalid(format!("{} tiers, {} lengths of trials", tiers.len(), lengths.len())));
    }
    let arrays = find_arrays(&file, &lengths)?;
    let size = |array: Array| arrays[array as usize].iter().flatten().map(|stored| stored.size).next();
    let frame_size = size(Array::Movie).ok_or_else(|| file.invalid("no trials"))?;
    let neurons = size(Array::Responses).ok_or_else(|| file.invalid("no trial has responses"))?[1];
    let rows = |array: Array| size(array).map_or(0, |[_, rows]| rows);
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
        return Err(file.invalid(format!("trial {} ({:?}) has no responses", trial.id, trial.tier.0)));
    }
    Ok(Mouse {
        blank_rows: Vec::new(),
        id: mouse_id(path),
        root: path.to_path_buf(),
        neurons,
        frame_size,
        behavior_rows: rows(Array::Behavior),
        pupil_center_rows: rows(Array::PupilCenter),
        trials,
        unit_ids: unit_ids(&file, neurons)?,
        cell_motor_coordinates: coordinates(&file, neurons)?,
        storage: Storage::Hdf5(Arc::new(Store { file, frame_size, arrays })),
    })
}

/// Names a mouse by its file, without the ending.
pub(crate) fn mouse_id(path: &Path) -> MouseId {
    MouseId(path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
}

fn unit_ids(file: &MouseFile, neurons: usize) -> Result<Option<Vec<i64>>> {
    if !file.has(UNIT_IDS) {
        return Ok(None);
    }
    let ids: Vec<i64> = file.list(UNIT_IDS).map_err(|fault| file.invalid(fault.said()))?;
    if ids.len() != neurons {
        return Err(file.invalid(format!("{} unit ids for {neurons} neurons", ids.len())));
    }
    Ok(Some(ids))
}

fn coordinates(file: &MouseFile, neurons: usize) -> Result<Option<Array2<f32>>> {
    if !file.has(COORDINATES) {
        return Ok(None);
    }
    let values = file.list(COORDINATES).map_err(|fault| file.invalid(fault.said()))?;
    let found = values.len();
    let rows = Array2::from_shape_vec((neurons, 3), values);
    rows.map(Some).map_err(|_| file.invalid(format!("{found} coordinates of {neurons} neurons")))
}

/// Finds all arrays of all trials, in the order of [`Array::ALL`].
fn find_arrays(file: &MouseFile, lengths: &[u64]) -> Result<[Vec<Option<Stored>>; 4]> {
    let mut arrays = [const { Vec::new() }; 4];
    for array in Array::ALL {
        let found = &mut arrays[array as usize];
        for (n, &frames) in lengths.iter().enumerate() {
            let id = TrialId(n as u32);
            let name = dataset(array, id);
            if array != Array::Movie && !file.has(&name) {
                found.push(None);
                continue;
            }
            let stored = file.locate(array, id).map_err(|fault: Fault| file.invalid(fault.said()))?;
            let common = found.iter().flatten().next().map_or(stored.size, |first: &Stored| first.size);
            if stored.frames as u64 != frames || stored.size != common {
                let problem = format!(
                    "{name} has {} frames of {:?}, the trial {frames} frames, those before {common:?} a frame",
                    stored.frames, stored.size
                );
                return Err(file.invalid(problem));
            }
            found.push(Some(stored));
        }
        let optional = matches!(array, Array::Behavior | Array::PupilCenter);
        if optional && found.iter().any(Option::is_some) && found.iter().any(Option::is_none) {
            return Err(file.invalid(format!("some trials have no {}", array.folder())));
        }
    }
    Ok(arrays)
}
