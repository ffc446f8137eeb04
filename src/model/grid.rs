//! The axes behind the rows of a channels-last activation.

/// Rows are `[batch, time, height, width]`, slow to fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Clips.
    pub batch: usize,
    /// Frames of a clip.
    pub time: usize,
    /// Rows of a frame.
    pub height: usize,
    /// Columns of a frame.
    pub width: usize,
}

impl Grid {
    /// Counts the rows.
    pub fn rows(&self) -> usize {
        self.batch * self.time * self.height * self.width
    }

    /// Shrinks height and width by a stride, rounding up.
    pub fn strided(self, stride: usize) -> Self {
        Self { height: self.height.div_ceil(stride), width: self.width.div_ceil(stride), ..self }
    }
}
