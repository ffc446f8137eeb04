//! `v1reel mask`: makes the transparency mask of every mouse, by training or from receptive fields.

use ndarray::{Array2, Axis};

use crate::cli::args::ExperimentArgs;
use crate::cli::commands::probe::Probe;
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::data::Typical;
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::probe::mask::{coverage, transparency};
use crate::reconstruct::MaskSource;
use crate::reconstruct::mask_training::MaskPlan;
use crate::report::mask_picture::write_mask;

/// Trains the masks.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &ExperimentArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(args)?, session)?;
    let ensemble = workspace.ensemble()?;
    let run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    train(&workspace, &ensemble, &run)?;
    let mut table = Table::new(["mouse", "updated pixels", "scored pixels", "of", "mask"]);
    for (index, split) in workspace.mice.iter().enumerate() {
        let mask = workspace.mask(index)?;
        let geometry = workspace.geometry(index)?;
        let content = geometry.crop_image(mask.view());
        let config = &workspace.experiment.reconstruction;
        let count = |threshold: f32| content.iter().filter(|&&t| t >= threshold).count().to_string();
        table.row([
            split.mouse.id.to_string(),
            count(config.update_threshold),
            count(config.evaluation_threshold),
            content.len().to_string(),
            workspace.folder.mask(&split.mouse.id).display().to_string(),
        ]);
    }
    output::line(table)?;
    run.close()
}

/// Makes the masks that are not there yet.
///
/// # Errors
/// Whatever the stage returns.
pub fn train(workspace: &Workspace, ensemble: &Ensemble, run: &Run) -> Result<()> {
    for (index, split) in workspace.mice.iter().enumerate() {
        let path = workspace.folder.mask(&split.mouse.id);
        if path.exists() {
            let message = format!("{}: taken as it is; delete it to make it again", path.display());
            run.observer.emit(Event::Note { message });
            continue;
        }
        make(workspace, ensemble, index, run)?;
    }
    Ok(())
}

/// Makes the mask of one mouse.
///
/// # Errors
/// Whatever the stage returns.
pub fn make(workspace: &Workspace, ensemble: &Ensemble, index: usize, run: &Run) -> Result<()> {
    let path = workspace.folder.mask(&workspace.mice[index].mouse.id);
    let mask = match workspace.experiment.mask.from {
        MaskSource::Training => train_one(workspace, index, ensemble, run)?,
        MaskSource::Everywhere => workspace.geometry(index)?.whole(),
        MaskSource::ReceptiveFields => from_receptive_fields(workspace, ensemble, index, run)?,
    };
    // Its picture first: where the mask is, nothing is made again.
    write_mask(&path.with_extension("png"), mask.view())?;
    workspace.write_mask(index, &mask)
}

fn train_one(workspace: &Workspace, index: usize, ensemble: &Ensemble, run: &Run) -> Result<Array2<f32>> {
    let split = &workspace.mice[index];
    let plan = MaskPlan {
        mouse: &split.mouse,
        readout: index,
        members: &workspace.members_without_held_out_fold(),
        trials: &split.training,
        clip: workspace.experiment.clip,
        input_size: workspace.experiment.input_size,
        config: &workspace.experiment.mask,
        seed: &workspace.experiment.seed,
        stop: &run.stop,
    };
    plan.train(ensemble, &run.observer)
}

/// Finds where the neurons look, through the members that a mask is trained through too.
fn from_receptive_fields(
    workspace: &Workspace,
    ensemble: &Ensemble,
    index: usize,
    run: &Run,
) -> Result<Array2<f32>> {
    let split = &workspace.mice[index];
    let typical = Typical::of(&split.mouse, &split.training)?;
    let members = workspace.members_without_held_out_fold();
    let probe = Probe { workspace, ensemble, run, members: &members, index, typical: &typical };
    let fields = probe.receptive_fields()?;
    let covered = coverage(&fields.neurons, split.mouse.frame_size);
    if covered.iter().all(|&count| count == 0.0) {
        return Err(Error::Failed(format!(
            "mouse {}: no neuron has a receptive field to speak of, so there is no mask to make from them; train longer, \
             or set mask.from = \"training\"",
            split.mouse.id
        )));
    }
    let mask = transparency(&covered).insert_axis(Axis(0));
    Ok(workspace.geometry(index)?.embed(mask.view()).index_axis_move(Axis(0), 0))
}
