//! How large the buffers of a clip are, and how many clips a memory budget holds.

use crate::kernel::lane::{self, Lane, WIDTH};
use crate::model::ModelConfig;
use crate::model::grid::Grid;

/// Threads that one clip keeps busy well: a block's lanes are 14 to 56 tasks.
const THREADS_FED: usize = 4;

/// What happens to the activations between a clip's way through the core and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activations {
    /// Not needed: there is no way back.
    Forgotten,
    /// Computed again, block by block, on the way back.
    Recomputed,
    /// Kept, from every block.
    Kept,
}

/// Sizes of a clip's buffers, in lanes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What happens to the activations.
    pub activations: Activations,
    /// The grid that goes into each block, and the one that leaves the last.
    pub grids: Vec<Grid>,
    /// Expansion, after space, after time: of each block, or the largest of all.
    pub(super) block_lanes: Vec<[usize; 3]>,
    pub(super) row_lanes: Vec<usize>,
    pub(super) gradient_lanes: [usize; 2],
    pub(super) inner_lanes: usize,
}

impl Plan {
    /// Plans for clips of `[time, height, width]`.
    pub fn new(config: &ModelConfig, [time, height, width]: [usize; 3], activations: Activations) -> Self {
        let mut grids = vec![Grid { batch: 1, time, height, width }];
        for &stride in &config.spatial_strides {
            grids.push(grids[grids.len() - 1].strided(stride));
        }
        let inner: Vec<usize> =
            config.core_features.iter().map(|f| lane::count(f * config.expansion_ratio)).collect();
        let mut block_lanes: Vec<[usize; 3]> = (0..inner.len())
            .map(|block| {
                let after = inner[block] * grids[block + 1].rows();
                let expanded = if block == 0 { 0 } else { inner[block] * grids[block].rows() };
                match activations {
                    Activations::Forgotten => [0, 0, after],
                    _ => [expanded, after, after],
                }
            })
            .collect();
        let inner_lanes = block_lanes.iter().map(|lanes| lanes[2]).max().unwrap_or(0);
        if activations != Activations::Kept {
            let largest = |which: usize| block_lanes.iter().map(|lanes| lanes[which]).max().unwrap_or(0);
            block_lanes = vec![[largest(0), largest(1), largest(2)]];
        }
        let widths = config.core_features.iter().chain(config.core_features.last());
        // The first block's rows are those of its shortcut: the movie itself is not copied.
        let rows = |(block, &width): (usize, &usize)| (grids[block.max(1)].rows() * width).div_ceil(WIDTH);
        let mut row_lanes: Vec<usize> = widths.enumerate().map(rows).collect();
        let largest = row_lanes.iter().copied().max().unwrap_or(0);
        let back = activations != Activations::Forgotten;
        if !back {
            row_lanes = vec![largest; 2];
        }
        Self {
            activations,
            grids,
            block_lanes,
            row_lanes,
            gradient_lanes: if back { [largest; 2] } else { [0; 2] },
            inner_lanes: if back { inner_lanes } else { 0 },
        }
    }

    /// Memory of one clip.
    pub fn bytes(&self) -> usize {
        let blocks: usize = self.block_lanes.iter().flatten().sum();
        let rows: usize = self.row_lanes.iter().chain(&self.gradient_lanes).sum();
        (blocks + rows + self.inner_lanes) * size_of::<Lane>()
    }

    /// Where a block's activations lie among the buffers.
    pub fn block(&self, index: usize) -> usize {
        if self.activations == Activations::Kept { index } else { 0 }
    }

    /// Where a block's input rows lie among the buffers.
    pub fn rows(&self, index: usize) -> usize {
        if self.activations == Activations::Forgotten { index % 2 } else { index }
    }

    /// Picks what to do with the activations, and how many of `wanted` clips to run at once, within `budget`
    /// bytes. At least one clip always runs.
    ///
    /// Keeping them is faster as long as there are clips enough for all threads: a clip feeds several.
    pub fn within(
        config: &ModelConfig,
        size: [usize; 3],
        budget: usize,
        wanted: usize,
        threads: usize,
    ) -> (Plan, usize) {
        let clips = |plan: &Plan| (budget / plan.bytes().max(1)).min(wanted);
        let kept = Self::new(config, size, Activations::Kept);
        let fits = clips(&kept);
        if fits == wanted || fits > 0 && fits * THREADS_FED >= threads {
            return (kept, fits);
        }
        let recomputed = Self::new(config, size, Activations::Recomputed);
        let fits = clips(&recomputed).max(1);
        (recomputed, fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_decides_between_keeping_and_recomputing() {
        let config = ModelConfig { readout_outputs: vec![10], ..ModelConfig::default() };
        let size = [16, 64, 64];
        let (plan, clips) = Plan::within(&config, size, usize::MAX, 4, 8);
        assert_eq!((plan.activations, clips), (Activations::Kept, 4));
        let kept = plan.bytes();
        let (plan, clips) = Plan::within(&config, size, 2 * kept, 4, 8);
        assert_eq!((plan.activations, clips), (Activations::Kept, 2));
        let (plan, clips) = Plan::within(&config, size, 2 * kept, 4, 32);
        assert_eq!((plan.activations, clips), (Activations::Recomputed, 4));
        assert!(plan.bytes() * 3 < kept);
        let (_, clips) = Plan::within(&config, size, 0, 4, 1);
        assert_eq!(clips, 1);
        assert!(Plan::new(&config, size, Activations::Forgotten).bytes() < plan.bytes());
    }
}
