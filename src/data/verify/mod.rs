//! Looks through recordings for the ways in which they are known to be broken, before a week of training
//! does. It names everything that it finds and goes on, where the readers stop at the first fault.
//!
//! One row of one array is looked at at a time, in parallel over trials: memory does not grow with the recording,
//! but for a hash a frame of each movie, by which repeats are found, and the some 25 kB that movies are compared by.

mod alike;
mod array;
mod mouse;
mod problem;
mod storage;
mod trial;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::format::hdf5;
use super::format::npy_tree::{Array, mouse_id, tiers_file};
use super::mouse::{Mouse, MouseId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};

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
    /// Adds what was found elsewhere.
    pub fn merge(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.mice.extend(other.mice);
    }

    /// Adds a problem, and counts it with its mouse.
    pub fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
        for mouse in &mut self.mice {
            let own: Vec<Problem> =
                self.problems.iter().filter(|p| p.mouse.as_ref() == Some(&mouse.mouse)).cloned().collect();
            *mouse = std::mem::take(mouse).counting(&own);
        }
    }

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
    /// Its folder or file.
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
        let trials: BTreeSet<_> = errors().filter_map(|problem| problem.trial).collect();
        (self.unusable_trials, self.errors) = (trials.len(), errors().count());
        self.remarks = problems.len() - self.errors;
        self
    }
}

/// What decides which movies are held out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// The tiers: `train` is trained on, all others but `none` are held out.
    Tiers,
    /// Something else, which is looked at elsewhere: movies are not compared.
    Other,
}

/// Looks through mice, and folders of mice, and whether a held-out movie of one is trained on in any.
///
/// # Errors
/// [`Error::Usage`] when there is nothing at a path. What is wrong with what is there is no error, but in
/// the report.
pub fn verify(paths: &[PathBuf], split: Split, observer: &dyn Observer) -> Result<Report> {
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        let problem = format!(
            "{}: there is nothing; name a mouse, a folder of mice or an experiment file",
            missing.display()
        );
        return Err(Error::usage(problem));
    }
    let (mut found, mut elsewhere) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for path in paths {
        let mut roots = Vec::new();
        if storage::is_recording(path, true) {
            roots.push(path.clone());
        }
        find_mice(path, DEPTH, &mut roots);
        if roots.is_empty() {
            elsewhere.push(no_mouse(path));
        }
        // A mouse that is named twice is looked at once.
        roots.retain(|root| seen.insert(root.canonicalize().unwrap_or_else(|_| root.clone())));
        found.extend(roots.iter().map(|root| mouse::verify(root, observer)));
    }
    if split == Split::Tiers {
        elsewhere.extend(compare(&mut found, observer));
    }
    let mut report = Report { problems: elsewhere, mice: Vec::new() };
    for mouse::Looked { report: mouse, mut problems, .. } in found {
        problems.sort_by(|a, b| {
            (a.severity, a.kind, a.trial, &a.file).cmp(&(b.severity, b.kind, b.trial, &b.file))
        });
        report.mice.push(mouse.counting(&problems));
        report.problems.append(&mut problems);
    }
    Ok(report)
}

/// Compares the movies of all mice that can be read; says so when one can't be after all.
fn compare(found: &mut [mouse::Looked], observer: &dyn Observer) -> Option<Problem> {
    for looked in found.iter().filter(|looked| looked.open().is_none() && looked.report.trials > 0) {
        let message = format!(
            "{}: its movies were compared with each other only, for equal ones; nearly equal ones, and those of other \
             mice, are found once it is imported (v1reel data import)",
            looked.report.folder.display()
        );
        observer.emit(Event::Note { message });
    }
    let readable: Vec<(usize, Mouse)> = found
        .iter()
        .enumerate()
        .filter_map(|(at, looked)| Some((at, alike::comparable_part(looked)?)))
        .collect();
    let mice: Vec<&Mouse> = readable.iter().map(|(_, mouse)| mouse).collect();
    match alike::compare(&mice, observer) {
        Ok(problems) => {
            for ((at, _), mut problems) in readable.iter().zip(problems) {
                found[*at].problems.append(&mut problems);
            }
            None
        }
        Err(error) => Some(Problem {
            kind: Kind::CannotBeOpened,
            severity: Severity::Error,
            mouse: None,
            trial: None,
            file: None,
            message: format!("the movies can't be compared: {error}"),
        }),
    }
}

fn no_mouse(path: &Path) -> Problem {
    Problem {
        kind: Kind::NotAMouse,
        severity: Severity::Error,
        mouse: None,
        trial: None,
        file: Some(path.to_path_buf()),
        message: "no mouse here; expected the Sensorium layout, data/{videos,responses,behavior,pupil_center}/N.npy \
                  and meta/trials/tiers.npy, a mouse in one HDF5 file, an NWB file, or folders with these: name \
                  another path"
            .into(),
    }
}

/// Collects the mice at and below `path`, by name.
fn find_mice(path: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let has_arrays = || Array::ALL.iter().any(|array| path.join("data").join(array.folder()).is_dir());
    if has_arrays() || tiers_file(path).is_file() {
        found.push(path.to_path_buf());
        return;
    }
    let (true, Ok(entries)) = (depth > 0, std::fs::read_dir(path)) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            find_mice(&path, depth - 1, found);
        } else if storage::is_recording(&path, false) {
            found.push(path);
        }
    }
}

/// Names a mouse by its folder or file, or by the whole path where that has no name.
fn mouse_id_or_path(root: &Path) -> MouseId {
    if root.is_file() {
        return hdf5::mouse_id(root);
    }
    mouse_id(root).unwrap_or_else(|_| MouseId(root.display().to_string()))
}
