//! How much memory a training needs, by counting what it holds.

use super::config::{ModelConfig, ReadoutKind};
use super::grid::Grid;
use super::layout::count_numbers;

/// Bytes of what a training holds at once, f32 throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingMemory {
    /// Weights, as many bytes for their gradients, and again for the moving average.
    pub weights: u64,
    /// AdamW's two moments.
    pub moments: u64,
    /// What the backward pass needs of the forward pass, for all clips of a batch.
    pub activations: u64,
    /// The largest tensors that come and go while the backward pass runs.
    pub passing: u64,
}

impl TrainingMemory {
    /// Counts for batches of `clips`, each `[frame, height, width]` at the encoder's input, with readouts of all
    /// mice in every batch: the most that a training can need. `config` must be valid.
    pub fn of(config: &ModelConfig, clips: usize, [time, height, width]: [usize; 3]) -> Self {
        let numbers = count_numbers(config);
        let (kept, passing) = activations(config, Grid { batch: clips, time, height, width });
        let bytes = |numbers: usize| 4 * numbers as u64;
        Self {
            weights: bytes(numbers),
            moments: bytes(2 * numbers),
            activations: bytes(kept),
            passing: bytes(passing),
        }
    }

    /// Adds it all up.
    pub fn total(&self) -> u64 {
        3 * self.weights + self.moments + self.activations + self.passing
    }
}

/// Counts the bytes of an encoder's weights, f32, with the readouts of all mice.
pub fn weight_bytes(config: &ModelConfig) -> u64 {
    4 * count_numbers(config) as u64
}

/// Counts the numbers that are kept for the backward pass, and the most that come and go beside them: of the
/// widest layer, the gradient of what came out of it and of what went in.
fn activations(config: &ModelConfig, mut grid: Grid) -> (usize, usize) {
    let widths = &config.core_features;
    let mut kept = grid.rows() * (config.in_channels + widths.first().copied().unwrap_or(0));
    let mut passing = 0;
    for (index, (&width, &stride)) in widths.iter().zip(&config.spatial_strides).enumerate() {
        let (inner, width_out) =
            (width * config.expansion_ratio, widths.get(index + 1).copied().unwrap_or(width));
        let out = grid.strided(stride);
        // What comes in; after the convolutions over space and over time; after the projection. The expanded
        // tensor is computed again.
        kept += grid.rows() * width + out.rows() * (2 * inner + width_out);
        passing = passing.max(2 * out.rows() * inner);
        grid = out;
    }
    let mut width = widths.last().copied().unwrap_or(0);
    for &width_out in &config.cortex_features {
        // Before the norm, the shortcut before its norm, and what comes in.
        kept += grid.rows() * (2 * width_out + width);
        passing = passing.max(2 * grid.rows() * width_out);
        width = width_out;
    }
    let places = if config.readout == ReadoutKind::Pooled { 1 } else { grid.height * grid.width };
    let frames = grid.batch * grid.time;
    // Each clip is read for one mouse: features, before and after the softplus, targets.
    let neurons = config.readout_outputs.iter().copied().max().unwrap_or(0);
    (kept + frames * (places * width + 3 * neurons), passing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_weights_and_activations_are_what_the_arithmetic_says() {
        let config = ModelConfig { readout_outputs: vec![8000; 10], ..ModelConfig::default() };
        let one = TrainingMemory::of(&config, 1, [16, 64, 64]);
        let two = TrainingMemory::of(&config, 2, [16, 64, 64]);
        // 10 readouts of 4096 / 2 x 8000 weights and 8000 biases, 655.7 MB; core and cortex are small beside them.
        assert!((655_680_000..750_000_000).contains(&one.weights), "{one:?}");
        assert_eq!(one.moments, 2 * one.weights);
        assert_eq!((two.weights, two.activations), (one.weights, 2 * one.activations));
        // Block 0 alone: 65,536 rows of 64; 16,384 rows of twice 448 and 64.
        assert!(one.activations > 4 * (65_536 * 64 + 16_384 * (2 * 448 + 64)), "{one:?}");
        assert!((400_000_000..700_000_000).contains(&one.activations), "{one:?}");
    }
}
