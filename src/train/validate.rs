//! How well an encoder predicts trials it was not trained on.

use burn::tensor::Device;
use ndarray::{Array2, Array4, Axis, concatenate};

use crate::data::input::{Geometry, Padding};
use crate::data::{ClipConfig, Mouse, TrialId};
use crate::error::{Error, Result};
use crate::metric::correlation;
use crate::model::{DwiseNeuro, Pass, predictor, tensors};

/// Clips that are predicted at once.
const BATCH: usize = 8;

/// Computes the validation score of one mouse: consecutive spans of each trial, of each the frames that
/// the clip scores; Pearson correlation per neuron over all of them, mean over neurons. As published.
///
/// # Errors
/// When a trial can't be read, or none is as long as a clip.
pub fn validate(
    encoder: &DwiseNeuro,
    readout: usize,
    mouse: &Mouse,
    trials: &[TrialId],
    clip: ClipConfig,
    input_size: [usize; 2],
    device: &Device,
) -> Result<f64> {
    let geometry = Geometry::new(mouse.frame_size, input_size, Padding::Center)?;
    let (mut predicted, mut recorded) = (Vec::new(), Vec::new());
    for &id in trials {
        let trial = mouse.read_trial(id)?;
        let input = geometry.encoder_input(&trial);
        let starts: Vec<usize> =
            (0..trial.frames()).step_by(clip.span()).filter(|s| s + clip.span() <= trial.frames()).collect();
        for starts in starts.chunks(BATCH) {
            predicted.extend(predict(encoder, readout, &input, clip, starts, device));
            recorded.extend(starts.iter().map(|&start| {
                let frames: Vec<usize> = clip.frames(start).collect();
                trial.responses.select(Axis(1), &frames)
            }));
        }
    }
    if predicted.is_empty() {
        return Err(Error::usage(format!(
            "mouse {}: no held-out trial is as long as a clip ({} frames); nothing to validate on",
            mouse.id,
            clip.span()
        )));
    }
    let join = |parts: &[Array2<f32>]| {
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        concatenate(Axis(1), &views).expect("all parts have the mouse's neurons")
    };
    Ok(correlation::response_correlation(join(&predicted).view(), join(&recorded).view()))
}

/// Predicts some clips, each `[neuron, time]`.
fn predict(
    encoder: &DwiseNeuro,
    readout: usize,
    input: &Array4<f32>,
    clip: ClipConfig,
    starts: &[usize],
    device: &Device,
) -> Vec<Array2<f32>> {
    let clips = predictor::clips(input.view(), clip, starts, device);
    let output = encoder.forward(clips, readout, &Pass::evaluation());
    let [_, neurons, time] = output.dims();
    tensors::values(output)
        .chunks(neurons * time)
        .map(|values| Array2::from_shape_vec((neurons, time), values.to_vec()).expect("a chunk is one clip"))
        .collect()
}
