//! Which frames the encoder sees at once.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trial::TrialId;
use crate::error::{Error, Result};

/// The encoder's view in time: `size` frames, every `step`-th one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClipConfig {
    /// Frames the encoder sees at once. Clip length of DwiseNeuro (Sensorium 2023 winner).
    #[schemars(extend("unit" = "frames"))]
    pub size: usize,
    /// Distance between them in the recording.
    #[schemars(extend("unit" = "frames"))]
    pub step: usize,
}

impl Default for ClipConfig {
    fn default() -> Self {
        Self { size: 16, step: 2 }
    }
}

impl ClipConfig {
    /// Counts the recorded frames from the first to the last frame of a clip: 31 by default.
    pub fn span(&self) -> usize {
        (self.size - 1) * self.step + 1
    }

    /// Counts the frames that `step` interleaved clips tile: 32 by default, a reconstruction window.
    pub fn window(&self) -> usize {
        self.size * self.step
    }

    /// Lists the recorded frames of the clip that starts at `first`.
    pub fn frames(&self, first: usize) -> impl ExactSizeIterator<Item = usize> + Clone + use<> {
        let step = self.step;
        (0..self.size).map(move |k| first + k * step)
    }
}

/// Where a clip lies: which trial, and its first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clip {
    /// The trial.
    pub trial: TrialId,
    /// Its first frame.
    pub first: usize,
}

/// Draws clips of one mouse, as DwiseNeuro was trained: a trial uniformly, not by length; then its
/// last frame uniformly among those that leave room for the clip.
#[derive(Debug, Clone)]
pub struct ClipSampler {
    config: ClipConfig,
    trials: Vec<(TrialId, usize)>,
}

impl ClipSampler {
    /// Prepares to draw from `trials`, each with its length in frames.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no trial, one is shorter than a clip, or a clip has no frames.
    pub fn new(config: ClipConfig, trials: Vec<(TrialId, usize)>) -> Result<Self> {
        if config.size == 0 || config.step == 0 {
            return Err(Error::usage(format!(
                "clips of {} frames, every {}-th; expected at least 1 and 1",
                config.size, config.step
            )));
        }
        if trials.is_empty() {
            return Err(Error::usage("no trials to draw clips from; choose other folds or tiers"));
        }
        if let Some((trial, frames)) = trials.iter().find(|(_, frames)| *frames < config.span()) {
            return Err(Error::usage(format!(
                "trial {trial} has {frames} frames, a clip spans {}: shorten clips or leave the trial out",
                config.span()
            )));
        }
        Ok(Self { config, trials })
    }

    /// Returns which frames a clip consists of.
    pub fn config(&self) -> ClipConfig {
        self.config
    }

    /// Draws a clip.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Clip {
        let (trial, frames) = self.trials[rng.random_range(0..self.trials.len())];
        let last = rng.random_range(self.config.span() - 1..frames);
        Clip { trial, first: last + 1 - self.config.span() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn clips_reach_the_first_and_the_last_frame_and_never_beyond() {
        let config = ClipConfig::default();
        let sampler = ClipSampler::new(config, vec![(TrialId(3), 31), (TrialId(5), 33)]).unwrap();
        let mut rng = seed::stream("test", "clip", &[]);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..1000 {
            let clip = sampler.draw(&mut rng);
            *seen.entry((clip.trial.0, clip.first)).or_insert(0) += 1;
        }
        assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [(3, 0), (5, 0), (5, 1), (5, 2)]);
        // Trials are drawn uniformly, not by length: 500 +- 5 standard deviations of 16.
        assert!((420..580).contains(&seen[&(3, 0)]), "{seen:?}");
        assert_eq!(config.frames(2).last(), Some(32));
    }

    #[test]
    fn a_trial_shorter_than_a_clip_is_refused() {
        let error = ClipSampler::new(ClipConfig::default(), vec![(TrialId(7), 30)]).unwrap_err();
        assert!(error.to_string().contains("trial 7 has 30 frames, a clip spans 31"), "{error}");
        assert!(ClipSampler::new(ClipConfig::default(), Vec::new()).is_err());
        assert!(ClipSampler::new(ClipConfig { size: 0, step: 2 }, vec![(TrialId(0), 9)]).is_err());
    }
}
