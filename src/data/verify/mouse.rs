//! Looks at one mouse: what it says of its trials, the trials themselves, and whether they fit each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::problem::{Kind, Problem, Severity};
use super::storage::{self, Part, Subject, said};
use super::trial::{TrialFacts, check};
use super::{MouseReport, mouse_id_or_path};
use crate::data::format::npy_tree::{Array, STATISTICS};
use crate::data::mouse::Mouse;
use crate::data::movies::{MoviePrint, group_by_movie};
use crate::data::trial::{Tier, TrialId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};

/// What was found in a mouse.
pub(super) struct Looked {
    subject: Option<Subject>,
    /// Its problems are not counted yet.
    pub(super) report: MouseReport,
    pub(super) problems: Vec<Problem>,
    /// Trials whose movies can be compared with others.
    pub(super) comparable: BTreeSet<TrialId>,
}

impl Looked {
    /// Opens the mouse as everything else does; `None` when it is not in a form that is.
    pub(super) fn open(&self) -> Option<Result<Mouse>> {
        self.subject.as_ref()?.storage.open()
    }
}

/// Looks at the mouse in a folder or a file.
pub(super) fn verify(root: &Path, observer: &dyn Observer) -> Looked {
    let id = mouse_id_or_path(root);
    let report = MouseReport { mouse: id.clone(), folder: root.to_path_buf(), ..MouseReport::default() };
    match storage::open(root) {
        Ok(storage) => look(Subject { id, storage }, report, observer),
        Err((kind, message)) => {
            let problems = vec![Problem::new(kind, &id, root, message)];
            Looked { subject: None, report, problems, comparable: BTreeSet::new() }
        }
    }
}

fn look(mouse: Subject, report: MouseReport, observer: &dyn Observer) -> Looked {
    let mut problems = missing_folders(&mouse);
    let (tiers, found) = (read_tiers(&mouse, &mut problems), list_trials(&mouse, &mut problems));
    let trials = trials_to_check(&mouse, tiers.as_deref(), &found, &mut problems);
    let facts = check_trials(&mouse, &trials, tiers.as_deref(), observer);
    let neurons = fit(&mouse, &facts, Array::Responses, &mut problems);
    for array in [Array::Movie, Array::Behavior, Array::PupilCenter] {
        fit(&mouse, &facts, array, &mut problems);
    }
    let neurons = neurons.map_or(0, |sizes| sizes[0]);
    written_lengths(&mouse, &facts, &mut problems);
    neuron_lists(&mouse, neurons, &mut problems);
    statistics(&mouse, &mut problems);
    repeats(&mouse, &facts, tiers.as_deref(), &mut problems);
    let frames = || facts.iter().map(|trial| trial.frames).filter(|&frames| frames > 0);
    let (frames_min, frames_max) = (frames().min().unwrap_or(0), frames().max().unwrap_or(0));
    let report = MouseReport { trials: trials.len(), neurons, frames_min, frames_max, ..report };
    let comparable = facts.iter().filter(|trial| trial.comparable).map(|trial| trial.id).collect();
    problems.extend(facts.into_iter().flat_map(|trial| trial.problems));
    let looked = Looked { subject: Some(mouse), report, problems, comparable };
    refused(looked)
}

/// Whatever was overlooked here, a mouse that the readers refuse is none to be called sound.
fn refused(mut looked: Looked) -> Looked {
    let fine = looked.problems.iter().all(|problem| problem.severity != Severity::Error);
    if fine && looked.report.frames_max == 0 {
        let (mouse, folder) = (&looked.report.mouse, &looked.report.folder);
        let problem = Problem::new(Kind::CannotBeOpened, mouse, folder, "none of its trials can be used");
        looked.problems.push(problem);
        return looked;
    }
    let Some(Err(error)) = (if fine { looked.open() } else { None }) else { return looked };
    let file: PathBuf = match &error {
        Error::Invalid { path, .. } | Error::Io { path, .. } => path.clone(),
        _ => looked.report.folder.clone(),
    };
    looked.problems.push(Problem::new(Kind::CannotBeOpened, &looked.report.mouse, file, said(error)));
    looked
}

/// Reports the arrays that no mouse can do without.
fn missing_folders(mouse: &Subject) -> Vec<Problem> {
    let needed = [Array::Movie, Array::Responses].into_iter().filter(|&array| !mouse.storage.has(array));
    let problem = |array: Array| {
        let message = "missing; expected data/{videos,responses,behavior,pupil_center}/N, one for each trial";
        mouse.problem(
            Kind::MissingFile,
            Part::Folder(array),
            format!("{message}: {}", mouse.storage.restore()),
        )
    };
    needed.map(problem).collect()
}

