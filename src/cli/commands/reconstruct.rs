//! `v1reel reconstruct`: reconstructs the movies of the chosen trials.

use std::fs;
use std::path::Path;

use crate::cli::args::live::WatchArgs;
use crate::cli::args::reconstruct::ReconstructArgs;
use crate::cli::audience::Audience;
use crate::cli::chosen::Chosen;
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::workspace::Workspace;
use crate::data::TrialId;
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::reconstruct::condition::averaged;
use crate::reconstruct::result::TrueMoviePrediction;
use crate::reconstruct::{Condition, MaskSource, Reconstruction, TrialPlan};
use crate::report::trial_pictures::write_pictures;

/// Reconstructs.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &ReconstructArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.experiment)?, session)?;
    require_trials(&workspace)?;
    let ensemble = workspace.ensemble()?;
    let mut run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    announce(&workspace, &run)?;
    let controls = args.controls.iter().flat_map(|list| list.0.iter().copied());
    let conditions: Vec<Condition> = [Condition::Recorded].into_iter().chain(controls).collect();
    before_an_audience(&workspace, &ensemble, &conditions, &args.watch, &mut run, session)?;
    output::line(format!("Movies and pictures are in {}", run.folder.join("reconstructions").display()))?;
    run.close()
}

/// Reconstructs under several conditions, for whoever watches.
///
/// # Errors
/// Whatever the stage returns; see [`Audience::open`].
pub fn before_an_audience(
    workspace: &Workspace,
    ensemble: &Ensemble,
    conditions: &[Condition],
    watch: &WatchArgs,
    run: &mut Run,
    session: &Session,
) -> Result<()> {
    let planned = conditions.len() * workspace.chosen.iter().map(Vec::len).sum::<usize>();
    run.audience = Audience::open(watch, &workspace.experiment.name, planned, session, &mut run.observer)?;
    let made = conditions.iter().try_for_each(|&made| reconstruct(workspace, ensemble, made, run));
    std::mem::take(&mut run.audience).close(&made);
    made
}

/// Checks that there is something to reconstruct.
///
/// # Errors
/// [`Error::Usage`] when there is nothing.
pub fn require_trials(workspace: &Workspace) -> Result<()> {
    if workspace.chosen.iter().all(Vec::is_empty) {
        let fold = workspace.experiment.data.held_out_fold;
        return Err(Error::usage(format!("fold {fold} has no trial to reconstruct; choose data.trials")));
    }
    Ok(())
}

/// Checks that every chosen trial has members that may reconstruct it, and says where fewer than all do.
///
/// # Errors
/// [`Error::Usage`] when a trial has none.
pub fn announce(workspace: &Workspace, run: &Run) -> Result<()> {
    let all = workspace.experiment.members;
    for (index, split) in workspace.mice.iter().enumerate() {
        let mouse = &split.mouse.id;
        for &trial in &workspace.chosen[index] {
            let members = workspace.members_for(index, trial)?;
            if members.len() < all {
                let message = format!(
                    "mouse {mouse}, trial {trial}: reconstructed through members {members:?} alone; the others were \
                     trained on its movie"
                );
                run.observer.emit(Event::Note { message });
            }
            let trained = workspace.experiment.mask.from == MaskSource::Training;
            if trained && split.training.contains(&trial) {
                let message =
                    format!("mouse {mouse}: the transparency mask was trained on trial {trial} too");
                run.observer.emit(Event::Warning { message });
            }
        }
    }
    Ok(())
}

/// Reconstructs what is not there yet, with its pictures.
///
/// # Errors
/// Whatever the stage returns.
pub fn reconstruct(
    workspace: &Workspace,
    ensemble: &Ensemble,
    condition: Condition,
    run: &Run,
) -> Result<()> {
    let mut shown_once = Vec::new();
    workspace.for_each_chosen(&run.observer, &run.stop, |chosen| {
        let work = |chosen: &Chosen<'_>, done| one(chosen, ensemble, condition, done, run);
        if !as_shown(&chosen, condition, work)? {
            shown_once.push(format!("{} of mouse {}", chosen.trial.id, chosen.mouse().id));
        }
        Ok(())
    })?;
    if !shown_once.is_empty() {
        let message = format!(
            "control averaged: skipped for trials whose movies were shown once: {}",
            shown_once.join(", ")
        );
        run.observer.emit(Event::Note { message });
    }
    Ok(())
}

/// Runs `work` with a trial as a condition takes it, and with what was done to it before; says whether the condition
/// has it.
///
/// # Errors
/// Whatever reading and `work` return.
pub fn as_shown(
    chosen: &Chosen<'_>,
    condition: Condition,
    work: impl FnOnce(&Chosen<'_>, Option<serde_json::Value>) -> Result<()>,
) -> Result<bool> {
    if condition != Condition::Averaged {
        return work(chosen, None).map(|()| true);
    }
    let showings = chosen.workspace.showings(chosen.index, chosen.trial.id)?;
    if showings.len() < 2 {
        return Ok(false);
    }
    // The trial itself first: the mean bears its number.
    let others = showings.iter().copied().filter(|&id| id != chosen.trial.id);
    let trials = [chosen.trial.id].into_iter().chain(others).map(|id| chosen.mouse().read_trial(id));
    let mean = averaged(&trials.collect::<Result<Vec<_>>>()?);
    let done = averaged_over(&showings);
    let trial = mean.as_ref().unwrap_or(chosen.trial);
    work(&Chosen { trial, ..*chosen }, Some(done)).map(|()| true)
}

/// Says for the settings of a result that responses were averaged, and over which trials.
pub fn averaged_over(showings: &[TrialId]) -> serde_json::Value {
    serde_json::json!({ "averaged over": showings.iter().map(|id| id.0).collect::<Vec<_>>() })
}

/// Reconstructs one trial under a condition, with its pictures.
///
/// # Errors
/// Whatever the stage returns.
pub fn one(
    chosen: &Chosen<'_>,
    ensemble: &Ensemble,
    condition: Condition,
    done: Option<serde_json::Value>,
    run: &Run,
) -> Result<()> {
    let places = &chosen.workspace.folder;
    let settings = chosen.settings(condition, done);
    let plan = chosen.plan(condition, &settings)?;
    let folder = places.reconstruction(condition.name(), plan.mouse, plan.trial.id);
    let result = plan.reconstruct(ensemble, &folder, &run.observer)?;
    if condition == Condition::HeldOutNeurons {
        let path = places.true_movie(condition.name(), plan.mouse, plan.trial.id);
        if !path.exists() {
            let predicted_responses = plan.predict_true_movie(ensemble)?;
            TrueMoviePrediction { predicted_responses, settings: settings.clone() }.write(&path)?;
        }
    }
    write_pictures(&folder, &result)?;
    run.audience.finish(&plan, result);
    Ok(())
}

/// Reconstructs into a folder of its own, where the members' movies are not kept once they are one: there may be
/// thousands of such folders.
///
/// # Errors
/// Whatever the stage returns.
pub fn reconstruct_keeping_one(
    plan: &TrialPlan<'_>,
    folder: &Path,
    ensemble: &Ensemble,
    run: &Run,
) -> Result<Reconstruction> {
    let result = plan.reconstruct(ensemble, folder, &run.observer)?;
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("member") && name.ends_with(".h5") {
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(result)
}
