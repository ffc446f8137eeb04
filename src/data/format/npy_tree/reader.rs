//! Reads trials and clips from a npy tree, every value checked to be a number.

use ndarray::{Array2, Array3};

use super::Array;
use crate::data::format::npy_array::NpyArray;
use crate::data::mouse::{Mouse, TrialSummary};
use crate::data::trial::Trial;
use crate::error::{Error, Result};

/// Reads the valid part of a trial, and checks that nothing follows it.
pub(crate) fn read_trial(mouse: &Mouse, summary: &TrialSummary) -> Result<Trial> {
    let frames: Vec<usize> = (0..summary.frames).collect();
    let trial = read_frames(mouse, summary, &frames)?;
    for array in Array::ALL {
        if let Some(map) = open(mouse, array, summary)? {
            check_tail(&map, array, summary)?;
        }
    }
    Ok(trial)
}

/// Reads the listed frames of a trial.
pub(crate) fn read_frames(mouse: &Mouse, summary: &TrialSummary, frames: &[usize]) -> Result<Trial> {
    if summary.withheld {
        return Err(Error::invalid(
            Array::Responses.file(&mouse.root, summary.id),
            format!("trial {} ({:?}) has no responses: they are withheld", summary.id, summary.tier.0),
        ));
    }
    Ok(Trial {
        id: summary.id,
        movie: read_movie(mouse, summary, frames)?,
        responses: gather(mouse, Array::Responses, summary, frames)?,
        behavior: gather(mouse, Array::Behavior, summary, frames)?,
        pupil_center: gather(mouse, Array::PupilCenter, summary, frames)?,
    })
}

/// Reads the listed frames of a trial's movie: `[frame, height, width]`.
pub(crate) fn read_movie(mouse: &Mouse, summary: &TrialSummary, frames: &[usize]) -> Result<Array3<f32>> {
    let [height, width] = mouse.frame_size;
    let pixels = gather(mouse, Array::Movie, summary, frames)?;
    let movie = pixels.reversed_axes().as_standard_layout().into_owned();
    Ok(movie.into_shape_with_order((frames.len(), height, width)).expect("a row for each pixel"))
}

/// Maps an array of a trial, whose shape may have changed since the mouse was opened; `None` when
/// the mouse has no such rows.
fn open(mouse: &Mouse, array: Array, summary: &TrialSummary) -> Result<Option<NpyArray>> {
    let expected = match array {
        Array::Movie => mouse.frame_size.to_vec(),
        Array::Responses => vec![mouse.neurons],
        Array::Behavior => vec![mouse.behavior_rows],
        Array::PupilCenter => vec![mouse.pupil_center_rows],
    };
    if expected.contains(&0) {
        return Ok(None);
    }
    let map = NpyArray::open(&array.file(&mouse.root, summary.id))?;
    map.require_recording()?;
    match map.shape().split_last() {
        Some((&frames, sizes)) if sizes == expected && frames >= summary.frames => Ok(Some(map)),
        _ => {
            let problem =
                format!("shape {:?} is not what it was: it changed while it was in use", map.shape());
            Err(Error::invalid(map.path(), problem))
        }
    }
}

/// Reads the listed frames of an array: `[row, frame]`, a row for each pixel of a movie.
fn gather(mouse: &Mouse, array: Array, summary: &TrialSummary, frames: &[usize]) -> Result<Array2<f32>> {
    if let Some(beyond) = frames.iter().find(|&&frame| frame >= summary.frames) {
        let problem = format!("trial {}: frame {beyond} of {} was asked for", summary.id, summary.frames);
        return Err(Error::invalid(&mouse.root, problem));
    }
    let Some(map) = open(mouse, array, summary)? else {
        return Ok(Array2::zeros((0, frames.len())));
    };
    let mut values = Vec::with_capacity(map.rows() * frames.len());
    for row in 0..map.rows() {
        for &frame in frames {
            let value = map.at(row, frame);
            if !value.is_finite() {
                let problem = format!(
                    "trial {}: {value} at frame {frame}, {}; expected numbers up to the NaN tail, which starts at \
                     frame {}: mend the file, or leave the trial out by giving it the tier 'none'",
                    summary.id,
                    place(&map, array, row),
                    summary.frames
                );
                return Err(Error::invalid(map.path(), problem));
            }
            values.push(value);
        }
    }
    Ok(Array2::from_shape_vec((map.rows(), frames.len()), values).expect("a value for each row and frame"))
}

/// Checks that no row goes on after the trial's end, as the row that the end was found in does not.
fn check_tail(map: &NpyArray, array: Array, summary: &TrialSummary) -> Result<()> {
    if !map.can_be_nan() {
        return Ok(());
    }
    for row in 0..map.rows() {
        if let Some(frame) = (summary.frames..map.frames()).find(|&frame| !map.at(row, frame).is_nan()) {
            let problem = format!(
                "trial {}: a value at frame {frame}, {}, after the trial's end at frame {}; expected all rows to \
                 end together: mend the file, or leave the trial out by giving it the tier 'none'",
                summary.id,
                place(map, array, row),
                summary.frames
            );
            return Err(Error::invalid(map.path(), problem));
        }
    }
    Ok(())
}

/// Names a row of an array in an error.
pub(crate) fn place(map: &NpyArray, array: Array, row: usize) -> String {
    match (array, map.shape()) {
        (Array::Movie, &[_, width, _]) => format!("pixel ({}, {})", row / width, row % width),
        (Array::Responses, _) => format!("neuron {row}"),
        _ => format!("row {row}"),
    }
}