fn read_tiers(mouse: &Subject, problems: &mut Vec<Problem>) -> Option<Vec<Tier>> {
    match mouse.storage.tiers() {
        Ok(Some(tiers)) => Some(tiers),
        Ok(None) => {
            let message = format!("missing; expected one tier a trial: {}", mouse.storage.restore());
            problems.push(mouse.problem(Kind::MissingTiers, Part::Tiers, message));
            None
        }
        Err((kind, message)) => {
            problems.push(mouse.problem(kind, Part::Tiers, message));
            None
        }
    }
}

/// Lists the trials that there is any array of.
fn list_trials(mouse: &Subject, problems: &mut Vec<Problem>) -> BTreeSet<TrialId> {
    let mut found = BTreeSet::new();
    for array in Array::ALL {
        match mouse.storage.trials(array) {
            Ok(mut trials) => found.append(&mut trials),
            Err((kind, message)) => problems.push(mouse.problem(kind, Part::Folder(array), message)),
        }
    }
    found
}

/// Decides which trials to look at: those with arrays, and those that are missing between them.
fn trials_to_check(
    mouse: &Subject,
    tiers: Option<&[Tier]>,
    found: &BTreeSet<TrialId>,
    problems: &mut Vec<Problem>,
) -> Vec<TrialId> {
    let Some(tiers) = tiers else { return found.iter().copied().collect() };
    let arrays = found.last().map_or(0, |last| last.0 as usize + 1);
    if arrays != tiers.len() || arrays == 0 {
        let last = found.last().map_or_else(|| "none".to_string(), ToString::to_string);
        let message = format!(
            "{} tiers, but the trials under data/ end at {last}; expected one tier for each trial, numbered from \
             0: one of the two comes from another recording or is incomplete",
            tiers.len()
        );
        problems.push(mouse.problem(Kind::TiersMismatch, Part::Tiers, message));
    }
    // A stray number beyond the tiers is looked at, but opens no gap of a thousand million trials.
    let between = 0..arrays.min(tiers.len());
    let between = between.filter_map(|n| u32::try_from(n).ok()).map(TrialId);
    found.iter().copied().chain(between).collect::<BTreeSet<_>>().into_iter().collect()
}

fn check_trials(
    mouse: &Subject,
    trials: &[TrialId],
    tiers: Option<&[Tier]>,
    observer: &dyn Observer,
) -> Vec<TrialFacts> {
    let task = || format!("verify {}", mouse.id);
    observer.emit(Event::Started { task: task(), steps: trials.len() as u64, unit: "trials" });
    let done = AtomicU64::new(0);
    let look = |&id: &TrialId| {
        let facts = check(mouse, id, tiers.and_then(|tiers| tiers.get(id.0 as usize)));
        let step = done.fetch_add(1, Ordering::Relaxed) + 1;
        observer.emit(Event::Progress { task: task(), step, loss: None });
        facts
    };
    let facts = trials.par_iter().map(look).collect();
    observer.emit(Event::Finished { task: task() });
    facts
}

/// Reports lengths of trials that are written down and are not those of their arrays.
fn written_lengths(mouse: &Subject, facts: &[TrialFacts], problems: &mut Vec<Problem>) {
    let lengths = match mouse.storage.lengths() {
        Ok(Some(lengths)) => lengths,
        Ok(None) => return,
        Err((kind, message)) => return problems.push(mouse.problem(kind, Part::Lengths, message)),
    };
    for trial in facts.iter().filter(|trial| trial.frames > 0) {
        let message = match lengths.get(trial.id.0 as usize) {
            Some(&length) if length == trial.frames as u64 => continue,
            Some(length) => format!("says {length} frames, the arrays have {}", trial.frames),
            None => format!("has {} lengths; this trial's is missing", lengths.len()),
        };
        let message = format!("{message}: {}", mouse.storage.restore());
        problems.push(mouse.problem(Kind::LengthsDiffer, Part::Lengths, message).of_trial(trial.id));
    }
}

