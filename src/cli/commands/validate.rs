//! `v1reel validate`: scores how well the members predict responses to movies they were not trained on.

use crate::cli::args::model::ValidateArgs;
use crate::cli::commands::train::plan;
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::data::movies::{group_by_movie, movie_prints};
use crate::data::{Mouse, TrialId};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::evaluate::response_table::{MouseSummary, PredictorSummary, mean_over_mice, write_csv};
use crate::evaluate::responses::{ResponseScores, Validation};
use crate::event::{Event, Observer};
use crate::simulate::Truth;

/// Name of the task, of which a trial is a step.
const TASK: &str = "validate";

/// Validates the ensemble.
///
/// # Errors
/// Whatever the stages return.
pub fn run(args: &ValidateArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.experiment)?, session)?;
    let ensemble = workspace.ensemble()?;
    let run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    let scores = validate(&workspace, &ensemble, &run)?;
    let path = workspace.folder.evaluation().join("responses.csv");
    write_csv(&path, &scores)?;
    let mice: Vec<MouseSummary> = scores.iter().map(MouseSummary::of).collect();
    run.close()?;
    if args.json {
        return output::json(&serde_json::json!({ "mean": mean_over_mice(&mice), "mice": mice }));
    }
    output::line(recordings(&mice))?;
    output::line("")?;
    output::line(predictors(&mice))?;
    output::line(format!("The scores of every neuron are in {}", path.display()))
}

/// Scores all members, and all of them together, on the held-out trials of every mouse.
///
/// # Errors
/// When there is no held-out trial, or a trial can't be read or predicted.
pub fn validate(workspace: &Workspace, ensemble: &Ensemble, run: &Run) -> Result<Vec<ResponseScores>> {
    let movies = held_out_movies(workspace, &run.observer)?;
    let trials: usize = movies.iter().flatten().map(Vec::len).sum();
    if trials == 0 {
        let fold = workspace.experiment.data.held_out_fold;
        return Err(Error::usage(format!(
            "fold {fold} has no trial to validate on; choose another data.held_out_fold before you train"
        )));
    }
    run.observer.emit(Event::Started { task: TASK.into(), steps: trials as u64, unit: "trials" });
    let mut step = 0;
    let mut progress = || {
        step += 1;
        run.observer.emit(Event::Progress { task: TASK.into(), step, loss: None });
        run.stop.check()
    };
    let members = workspace.members_without_held_out_fold();
    if members.len() < workspace.experiment.members {
        let message =
            format!("members {members:?} are scored; the others leave out other folds than this one");
        run.observer.emit(Event::Note { message });
    }
    warn_of_foreign_members(workspace, &members, run)?;
    let mut scores = Vec::new();
    for (readout, movies) in movies.iter().enumerate().filter(|(_, movies)| !movies.is_empty()) {
        let mouse = &workspace.mice[readout].mouse;
        let truth = Truth::open(&mouse.root)?;
        let expected = truth.as_ref().map(|truth| |id| truth.expected(id));
        let validation = Validation {
            ensemble,
            members: &members,
            readout,
            mouse,
            movies,
            clip: workspace.experiment.clip,
            geometry: workspace.geometry(readout)?,
            expected: expected.as_ref().map(|expected| expected as _),
        };
        scores.push(validation.run(&mut progress)?);
    }
    run.observer.emit(Event::Finished { task: TASK.into() });
    Ok(scores)
}

/// Warns of members of which is not known that they never saw the held-out trials.
///
/// # Errors
/// When the sizes of the encoder and the recordings don't fit together.
pub fn warn_of_foreign_members(workspace: &Workspace, members: &[usize], run: &Run) -> Result<()> {
    let model = workspace.model()?;
    for &member in members {
        let mice = workspace.mice_of(member)?;
        let doubt =
            match plan(workspace, &mice, &model, member, &run.stop).made(&workspace.folder.member(member)) {
                Ok(Some(true)) => continue,
                Ok(Some(false)) => "was trained with other settings or data".to_string(),
                Ok(None) => "does not say what it was trained on".to_string(),
                Err(error) => format!("was trained on what can't be told ({error})"),
            };
        let message = format!("member {member} {doubt}: it may know the trials that are held out here");
        run.observer.emit(Event::Warning { message });
    }
    Ok(())
}

