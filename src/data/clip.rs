//! Which frames the encoder sees at once.

use serde::{Deserialize, Serialize};

/// The encoder's view in time: `size` frames, every `step`-th one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClipConfig {
    /// Frames the encoder sees at once. Clip length of DwiseNeuro (Sensorium 2023 winner).
    pub size: usize,
    /// Distance between them in the recording.
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
