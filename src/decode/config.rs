//! Settings of the linear decoder.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How movies are decoded linearly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DecodeConfig {
    /// Frames from the one that is decoded to the first of each window of responses.
    #[schemars(extend("unit" = "frames"))]
    pub lags: Vec<usize>,
    /// Frames that a window averages.
    #[schemars(extend("unit" = "frames"))]
    pub smooth_frames: usize,
    /// Penalties that are tried, in shares of the mean squared feature; the one that predicts folds best from the
    /// others is taken.
    #[schemars(extend("unit" = "mean squared features"))]
    pub strengths: Vec<f64>,
    /// With more neurons times windows than this, the windows are joined to one: memory grows with the square of
    /// their number (10,000 take 5 GB), time with its cube.
    #[schemars(extend("unit" = "features"))]
    pub most_features: usize,
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            lags: vec![0, 3, 6],
            smooth_frames: 3,
            strengths: super::STRENGTHS.to_vec(),
            most_features: 10_000,
        }
    }
}

impl DecodeConfig {
    /// Lists the windows of so many neurons, each by its first frame and the one after its last, after the frame that
    /// is decoded.
    pub fn windows(&self, neurons: usize) -> Vec<Range<usize>> {
        let windows: Vec<Range<usize>> =
            self.lags.iter().map(|&lag| lag..lag.saturating_add(self.smooth_frames)).collect();
        if neurons.saturating_mul(windows.len()) <= self.most_features {
            return windows;
        }
        let first = windows.iter().map(|window| window.start).min().unwrap_or(0);
        let end = windows.iter().map(|window| window.end).max().unwrap_or(1);
        std::iter::once(first..end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_neurons_get_one_window_of_the_same_frames() {
        let config = DecodeConfig::default();
        assert_eq!(config.windows(3333), [0..3, 3..6, 6..9]);
        assert_eq!(config.windows(3334), std::iter::once(0..9).collect::<Vec<_>>());
    }
}
