//! What of a run is exported: which mice, trials and conditions it has, and which of them were asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::data::{MouseId, TrialId};
use crate::error::{Error, Result};
use crate::report::page::run::Run;
use crate::run_folder::RECORDED;

/// What was asked for; an empty list asks for all there is, of conditions for the recorded responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of mice.
    pub mice: Vec<String>,
    /// Numbers of trials.
    pub trials: Vec<u32>,
    /// Names of conditions, the first part of some, or `all`.
    pub conditions: Vec<String>,
}

/// One movie to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// `recorded`, a control, `linear_decoder`, `ablation/...`.
    pub condition: String,
    /// The HDF5 file that it is in.
    pub file: PathBuf,
}

/// The movies of one trial, the recorded responses' first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrialItems {
    pub mouse: MouseId,
    pub trial: TrialId,
    pub items: Vec<Item>,
}

/// Everything that is exported of a run, in order.
pub(super) struct Plan {
    pub run: Run,
    pub trials: Vec<TrialItems>,
}

/// Name of the linear decoder's folder, and of its condition.
pub(super) const LINEAR_DECODER: &str = "linear_decoder";

type Found = BTreeMap<(MouseId, TrialId), Vec<Item>>;

impl Plan {
    /// Looks through a run.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `folder` is no run with reconstructions; [`Error::Usage`] when something was asked for
    /// that it does not have.
    pub(super) fn new(folder: &Path, selection: &Selection) -> Result<Self> {
        if !folder.is_dir() {
            let problem = "there is no such folder; expected that of a run, as in runs/demo";
            return Err(Error::invalid(folder, problem));
        }
        let run = Run::open(folder)?;
        let found = find(folder)?;
        check_selection(folder, selection, &found)?;
        let wanted_mouse =
            |mouse: &MouseId| selection.mice.is_empty() || selection.mice.iter().any(|name| name == &mouse.0);
        let wanted_trial =
            |trial: TrialId| selection.trials.is_empty() || selection.trials.contains(&trial.0);
        let mut trials = Vec::new();
        for ((mouse, trial), mut items) in found {
            if !wanted_mouse(&mouse) || !wanted_trial(trial) {
                continue;
            }
            items.retain(|item| wanted_condition(selection, &item.condition));
            // The recorded responses first: the ground truth is taken from there.
            items.sort_by_key(|item| (item.condition != RECORDED, item.condition.clone()));
            if !items.is_empty() {
                trials.push(TrialItems { mouse, trial, items });
            }
        }
        if trials.is_empty() {
            let problem = "has nothing of what was asked for together: mouse, trial and condition";
            return Err(Error::usage(format!("{} {problem}", folder.display())));
        }
        Ok(Self { run, trials })
    }

    /// Counts the movies.
    pub(super) fn movies(&self) -> usize {
        self.trials.iter().map(|trial| trial.items.len()).sum()
    }

    /// The mice, in order.
    pub(super) fn mice(&self) -> BTreeSet<&MouseId> {
        self.trials.iter().map(|trial| &trial.mouse).collect()
    }
}

fn wanted_condition(selection: &Selection, condition: &str) -> bool {
    if selection.conditions.is_empty() {
        return condition == RECORDED;
    }
    selection.conditions.iter().any(|name| name == "all" || is_named(name, condition))
}

