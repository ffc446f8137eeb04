//! Fills the tables from the movies of a run.

use ndarray::ArrayView2;

use super::columns::Cell::{self, Integer, Number, Text};
use super::{Column, Table};
use crate::data::{MouseId, Trial, TrialId};
use crate::error::Result;
use crate::evaluate::Controls;
use crate::evaluate::table::{COLUMNS, TrialScore};
use crate::event::Event;
use crate::export::plan::Plan;
use crate::export::shown::{Shown, recorded};
use crate::export::write::Out;
use crate::metric::correlation::frame_correlations;
use crate::run_folder::RECORDED;

/// Makes all tables.
///
/// # Errors
/// When a movie can't be read.
pub(super) fn tables(out: &Out, plan: &Plan) -> Result<[Table; 4]> {
    let [mut trials, mut frames, mut behavior, mut losses] = empty();
    let mut last: Option<(MouseId, TrialId)> = None;
    out.for_each(plan, |shown| {
        add_trial(&mut trials, plan, &shown);
        add_frames(&mut frames, &shown);
        add_losses(&mut losses, &shown);
        let of = Some((shown.mouse.clone(), shown.trial));
        if last != of {
            match recorded(&plan.run, &shown.mouse, shown.trial) {
                Ok(trial) => add_behavior(&mut behavior, &shown, &trial),
                Err(problem) => {
                    let (mouse, trial) = (&shown.mouse, shown.trial);
                    let message =
                        format!("mouse {mouse}, trial {trial}: no behavior in the tables: {problem}");
                    out.observer.emit(Event::Warning { message });
                }
            }
            last = of;
        }
        Ok(())
    })?;
    Ok([trials, frames, behavior, losses])
}

/// What a row is of.
fn labels() -> impl Iterator<Item = Column> {
    [Column::text("mouse"), Column::integer("trial"), Column::text("condition")].into_iter()
}

/// The tables without rows.
pub(super) fn empty() -> [Table; 4] {
    let sizes = ["neurons", "frames", "first_frame", "scored_pixels"].map(Column::integer);
    let sizes = sizes.into_iter().chain([Column::number("frame_rate_hz", "Hz")]);
    let scores = COLUMNS.iter().map(|(name, _)| Column::number(name, unit(name)));
    let of_frame = [
        Column::integer("frame"),
        Column::number("time_s", "s"),
        Column::number("frame_correlation", "r"),
        Column::number("mean_response", "a.u."),
        Column::number("mean_predicted_response", "a.u."),
    ];
    let of_behavior = [
        Column::text("mouse"),
        Column::integer("trial"),
        Column::integer("frame"),
        Column::number("time_s", "s"),
        Column::number("running_speed", "as recorded"),
        Column::number("pupil_dilation", "as recorded"),
        // Where only one row was recorded, nobody says which.
        Column::number("running_or_pupil", "as recorded"),
        Column::number("pupil_center_x", "as recorded"),
        Column::number("pupil_center_y", "as recorded"),
    ];
    let of_loss = [Column::integer("movie"), Column::integer("iteration"), Column::number("loss", "nats")];
    [
        Table::new("trials", labels().chain(sizes).chain(scores)),
        Table::new("frames", labels().chain(of_frame)),
        Table::new("behavior", of_behavior),
        Table::new("losses", labels().chain(of_loss)),
    ]
}

/// Unit of a score.
fn unit(score: &str) -> &'static str {
    match score {
        "rmse" | "rmse_luminance_contrast_matched" => "grey levels",
        "psnr" => "dB",
        "response_loss" => "nats",
        name if name.contains("ssim") => "",
        _ => "r",
    }
}

fn labels_of(shown: &Shown) -> impl Iterator<Item = Cell> + use<> {
    let trial = Integer(shown.trial.0.into());
    [Text(shown.mouse.0.clone()), trial, Text(shown.condition.clone())].into_iter()
}

/// Adds the scores: of recorded responses those of the evaluation where there is one, else those of the movie alone.
fn add_trial(table: &mut Table, plan: &Plan, shown: &Shown) {
    let result = &shown.result;
    let sizes = [
        result.responses.nrows(),
        result.movie.dim().0,
        result.first_frame,
        result.mask.iter().filter(|&&m| m != 0).count(),
    ];
    let sizes = sizes.map(|size| Integer(size as i64)).into_iter().chain([Number(result.frame_rate_hz)]);
    let evaluated = plan.run.scores.get(&(shown.mouse.clone(), shown.trial));
    let row = labels_of(shown).chain(sizes);
    match evaluated.filter(|_| shown.condition == RECORDED) {
        Some(found) => {
            let score = |name: &str| Number(found.get(name).copied().unwrap_or(f64::NAN));
            table.push(row.chain(COLUMNS.iter().map(|(name, _)| score(name))));
        }
        None => {
            let (mouse, trial, scores) = (shown.mouse.clone(), shown.trial, shown.scores());
            let all = TrialScore { mouse, trial, members: 0, scores, controls: Controls::NONE };
            table.push(row.chain(COLUMNS.iter().map(|(_, value)| Number(value(&all)))));
        }
    }
}

/// Adds all frames of a trial; those before the movie starts have no correlation.
fn add_frames(table: &mut Table, shown: &Shown) {
    let result = &shown.result;
    let (truth, mask) = (result.ground_truth.view(), result.scored());
    let correlations = frame_correlations(truth, result.movie.view(), mask.view());
    let predicted = shown.predicted_responses();
    for frame in 0..result.responses.ncols() {
        let of_movie = frame.checked_sub(result.first_frame).and_then(|frame| correlations.get(frame));
        let numbers = [
            shown.seconds(frame),
            of_movie.copied().unwrap_or(f64::NAN),
            mean(result.responses.view(), frame),
            predicted.map_or(f64::NAN, |predicted| mean(predicted, frame)),
        ];
        let row = labels_of(shown).chain([Integer(frame as i64)]);
        table.push(row.chain(numbers.map(Number)));
    }
}

/// Averages the neurons, in f64 as sums of thousands should be.
fn mean(responses: ArrayView2<f32>, frame: usize) -> f64 {
    let column = responses.column(frame);
    column.iter().map(|&response| f64::from(response)).sum::<f64>() / column.len() as f64
}

fn add_behavior(table: &mut Table, shown: &Shown, trial: &Trial) {
    let (behavior, center) = (trial.behavior.view(), trial.pupil_center.view());
    let at = |rows: ArrayView2<f32>, row: usize, frame: usize| {
        rows.get((row, frame)).map_or(f64::NAN, |&value| f64::from(value))
    };
    let both = behavior.nrows() == 2;
    for frame in 0..trial.frames() {
        let numbers = [
            shown.seconds(frame),
            if both { at(behavior, 1, frame) } else { f64::NAN },
            if both { at(behavior, 0, frame) } else { f64::NAN },
            if both { f64::NAN } else { at(behavior, 0, frame) },
            at(center, 0, frame),
            at(center, 1, frame),
        ];
        let of = [Text(shown.mouse.0.clone()), Integer(shown.trial.0.into()), Integer(frame as i64)];
        table.push(of.into_iter().chain(numbers.map(Number)));
    }
}

fn add_losses(table: &mut Table, shown: &Shown) {
    for ((movie, iteration), &loss) in shown.losses().into_iter().flat_map(|losses| losses.indexed_iter()) {
        let of = [Integer(movie as i64), Integer(iteration as i64), Number(loss)];
        table.push(labels_of(shown).chain(of));
    }
}
