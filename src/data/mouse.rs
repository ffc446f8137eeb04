//! One recorded animal and session: neurons and trials.

use std::path::PathBuf;

use ndarray::Array2;

use super::trial::{Tier, TrialId};

/// Name of a mouse: its folder name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct MouseId(pub String);

impl std::fmt::Display for MouseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of a trial without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialSummary {
    /// Which trial it is.
    pub id: TrialId,
    /// The dataset's own split label.
    pub tier: Tier,
    /// Valid frames, before the NaN tail.
    pub frames: usize,
}

/// A mouse whose files were found and whose shapes agree; trials are read on demand.
#[derive(Debug, Clone)]
pub struct Mouse {
    /// Its folder name.
    pub id: MouseId,
    /// Its folder.
    pub root: PathBuf,
    /// Number of recorded neurons, at least 1.
    pub neurons: usize,
    /// Height and width of its movies in pixels.
    pub frame_size: [usize; 2],
    /// Rows of `behavior` (pupil dilation, running speed); 0 when there is no such folder.
    pub behavior_rows: usize,
    /// Rows of `pupil_center` (x, y); 0 when there is no such folder.
    pub pupil_center_rows: usize,
    /// By ascending trial id.
    pub trials: Vec<TrialSummary>,
    /// `[neuron, (x, y, z)]` in micrometres, when recorded.
    pub cell_motor_coordinates: Option<Array2<f32>>,
}
