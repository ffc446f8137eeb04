//! Predicts whole trials: clips slide over the trial and are blended.

use ndarray::{Array2, ArrayView4, Axis, s};

use super::encoder::{Clip, Encoder};
use crate::data::ClipConfig;
use crate::error::{Error, Result};

/// Clips whose predictions are held at once.
const BATCH: usize = 32;

/// Predicts the responses of one mouse to every frame of a trial: the plain mean over the clips that
/// contain the frame. As published.
///
/// # Shapes
/// - `input`: `[channel, time, height, width]`
/// - output: `[neuron, time]`
///
/// # Errors
/// When the trial is shorter than a clip.
pub fn predict_trial(
    encoder: &Encoder,
    mouse: usize,
    input: ArrayView4<f32>,
    clip: ClipConfig,
) -> Result<Array2<f32>> {
    let (_, frames, _, _) = input.dim();
    let Some(last) = frames.checked_sub(clip.span()) else {
        return Err(Error::Failed(format!(
            "a trial of {frames} frames is shorter than a clip, which spans {}",
            clip.span()
        )));
    };
    let mut sum: Option<Array2<f64>> = None;
    let mut count = vec![0u32; frames];
    let starts: Vec<usize> = (0..=last).collect();
    for starts in starts.chunks(BATCH) {
        for (predicted, &start) in encoder.predict(mouse, &clips(input, clip, starts)).iter().zip(starts) {
            let sum = sum.get_or_insert_with(|| Array2::zeros((frames, predicted.ncols())));
            for (responses, frame) in predicted.rows().into_iter().zip(clip.frames(start)) {
                count[frame] += 1;
                sum.row_mut(frame).zip_mut_with(&responses, |sum, &r| *sum += f64::from(r));
            }
        }
    }
    let mut sum = sum.expect("there is at least one clip");
    for (mut row, count) in sum.axis_iter_mut(Axis(0)).zip(count) {
        row /= f64::from(count);
    }
    Ok(sum.t().mapv(|v| v as f32))
}

/// Cuts out the clips that start at `starts`. Behavior, constant over pixels, is read at the first.
///
/// # Shapes
/// - `input`: `[channel, time, height, width]`
pub fn clips(input: ArrayView4<f32>, clip: ClipConfig, starts: &[usize]) -> Vec<Clip> {
    let cut = |&start: &usize| {
        let frames: Vec<usize> = clip.frames(start).collect();
        let movie = input.index_axis(Axis(0), 0).select(Axis(0), &frames);
        Clip::new(movie.view(), input.slice(s![1.., .., 0, 0]).select(Axis(1), &frames).view())
    };
    starts.iter().map(cut).collect()
}
