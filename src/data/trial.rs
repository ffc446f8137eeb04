//! One presentation: movie, responses, behavior and pupil center, aligned at one frame rate.

use ndarray::{Array, Array2, Array3, Dimension};

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

/// A trial that is read over and over into the same memory: fresh memory costs more than what is read into it.
#[derive(Debug)]
pub(crate) struct TrialBuffer {
    pub(crate) trial: Trial,
    /// Values in the order that they are stored in.
    pub(super) stored: Vec<f32>,
    /// Responses below are raised to this.
    pub(super) least_response: f32,
}

impl Default for TrialBuffer {
    fn default() -> Self {
        let rows = || Array2::zeros((0, 0));
        let movie = Array3::zeros((0, 0, 0));
        let trial =
            Trial { id: TrialId(0), movie, responses: rows(), behavior: rows(), pupil_center: rows() };
        Self { trial, stored: Vec::new(), least_response: f32::NEG_INFINITY }
    }
}

/// Raises a value to the least one that is wanted: the same bits whatever the recording is stored as.
#[inline]
pub(super) fn at_least(least: f32) -> impl Fn(f32) -> f32 + Copy {
    move |value| if value > least { value } else { least }
}

/// Takes the memory of an array, to put another one there.
pub(super) fn memory<D: Dimension>(array: &mut Array<f32, D>) -> Vec<f32> {
    std::mem::take(array).into_raw_vec_and_offset().0
}