/// Lists, for each mouse, the held-out trials, those that show one movie together.
///
/// Folds are split by a hash that a showing of another length may change. So trials whose movie is trained
/// on as well, by any mouse, are left out here, with a warning.
///
/// # Errors
/// When a movie can't be read.
pub fn held_out_movies(workspace: &Workspace, observer: &dyn Observer) -> Result<Vec<Vec<Vec<TrialId>>>> {
    let span = workspace.experiment.clip.span();
    let long_enough = |mouse: &Mouse, id: &TrialId| mouse.trial(*id).is_ok_and(|trial| trial.frames >= span);
    let held_out: Vec<Vec<TrialId>> = workspace
        .mice
        .iter()
        .map(|split| split.held_out.iter().copied().filter(|id| long_enough(&split.mouse, id)).collect())
        .collect();
    let training = workspace.mice.iter().flat_map(|s| s.training.iter().map(|&id| (&s.mouse, id)));
    let held = workspace.mice.iter().zip(&held_out).flat_map(|(s, ids)| ids.iter().map(|&id| (&s.mouse, id)));
    let all: Vec<(&Mouse, TrialId)> = held.chain(training).collect();
    let prints = movie_prints(&all)?;
    let count = held_out.iter().map(Vec::len).sum();
    let (mut prints, trained) = prints.split_at(count);
    let mut movies = Vec::new();
    for (split, ids) in workspace.mice.iter().zip(&held_out) {
        let (own, rest) = prints.split_at(ids.len());
        prints = rest;
        let (seen, unseen): (Vec<usize>, Vec<usize>) =
            (0..ids.len()).partition(|&k| trained.iter().any(|print| print.same_movie(&own[k])));
        if !seen.is_empty() {
            let ids: Vec<String> = seen.iter().map(|&k| ids[k].to_string()).collect();
            let message = format!(
                "mouse {}: held-out trials {} show movies that were trained on in other trials; left out",
                split.mouse.id,
                ids.join(", ")
            );
            observer.emit(Event::Warning { message });
        }
        let own: Vec<_> = unseen.iter().map(|&k| own[k].clone()).collect();
        let of_group = |group: Vec<usize>| group.into_iter().map(|index| ids[unseen[index]]).collect();
        movies.push(group_by_movie(&own).into_iter().map(of_group).collect());
    }
    Ok(movies)
}

fn cell(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { String::new() }
}

/// What there was to validate on, one mouse a row.
fn recordings(mice: &[MouseSummary]) -> Table {
    let mut table = Table::new([
        "mouse",
        "neurons",
        "held-out trials",
        "movies that repeat",
        "showings",
        "with signal power",
        "explainable variance",
        "oracle r",
    ]);
    for mouse in mice {
        let counts = [mouse.neurons, mouse.trials, mouse.repeated_movies, mouse.showings];
        let power =
            if mouse.showings > 0 { mouse.neurons_with_signal_power.to_string() } else { String::new() };
        let row = std::iter::once(mouse.mouse.clone()).chain(counts.map(|n| n.to_string()));
        table.row(row.chain([power, cell(mouse.explainable_variance), cell(mouse.oracle)]));
    }
    table
}

/// How well they were predicted, one predictor a row.
fn predictors(mice: &[MouseSummary]) -> Table {
    let mut table = Table::new([
        "mouse",
        "predictor",
        "single-trial r",
        "of attainable",
        "r to average",
        "CCnorm (median)",
    ]);
    let mut add = |mouse: &str, p: &PredictorSummary| {
        let fraction = 100.0 * p.fraction_of_attainable;
        let fraction = if fraction.is_finite() { format!("{fraction:.1}%") } else { String::new() };
        let [single, average, ccnorm] =
            [p.single_trial_correlation, p.correlation_to_average, p.ccnorm].map(cell);
        table.row([mouse.to_string(), p.predictor.clone(), single, fraction, average, ccnorm]);
    };
    for mouse in mice {
        mouse.predictors.iter().for_each(|predictor| add(&mouse.mouse, predictor));
    }
    if mice.len() > 1 {
        mean_over_mice(mice).iter().for_each(|predictor| add("mean", predictor));
    }
    table
}
