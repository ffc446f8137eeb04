//! `v1reel predict`: predicts the responses to the movies of the chosen trials.

use crate::atomic;
use crate::cli::args::ExperimentArgs;
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::data::TrialId;
use crate::data::format::npy_array::write_numbers;
use crate::error::Result;
use crate::event::{Event, Observer};
use crate::metric::{correlation, error};

/// Predicts and compares.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &ExperimentArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(args)?, session)?;
    let ensemble = workspace.ensemble()?;
    let run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    let mut table = Table::new(["mouse", "trial", "response correlation", "Poisson loss", "predictions"]);
    let steps = workspace.chosen.iter().map(Vec::len).sum::<usize>() as u64;
    let task = || "predict".to_string();
    run.observer.emit(Event::Started { task: task(), steps, unit: "trials" });
    let mut step = 0;
    for (index, split) in workspace.mice.iter().enumerate() {
        for &id in &workspace.chosen[index] {
            run.stop.check()?;
            let trial = split.mouse.read_trial(id)?;
            let input = workspace.geometry(index)?.encoder_input(&trial);
            let clip = workspace.experiment.clip;
            let members = members(&workspace, index, id, &run)?;
            let predicted = ensemble.predict(&members, index, input.view(), clip)?;
            let path = workspace.folder.prediction(&split.mouse.id, id);
            atomic::write_file(&path, |temporary| {
                write_numbers(temporary, predicted.shape(), predicted.iter().copied())
            })?;
            let r = correlation::response_correlation(predicted.view(), trial.responses.view());
            let loss = error::poisson_loss(predicted.view(), trial.responses.view());
            let numbers = [format!("{r:.3}"), format!("{loss:.3}")];
            let [r, loss] = numbers;
            table.row([split.mouse.id.to_string(), id.to_string(), r, loss, path.display().to_string()]);
            step += 1;
            run.observer.emit(Event::Progress { task: task(), step, loss: None });
        }
    }
    run.observer.emit(Event::Finished { task: task() });
    output::line(table)?;
    run.close()
}

/// Picks the members that were not trained on a trial's movie, or all, with a warning, when all were.
fn members(workspace: &Workspace, index: usize, trial: TrialId, run: &Run) -> Result<Vec<usize>> {
    let members = workspace.unseen_by(index, trial)?;
    if !members.is_empty() {
        return Ok(members);
    }
    let mouse = &workspace.mice[index].mouse.id;
    let message = format!("mouse {mouse}, trial {trial}: every member was trained on its movie");
    run.observer.emit(Event::Warning { message });
    Ok((0..workspace.experiment.members).collect())
}
