//! Looks at one mouse: what it says of its trials, the trials themselves, and whether they fit each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::array::{said, unreadable};
use super::problem::{Kind, Problem, Severity};
use super::trial::{Place, TrialFacts, check};
use super::{MouseReport, mouse_id_or_path};
use crate::data::format::npy_array::NpyArray;
use crate::data::format::npy_tree::{
    Array, STATISTICS, coordinates_file, list_trials, statistics_folder, tiers_file, unit_ids_file,
};
use crate::data::mouse::Mouse;
use crate::data::movies::{MoviePrint, group_by_movie};
use crate::data::trial::{Tier, TrialId};
use crate::error::Error;
use crate::event::{Event, Observer};

/// Looks at the mouse in the folder `root`; its problems are not counted yet.
pub(super) fn verify(root: &Path, observer: &dyn Observer) -> (MouseReport, Vec<Problem>) {
    let present = Array::ALL.map(|array| root.join("data").join(array.folder()).is_dir());
    let place = Place { id: mouse_id_or_path(root), root: root.to_path_buf(), present };
    let mut problems = missing_folders(&place);
    let (tiers, found) = (read_tiers(&place, &mut problems), list_files(&place, &mut problems));
    let trials = trials_to_check(&place, tiers.as_deref(), &found, &mut problems);
    let facts = check_trials(&place, &trials, tiers.as_deref(), observer);
    let neurons = fit(&place, &facts, Array::Responses, &mut problems);
    for array in [Array::Movie, Array::Behavior, Array::PupilCenter] {
        fit(&place, &facts, array, &mut problems);
    }
    let neurons = neurons.map_or(0, |sizes| sizes[0]);
    neuron_lists(&place, neurons, &mut problems);
    statistics(&place, &mut problems);
    repeats(&place, &facts, tiers.as_deref(), &mut problems);
    let frames = || facts.iter().map(|trial| trial.frames).filter(|&frames| frames > 0);
    let (least, most) = (frames().min().unwrap_or(0), frames().max().unwrap_or(0));
    problems.extend(facts.into_iter().flat_map(|trial| trial.problems));
    let fine = problems.iter().all(|problem| problem.severity != Severity::Error);
    // Whatever was overlooked here, a mouse that the readers refuse is none to be called sound.
    if let Some(error) = fine.then(|| Mouse::open(root).err()).flatten() {
        let file = match &error {
            Error::Invalid { path, .. } | Error::Io { path, .. } => path.clone(),
            _ => root.to_path_buf(),
        };
        problems.push(Problem::new(Kind::CannotBeOpened, &place.id, file, said(error)));
    }
    let report = MouseReport {
        mouse: place.id,
        folder: place.root,
        trials: trials.len(),
        neurons,
        frames_min: least,
        frames_max: most,
        ..MouseReport::default()
    };
    (report, problems)
}

/// Reports the folders that no mouse can do without.
fn missing_folders(mouse: &Place) -> Vec<Problem> {
    let needed = [Array::Movie, Array::Responses].into_iter().filter(|&array| !mouse.present[array as usize]);
    let problem = |array: Array| {
        let folder = mouse.root.join("data").join(array.folder());
        let message = "missing; expected the Sensorium layout, data/{videos,responses,behavior,pupil_center}/N.npy: \
                       restore the folder";
        Problem::new(Kind::MissingFile, &mouse.id, folder, message)
    };
    needed.map(problem).collect()
}

fn read_tiers(mouse: &Place, problems: &mut Vec<Problem>) -> Option<Vec<Tier>> {
    let path = tiers_file(&mouse.root);
    if !path.exists() {
        let message = "missing; expected one tier a trial, as numpy text: restore the file";
        problems.push(Problem::new(Kind::MissingTiers, &mouse.id, path, message));
        return None;
    }
    let read = NpyArray::open(&path).map_err(|error| (Kind::UnreadableFile, error)).and_then(|map| {
        let kind = if map.shape().len() == 1 { Kind::WrongType } else { Kind::WrongShape };
        map.to_texts().map_err(|error| (kind, error))
    });
    match read {
        Ok(texts) => Some(texts.into_iter().map(Tier).collect()),
        Err((kind, error)) => {
            problems.push(Problem::new(kind, &mouse.id, path, unreadable(error)));
            None
        }
    }
}

/// Lists the trials that any folder has a file of.
fn list_files(mouse: &Place, problems: &mut Vec<Problem>) -> BTreeSet<TrialId> {
    let mut found = BTreeSet::new();
    for array in Array::ALL.into_iter().filter(|&array| mouse.present[array as usize]) {
        let folder = mouse.root.join("data").join(array.folder());
        match list_trials(&folder) {
            Ok(mut trials) => found.append(&mut trials),
            Err(error) => {
                problems.push(Problem::new(Kind::UnreadableFile, &mouse.id, folder, unreadable(error)));
            }
        }
    }
    found
}

