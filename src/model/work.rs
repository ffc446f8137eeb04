//! How much an encoder calculates, by counting it.

use super::config::{ModelConfig, ReadoutKind};
use super::grid::Grid;

/// Multiply-adds of the forward pass of one clip, `[frame, height, width]` at the encoder's input, for the first mouse.
/// Norms, activations and squeeze-excite are small beside them and left out. `config` must be valid.
pub fn multiply_adds(config: &ModelConfig, [time, height, width]: [usize; 3]) -> f64 {
    let mut grid = Grid { batch: 1, time, height, width };
    let widths = &config.core_features;
    let mut count = grid.rows() * config.in_channels * widths.first().copied().unwrap_or(0);
    for (index, (&width, &stride)) in widths.iter().zip(&config.spatial_strides).enumerate() {
        let (inner, width_out) =
            (width * config.expansion_ratio, widths.get(index + 1).copied().unwrap_or(width));
        let out = grid.strided(stride);
        let depthwise = config.spatial_kernel * config.spatial_kernel + config.temporal_kernel;
        count += grid.rows() * width * inner + out.rows() * inner * (depthwise + width_out);
        grid = out;
    }
    let mut width = widths.last().copied().unwrap_or(0);
    for &width_out in &config.cortex_features {
        count += time * width * width_out / config.groups;
        width = width_out;
    }
    let neurons = config.readout_outputs.first().copied().unwrap_or(0);
    let groups = if config.readout == ReadoutKind::Pooled { config.groups } else { 1 };
    (count + time * neurons * width / groups) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_clip_takes_14_6_billion() {
        let config = ModelConfig { readout_outputs: vec![8000], ..ModelConfig::default() };
        let count = multiply_adds(&config, [16, 64, 64]) / 1e9;
        assert!((14.5..14.7).contains(&count), "{count}");
    }
}