/// Reports trials whose array has another size than in most, and returns the common one.
fn fit(
    mouse: &Subject,
    facts: &[TrialFacts],
    array: Array,
    problems: &mut Vec<Problem>,
) -> Option<Vec<usize>> {
    let sizes = || facts.iter().filter_map(|trial| Some((trial, trial.sizes[array as usize].as_ref()?)));
    let mut counts: BTreeMap<&Vec<usize>, usize> = BTreeMap::new();
    sizes().for_each(|(_, size)| *counts.entry(size).or_default() += 1);
    // Of two that are equally common, the first trial's.
    let most = counts.values().copied().max()?;
    let common = sizes().map(|(_, size)| size).find(|size| counts[*size] == most)?;
    let (kind, word) = match array {
        Array::Movie => (Kind::FrameSizeDiffers, "frames of"),
        Array::Responses => (Kind::NeuronCountDiffers, "neurons:"),
        Array::Behavior | Array::PupilCenter => (Kind::RowCountDiffers, "rows:"),
    };
    for (trial, size) in sizes().filter(|(_, size)| *size != common) {
        let message = format!(
            "{word} {}, but {} in {most} of {} trials; all trials of a mouse must agree: is the file from another \
             recording?",
            lengths(size),
            lengths(common),
            sizes().count()
        );
        problems.push(mouse.problem(kind, Part::Array(array, trial.id), message));
    }
    Some(common.clone())
}

/// Writes lengths of axes: `36 x 64`.
fn lengths(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// Reports lists of neurons that are not of the recorded ones.
fn neuron_lists(mouse: &Subject, neurons: usize, problems: &mut Vec<Problem>) {
    for (part, axes, expected) in [(Part::UnitIds, 1, "(neurons,)"), (Part::Coordinates, 2, "(neurons, 3)")] {
        let mut report = |kind, message: String| problems.push(mouse.problem(kind, part, message));
        let (shape, is_number) = match mouse.storage.header(part) {
            Ok(Some(header)) => header,
            Ok(None) => continue,
            Err((kind, message)) => {
                report(kind, message);
                continue;
            }
        };
        let found = shape.first().copied().unwrap_or(0);
        if shape.len() != axes || (axes == 2 && shape[1] != 3) {
            report(Kind::WrongShape, format!("shape {shape:?}; expected {expected}: mend or remove it"));
        } else if !is_number {
            report(Kind::WrongType, "holds no numbers; mend or remove it".into());
        } else if found != neurons && neurons > 0 {
            let message = format!(
                "a list of {found} neurons, but the responses have {neurons}; expected one entry a neuron: mend or \
                 remove it"
            );
            report(Kind::NeuronCountDiffers, message);
        }
    }
}

/// Remarks on statistics that are not there or can't be read.
fn statistics(mouse: &Subject, problems: &mut Vec<Problem>) {
    for array in Array::ALL.into_iter().filter(|&array| mouse.storage.has(array)) {
        let mut missing = Vec::new();
        for name in STATISTICS {
            let part = Part::Statistic(array, name);
            let message = match mouse.storage.header(part) {
                Ok(Some((_, true))) => continue,
                Ok(Some((_, false))) => "holds no numbers".to_string(),
                Ok(None) => {
                    missing.push(name);
                    continue;
                }
                Err((_, message)) => message,
            };
            problems.push(mouse.problem(Kind::UnreadableStatistics, part, message));
        }
        if !missing.is_empty() {
            let message = format!(
                "no statistics ({}); v1reel does without, other software may not: compute them over the training \
                 trials",
                missing.join(", ")
            );
            problems.push(mouse.problem(Kind::NoStatistics, Part::Statistics(array), message));
        }
    }
}

/// Remarks on trials that show the movie of an earlier one.
fn repeats(mouse: &Subject, facts: &[TrialFacts], tiers: Option<&[Tier]>, problems: &mut Vec<Problem>) {
    let (trials, prints): (Vec<&TrialFacts>, Vec<MoviePrint>) =
        facts.iter().filter_map(|trial| Some((trial, trial.print.clone()?))).unzip();
    let named = |id: TrialId| {
        let tier = tiers.and_then(|tiers| tiers.get(id.0 as usize));
        tier.map_or_else(|| id.to_string(), |tier| format!("{id} ({:?})", tier.0))
    };
    for group in group_by_movie(&prints) {
        for &again in &group[1..] {
            let (id, first) = (trials[again].id, trials[group[0]].id);
            let message = format!(
                "trial {} shows the movie of trial {}, and {} trials do: keep them in one fold",
                named(id),
                named(first),
                group.len()
            );
            problems.push(mouse.problem(Kind::RepeatedMovie, Part::Array(Array::Movie, id), message));
        }
    }
}
