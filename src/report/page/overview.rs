//! What all trials of all runs have in common: the part of a report that is loaded at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use toml::{Table, Value};

use super::number::shorten;
use super::packed;
use super::run::Run;
use super::scored::{Numbers, Scored};
use super::tables::{self, LearningCurve, MaskLosses, Picture, Rows};
use crate::data::format::npy_array::NpyArray;
use crate::data::input::{Geometry, Padding};
use crate::data::{MouseId, TrialId};
use crate::error::{Error, Result};
use crate::evaluate::course::read_course;
use crate::evaluate::table::COLUMNS;
use crate::manifest::Manifest;
use crate::report::course_plot::write_course_plot;
use crate::simulate::Truth;

/// A report without its movies.
#[derive(Serialize)]
pub(super) struct Overview {
    /// Of the v1reel that wrote it.
    version: &'static str,
    /// Names of the scores, in the order of tables.
    columns: Vec<&'static str>,
    runs: Vec<ShownRun>,
    mice: Vec<ShownMouse>,
    /// Settings in which the runs differ: name, and one value for each run.
    differences: Vec<(String, Vec<String>)>,
    /// Quality against compute of several runs: base64 of a PNG.
    courses: Option<String>,
}

#[derive(Serialize)]
struct ShownRun {
    name: String,
    folder: String,
    /// Text of `experiment.toml`.
    settings: String,
    manifest: Option<Manifest>,
    /// Whether `v1reel evaluate` was run on all trials.
    evaluated: bool,
    trials: usize,
    mice: usize,
    /// Averaged over the trials of each mouse, then over mice.
    means: Numbers,
    control_means: Option<Numbers>,
    learning_curves: Vec<LearningCurve>,
    mask_losses: Vec<MaskLosses>,
    tables: Vec<Rows>,
    pictures: Vec<Picture>,
}

#[derive(Serialize)]
struct ShownMouse {
    name: String,
    simulated: bool,
    /// Why it is not known whether it is simulated, and there is no behavior.
    missing: Option<String>,
    /// Transparency over the movie's pixels, one for each run; none where it was not kept.
    masks: Vec<Option<Mask>>,
    trials: Vec<ShownTrial>,
}

#[derive(Serialize)]
struct Mask {
    height: usize,
    width: usize,
    transparency: Vec<Option<f64>>,
    /// From which transparency on pixels are scored.
    threshold: Option<f64>,
}

/// A trial of a mouse, reconstructed by at least one run.
#[derive(Serialize)]
pub(super) struct ShownTrial {
    #[serde(skip)]
    pub mouse: MouseId,
    pub trial: TrialId,
    /// What its movies are asked for by.
    pub key: String,
    /// Where they are, from the page.
    pub file: String,
    pub members_key: String,
    pub members_file: String,
    has_members: bool,
    #[serde(skip)]
    pub in_runs: Vec<bool>,
    /// One for each run.
    scored: Vec<Option<Scored>>,
}

impl Overview {
    /// Lists what the runs have; scores follow by [`Overview::score`].
    ///
    /// # Errors
    /// When a mask or table can't be read.
    pub(super) fn new(runs: &[Run]) -> Result<Self> {
        // By recording: mice of one name may be different ones.
        let mut recordings: BTreeMap<(MouseId, String), BTreeSet<TrialId>> = BTreeMap::new();
        for run in runs {
            for (mouse, trial) in &run.trials {
                let recording = (mouse.clone(), run.data_hash(mouse).to_string());
                recordings.entry(recording).or_default().insert(*trial);
            }
        }
        let mice = recordings.into_iter().enumerate();
        let mice =
            mice.map(|(index, ((mouse, hash), trials))| shown_mouse(runs, index, mouse, &hash, &trials));
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            columns: COLUMNS.iter().map(|(name, _)| *name).collect(),
            runs: runs.iter().map(|run| shown_run(run, runs)).collect::<Result<_>>()?,
            mice: mice.collect(),
            differences: differences(runs),
            courses: None,
        })
    }

    /// The trials of all mice.
    pub(super) fn trials(&self) -> Vec<&ShownTrial> {
        self.mice.iter().flat_map(|mouse| &mouse.trials).collect()
    }

    /// Adds the scores of [`Overview::trials`], in their order, and whether they have members' movies; averages.
    pub(super) fn score(&mut self, found: Vec<(Vec<Option<Scored>>, bool)>) {
        let trials = self.mice.iter_mut().flat_map(|mouse| &mut mouse.trials);
        for (trial, (scored, has_members)) in trials.zip(found) {
            (trial.scored, trial.has_members) = (scored, has_members);
        }
        for (index, run) in self.runs.iter_mut().enumerate() {
            let of_mouse = |mouse: &ShownMouse| -> Vec<Scored> {
                mouse.trials.iter().filter_map(|trial| trial.scored.get(index)?.clone()).collect()
            };
            let mut mice: Vec<Vec<Scored>> = self.mice.iter().map(of_mouse).collect();
            mice.retain(|trials| !trials.is_empty());
            run.means = means(&self.columns, &mice, |scored| Some(&scored.scores));
            let all = mice.iter().flatten().all(|scored| scored.control.is_some());
            run.control_means = all.then(|| means(&self.columns, &mice, |scored| scored.control.as_ref()));
        }
    }

    /// Draws the courses of several runs into one picture, at `path` and on the page; of one run, `v1reel evaluate`
    /// did.
    pub(super) fn draw_courses(&mut self, runs: &[Run], path: &Path) -> Result<()> {
        let mut courses = Vec::new();
        for (run, shown) in runs.iter().zip(&self.runs) {
            let file = run.folder.evaluation().join("course.csv");
            if file.exists() {
                courses.push((shown.name.clone(), read_course(&file)?));
            }
        }
        let scored = courses.iter().flat_map(|(_, points)| points).any(|p| p.pixel_correlation.is_some());
        if courses.len() > 1 && scored {
            write_course_plot(path, &courses)?;
            self.courses = Some(packed::plain(&std::fs::read(path).map_err(Error::io(path))?));
        }
        Ok(())
    }
}

