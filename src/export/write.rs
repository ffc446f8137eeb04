//! Goes through formats and movies and keeps the list of what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde::Serialize;

use super::format::Format;
use super::plan::{Item, Plan, Selection, TrialItems};
use super::shown::Shown;
use super::tiff::Depth;
use super::{film, hdf5, npz, nwb, table, tiff};
use crate::atomic;
use crate::data::{MouseId, TrialId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};

/// How it is exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Also the raw movie of every member, where it was kept.
    pub members: bool,
    /// How TIFF stacks store pixels.
    pub depth: Depth,
}

/// One file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is for.
    pub format: Format,
    /// Whose, unless it is of all mice.
    pub mouse: Option<MouseId>,
    /// Which trial, unless it is of several.
    pub trial: Option<TrialId>,
    /// What the movie was made from, unless it is of several.
    pub condition: Option<String>,
    /// What is in it: `reconstruction`, `ground_truth`, `mask`, `trials`...
    pub what: String,
}

/// A file of one movie, before it is listed.
pub(super) struct Written {
    pub path: PathBuf,
    pub what: String,
}

/// The folder of one format, and how it is filled.
pub(super) struct Out<'a> {
    pub folder: PathBuf,
    pub format: Format,
    pub options: &'a ExportOptions,
    pub observer: &'a dyn Observer,
}

impl Out<'_> {
    /// Names a file of a trial.
    pub(super) fn path(&self, shown: &Shown, what: &str, extension: &str) -> PathBuf {
        self.folder.join(format!("{}_{what}.{extension}", shown.stem()))
    }

    /// Lists a file of more than one movie.
    pub(super) fn listed(&self, path: PathBuf, mouse: Option<&MouseId>, what: &str) -> ExportedFile {
        let (format, what) = (self.format, what.to_string());
        ExportedFile { path, format, mouse: mouse.cloned(), trial: None, condition: None, what }
    }

    fn task(&self) -> String {
        format!("export {}", self.format)
    }

    /// Takes every movie of the plan in order, one after another.
    pub(super) fn for_each(&self, plan: &Plan, mut take: impl FnMut(Shown) -> Result<()>) -> Result<()> {
        let started = Event::Started { task: self.task(), steps: plan.movies() as u64, unit: "movies" };
        self.observer.emit(started);
        let mut step = 0;
        for trial in &plan.trials {
            for item in &trial.items {
                take(Shown::read(plan, trial, item, self.options.members)?)?;
                step += 1;
                self.observer.emit(Event::Progress { task: self.task(), step, loss: None });
            }
        }
        self.observer.emit(Event::Finished { task: self.task() });
        Ok(())
    }

    /// Writes files for every movie by itself, trials side by side.
    fn write_each(&self, plan: &Plan, write: WriteOne) -> Result<Vec<ExportedFile>> {
        let started = Event::Started { task: self.task(), steps: plan.movies() as u64, unit: "movies" };
        self.observer.emit(started);
        let done = AtomicU64::new(0);
        let files = plan.trials.par_iter().map(|trial| self.write_trial(plan, trial, write, &done));
        let files: Vec<Vec<ExportedFile>> = files.collect::<Result<_>>()?;
        self.observer.emit(Event::Finished { task: self.task() });
        Ok(files.into_iter().flatten().collect())
    }

    fn write_trial(
        &self,
        plan: &Plan,
        trial: &TrialItems,
        write: WriteOne,
        done: &AtomicU64,
    ) -> Result<Vec<ExportedFile>> {
        let mut files = Vec::new();
        let mut first: Option<Shown> = None;
        for item in &trial.items {
            let shown = Shown::read(plan, trial, item, self.options.members)?;
            let written = write(self, plan, &shown, first.as_ref())?;
            files.extend(written.into_iter().map(|written| self.of_movie(trial, item, written)));
            let step = done.fetch_add(1, Ordering::Relaxed) + 1;
            self.observer.emit(Event::Progress { task: self.task(), step, loss: None });
            first.get_or_insert(shown);
        }
        Ok(files)
    }

    fn of_movie(&self, trial: &TrialItems, item: &Item, Written { path, what }: Written) -> ExportedFile {
        ExportedFile {
            path,
            format: self.format,
            mouse: Some(trial.mouse.clone()),
            trial: Some(trial.trial),
            condition: Some(item.condition.clone()),
            what,
        }
    }
}

/// Writes the files of one movie; also gets the first movie of the same trial, when it is another one.
type WriteOne = fn(&Out<'_>, &Plan, &Shown, Option<&Shown>) -> Result<Vec<Written>>;

/// Exports what was selected of the run in `run` to one folder for each format below `out`. What was exported there
/// before and is exported again is replaced, other files stay.
///
/// # Errors
/// [`Error::Usage`] when `out` is a file or something was selected that the run does not have; when `run` is no run
/// with reconstructions, or a file can't be read or written. What was written until then is whole.
pub fn export(
    run: &Path,
    out: &Path,
    formats: &[Format],
    selection: &Selection,
    options: &ExportOptions,
    observer: &dyn Observer,
) -> Result<Vec<ExportedFile>> {
    let plan = Plan::new(run, selection)?;
    if out.exists() && !out.is_dir() {
        let problem = "is a file; expected a folder to write to (--out DIR), or a new name";
        return Err(Error::usage(format!("{} {problem}", out.display())));
    }
    let mut files = Vec::new();
    for &format in formats {
        let folder = out.join(format.name());
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        // Two exports at once would take each other's half-written files for leftovers.
        let _claim = atomic::claim_folder(&folder)?;
        let out = Out { folder, format, options, observer };
        files.extend(match format {
            Format::Tiff => out.write_each(&plan, |out, _, shown, first| tiff::write(out, shown, first))?,
            Format::Mp4 | Format::Gif => {
                film::say_codec(&out)?;
                out.write_each(&plan, |out, _, shown, first| film::write(out, shown, first))?
            }
            Format::Npz => out.write_each(&plan, |out, plan, shown, _| npz::write(out, plan, shown))?,
            Format::H5 => hdf5::write(&out, &plan)?,
            Format::Nwb => nwb::write(&out, &plan)?,
            Format::Csv | Format::Parquet => table::write(&out, &plan)?,
        });
    }
    Ok(files)
}
