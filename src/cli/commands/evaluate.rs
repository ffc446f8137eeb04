//! `v1reel evaluate`: scores reconstructions against the true movies, beside controls.

use crate::cli::args::EvaluateArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::data::TrialId;
use crate::error::{Error, Result};
use crate::evaluate::controls::mean_movie;
use crate::evaluate::course::{CoursePoint, course, write_course};
use crate::evaluate::table::{COLUMNS, TrialScore, mean, write_csv};
use crate::evaluate::{Controls, Scores};
use crate::reconstruct::result::MemberResult;
use crate::reconstruct::trial::{file_name, movie_names};
use crate::reconstruct::{Condition, Reconstruction};
use crate::report::course_plot::write_course_plot;

/// Scores what was reconstructed.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &EvaluateArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.experiment)?, session)?;
    let rows = evaluate(&workspace)?;
    if args.json {
        let means: serde_json::Map<String, serde_json::Value> =
            COLUMNS.iter().map(|(name, value)| ((*name).to_string(), mean(&rows, value).into())).collect();
        return output::json(&serde_json::json!({ "mean": means, "trials": rows }));
    }
    output::line(table(&rows))?;
    output::line(format!("All scores are in {}", workspace.folder.evaluation().join("trials.csv").display()))
}

/// Scores every chosen trial and writes `evaluation/trials.csv`.
///
/// # Errors
/// When a trial was not reconstructed or a file can't be read or written.
pub fn evaluate(workspace: &Workspace) -> Result<Vec<TrialScore>> {
    let (mut rows, mut points) = (Vec::new(), Vec::new());
    for (index, split) in workspace.mice.iter().enumerate() {
        let mouse = &split.mouse;
        let mean_movie = mean_movie(mouse, &split.training)?;
        for &trial in &workspace.chosen[index] {
            let path = |condition: Condition| workspace.folder.ensemble(condition.name(), &mouse.id, trial);
            let recorded = path(Condition::Recorded);
            if !recorded.exists() {
                return Err(Error::invalid(
                    recorded,
                    "this trial is not reconstructed yet (v1reel reconstruct)",
                ));
            }
            let result = Reconstruction::read(&recorded)?;
            let shuffled = path(Condition::ShuffledNeurons);
            let shuffled = shuffled.exists().then(|| Reconstruction::read(&shuffled)).transpose()?;
            // Other held-out movies where there are some, else training ones.
            let others = split.held_out.iter().chain(&split.training).filter(|&&other| other != trial);
            let others = others
                .take(OTHER_TRIALS)
                .map(|&other| mouse.read_movie(other))
                .collect::<Result<Vec<_>>>()?;
            points.extend(snapshots(workspace, index, trial, &result)?);
            rows.push(TrialScore {
                mouse: mouse.id.clone(),
                trial,
                members: workspace.members_for(index, trial)?.len(),
                scores: Scores::of(&result),
                controls: Controls::of(&result, shuffled.as_ref(), mean_movie.view(), &others),
            });
        }
    }
    write_csv(&workspace.folder.evaluation().join("trials.csv"), &rows)?;
    if !points.is_empty() {
        let path = workspace.folder.evaluation().join("course.csv");
        write_course(&path, &points)?;
        let name = workspace.experiment.name.clone();
        // Grey movies alone have no score to draw.
        if points.iter().any(|point| point.pixel_correlation.is_some()) {
            write_course_plot(&path.with_extension("png"), &[(name, points)])?;
        }
    }
    Ok(rows)
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

/// Movies that a reconstruction is compared with as a control.
const OTHER_TRIALS: usize = 8;

/// Sets the main scores and the controls in a table, with their mean.
pub fn table(rows: &[TrialScore]) -> Table {
    let shown = [0, 1, 2, 3, 8, 11].map(|column| COLUMNS[column]);
    let heading = [
        "mouse",
        "trial",
        "pixel r",
        "mean movie",
        "another trial",
        "shuffled neurons",
        "SSIM",
        "response r",
    ];
    let mut table = Table::new(heading);
    let cell = |value: f64| if value.is_finite() { format!("{value:.3}") } else { String::new() };
    for row in rows {
        let numbers = shown.iter().map(|(_, value)| cell(value(row)));
        table.row([row.mouse.to_string(), row.trial.to_string()].into_iter().chain(numbers));
    }
    let means = shown.iter().map(|(_, value)| cell(mean(rows, value)));
    table.row(["mean".to_string(), String::new()].into_iter().chain(means));
    table
}
