//! `v1reel ablate neurons`: reconstructs with fewer neurons.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{ablated, recorded, tables};
use crate::ablate::neurons::{Condition, NeuronScore, conditions};
use crate::ablate::order;
use crate::ablate::summary::NeuronSummary;
use crate::ablate::table::{write_neuron_curves, write_neuron_scores, write_neuron_tests};
use crate::ablate::{AblationConfig, Order};
use crate::cli::args::ablate::AblateNeuronsArgs;
use crate::cli::chosen::Chosen;
use crate::cli::commands::reconstruct::{announce, require_trials};
use crate::cli::commands::validate::{held_out_movies, warn_of_foreign_members};
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::workspace::Workspace;
use crate::data::TrialId;
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::evaluate::responses::{ResponseScores, Validation};
use crate::event::{Event, Observer};
use crate::model::checkpoint::Checkpoint;
use crate::reconstruct::{self, Population, Reconstruction, TrialPlan};
use crate::report::ablation_plot::write_neuron_plot;

/// Name of the task, of which a reconstruction is a step.
const TASK: &str = "ablate neurons";

/// Ablates neurons.
///
/// # Errors
/// Whatever the stages return.
pub fn run(args: &AblateNeuronsArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.experiment())?, session)?;
    require_trials(&workspace)?;
    let ensemble = workspace.ensemble()?;
    let run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    announce(&workspace, &run)?;
    let (rows, summary, picture) = make(&workspace, &ensemble, &run)?;
    run.close()?;
    if args.json {
        return output::json(&serde_json::json!({ "summary": summary, "reconstructions": rows }));
    }
    tables::print_neurons(&summary)?;
    output::line(format!("The curves are drawn in {}; tables are beside it", picture.display()))
}

/// Makes what is not there yet, and writes tables and picture; returns the scores, their summary, and where the picture
/// is.
///
/// # Errors
/// Whatever the stages return.
pub fn make(
    workspace: &Workspace,
    ensemble: &Ensemble,
    run: &Run,
) -> Result<(Vec<NeuronScore>, NeuronSummary, PathBuf)> {
    let rows = ablate(workspace, ensemble, run)?;
    let experiment = &workspace.experiment;
    let summary = NeuronSummary::of(&rows, experiment.ablation.resamples, &experiment.seed);
    let folder = workspace.folder.evaluation();
    write_neuron_scores(&folder.join("neuron_ablation.csv"), &rows)?;
    write_neuron_curves(&folder.join("neuron_ablation_curves.csv"), &summary)?;
    write_neuron_tests(&folder.join("neuron_ablation_tests.csv"), &summary)?;
    let picture = folder.join("neuron_ablation.png");
    write_neuron_plot(&picture, &summary)?;
    Ok((rows, summary, picture))
}

/// Makes the reconstructions that are not there yet and scores all of them.
fn ablate(workspace: &Workspace, ensemble: &Ensemble, run: &Run) -> Result<Vec<NeuronScore>> {
    let config = &workspace.experiment.ablation;
    let mut steps = 0;
    for (split, chosen) in workspace.mice.iter().zip(&workspace.chosen) {
        steps += chosen.len() * conditions(config, &split.mouse.id, split.mouse.neurons)?.len();
    }
    let values = (0..workspace.mice.len()).map(|index| values(workspace, ensemble, index, config, run));
    let values = values.collect::<Result<Vec<_>>>()?;
    run.observer.emit(Event::Started { task: TASK.into(), steps: steps as u64, unit: "reconstructions" });
    let mut rows = Vec::new();
    workspace.for_each_chosen(&run.observer, &run.stop, |chosen| {
        let (mouse, trial) = (chosen.mouse(), chosen.trial);
        for condition in conditions(config, &mouse.id, mouse.neurons)? {
            let population = kept(workspace, (chosen.index, trial.id), &condition, &values[chosen.index]);
            let result = one(&chosen, &condition, &population, ensemble, run)?;
            rows.push(NeuronScore::of(&mouse.id, &condition, &population, trial, &result));
            let step = rows.len() as u64;
            run.observer.emit(Event::Progress { task: TASK.into(), step, loss: None });
        }
        Ok(())
    })?;
    run.observer.emit(Event::Finished { task: TASK.into() });
    Ok(rows)
}

/// Draws or picks the neurons that are kept of a trial; `values` are [`values`] of its mouse.
pub fn kept(
    workspace: &Workspace,
    (index, trial): (usize, TrialId),
    condition: &Condition,
    values: &BTreeMap<Order, Vec<f64>>,
) -> Population {
    let (mouse, by) = (&workspace.mice[index].mouse, condition.by);
    let seed = &workspace.experiment.seed;
    let mut rng = order::stream(seed, by, &mouse.id, trial, condition.draw);
    let values = values.get(&by).map_or(&[][..], Vec::as_slice);
    let order = order::arrange(by, values, mouse.neurons, &mut rng);
    let count = condition.keep.count(mouse.neurons).unwrap_or(mouse.neurons);
    order::first(&order, count)
}

