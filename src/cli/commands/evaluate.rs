//! `v1reel evaluate`: scores reconstructions against the true movies, beside controls and ceilings.

use std::collections::BTreeMap;

use crate::cli::args::reconstruct::EvaluateArgs;
use crate::cli::linear::LinearDecoders;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::data::{Mouse, TrialId};
use crate::error::{Error, Result};
use crate::evaluate::controls::{HeldOutNeurons, mean_movie};
use crate::evaluate::course::{CoursePoint, course, write_course};
use crate::evaluate::summary::{Summary, is_compared, summaries, write_summary};
use crate::evaluate::table::{COLUMNS, TrialScore, mean, value, write_csv};
use crate::evaluate::{Controls, Scores};
use crate::event::Observer;
use crate::reconstruct::condition::half;
use crate::reconstruct::result::{MemberResult, TrueMoviePrediction};
use crate::reconstruct::trial::{file_name, movie_names};
use crate::reconstruct::{Condition, Reconstruction};
use crate::report::course_plot::write_course_plot;
use crate::stop::Stop;

/// Scores what was reconstructed.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &EvaluateArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.experiment)?, session)?;
    let stop = Stop::default();
    let rows = evaluate(&workspace, !args.no_linear_decoder, session.observer(), &stop)?;
    let summaries = summaries(&rows, &workspace.experiment.seed);
    if args.json {
        let means: serde_json::Map<String, serde_json::Value> =
            COLUMNS.iter().map(|(name, value)| ((*name).to_string(), mean(&rows, value).into())).collect();
        let all = serde_json::json!({ "mean": means, "summary": summaries, "trials": rows });
        return output::json(&all);
    }
    output::line(table(&rows))?;
    output::line(summary_table(&summaries))?;
    output::line(format!("All scores are in {}", workspace.folder.evaluation().join("trials.csv").display()))
}