/// Averages over the trials of each mouse, then over mice; `null` where a trial has no such score.
fn means(columns: &[&str], mice: &[Vec<Scored>], numbers: impl Fn(&Scored) -> Option<&Numbers>) -> Numbers {
    let mean = |values: &mut dyn ExactSizeIterator<Item = f64>| {
        let count = values.len() as f64;
        values.sum::<f64>() / count
    };
    let of_column = |column: &str| {
        let value = |scored: &Scored| numbers(scored)?.get(column).copied()?;
        let of_mouse =
            |trials: &Vec<Scored>| mean(&mut trials.iter().map(|scored| value(scored).unwrap_or(f64::NAN)));
        shorten([mean(&mut mice.iter().map(of_mouse))])[0]
    };
    columns.iter().map(|&column| (column.to_string(), of_column(column))).collect()
}

fn shown_run(run: &Run, runs: &[Run]) -> Result<ShownRun> {
    let folder = run.folder.path().display().to_string();
    let alike = runs.iter().filter(|other| other.name == run.name).count();
    let mice: BTreeSet<&MouseId> = run.trials.iter().map(|(mouse, _)| mouse).collect();
    Ok(ShownRun {
        name: if alike > 1 { folder.clone() } else { run.name.clone() },
        folder,
        settings: run.settings.clone(),
        manifest: run.manifest.clone(),
        evaluated: run.trials.iter().all(|trial| run.scores.contains_key(trial)),
        trials: run.trials.len(),
        mice: mice.len(),
        means: Numbers::new(),
        control_means: None,
        learning_curves: tables::learning_curves(run)?,
        mask_losses: tables::mask_losses(run)?,
        tables: tables::tables(run)?,
        pictures: tables::pictures(run)?,
    })
}

fn shown_mouse(
    runs: &[Run],
    index: usize,
    mouse: MouseId,
    hash: &str,
    trials: &BTreeSet<TrialId>,
) -> ShownMouse {
    let its: Vec<bool> = runs.iter().map(|run| run.data_hash(&mouse) == hash).collect();
    let of_its = || runs.iter().zip(&its).filter(|(_, its)| **its).map(|(run, _)| run);
    let recordings: Vec<_> = of_its().map(|run| run.recording(&mouse)).collect();
    let found = recordings.iter().find_map(|found| found.ok());
    let missing = recordings.iter().find_map(|found| found.err()).filter(|_| found.is_none());
    let masks = runs.iter().zip(&its).map(|(run, its)| its.then(|| mask(run, &mouse)).flatten()).collect();
    let safe: String =
        mouse.0.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
    let shown = |&trial: &TrialId| {
        let file = |what: &str| format!("data/{index}_{safe}_{trial}{what}.js");
        let in_runs = runs.iter().zip(&its);
        ShownTrial {
            key: format!("{index}/{trial}"),
            file: file(""),
            members_key: format!("{index}/{trial}/members"),
            members_file: file("_members"),
            has_members: false,
            in_runs: in_runs.map(|(run, its)| *its && run.trials.contains(&(mouse.clone(), trial))).collect(),
            scored: Vec::new(),
            mouse: mouse.clone(),
            trial,
        }
    };
    ShownMouse {
        name: mouse.to_string(),
        // A truth that can't be read is one, too.
        simulated: found.is_some_and(|found| !matches!(Truth::open(&found.root), Ok(None))),
        missing: missing.map(str::to_string),
        masks,
        trials: trials.iter().map(shown).collect(),
    }
}

/// The mask of a mouse over the pixels of its movies; none when either is not there any more.
fn mask(run: &Run, mouse: &MouseId) -> Option<Mask> {
    let content = run.recording(mouse).ok()?.frame_size;
    let array = NpyArray::open(&run.folder.mask(mouse)).ok()?;
    let input = array.shape_of::<2>("height, width").ok()?;
    let geometry = Geometry::new(content, input, Padding::Center).ok()?;
    let pixels = geometry.rows().flat_map(|row| geometry.columns().map(move |column| (row, column)));
    let threshold = run.setting("reconstruction", "evaluation_threshold").and_then(Value::as_float);
    let transparency = shorten(pixels.map(|(row, column)| f64::from(array.at(row, column))));
    Some(Mask { height: content[0], width: content[1], transparency, threshold })
}

/// Settings in which runs differ; their names and folders differ anyway.
fn differences(runs: &[Run]) -> Vec<(String, Vec<String>)> {
    let flat: Vec<BTreeMap<String, String>> = runs.iter().map(|run| flatten(&run.table)).collect();
    let names: BTreeSet<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    let own = ["name", "run", "data.mice"];
    let value =
        |settings: &BTreeMap<String, String>, name: &String| settings.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .filter(|name| !own.contains(&name.as_str()))
        .map(|name| (name.clone(), flat.iter().map(|settings| value(settings, name)).collect::<Vec<_>>()))
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .collect()
}

fn flatten(table: &Table) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    for (key, value) in table {
        match value {
            Value::Table(section) => {
                flat.extend(
                    flatten(section).into_iter().map(|(inner, value)| (format!("{key}.{inner}"), value)),
                );
            }
            value => {
                flat.insert(key.clone(), value.to_string());
            }
        }
    }
    flat
}
