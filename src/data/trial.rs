//! One presentation: movie, responses, behavior and pupil center, aligned at one frame rate.

use ndarray::{Array2, Array3};

/// Number of a trial: the `N` of `N.npy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct TrialId(pub u32);

impl std::fmt::Display for TrialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The dataset's own split label of a trial: `train`, `oracle`, `validation`, `live_test_main`, ...
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Tier(pub String);

impl Tier {
    /// Says whether the competition publishes such trials without their responses.
    pub fn may_withhold_responses(&self) -> bool {
        self.0 == "none" || self.0.starts_with("live_test") || self.0.starts_with("final_test")
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Frames of one trial, all arrays of equal length in time and free of NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Which trial it is.
    pub id: TrialId,
    /// `[frame, height, width]`, 0..255.
    pub movie: Array3<f32>,
    /// `[neuron, frame]`, deconvolved calcium activity.
    pub responses: Array2<f32>,
    /// `[row, frame]`: pupil dilation, running speed; no rows when they were not recorded.
    pub behavior: Array2<f32>,
    /// `[row, frame]`: x, y; no rows when it was not recorded.
    pub pupil_center: Array2<f32>,
}

impl Trial {
    /// Counts the frames.
    pub fn frames(&self) -> usize {
        self.responses.ncols()
    }
}