/// Decides which trials to look at: those with files, and those that are missing between them.
fn trials_to_check(
    mouse: &Place,
    tiers: Option<&[Tier]>,
    found: &BTreeSet<TrialId>,
    problems: &mut Vec<Problem>,
) -> Vec<TrialId> {
    let Some(tiers) = tiers else { return found.iter().copied().collect() };
    let files = found.last().map_or(0, |last| last.0 as usize + 1);
    if files != tiers.len() || files == 0 {
        let last = found.last().map_or_else(|| "none".to_string(), |last| format!("{last}.npy"));
        let message = format!(
            "{} tiers, but the trials under data/ end at {last}; expected one tier for each trial, numbered from \
             0: one of the two comes from another recording or is incomplete",
            tiers.len()
        );
        problems.push(Problem::new(Kind::TiersMismatch, &mouse.id, tiers_file(&mouse.root), message));
    }
    // A stray number beyond the tiers is looked at, but opens no gap of a thousand million trials.
    let between = 0..files.min(tiers.len());
    let between = between.filter_map(|n| u32::try_from(n).ok()).map(TrialId);
    found.iter().copied().chain(between).collect::<BTreeSet<_>>().into_iter().collect()
}

fn check_trials(
    mouse: &Place,
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

/// Reports trials whose array has another size than in most, and returns the common one.
fn fit(mouse: &Place, facts: &[TrialFacts], array: Array, problems: &mut Vec<Problem>) -> Option<Vec<usize>> {
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
        let file = array.file(&mouse.root, trial.id);
        problems.push(Problem::new(kind, &mouse.id, file, message).of_trial(trial.id));
    }
    Some(common.clone())
}

/// Writes lengths of axes: `36 x 64`.
fn lengths(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// Reports lists of neurons that are not of the recorded ones.
fn neuron_lists(mouse: &Place, neurons: usize, problems: &mut Vec<Problem>) {
    for (path, axes, expected) in
        [(unit_ids_file(&mouse.root), 1, "(neurons,)"), (coordinates_file(&mouse.root), 2, "(neurons, 3)")]
    {
        if !path.exists() {
            continue;
        }
        let mut report = |kind, message: String| problems.push(Problem::new(kind, &mouse.id, &path, message));
        let map = match NpyArray::open(&path) {
            Ok(map) => map,
            Err(error) => {
                report(Kind::UnreadableFile, unreadable(error));
                continue;
            }
        };
        let found = map.shape().first().copied().unwrap_or(0);
        if map.shape().len() != axes || (axes == 2 && map.frames() != 3) {
            let message = format!("shape {:?}; expected {expected}: mend or remove the file", map.shape());
            report(Kind::WrongShape, message);
        } else if let Some(error) = map.require_number().err() {
            report(Kind::WrongType, said(error) + ": mend or remove the file");
        } else if found != neurons && neurons > 0 {
            let message = format!(
                "a list of {found} neurons, but the responses have {neurons}; expected one entry a neuron: mend or \
                 remove the file"
            );
            report(Kind::NeuronCountDiffers, message);
        }
    }
}

/// Remarks on statistics that are not there or can't be read.
fn statistics(mouse: &Place, problems: &mut Vec<Problem>) {
    for array in Array::ALL.into_iter().filter(|&array| mouse.present[array as usize]) {
        let folder = statistics_folder(&mouse.root, array);
        let file = |name: &str| folder.join(format!("{name}.npy"));
        let missing: Vec<&str> = STATISTICS.into_iter().filter(|name| !file(name).exists()).collect();
        if !missing.is_empty() {
            let message = format!(
                "no statistics ({}); v1reel does without, other software may not: compute them over the training \
                 trials",
                missing.join(", ")
            );
            problems.push(Problem::new(Kind::NoStatistics, &mouse.id, &folder, message));
        }
        for path in STATISTICS.into_iter().map(file).filter(|path| path.exists()) {
            let read = NpyArray::open(&path).and_then(|map| map.require_number());
            if let Err(error) = read {
                let message = unreadable(error);
                problems.push(Problem::new(Kind::UnreadableStatistics, &mouse.id, path, message));
            }
        }
    }
}

/// Remarks on trials that show the movie of an earlier one.
fn repeats(mouse: &Place, facts: &[TrialFacts], tiers: Option<&[Tier]>, problems: &mut Vec<Problem>) {
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
            let file = Array::Movie.file(&mouse.root, id);
            problems.push(Problem::new(Kind::RepeatedMovie, &mouse.id, file, message).of_trial(id));
        }
    }
}
