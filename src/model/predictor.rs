//! Predicts a whole trial: clips that start at every frame, blended where they overlap.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayView4, Axis};

use super::dwiseneuro::DwiseNeuro;
use super::pass::Pass;
use super::tensors;
use crate::data::ClipConfig;
use crate::error::{Error, Result};

/// Predicts the responses of one mouse to every frame of a trial: the plain mean over the clips that
/// contain the frame. As published.
///
/// `batch` clips run at once; it changes memory and speed only.
///
/// # Shapes
/// - `input`: `[channel, time, height, width]`
/// - output: `[neuron, time]`
///
/// # Errors
/// When the trial is shorter than a clip.
pub fn predict_trial(
    encoder: &DwiseNeuro,
    mouse: usize,
    input: ArrayView4<f32>,
    clip: ClipConfig,
    batch: usize,
    device: &Device,
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
    for starts in starts.chunks(batch.max(1)) {
        let predicted = encoder.forward(clips(input, clip, starts, device), mouse, &Pass::evaluation());
        let [_, neurons, size] = predicted.dims();
        let values = tensors::values(predicted);
        let sum = sum.get_or_insert_with(|| Array2::zeros((neurons, frames)));
        for (k, &start) in starts.iter().enumerate() {
            for (j, frame) in clip.frames(start).enumerate() {
                count[frame] += 1;
                for neuron in 0..neurons {
                    sum[[neuron, frame]] += f64::from(values[(k * neurons + neuron) * size + j]);
                }
            }
        }
    }
    let mut sum = sum.expect("there is at least one clip");
    for (mut column, count) in sum.axis_iter_mut(Axis(1)).zip(count) {
        column /= f64::from(count);
    }
    Ok(sum.mapv(|v| v as f32))
}

/// Stacks the clips that start at `starts`.
///
/// # Shapes
/// - `input`: `[channel, time, height, width]`
/// - output: `[clip, channel, clip time, height, width]`
pub fn clips(input: ArrayView4<f32>, clip: ClipConfig, starts: &[usize], device: &Device) -> Tensor<5> {
    let (channels, _, height, width) = input.dim();
    let mut values: Vec<f32> = Vec::with_capacity(starts.len() * channels * clip.size * height * width);
    for &start in starts {
        for channel in input.axis_iter(Axis(0)) {
            for frame in clip.frames(start) {
                values.extend(channel.index_axis(Axis(0), frame).iter());
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [starts.len(), channels, clip.size, height, width]), device)
}
