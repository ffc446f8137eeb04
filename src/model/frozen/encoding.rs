//! The sinusoidal positional encoding as three small tables: it is a sum over time, height and width.

use crate::model::grid::Grid;

/// The encoding of a grid: by axis, `[position, channel]`.
pub struct Encoding {
    /// `[time, height, width]`.
    pub axes: [Vec<f32>; 3],
    /// Channels of each table.
    pub channels: usize,
}

impl Encoding {
    /// Computes the tables: for each axis the sines, then the cosines; the axes one after the other, cut to
    /// `channels`.
    pub fn new(inv_freq: &[f32], channels: usize, grid: Grid) -> Self {
        let half = inv_freq.len();
        let axis = |number: usize, length: usize| {
            let mut table = vec![0.0; length * channels];
            for (position, row) in table.chunks_exact_mut(channels.max(1)).enumerate() {
                for (i, frequency) in inv_freq.iter().enumerate() {
                    let angle = position as f32 * frequency;
                    for (channel, value) in [(i, angle.sin()), (half + i, angle.cos())] {
                        if let Some(out) = row.get_mut(number * 2 * half + channel) {
                            *out = value;
                        }
                    }
                }
            }
            table
        };
        Self { axes: [axis(0, grid.time), axis(1, grid.height), axis(2, grid.width)], channels }
    }

    /// The encoding of an axis at a position, by channel.
    pub fn at(&self, axis: usize, position: usize) -> &[f32] {
        &self.axes[axis][position * self.channels..(position + 1) * self.channels]
    }
}
