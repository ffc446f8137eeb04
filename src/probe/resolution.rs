//! What the population resolves: Gaussian noise of many length constants is reconstructed from the responses predicted
//! to it, and scored.

use serde::Serialize;

use super::ProbeConfig;
use super::presentation::Presentation;
use super::stimulus::{GaussianNoise, LengthConstants, Light, Polarity};
use crate::data::{Trial, TrialId};
use crate::error::{Error, Result};
use crate::metric::correlation;
use crate::reconstruct::Reconstruction;
use crate::seed;

/// One movie of noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseTarget {
    /// Counted over the grid: length constants in space vary slowest, then in time, then polarity.
    pub index: usize,
    /// How smooth it is.
    pub length: LengthConstants,
    /// One of two that are each other's negative.
    pub polarity: Polarity,
}

/// How well it came back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseScore {
    /// How smooth it was.
    pub length: LengthConstants,
    /// Which of the two.
    pub polarity: Polarity,
    /// Pixel correlation of the reconstruction with the noise that was shown.
    pub pixel_correlation: f64,
    /// Control: with noise of the same length constants that was not shown.
    pub another_movie: f64,
    /// How the responses predicted to the reconstruction correlate with those to the noise.
    pub response_correlation: f64,
    /// Standard deviation over time of the responses, mean over neurons: how much the noise drives them.
    pub response_sd: f64,
}

/// Mean over both polarities of one pair of length constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NoiseCell {
    /// In pixels.
    pub space_px: f64,
    /// In frames.
    pub time_frames: f64,
    /// Pixel correlation.
    pub pixel_correlation: f64,
    /// Of the control.
    pub another_movie: f64,
    /// How much the noise drives the neurons.
    pub response_sd: f64,
}

/// Most values of noise that are drawn at once, margins included: 0.8 GB of them, and three times that while they are
/// filtered.
const MOST_VALUES: f64 = 2e8;

/// Lists the movies of a probe, whose frames are `[height, width]`.
///
/// # Errors
/// [`Error::Usage`] when noise is so smooth that its margins would not fit into memory.
pub fn noise_targets(config: &ProbeConfig, [height, width]: [usize; 2]) -> Result<Vec<NoiseTarget>> {
    let mut targets = Vec::new();
    for &space_px in &config.noise_space_px {
        for &time_frames in &config.noise_time_frames {
            for polarity in Polarity::BOTH {
                let length = LengthConstants { space_px, time_frames };
                let values = GaussianNoise::values_drawn(length, [config.noise_frames, height, width]);
                if values > MOST_VALUES {
                    return Err(Error::usage(format!(
                        "noise of {space_px} pixels and {time_frames} frames takes {values:.1e} random values for {} \
                         frames; shorten probe.noise_space_px, probe.noise_time_frames or probe.noise_frames",
                        config.noise_frames
                    )));
                }
                targets.push(NoiseTarget { index: targets.len(), length, polarity });
            }
        }
    }
    Ok(targets)
}

impl NoiseTarget {
    /// Draws the noise; both polarities are made of one.
    pub fn noise(&self, purpose: &str, shape: [usize; 3], run_seed: &str) -> GaussianNoise {
        let parts = [self.length.space_px.to_string(), self.length.time_frames.to_string()];
        let mut rng = seed::stream(run_seed, purpose, &[&parts[0], &parts[1]]);
        GaussianNoise::draw(self.length, shape, &mut rng)
    }

    /// Names its folder.
    pub fn name(&self) -> String {
        format!("{}px_{}frames_{}", self.length.space_px, self.length.time_frames, self.polarity.name())
    }

    /// Shows it: a trial with the responses that are predicted.
    ///
    /// # Errors
    /// See [`Presentation::respond`].
    pub fn trial(
        &self,
        presentation: &Presentation<'_>,
        frames: usize,
        light: Light,
        run_seed: &str,
    ) -> Result<Trial> {
        let [height, width] = presentation.frame_size();
        let noise = self.noise(NOISE, [frames, height, width], run_seed);
        let id = TrialId(u32::try_from(self.index).unwrap_or(u32::MAX));
        let mut trial = presentation.trial(id, noise.movie(self.polarity, light));
        trial.responses = presentation.respond(&trial)?;
        Ok(trial)
    }

    /// Scores its reconstruction.
    pub fn score(&self, result: &Reconstruction, light: Light, run_seed: &str) -> NoiseScore {
        let (frames, height, width) = result.ground_truth.dim();
        let other = self.noise("another Gaussian noise", [frames, height, width], run_seed);
        let other = other.movie(self.polarity, light);
        let mask = result.scored();
        let r = |truth| correlation::pixel_correlation(truth, result.movie.view(), mask.view());
        let sd = result.responses.std_axis(ndarray::Axis(1), 0.0);
        NoiseScore {
            length: self.length,
            polarity: self.polarity,
            pixel_correlation: r(result.ground_truth.view()),
            another_movie: r(other.view()),
            response_correlation: correlation::response_correlation(
                result.predicted_responses.view(),
                result.responses.view(),
            ),
            response_sd: sd.iter().map(|&v| f64::from(v)).sum::<f64>() / sd.len() as f64,
        }
    }
}

/// Names the random stream of the noise that is shown.
const NOISE: &str = "Gaussian noise";

/// Averages over polarities, in the order of the grid.
pub fn cells(scores: &[NoiseScore]) -> Vec<NoiseCell> {
    let mean = |pair: &[NoiseScore], of: fn(&NoiseScore) -> f64| {
        pair.iter().map(of).sum::<f64>() / pair.len() as f64
    };
    let pairs = scores.chunk_by(|a, b| a.length == b.length);
    pairs
        .map(|pair| NoiseCell {
            space_px: pair[0].length.space_px,
            time_frames: pair[0].length.time_frames,
            pixel_correlation: mean(pair, |score| score.pixel_correlation),
            another_movie: mean(pair, |score| score.another_movie),
            response_sd: mean(pair, |score| score.response_sd),
        })
        .collect()
}
