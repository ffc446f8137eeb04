//! Reads trials and clips from a npy tree, every value checked to be a number.

use ndarray::{Array2, Array3};

use super::Array;
use crate::data::format::checks::{not_a_number, require_frames, require_responses};
use crate::data::format::npy_array::NpyArray;
use crate::data::format::values::{first_not_finite, transpose};
use crate::data::mouse::{Mouse, TrialSummary};
use crate::data::trial::{Trial, TrialBuffer, at_least, memory};
use crate::error::{Error, Result};

/// Reads the valid part of a trial, and checks that nothing follows it.
pub(crate) fn read_trial(mouse: &Mouse, summary: &TrialSummary) -> Result<Trial> {
    let frames: Vec<usize> = (0..summary.frames).collect();
    let mut buffer = TrialBuffer::default();
    read_frames(mouse, summary, &frames, &mut buffer)?;
    for array in Array::ALL {
        if let Some(map) = open(mouse, array, summary)? {
            check_tail(&map, array, summary)?;
        }
    }
    Ok(buffer.trial)
}

/// Reads the listed frames of a trial over another one.
pub(crate) fn read_frames(
    mouse: &Mouse,
    summary: &TrialSummary,
    frames: &[usize],
    buffer: &mut TrialBuffer,
) -> Result<()> {
    require_responses(|| Array::Responses.file(&mouse.root, summary.id), summary)?;
    let TrialBuffer { trial, stored, least_response } = buffer;
    trial.id = summary.id;
    gather_movie(mouse, summary, frames, stored, &mut trial.movie)?;
    for (array, rows) in [
        (Array::Responses, &mut trial.responses),
        (Array::Behavior, &mut trial.behavior),
        (Array::PupilCenter, &mut trial.pupil_center),
    ] {
        gather_over(mouse, array, summary, frames, rows)?;
    }
    if *least_response > f32::NEG_INFINITY {
        trial.responses.mapv_inplace(at_least(*least_response));
    }
    Ok(())
}

/// Reads the listed frames of a trial's movie: `[frame, height, width]`.
pub(crate) fn read_movie(mouse: &Mouse, summary: &TrialSummary, frames: &[usize]) -> Result<Array3<f32>> {
    let mut movie = Array3::zeros((0, 0, 0));
    gather_movie(mouse, summary, frames, &mut Vec::new(), &mut movie)?;
    Ok(movie)
}

fn gather_movie(
    mouse: &Mouse,
    summary: &TrialSummary,
    frames: &[usize],
    stored: &mut Vec<f32>,
    movie: &mut Array3<f32>,
) -> Result<()> {
    let [height, width] = mouse.frame_size;
    let mut pixels = memory(movie);
    let rows = gather_values(mouse, Array::Movie, summary, frames, stored)?;
    transpose(stored, rows, frames.len(), &mut pixels);
    *movie = Array3::from_shape_vec((frames.len(), height, width), pixels).expect("a row for each pixel");
    Ok(())
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

/// Reads the listed frames of an array but the movie: `[row, frame]`.
pub(crate) fn gather(
    mouse: &Mouse,
    array: Array,
    summary: &TrialSummary,
    frames: &[usize],
) -> Result<Array2<f32>> {
    let mut rows = Array2::zeros((0, 0));
    gather_over(mouse, array, summary, frames, &mut rows)?;
    Ok(rows)
}

fn gather_over(
    mouse: &Mouse,
    array: Array,
    summary: &TrialSummary,
    frames: &[usize],
    rows: &mut Array2<f32>,
) -> Result<()> {
    let mut values = memory(rows);
    let count = gather_values(mouse, array, summary, frames, &mut values)?;
    *rows = Array2::from_shape_vec((count, frames.len()), values).expect("a value for each row and frame");
    Ok(())
}

/// Reads the listed frames of an array over `values`, row after row, a row for each pixel of a movie. Returns
/// the number of rows.
fn gather_values(
    mouse: &Mouse,
    array: Array,
    summary: &TrialSummary,
    frames: &[usize],
    values: &mut Vec<f32>,
) -> Result<usize> {
    require_frames(&mouse.root, summary, frames)?;
    let Some(map) = open(mouse, array, summary)? else {
        values.clear();
        return Ok(0);
    };
    map.will_read_all();
    map.gather(frames, values);
    if let Some(at) = first_not_finite(values) {
        let (row, frame) = (at / frames.len(), frames[at % frames.len()]);
        let array = (array, mouse.frame_size[1]);
        return Err(not_a_number(map.path(), summary, array, (row, frame, values[at])));
    }
    Ok(map.rows())
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
                array.row_name(row, map.shape().get(1).copied().unwrap_or(1)),
                summary.frames
            );
            return Err(Error::invalid(map.path(), problem));
        }
    }
    Ok(())
}
