//! Reads what a npy tree says of the mouse beside its trials, and checks that it fits them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::{Array, coordinates_file, tiers_file, unit_ids_file};
use crate::data::format::npy_array::NpyArray;
use crate::data::trial::{Tier, TrialId};
use crate::error::{Error, Result};

/// Reads the tiers and checks that there is one for each trial of the present folders.
pub(super) fn read_tiers(root: &Path, present: &[bool; 4]) -> Result<Vec<Tier>> {
    let path = tiers_file(root);
    if !path.is_file() {
        return Err(Error::invalid(path, "missing; expected one tier a trial, as numpy text"));
    }
    let tiers: Vec<Tier> = NpyArray::open(&path)?.to_texts()?.into_iter().map(Tier).collect();
    let mut found = BTreeSet::new();
    for (array, _) in Array::ALL.iter().zip(present).filter(|(_, present)| **present) {
        found.append(&mut list_trials(&root.join("data").join(array.folder()))?);
    }
    let last = found.last().map_or(0, |last| last.0 as usize + 1);
    // A gap in the numbers is a missing file, which the scan names; this is about their end.
    if last != tiers.len() || tiers.is_empty() {
        return Err(Error::invalid(
            path,
            format!(
                "{} tiers, but the trials under data/ end at {}; expected one tier for each trial, \
                 numbered from 0: one of the two comes from another recording or is incomplete",
                tiers.len(),
                found.last().map_or_else(|| "none".to_string(), |last| format!("{last}.npy")),
            ),
        ));
    }
    Ok(tiers)
}

/// Lists the `N` of the `N.npy` in a folder; other files are nobody's business.
pub(crate) fn list_trials(folder: &Path) -> Result<BTreeSet<TrialId>> {
    let mut ids = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let name = entry.map_err(Error::io(folder))?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".npy"));
        if let Some(id) =
            digits.filter(|d| d.bytes().all(|b| b.is_ascii_digit())).and_then(|d| d.parse().ok())
        {
            ids.insert(TrialId(id));
        }
    }
    Ok(ids)
}

/// Reads the neurons' ids, when they were recorded.
pub(super) fn read_unit_ids(root: &Path, neurons: usize) -> Result<Option<Vec<i64>>> {
    let path = unit_ids_file(root);
    if !path.is_file() {
        return Ok(None);
    }
    let ids = NpyArray::open(&path)?.to_integers()?;
    if ids.len() != neurons {
        return Err(wrong_count(path, "unit ids", ids.len(), neurons));
    }
    Ok(Some(ids))
}

/// Reads the neurons' places, `[neuron, (x, y, z)]` in micrometres, when they were recorded.
pub(super) fn read_coordinates(root: &Path, neurons: usize) -> Result<Option<Array2<f32>>> {
    let path = coordinates_file(root);
    if !path.is_file() {
        return Ok(None);
    }
    let map = NpyArray::open(&path)?;
    map.require_number()?;
    let [rows, axes] = map.shape_of::<2>("neurons, 3")?;
    if rows != neurons {
        return Err(wrong_count(path, "rows of coordinates", rows, neurons));
    }
    if axes != 3 {
        return Err(Error::invalid(path, format!("{axes} coordinates a neuron; expected x, y, z")));
    }
    Ok(Some(Array2::from_shape_fn((rows, axes), |(row, axis)| map.at(row, axis))))
}

fn wrong_count(path: PathBuf, what: &str, found: usize, neurons: usize) -> Error {
    Error::invalid(
        path,
        format!("{found} {what}, but the responses have {neurons} neurons; remove or mend it"),
    )
}
