//! The page that a run, or several beside each other, can be judged by: a folder that opens from disk in any
//! browser and needs nothing else.
//!
//! What every trial has in common stands in `index.html`; the movies of a trial are a file of their own under
//! `data/`, so that a page of many trials opens at once.

pub(crate) mod html;
pub(crate) mod number;
mod overview;
pub(crate) mod packed;
pub(crate) mod run;
mod scored;
mod tables;
pub(crate) mod traces;
pub(crate) mod trial;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde::Serialize;

use crate::atomic;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use overview::Overview;
use run::Run;

/// What goes into a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportOptions {
    /// The movie of every single member where it was kept; the folder becomes several times as large.
    pub members: bool,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { members: true }
    }
}

/// Writes the report on one or several runs to `folder`, whole or not at all; a report that is there gives way.
/// Returns its `index.html`.
///
/// # Errors
/// [`Error::Usage`] when `folder` holds something else than a report; when a run has no reconstruction, or a file
/// can't be read or written.
pub fn write_report(
    folder: &Path,
    runs: &[PathBuf],
    options: ReportOptions,
    observer: &dyn Observer,
) -> Result<PathBuf> {
    refuse_what_is_no_report(folder)?;
    let runs = runs.iter().map(|run| Run::open(run)).collect::<Result<Vec<_>>>()?;
    let mut overview = Overview::new(&runs)?;
    atomic::replace_folder(folder, |folder| {
        let data = folder.join("data");
        std::fs::create_dir(&data).map_err(Error::io(&data))?;
        let trials = overview.trials();
        let (task, steps) = (|| "report".to_string(), trials.len() as u64);
        observer.emit(Event::Started { task: task(), steps, unit: "trials" });
        let done = AtomicU64::new(0);
        let scores = trials.par_iter().map(|shown| {
            let (movies, members, scores) = trial::read(&runs, shown, options)?;
            write_data(folder, &shown.file, &shown.key, &movies)?;
            if let Some(members) = &members {
                write_data(folder, &shown.members_file, &shown.members_key, members)?;
            }
            let step = done.fetch_add(1, Ordering::Relaxed) + 1;
            observer.emit(Event::Progress { task: task(), step, loss: None });
            Ok((scores, members.is_some()))
        });
        let scores = scores.collect::<Result<Vec<_>>>()?;
        observer.emit(Event::Finished { task: task() });
        overview.score(scores);
        overview.draw_courses(&runs, &folder.join(COURSE))?;
        let page = html::page(&overview)?;
        atomic::write_bytes(&folder.join(html::INDEX), page.as_bytes())
    })?;
    Ok(folder.join(html::INDEX))
}

/// Name of the picture that compares several runs by quality against compute, where they kept movies on the way.
const COURSE: &str = "course.png";

/// Writes data as a script, because a page that was opened from disk may load nothing else.
fn write_data(folder: &Path, file: &str, key: &str, value: &impl Serialize) -> Result<()> {
    let script = format!("v1reel.take({},{});\n", html::json(&key)?, html::json(value)?);
    atomic::write_bytes(&folder.join(file), script.as_bytes())
}

/// A slip in the path of the folder should cost nobody their files.
fn refuse_what_is_no_report(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let mut entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    let index = std::fs::read_to_string(folder.join(html::INDEX)).unwrap_or_default();
    if entries.next().is_none() || html::is_report(&index) {
        return Ok(());
    }
    let problem = "holds something else than a report; choose a new folder, or delete it";
    Err(Error::usage(format!("{}: {problem}", folder.display())))
}