/// Reconstructs one trial from some of its neurons; from all of them it is the plain reconstruction.
fn one(
    chosen: &Chosen<'_>,
    condition: &Condition,
    population: &Population,
    ensemble: &Ensemble,
    run: &Run,
) -> Result<Reconstruction> {
    if *population == Population::all() {
        return recorded(chosen, ensemble, run);
    }
    from_some(chosen, condition, population, |plan, folder| ablated(plan, folder, ensemble, run))
}

/// Plans the reconstruction of a trial from some of its neurons and runs `work` with it and its folder.
///
/// # Errors
/// Whatever planning and `work` return.
pub fn from_some<T>(
    chosen: &Chosen<'_>,
    condition: &Condition,
    population: &Population,
    work: impl FnOnce(&TrialPlan<'_>, &Path) -> Result<T>,
) -> Result<T> {
    let mouse = chosen.mouse();
    let count = population.count(mouse.neurons);
    let folder = condition.folder(count);
    let label = format!("{} {count} {} draw {}", condition.method, condition.by, condition.draw);
    let settings = chosen.settings(reconstruct::Condition::Recorded, Some(condition.facts(population)));
    let (trial, population) = condition.apply(population, chosen.trial);
    let plan = chosen.plan(reconstruct::Condition::Recorded, &settings)?;
    let plan = TrialPlan { trial: &trial, population, label: &label, ..plan };
    let folder = chosen.workspace.folder.ablated("neurons", &folder, &mouse.id, trial.id);
    work(&plan, &folder)
}

/// What the neurons of a mouse are ordered by, for every order that asks for something.
///
/// # Errors
/// When something was not recorded, or can't be read.
pub fn values(
    workspace: &Workspace,
    ensemble: &Ensemble,
    index: usize,
    config: &AblationConfig,
    run: &Run,
) -> Result<BTreeMap<Order, Vec<f64>>> {
    let mouse = &workspace.mice[index].mouse;
    let mut values = BTreeMap::new();
    for &by in &config.by {
        let found = match by {
            Order::Random => Vec::new(),
            Order::Shallow | Order::Deep => order::depths(mouse)?,
            Order::Central | Order::Peripheral => {
                let members = 0..workspace.experiment.members;
                let members = members.map(|member| Checkpoint::read(&workspace.folder.model(member)));
                let members = members.collect::<Result<Vec<_>>>()?;
                order::eccentricities(members, index, &mouse.id, workspace.experiment.input_size)?
            }
            Order::Reliable | Order::Unreliable => {
                match values.get(&Order::Reliable).or_else(|| values.get(&Order::Unreliable)) {
                    Some(known) => Vec::clone(known),
                    None => reliability(workspace, ensemble, index, run)?,
                }
            }
        };
        values.insert(by, found);
    }
    Ok(values)
}

/// Measures how reliable the neurons of a mouse are, on held-out trials whose movies are not reconstructed: neurons
/// must not be chosen by what is then scored.
fn reliability(workspace: &Workspace, ensemble: &Ensemble, index: usize, run: &Run) -> Result<Vec<f64>> {
    let mouse = &workspace.mice[index].mouse;
    let chosen = |id: &TrialId| workspace.chosen[index].contains(id);
    let mut movies = held_out_movies(workspace, &run.observer)?.swap_remove(index);
    movies.retain(|movie| !movie.iter().any(chosen));
    if movies.is_empty() {
        return Err(Error::usage(format!(
            "mouse {}: every held-out movie is reconstructed, and none is left to tell reliable neurons by; choose \
             fewer trials (data.trial_count, data.trials)",
            mouse.id
        )));
    }
    let members = workspace.members_without_held_out_fold();
    warn_of_foreign_members(workspace, &members, run)?;
    let validation = Validation {
        ensemble,
        members: &members,
        readout: index,
        mouse,
        movies: &movies,
        clip: workspace.experiment.clip,
        geometry: workspace.geometry(index)?,
        expected: None,
    };
    let scores: ResponseScores = validation.run(&mut || run.stop.check())?;
    let (values, meaning) = order::reliability(&scores);
    let trials = scores.trials;
    let message =
        format!("mouse {}: neurons are reliable by {meaning}, over {trials} held-out trials", mouse.id);
    run.observer.emit(Event::Note { message });
    Ok(values)
}
