//! How well an encoder predicts trials it was not trained on.

use ndarray::{Array2, Axis, concatenate};

use crate::data::input::{Geometry, Padding};
use crate::data::{ClipConfig, Mouse, TrialId};
use crate::error::{Error, Result};
use crate::metric::correlation;
use crate::model::{Encoder, predictor};

/// Clips whose predictions are held at once.
const BATCH: usize = 32;

/// Computes the validation score of one mouse: consecutive spans of each trial, of each the frames that
/// the clip scores; Pearson correlation per neuron over all of them, mean over neurons. As published.
///
/// # Errors
/// When a trial can't be read, or none is as long as a clip.
pub fn validate(
    encoder: &Encoder,
    readout: usize,
    mouse: &Mouse,
    trials: &[TrialId],
    clip: ClipConfig,
    input_size: [usize; 2],
) -> Result<f64> {
    let geometry = Geometry::new(mouse.frame_size, input_size, Padding::Center)?;
    let (mut predicted, mut recorded) = (Vec::new(), Vec::new());
    for &id in trials {
        let trial = mouse.read_trial(id)?;
        let input = geometry.encoder_input(&trial);
        let starts: Vec<usize> =
            (0..trial.frames()).step_by(clip.span()).filter(|s| s + clip.span() <= trial.frames()).collect();
        for starts in starts.chunks(BATCH) {
            let clips = predictor::clips(input.view(), clip, starts);
            predicted.extend(encoder.predict(readout, &clips).into_iter().map(Array2::reversed_axes));
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
