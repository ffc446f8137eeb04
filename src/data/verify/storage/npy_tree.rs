//! A folder of `.npy` files, of which any may be missing, damaged or something else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Fault, Header, Part, Place, RawArray, Storage, TrialArrays, said};
use crate::data::format::npy_array::NpyArray;
use crate::data::format::npy_tree::{
    Array, coordinates_file, list_trials, statistics_folder, tiers_file, unit_ids_file,
};
use crate::data::mouse::Mouse;
use crate::data::trial::{Tier, TrialId};
use crate::data::verify::problem::Kind;
use crate::error::{Error, Result};

pub(super) struct NpyTree {
    root: PathBuf,
    /// Which folders of arrays there are.
    present: [bool; 4],
}

impl NpyTree {
    pub(super) fn new(root: &Path) -> Self {
        let present = Array::ALL.map(|array| root.join("data").join(array.folder()).is_dir());
        Self { root: root.to_path_buf(), present }
    }

    fn file(&self, part: Part) -> PathBuf {
        match part {
            // Only the HDF5 form writes lengths down.
            Part::Whole | Part::Lengths => self.root.clone(),
            Part::Folder(array) => self.root.join("data").join(array.folder()),
            Part::Array(array, id) => array.file(&self.root, id),
            Part::Tiers => tiers_file(&self.root),
            Part::UnitIds => unit_ids_file(&self.root),
            Part::Coordinates => coordinates_file(&self.root),
            Part::Statistics(array) => statistics_folder(&self.root, array),
            Part::Statistic(array, name) => statistics_folder(&self.root, array).join(format!("{name}.npy")),
        }
    }

    fn array(&self, array: Array, id: TrialId) -> Result<Option<RawArray>, Fault> {
        let path = array.file(&self.root, id);
        // A link to nowhere is missing too.
        if !self.has(array) || !path.exists() {
            return Ok(None);
        }
        let map = NpyArray::open(&path).map_err(unreadable)?;
        map.require_recording().map_err(|error| (Kind::WrongType, said(error) + ": convert it"))?;
        Ok(Some(RawArray::mapped(map)))
    }
}

impl Storage for NpyTree {
    fn place(&self, part: Part) -> Place {
        Place { file: self.file(part), inside: None }
    }

    fn has(&self, array: Array) -> bool {
        self.present[array as usize]
    }

    fn tiers(&self) -> Result<Option<Vec<Tier>>, Fault> {
        let path = tiers_file(&self.root);
        if !path.exists() {
            return Ok(None);
        }
        let map = NpyArray::open(&path).map_err(unreadable)?;
        let kind = if map.shape().len() == 1 { Kind::WrongType } else { Kind::WrongShape };
        let texts = map.to_texts().map_err(|error| (kind, unreadable(error).1))?;
        Ok(Some(texts.into_iter().map(Tier).collect()))
    }

    fn trials(&self, array: Array) -> Result<BTreeSet<TrialId>, Fault> {
        if !self.has(array) {
            return Ok(BTreeSet::new());
        }
        list_trials(&self.file(Part::Folder(array))).map_err(unreadable)
    }

    fn trial(&self, id: TrialId) -> Result<TrialArrays, Fault> {
        Ok(Array::ALL.map(|array| self.array(array, id)))
    }

    fn header(&self, part: Part) -> Result<Option<Header>, Fault> {
        let path = self.file(part);
        if !path.exists() {
            return Ok(None);
        }
        let map = NpyArray::open(&path).map_err(unreadable)?;
        Ok(Some((map.shape().to_vec(), map.require_number().is_ok())))
    }

    fn open(&self) -> Option<Result<Mouse>> {
        Some(Mouse::open(&self.root))
    }

    fn restore(&self) -> &'static str {
        "restore the file"
    }
}

/// Says why a file can't be read and what to do.
fn unreadable(error: Error) -> Fault {
    let text = said(error);
    // Where the reader knows better, it has said so.
    let text = if text.contains("copy it again") { text } else { text + ": restore the file" };
    (Kind::UnreadableFile, text)
}
