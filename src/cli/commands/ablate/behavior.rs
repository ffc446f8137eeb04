//! `v1reel ablate behavior`: predicts and reconstructs with altered behavior.

use std::path::PathBuf;

use super::{ablated, recorded, tables};
use crate::ablate::behavior::{Substitutes, available, draws};
use crate::ablate::effect::{
    BehaviorScore, Effect, EffectOverMice, Pairs, effects, effects_over_mice, reconstruction_pairs,
};
use crate::ablate::prediction::{PredictionScores, PredictionTally};
use crate::ablate::table::{write_behavior_scores, write_effects, write_predictions};
use crate::ablate::{Alteration, Channel};
use crate::cli::args::ablate::{AblateBehaviorArgs, EffectOn};
use crate::cli::chosen::Chosen;
use crate::cli::commands::reconstruct::{announce, require_trials};
use crate::cli::commands::validate::{held_out_movies, warn_of_foreign_members};
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::workspace::Workspace;
use crate::data::{Trial, TrialId};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::metric::correlation;
use crate::reconstruct::{Condition, Reconstruction, TrialPlan};
use crate::simulate::Truth;

/// Names of the tasks.
const PREDICT: &str = "predict with altered behavior";
const RECONSTRUCT: &str = "reconstruct with altered behavior";

/// Gains of every neuron that the simulation knows, by their names there; `None` for a real mouse.
type Gains = Vec<(&'static str, Vec<Option<Vec<f32>>>)>;

/// Ablates behavior.
///
/// # Errors
/// Whatever the stages return.
pub fn run(args: &AblateBehaviorArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.experiment())?, session)?;
    let ensemble = workspace.ensemble()?;
    let run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    let (effects, over_mice, path) = make(&workspace, &ensemble, &run, |effect| args.measures(effect))?;
    run.close()?;
    if args.json {
        return output::json(&serde_json::json!({ "effects": effects, "over_mice": over_mice }));
    }
    tables::print_behavior(&effects, &over_mice)?;
    output::line(format!(
        "All comparisons are in {}; single neurons and trials are beside it",
        path.display()
    ))
}

/// Makes what is not there yet, and writes the tables; returns the effects, those over mice, and where they are.
///
/// # Errors
/// Whatever the stages return.
pub fn make(
    workspace: &Workspace,
    ensemble: &Ensemble,
    run: &Run,
    measures: impl Fn(EffectOn) -> bool,
) -> Result<(Vec<Effect>, Vec<EffectOverMice>, PathBuf)> {
    let channels = channels(workspace, run)?;
    let seed = &workspace.experiment.seed;
    let substitutes =
        workspace.mice.iter().map(|split| Substitutes::new(&split.mouse, &split.training, seed));
    let study =
        Study { workspace, ensemble, run, channels, substitutes: substitutes.collect::<Result<Vec<_>>>()? };
    let mut pairs = Vec::new();
    let folder = workspace.folder.evaluation();
    if measures(EffectOn::Prediction) {
        let scores = study.predictions()?;
        let gains = gains(workspace)?;
        write_predictions(&folder.join("behavior_ablation_neurons.csv"), &scores, &gains)?;
        pairs.extend(scores.iter().enumerate().flat_map(|(index, scores)| groups(scores, &gains, index)));
    }
    if measures(EffectOn::Reconstruction) {
        require_trials(workspace)?;
        announce(workspace, run)?;
        let rows = study.reconstructions()?;
        write_behavior_scores(&folder.join("behavior_ablation_trials.csv"), &rows)?;
        pairs.extend(reconstruction_pairs(&rows));
    }
    let resamples = workspace.experiment.ablation.resamples;
    let effects: Vec<Effect> = effects(&pairs, resamples, seed);
    let over_mice = effects_over_mice(&pairs, resamples, seed);
    let path = folder.join("behavior_ablation_effects.csv");
    write_effects(&path, &effects, &over_mice)?;
    Ok((effects, over_mice, path))
}

/// Lists the channels of each mouse, and says which it lacks.
fn channels(workspace: &Workspace, run: &Run) -> Result<Vec<Vec<Channel>>> {
    let wanted = &workspace.experiment.ablation.channels;
    let mut all = Vec::new();
    for split in &workspace.mice {
        let (has, lacks) = available(wanted, &split.mouse);
        if has.is_empty() {
            return Err(Error::usage(format!(
                "mouse {}: its recording has none of the channels to alter ({}); it has {} rows of behavior and {} of \
                 pupil center",
                split.mouse.id,
                names(wanted),
                split.mouse.behavior_rows,
                split.mouse.pupil_center_rows
            )));
        }
        if !lacks.is_empty() {
            let message = format!("mouse {}: its recording has no {}", split.mouse.id, names(&lacks));
            run.observer.emit(Event::Note { message });
        }
        all.push(has);
    }
    Ok(all)
}

fn names(channels: &[Channel]) -> String {
    channels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Reads what the simulations know.
fn gains(workspace: &Workspace) -> Result<Gains> {
    let mut gains: Gains = vec![("running_gain", Vec::new()), ("pupil_gain", Vec::new())];
    for split in &workspace.mice {
        let truth = Truth::open(&split.mouse.root)?;
        for (name, mice) in &mut gains {
            mice.push(truth.as_ref().map(|truth| truth.neurons(name)).transpose()?);
        }
    }
    Ok(gains)
}

/// Pairs all neurons, then those that the simulation gave a gain and those that it gave none.
fn groups(scores: &PredictionScores, gains: &Gains, index: usize) -> Vec<Pairs> {
    let mut pairs = scores.pairs();
    for (name, mice) in gains {
        let Some(values) = &mice[index] else { continue };
        let has = |neuron: usize| values.get(neuron).is_some_and(|&gain| gain != 0.0);
        pairs.extend(scores.pairs_of(&format!("with {name}"), |_, neuron| has(neuron)));
        pairs.extend(scores.pairs_of(&format!("without {name}"), |_, neuron| !has(neuron)));
    }
    pairs
}

/// What both halves of the study share.
struct Study<'a> {
    workspace: &'a Workspace,
    ensemble: &'a Ensemble,
    run: &'a Run,
    /// Of each mouse.
    channels: Vec<Vec<Channel>>,
    /// Of each mouse.
    substitutes: Vec<Substitutes<'a>>,
}

