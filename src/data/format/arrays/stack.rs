//! Items of equal kind, one a trial or image: a single file whose first axis counts them, or a folder of files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::data::format::npy_array::NpyArray;
use crate::error::{Error, Result};

/// Most axes that any array of a recording has: trial, frame, height, width.
const MOST_AXES: usize = 4;

/// Items in one file or in a folder of files; every item has the same number of axes.
#[derive(Debug)]
pub(super) struct Stack {
    path: PathBuf,
    files: Vec<NpyArray>,
    /// They lie in one file, along its first axis.
    in_one: bool,
}

impl Stack {
    /// Opens items whose axes are called `axes`, `"frame, height, width"`; one file has `counted` before them.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Invalid`] when there is no such file or folder, it holds no items, or they have other
    /// axes or are no numbers.
    pub(super) fn open(path: &Path, counted: &str, axes: &str) -> Result<Self> {
        let in_one = !path.is_dir();
        let names = if in_one { vec![path.to_path_buf()] } else { list(path)? };
        let files = names.iter().map(|name| NpyArray::open(name)).collect::<Result<Vec<_>>>()?;
        let expected = if in_one { format!("{counted}, {axes}") } else { axes.to_string() };
        let count = expected.split(',').count();
        for file in &files {
            file.require_number()?;
            if file.shape().len() != count {
                let folder =
                    if in_one { format!(", or a folder of files, each ({axes})") } else { String::new() };
                let problem = format!("shape {:?}; expected ({expected}){folder}", file.shape());
                return Err(Error::invalid(file.path(), problem));
            }
            // Beside an empty axis another may claim any length.
            if file.shape().contains(&0) {
                let problem = format!("shape {:?} holds nothing; expected ({expected})", file.shape());
                return Err(Error::invalid(file.path(), problem));
            }
        }
        if files.is_empty() {
            return Err(Error::invalid(
                path,
                "no .npy file in it; expected one for each ".to_string() + counted,
            ));
        }
        Ok(Self { path: path.to_path_buf(), files, in_one })
    }

    /// Counts the items.
    pub(super) fn len(&self) -> usize {
        if self.in_one { self.files[0].shape()[0] } else { self.files.len() }
    }

    /// Returns what was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file that an item is in.
    pub(super) fn file(&self, item: usize) -> &Path {
        self.array(item).path()
    }

    /// Returns the lengths of an item's own axes.
    pub(super) fn shape(&self, item: usize) -> &[usize] {
        &self.array(item).shape()[usize::from(self.in_one)..]
    }

    /// Says whether an item's values can be NaN.
    pub(super) fn can_be_nan(&self, item: usize) -> bool {
        self.array(item).can_be_nan()
    }

    /// Reads a number of an item.
    ///
    /// # Panics
    /// When the item or the index is out of range.
    pub(super) fn number(&self, item: usize, index: &[usize]) -> f64 {
        if !self.in_one {
            return self.files[item].number(index);
        }
        let mut whole = [item; MOST_AXES];
        whole[1..=index.len()].copy_from_slice(index);
        self.files[0].number(&whole[..=index.len()])
    }

    fn array(&self, item: usize) -> &NpyArray {
        if self.in_one { &self.files[0] } else { &self.files[item] }
    }
}

/// Lists the `.npy` files of a folder: by number where all have numbers for names, else by name.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "npy") {
            found.push(path);
        }
    }
    let number = |path: &PathBuf| path.file_stem()?.to_str()?.parse::<u64>().ok();
    if found.iter().all(|path| number(path).is_some()) {
        found.sort_by_key(number);
    } else {
        found.sort();
    }
    Ok(found)
}

/// Checks that folders that belong together hold files of the same names, in whose order they are taken.
pub(super) fn check_names(one: &Stack, other: &Stack) -> Result<()> {
    if one.in_one || other.in_one {
        return Ok(());
    }
    let differing = (0..one.len().min(other.len()))
        .find(|&item| one.file(item).file_name() != other.file(item).file_name());
    let Some(item) = differing else { return Ok(()) };
    let name = one.file(item).file_name().unwrap_or_default().display();
    let problem = format!(
        "has no counterpart of the same name in {}, where {name} comes at its place; expected files of equal names",
        one.path().display()
    );
    Err(Error::invalid(other.file(item), problem))
}