/// Scores every chosen trial and writes `evaluation/trials.csv` and `summary.csv`, and where movies on the way were
/// kept `course.csv`.
///
/// # Errors
/// [`Error::Interrupted`] when it is asked to stop; when a trial was not reconstructed or a file can't be read or
/// written.
pub fn evaluate(
    workspace: &Workspace,
    linear_decoder: bool,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Vec<TrialScore>> {
    let linear = linear_decoder.then(|| LinearDecoders::new(workspace, observer, stop));
    let (mut rows, mut points) = (Vec::new(), Vec::new());
    for (index, split) in workspace.mice.iter().enumerate() {
        let mouse = &split.mouse;
        let mut mean_movies = BTreeMap::new();
        for &trial in &workspace.chosen[index] {
            stop.check()?;
            let made = made(workspace, mouse, trial)?;
            let Some(result) = made.get(&Condition::Recorded) else {
                let path = workspace.folder.ensemble(Condition::Recorded.name(), &mouse.id, trial);
                return Err(Error::invalid(path, "this trial is not reconstructed yet (v1reel reconstruct)"));
            };
            // Of trials that a decoder of this one may know: where members leave out folds of their own, those differ.
            let training: Vec<_> =
                workspace.training_for(index, trial)?.into_iter().map(|(_, trial)| trial).collect();
            if !mean_movies.contains_key(&training) {
                mean_movies.insert(training.clone(), mean_movie(mouse, &training)?);
            }
            // Other held-out movies where there are some, else training ones; none that show the same.
            let same = workspace.showings(index, trial)?;
            let others = split.held_out.iter().chain(&split.training).filter(|other| !same.contains(other));
            let others = others
                .take(OTHER_TRIALS)
                .map(|&other| mouse.read_movie(other))
                .collect::<Result<Vec<_>>>()?;
            let mut controls = Controls::of(result, &made, mean_movies[&training].view(), &others);
            if let Some(half) = made.get(&Condition::HeldOutNeurons) {
                controls.held_out_neurons = held_out(workspace, mouse, trial, result, half)?;
            }
            if let Some(linear) = &linear {
                let decoded = linear.decode(index, trial)?;
                let config = &workspace.experiment.reconstruction;
                let shown = decoded.shown_as(result, workspace.geometry(index)?, config);
                controls = controls.with_linear_decoder(result, shown.view());
            }
            points.extend(snapshots(workspace, index, trial, result)?);
            rows.push(TrialScore {
                mouse: mouse.id.clone(),
                trial,
                members: workspace.members_for(index, trial)?.len(),
                scores: Scores::of(result),
                controls,
            });
        }
    }
    write(workspace, &rows, points)?;
    Ok(rows)
}

/// Movies that a reconstruction is compared with as a control.
const OTHER_TRIALS: usize = 8;

fn write(workspace: &Workspace, rows: &[TrialScore], points: Vec<CoursePoint>) -> Result<()> {
    let folder = workspace.folder.evaluation();
    write_csv(&folder.join("trials.csv"), rows)?;
    write_summary(&folder.join("summary.csv"), &summaries(rows, &workspace.experiment.seed))?;
    if points.is_empty() {
        return Ok(());
    }
    write_course(&folder.join("course.csv"), &points)?;
    // Grey movies alone have no score to draw.
    if points.iter().any(|point| point.pixel_correlation.is_some()) {
        let name = workspace.experiment.name.clone();
        write_course_plot(&folder.join("course.png"), &[(name, points)])?;
    }
    Ok(())
}

/// Reads the reconstructions of a trial under all conditions that were made.
fn made(workspace: &Workspace, mouse: &Mouse, trial: TrialId) -> Result<BTreeMap<Condition, Reconstruction>> {
    let all = [Condition::Recorded].into_iter().chain(Condition::CONTROLS);
    let mut made = BTreeMap::new();
    for condition in all {
        let path = workspace.folder.ensemble(condition.name(), &mouse.id, trial);
        if !path.exists() {
            continue;
        }
        let found = Reconstruction::read(&path)?;
        let ([height, width], (_, rows, columns)) = (mouse.frame_size, found.movie.dim());
        if [rows, columns] != [height, width] {
            let problem = format!(
                "frames of {rows} x {columns}, those of the mouse are {height} x {width}; delete it and reconstruct again"
            );
            return Err(Error::invalid(path, problem));
        }
        made.insert(condition, found);
    }
    Ok(made)
}

/// Scores the movie made from half of the neurons, on both halves.
fn held_out(
    workspace: &Workspace,
    mouse: &Mouse,
    trial: TrialId,
    result: &Reconstruction,
    made: &Reconstruction,
) -> Result<HeldOutNeurons> {
    if made.responses.nrows() != mouse.neurons {
        let path = workspace.folder.ensemble(Condition::HeldOutNeurons.name(), &mouse.id, trial);
        let problem = format!("has {} neurons, the mouse {}", made.responses.nrows(), mouse.neurons);
        return Err(Error::invalid(path, format!("{problem}; delete it and reconstruct again")));
    }
    let path = workspace.folder.true_movie(Condition::HeldOutNeurons.name(), &mouse.id, trial);
    let seen = path.exists().then(|| TrueMoviePrediction::read(&path)).transpose()?;
    // One that was left behind by other settings says nothing here.
    let seen = seen.filter(|seen| seen.settings == made.settings).map(|seen| seen.predicted_responses);
    let used = half(&workspace.experiment.seed, &mouse.id, mouse.neurons);
    Ok(HeldOutNeurons::of(result, made, &used, seen.as_ref()))
}

/// Scores the movies on the way to a reconstruction, where they were kept.
fn snapshots(
    workspace: &Workspace,
    index: usize,
    trial: TrialId,
    result: &Reconstruction,
) -> Result<Vec<CoursePoint>> {
    let config = &workspace.experiment.reconstruction;
    if config.snapshots.is_empty() {
        return Ok(Vec::new());
    }
    let mouse = &workspace.mice[index].mouse.id;
    let folder = workspace.folder.reconstruction(Condition::Recorded.name(), mouse, trial);
    let names = movie_names(config.combine, &workspace.members_for(index, trial)?);
    let raw = names.iter().map(|name| MemberResult::read(&folder.join(file_name(name))));
    let raw = raw.collect::<Result<Vec<_>>>()?;
    course((mouse, trial), &raw, result, workspace.geometry(index)?, config)
}

/// What the terminal shows of the columns, and what it calls them; those that no trial has are left out.
const SHOWN: [(&str, &str); 14] = [
    ("pixel_correlation", "pixel r"),
    ("control_mean_movie", "mean movie"),
    ("control_another_trial", "another trial"),
    ("control_shuffled_neurons", "shuffled neurons"),
    ("control_time_shifted", "time-shifted"),
    ("control_linear_decoder", "linear decoder"),
    ("ceiling_predicted_responses", "model ceiling"),
    ("ceiling_averaged_responses", "averaged"),
    ("half_pixel_correlation", "from half the neurons"),
    ("ssim", "SSIM"),
    ("response_correlation", "response r"),
    ("half_response_correlation", "response r used half"),
    ("other_half_response_correlation", "response r held-out half"),
    ("other_half_true_movie_response_correlation", "held-out half, true movie"),
];

/// Sets the main scores and the controls in a table, with their mean.
pub fn table(rows: &[TrialScore]) -> Table {
    let has = |column: &str| rows.iter().any(|row| value(row, column).is_finite());
    let shown: Vec<_> = SHOWN.into_iter().filter(|(column, _)| has(column)).collect();
    let mut table = Table::new(["mouse", "trial"].into_iter().chain(shown.iter().map(|(_, title)| *title)));
    for row in rows {
        let numbers = shown.iter().map(|(column, _)| cell(value(row, column)));
        table.row([row.mouse.to_string(), row.trial.to_string()].into_iter().chain(numbers));
    }
    let means = shown.iter().map(|(column, _)| cell(mean(rows, |row| value(row, column))));
    table.row(["mean".to_string(), String::new()].into_iter().chain(means));
    table
}

/// Sets the pixel correlation and all that it is held against in a table, with how sure they are.
pub fn summary_table(summaries: &[Summary]) -> Table {
    let mut table = Table::new([
        "pixel r of",
        "mean",
        "95 % interval",
        "reconstruction above by",
        "95 % interval",
        "over",
    ]);
    let interval = |low: f64, high: f64| {
        if low.is_finite() && high.is_finite() { format!("{low:.3} to {high:.3}") } else { String::new() }
    };
    let compared = |s: &&Summary| s.score == "pixel_correlation" || is_compared(s.score);
    for s in summaries.iter().filter(compared) {
        let title = match SHOWN.iter().find(|(column, _)| *column == s.score) {
            Some((_, "pixel r")) => "reconstruction",
            Some((_, title)) => title,
            None => s.score,
        };
        let plural = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        let over = format!("{}, {}", plural(s.trials, "trial", "trials"), plural(s.mice, "mouse", "mice"));
        let (of, above) = (interval(s.low, s.high), interval(s.above_low, s.above_high));
        table.row([title.to_string(), cell(s.mean), of, cell(s.above), above, over]);
    }
    table
}

fn cell(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { String::new() }
}