impl Study<'_> {
    /// Predicts held-out trials.
    fn predictions(&self) -> Result<Vec<PredictionScores>> {
        let (workspace, config) = (self.workspace, &self.workspace.experiment.ablation);
        let held_out = held_out_movies(workspace, &self.run.observer)?;
        let first = |movies: Vec<Vec<TrialId>>| {
            let mut trials: Vec<TrialId> = movies.into_iter().flatten().collect();
            trials.sort_unstable();
            trials.truncate(config.prediction_trials);
            trials
        };
        let trials: Vec<Vec<TrialId>> = held_out.into_iter().map(first).collect();
        if let Some(empty) = trials.iter().position(Vec::is_empty) {
            return Err(Error::usage(format!(
                "mouse {}: fold {} has no trial to predict; choose another data.held_out_fold before you train",
                workspace.mice[empty].mouse.id, workspace.experiment.data.held_out_fold
            )));
        }
        let steps = trials.iter().map(Vec::len).sum::<usize>() as u64;
        let task = || PREDICT.to_string();
        self.run.observer.emit(Event::Started { task: task(), steps, unit: "trials" });
        let members = workspace.members_without_held_out_fold();
        warn_of_foreign_members(workspace, &members, self.run)?;
        let (mut all, mut step) = (Vec::new(), 0);
        for (index, trials) in trials.iter().enumerate() {
            let mouse = &workspace.mice[index].mouse;
            let geometry = workspace.geometry(index)?;
            let mut tally = PredictionTally::new(&self.channels[index], config, mouse.neurons);
            for &id in trials {
                let trial = mouse.read_trial(id)?;
                let alter = |trial: &Trial, channel, alteration, draw| {
                    self.substitutes[index].alter(trial, channel, alteration, draw)
                };
                tally.add(&trial, alter, |trial| {
                    self.run.stop.check()?;
                    let input = geometry.encoder_input(trial);
                    self.ensemble.predict(&members, index, input.view(), workspace.experiment.clip)
                })?;
                step += 1;
                self.run.observer.emit(Event::Progress { task: task(), step, loss: None });
            }
            all.push(tally.scores(&mouse.id));
        }
        self.run.observer.emit(Event::Finished { task: task() });
        Ok(all)
    }

    /// Reconstructs the chosen trials.
    fn reconstructions(&self) -> Result<Vec<BehaviorScore>> {
        let config = &self.workspace.experiment.ablation;
        let draws = draws(&config.alterations, config.draws);
        let task = || RECONSTRUCT.to_string();
        let trials = self.workspace.chosen.iter().zip(&self.channels);
        let steps =
            trials.map(|(trials, channels)| trials.len() * channels.len()).sum::<usize>() * draws.len();
        self.run.observer.emit(Event::Started { task: task(), steps: steps as u64, unit: "reconstructions" });
        let mut rows = Vec::new();
        self.workspace.for_each_chosen(&self.run.observer, &self.run.stop, |chosen| {
            let before = score(&recorded(&chosen, self.ensemble, self.run)?);
            for &channel in &self.channels[chosen.index] {
                for &(alteration, draw) in &draws {
                    let result = self.reconstruction(&chosen, channel, alteration, draw)?;
                    rows.push(BehaviorScore {
                        mouse: chosen.mouse().id.clone(),
                        trial: chosen.trial.id,
                        channel,
                        alteration,
                        draw,
                        pixel_correlation: score(&result),
                        recorded_pixel_correlation: before,
                        response_correlation: response_correlation(&result),
                    });
                    let step = rows.len() as u64;
                    self.run.observer.emit(Event::Progress { task: task(), step, loss: None });
                }
            }
            Ok(())
        })?;
        self.run.observer.emit(Event::Finished { task: task() });
        Ok(rows)
    }

    fn reconstruction(
        &self,
        chosen: &Chosen<'_>,
        channel: Channel,
        alteration: Alteration,
        draw: usize,
    ) -> Result<Reconstruction> {
        let altered = self.substitutes[chosen.index].alter(chosen.trial, channel, alteration, draw)?;
        let values = altered.behavior.iter().chain(&altered.pupil_center);
        let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
        let facts = serde_json::json!({ "behavior": blake3::hash(&bytes).to_hex().to_string() });
        let settings = chosen.settings(Condition::Recorded, Some(facts));
        let label = format!("{alteration} {channel} draw {draw}");
        let plan = chosen.plan(Condition::Recorded, &settings)?;
        let plan = TrialPlan { trial: &altered, label: &label, ..plan };
        let way = format!("{channel}/{alteration}/draw_{draw}");
        let folder = self.workspace.folder.ablated("behavior", &way, &chosen.mouse().id, chosen.trial.id);
        ablated(&plan, &folder, self.ensemble, self.run)
    }
}

/// Mean over neurons of the correlation of recorded responses with those predicted from a reconstruction.
fn response_correlation(result: &Reconstruction) -> f64 {
    correlation::response_correlation(result.predicted_responses.view(), result.responses.view())
}

/// Pixel correlation of a reconstruction.
fn score(result: &Reconstruction) -> f64 {
    correlation::pixel_correlation(result.ground_truth.view(), result.movie.view(), result.scored().view())
}
