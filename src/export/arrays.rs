//! The arrays that a movie is exported as, each with what it is: NPZ and HDF5 files hold the same ones.

use ndarray::{Array1, ArrayView, CowArray, Dimension, IxDyn};

use super::shown::Shown;
use crate::data::Trial;
use crate::metric::correlation::frame_correlations;

/// An array, or a single value, by name.
pub(super) struct Named<'a> {
    pub name: String,
    pub values: Values<'a>,
    /// What its axes are, slow to fast; empty for a single value.
    pub axes: &'static str,
    pub unit: &'static str,
    pub about: &'static str,
}

/// Values of the types that numpy, HDF5 and MATLAB share.
pub(super) enum Values<'a> {
    F4(CowArray<'a, f32, IxDyn>),
    F8(CowArray<'a, f64, IxDyn>),
    U1(CowArray<'a, u8, IxDyn>),
    Number(f64),
    Integer(i64),
    Text(&'a str),
}

/// What pixels are measured in.
const GRAY: &str = "grey level, 0 to 255";
/// What responses are measured in: the recording does not say more.
const RESPONSE: &str = "deconvolved calcium activity, a.u.";
/// Axes of a movie.
const MOVIE: &str = "frame, height, width";
/// Axes of responses.
const NEURONS: &str = "neuron, frame";
/// What recordings don't tell.
const UNKNOWN: &str = "as recorded";

/// What belongs to the trial, however its movie was made.
pub(super) fn of_trial<'a>(shown: &'a Shown, recorded: Option<&'a Trial>) -> Vec<Named<'a>> {
    let result = &shown.result;
    let mut arrays = vec![ground_truth(shown), mask(shown)];
    let frames = result.first_frame..result.first_frame + result.movie.dim().0;
    let times: Array1<f64> = frames.map(|frame| shown.seconds(frame)).collect();
    let times = Values::F8(CowArray::from(times.into_dyn()));
    arrays.push(named(
        "time_s",
        times,
        "frame",
        "seconds",
        "when each frame of the movie was shown, from the trial's start",
    ));
    if let Some(trial) = recorded {
        let about =
            "pupil dilation and running speed of the whole trial; no rows where they were not recorded";
        arrays.push(named("behavior", f4(trial.behavior.view()), "row, frame", UNKNOWN, about));
        let about = "where the pupil looked, x and y, in the whole trial; no rows where it was not recorded";
        arrays.push(named("pupil_center", f4(trial.pupil_center.view()), "row, frame", UNKNOWN, about));
    }
    arrays
}

/// What the mouse saw.
pub(super) fn ground_truth(shown: &Shown) -> Named<'_> {
    let about = "what the mouse saw in the same frames, unmasked";
    named("ground_truth", f4(shown.result.ground_truth.view()), MOVIE, GRAY, about)
}

/// Where pixels are scored.
pub(super) fn mask(shown: &Shown) -> Named<'_> {
    let values = Values::U1(CowArray::from(shown.result.mask.view().into_dyn()));
    named(
        "mask",
        values,
        "height, width",
        "1 or 0",
        "1 where pixels are scored; the movie is mid-grey where it is 0",
    )
}

/// What was made of the trial under one condition.
pub(super) fn of_movie(shown: &Shown) -> Vec<Named<'_>> {
    let result = &shown.result;
    let about = "the reconstruction: filtered, and mid-grey (127.5) outside the mask";
    let mut arrays = vec![named("movie", f4(result.movie.view()), MOVIE, GRAY, about)];
    let about = "what the movie was reconstructed from, of the whole trial";
    arrays.push(named("responses", f4(result.responses.view()), NEURONS, RESPONSE, about));
    if let Some(predicted) = shown.predicted_responses() {
        let about = "what the ensemble predicts for the unfiltered reconstruction, of the whole trial";
        arrays.push(named("predicted_responses", f4(predicted), NEURONS, RESPONSE, about));
    }
    if let Some(losses) = shown.losses() {
        let values = Values::F8(CowArray::from(losses.view().into_dyn()));
        let about =
            "Poisson loss while reconstructing; one row for all members where they made one movie together";
        arrays.push(named("losses", values, "member, iteration", "nats", about));
    }
    let (truth, mask) = (result.ground_truth.view(), result.scored());
    let correlations = frame_correlations(truth, result.movie.view(), mask.view());
    let values = Values::F8(CowArray::from(Array1::from(correlations).into_dyn()));
    let about = "Pearson correlation of movie and ground truth over the scored pixels of each frame";
    arrays.push(named("frame_correlation", values, "frame", "r", about));
    for raw in &shown.raw {
        let name = raw.member.map_or("unfiltered".to_string(), |member| format!("member_{member}"));
        let about =
            "the raw movie of one member, or of all together (unfiltered): neither filtered nor masked";
        arrays.push(Named { name, ..named("", f4(raw.movie.view()), MOVIE, GRAY, about) });
    }
    arrays
}

/// Single values that say what the arrays are of.
pub(super) fn facts(shown: &Shown) -> Vec<Named<'_>> {
    let result = &shown.result;
    let first_frame = Values::Integer(result.first_frame as i64);
    vec![
        named("frame_rate_hz", Values::Number(result.frame_rate_hz), "", "Hz", "frames a second"),
        named(
            "first_frame",
            first_frame,
            "",
            "frame",
            "the trial's frame that the movie starts with, from 0",
        ),
        named("trial", Values::Integer(shown.trial.0.into()), "", "", "number of the trial in the recording"),
        named("mouse", Values::Text(&shown.mouse.0), "", "", "name of the recording"),
        named("condition", Values::Text(&shown.condition), "", "", "what the movie was reconstructed from"),
        named("settings", Values::Text(&result.settings), "", "", "what it was made with, as JSON"),
    ]
}

fn f4<'a, D: Dimension>(values: ArrayView<'a, f32, D>) -> Values<'a> {
    Values::F4(CowArray::from(values.into_dyn()))
}

fn named<'a>(
    name: &str,
    values: Values<'a>,
    axes: &'static str,
    unit: &'static str,
    about: &'static str,
) -> Named<'a> {
    Named { name: name.to_string(), values, axes, unit, about }
}
