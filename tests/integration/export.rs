//! What is exported of a run is what stands in its files: read back by other libraries here, and by Python where there
//! is one.

mod documented;
mod films;
mod made;
mod python;
mod refused;
mod stacks;
mod tables;
mod whole;

use super::support::what_counts;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use v1reel::event::Silent;
use v1reel::export::{ExportOptions, ExportedFile, Format, Selection, export};

use made::MadeRun;

/// Exports to `out` in the folder of the run's temporary folder.
fn exported(run: &MadeRun, formats: &[Format], conditions: &[&str], members: bool) -> Vec<ExportedFile> {
    let selection = Selection {
        conditions: conditions.iter().map(|condition| (*condition).to_string()).collect(),
        ..Selection::default()
    };
    let options = ExportOptions { members, ..ExportOptions::default() };
    export(&run.run(), &run.out(), formats, &selection, &options, &Silent).unwrap()
}

/// All files below a folder with their contents, by path inside it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), what_counts(&path));
            }
        }
    }
    found
}
