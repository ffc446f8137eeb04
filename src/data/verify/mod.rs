//! Looks through recordings for the ways in which they are known to be broken, before a week of training
//! does. It names everything that it finds and goes on, where the readers stop at the first fault.
//!
//! One row of one array is looked at at a time, from its memory map, in parallel over trials: memory does
//! not grow with the recording, but for a hash a frame of each movie, by which repeats are found.

mod array;
mod mouse;
mod problem;
mod trial;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::format::npy_tree::{Array, mouse_id, tiers_file};
use super::mouse::MouseId;
use crate::error::{Error, Result};
use crate::event::Observer;

pub use problem::{Kind, Problem, Severity};

/// Folders inside each other that are searched for mice.
const DEPTH: usize = 4;

/// What was found in some mice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// All that is wrong: by mouse, the worst first.
    pub problems: Vec<Problem>,
    /// The mice that were looked at.
    pub mice: Vec<MouseReport>,
}

impl Report {
    /// Counts the problems of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }
}

/// A mouse at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MouseReport {
    /// Its name.
    pub mouse: MouseId,
    /// Where it is.
    pub folder: PathBuf,
    /// Trials that were looked at.
    pub trials: usize,
    /// Neurons, in most trials; 0 when no responses could be read.
    pub neurons: usize,
    /// Valid frames of the shortest trial.
    pub frames_min: usize,
    /// Valid frames of the longest trial.
    pub frames_max: usize,
    /// Trials with at least one error.
    pub unusable_trials: usize,
    /// Problems that make a trial, or the mouse, unusable.
    pub errors: usize,
    /// Problems that don't.
    pub remarks: usize,
}

impl Default for MouseReport {
    fn default() -> Self {
        Self {
            mouse: MouseId(String::new()),
            folder: PathBuf::new(),
            trials: 0,
            neurons: 0,
            frames_min: 0,
            frames_max: 0,
            unusable_trials: 0,
            errors: 0,
            remarks: 0,
        }
    }
}

impl MouseReport {
    /// Fills in the counts.
    fn counting(mut self, problems: &[Problem]) -> Self {
        let errors = || problems.iter().filter(|problem| problem.severity == Severity::Error);
        let trials: std::collections::BTreeSet<_> = errors().filter_map(|problem| problem.trial).collect();
        (self.unusable_trials, self.errors) = (trials.len(), errors().count());
        self.remarks = problems.len() - self.errors;
        self
    }
}

/// Looks through mice, and folders of mice.
///
/// # Errors
/// [`Error::Usage`] when there is nothing at a path. What is wrong with what is there is no error, but in
/// the report.
pub fn verify(paths: &[PathBuf], observer: &dyn Observer) -> Result<Report> {
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        let problem = format!("{}: there is nothing; name a mouse or a folder of mice", missing.display());
        return Err(Error::usage(problem));
    }
    let mut report = Report { problems: Vec::new(), mice: Vec::new() };
    let mut seen = std::collections::BTreeSet::new();
    for path in paths {
        let mut roots = Vec::new();
        find_mice(path, DEPTH, &mut roots);
        if roots.is_empty() {
            report.problems.push(Problem {
                kind: Kind::NotAMouse,
                severity: Severity::Error,
                mouse: None,
                trial: None,
                file: Some(path.clone()),
                message: "no mouse here; expected the Sensorium layout, data/{videos,responses,behavior,\
                          pupil_center}/N.npy and meta/trials/tiers.npy, or folders with it: name another path"
                    .into(),
            });
        }
        for root in roots {
            // A mouse that is named twice is looked at once.
            if seen.insert(root.canonicalize().unwrap_or_else(|_| root.clone())) {
                let (mouse, mut problems) = mouse::verify(&root, observer);
                report.mice.push(mouse);
                report.problems.append(&mut problems);
            }
        }
    }
    Ok(report)
}

/// Collects the mice at and below `path`, by name.
fn find_mice(path: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let has_arrays = || Array::ALL.iter().any(|array| path.join("data").join(array.folder()).is_dir());
    if has_arrays() || tiers_file(path).is_file() {
        found.push(path.to_path_buf());
        return;
    }
    let (true, Ok(entries)) = (depth > 0, std::fs::read_dir(path)) else { return };
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.iter().for_each(|folder| find_mice(folder, depth - 1, found));
}

/// Names a mouse by its folder, or by the whole path where that has no name.
fn mouse_id_or_path(root: &Path) -> MouseId {
    mouse_id(root).unwrap_or_else(|_| MouseId(root.display().to_string()))
}