/// Says whether a condition is the one that was named, or one of those below it: `ablation/neurons` names many.
fn is_named(name: &str, condition: &str) -> bool {
    let plain = |text: &str| text.trim_end_matches('/').replace('-', "_");
    let (name, condition) = (plain(name), plain(condition));
    condition.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Complains about what was asked for by name and is not there.
fn check_selection(folder: &Path, selection: &Selection, found: &Found) -> Result<()> {
    let missing = |what: &str, name: &str, there: Vec<String>| {
        let few = there.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if there.len() > MOST_NAMED { ", ..." } else { "" };
        Err(Error::usage(format!("{} has no {what} {name}; it has {few}{more}", folder.display())))
    };
    let mice: BTreeSet<&str> = found.keys().map(|(mouse, _)| mouse.0.as_str()).collect();
    if let Some(name) = selection.mice.iter().find(|name| !mice.contains(name.as_str())) {
        return missing("mouse", name, mice.into_iter().map(str::to_string).collect());
    }
    let trials: BTreeSet<u32> = found.keys().map(|(_, trial)| trial.0).collect();
    if let Some(number) = selection.trials.iter().find(|number| !trials.contains(number)) {
        let there = trials.iter().map(u32::to_string).collect();
        return missing("reconstruction of trial", &number.to_string(), there);
    }
    let conditions: BTreeSet<String> = found.values().flatten().map(|item| item.condition.clone()).collect();
    let there = |name: &&String| *name == "all" || conditions.iter().any(|known| is_named(name, known));
    match selection.conditions.iter().find(|name| !there(name)) {
        Some(name) => missing("condition", name, conditions.into_iter().collect()),
        None => Ok(()),
    }
}

/// Names that an error lists.
const MOST_NAMED: usize = 12;

/// Finds every finished movie of a run: `reconstructions/MOUSE/TRIAL/ensemble.h5`, the same below `controls/CONDITION`
/// and `ablation/...`, and the linear decoder's.
fn find(folder: &Path) -> Result<Found> {
    let mut found = Found::new();
    for (top, depth) in [("reconstructions", 0), ("controls", 1), ("ablation", DEEPEST)] {
        walk(&folder.join(top), &mut vec![top.to_string()], 2 + depth, &mut found)?;
    }
    Ok(found)
}

/// Folders between `ablation` and a mouse, at most.
const DEEPEST: usize = 6;

fn walk(folder: &Path, names: &mut Vec<String>, depth: usize, found: &mut Found) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    if let Some((key, item)) = movie_in(folder, names) {
        found.entry(key).or_default().push(item);
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
            walk(&entry.path(), names, depth - 1, found)?;
            names.pop();
        }
    }
    Ok(())
}

/// Takes `names`, such as `controls, shuffled_neurons, MOUSE, TRIAL`, for the folder of a trial when a movie is in it.
fn movie_in(folder: &Path, names: &[String]) -> Option<((MouseId, TrialId), Item)> {
    let [top, middle @ .., mouse, trial] = names else { return None };
    let trial = TrialId(trial.parse().ok()?);
    let condition = match (top.as_str(), middle) {
        ("reconstructions", []) => RECORDED.to_string(),
        ("controls", [condition]) => condition.clone(),
        ("ablation", [_, ..]) => format!("ablation/{}", middle.join("/")),
        _ => return None,
    };
    let file = folder.join(if condition == LINEAR_DECODER { "decoded.h5" } else { "ensemble.h5" });
    file.is_file().then(|| ((MouseId(mouse.clone()), trial), Item { condition, file }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn movies_are_found_under_all_conditions_and_nothing_else_is() {
        let run = tempfile::tempdir().unwrap();
        for file in [
            "reconstructions/a/3/ensemble.h5",
            "reconstructions/a/12/ensemble.h5",
            "reconstructions/a/4/member_0.h5",
            "reconstructions/a/.3.123.tmp/ensemble.h5",
            "controls/shuffled_neurons/a/3/ensemble.h5",
            "controls/linear_decoder/a/3/decoded.h5",
            "controls/linear_decoder/a/12/ensemble.h5",
            "ablation/neurons/random/exclude/5_neurons/draw_0/a/3/ensemble.h5",
            "ablation/behavior/running_zero/a/3/ensemble.h5",
            "ensemble.h5",
        ] {
            touch(&run.path().join(file));
        }
        let found = find(run.path()).unwrap();
        let of = |trial: u32| -> BTreeSet<&str> {
            found[&(MouseId("a".into()), TrialId(trial))].iter().map(|item| item.condition.as_str()).collect()
        };
        assert_eq!(found.len(), 2);
        assert_eq!(of(12), BTreeSet::from(["recorded"]));
        let all = [
            "ablation/behavior/running_zero",
            "ablation/neurons/random/exclude/5_neurons/draw_0",
            "linear_decoder",
            "recorded",
            "shuffled_neurons",
        ];
        assert_eq!(of(3), BTreeSet::from(all));
    }

    #[test]
    fn a_condition_is_named_in_full_or_by_its_first_folders() {
        assert!(is_named("shuffled-neurons", "shuffled_neurons") && is_named("recorded", "recorded"));
        assert!(
            is_named("ablation", "ablation/neurons/random")
                && is_named("ablation/neurons/", "ablation/neurons/a")
        );
        assert!(!is_named("shuffled", "shuffled_neurons") && !is_named("", "recorded"));
    }
}
