//! One block of the frozen core: forward, and back to what went in.
//!
//! Depthwise convolutions keep channels apart, so a lane of 32 channels goes through expansion, SiLU, space,
//! SiLU and time of a whole clip on one thread, frame by frame, while its frames are in the level-2 cache.
//! Squeeze-excite needs the means of all of them; its scale then goes into the projection's weights.

mod backward;
mod forward;
mod shortcut;

use super::expansion::{PixelExpansion, Pixels, RowExpansion};
use super::fold::{Source, lane_columns, lane_rows, lanes, rounded};
use super::squeeze_excite::SqueezeExcite;
use crate::kernel::lane::{self, Lane};
use crate::kernel::plane::Plane;
use crate::model::ModelConfig;
use crate::model::grid::Grid;

/// Bytes of expanded rows that a projection gathers at once: half a level-2 cache.
const TILE_BYTES: usize = 512 << 10;

/// How a block expands what it gets.
pub enum Expansion {
    /// The first block: from pixels.
    Pixels(PixelExpansion),
    /// From rows of channels.
    Rows(RowExpansion),
}

/// What a block gets.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// The first block: pixels.
    Pixels(&'a Pixels<'a>),
    /// `[time * pixel, channel]`
    Rows(&'a [f32]),
}

/// A block with its batch norms folded.
pub struct Block {
    /// Its first layer.
    pub expansion: Expansion,
    /// `[lane, tap]`, and `[lane]`.
    spatial: (Vec<Lane>, Vec<Lane>),
    /// `[lane, tap]`, and `[lane]`.
    temporal: (Vec<Lane>, Vec<Lane>),
    squeeze_excite: SqueezeExcite,
    /// `[lane of out, lane * 32]`
    project: Vec<Lane>,
    /// `[lane, out]`
    project_back: Vec<Lane>,
    /// Of the shortcut, by channel out.
    shortcut_scale: Vec<f32>,
    /// Of projection and shortcut together, by channel out.
    shift: Vec<f32>,
    /// Frequencies of the positional encoding before it.
    pub inv_freq: Vec<f32>,
    /// Channels in.
    pub width: usize,
    inner: usize,
    stride: usize,
    border: usize,
    causal: bool,
}

impl Block {
    /// Takes block `index` out of a checkpoint.
    pub fn new(source: &Source, config: &ModelConfig, index: usize) -> Self {
        let name = |part: &str| format!("core.blocks.{index}.{part}");
        let convolution = |part: &str| {
            let norm = source.norm(&name(&format!("{part}_norm")));
            let taps = source.scaled_rows(&name(&format!("{part}.weight")), &norm);
            let shift: Vec<f32> = norm.shift.iter().map(|&v| v as f32).collect();
            (lane_columns(&taps, shift.len()), lanes(&shift))
        };
        let (mut mix, mix_shift) = convolution("temporal");
        if config.causal {
            mix = with_empty_future(&mix, mix_shift.len());
        }
        let width = config.core_features[index];
        let inner = width * config.expansion_ratio;
        let project_norm = source.norm(&name("project_norm"));
        let shortcut_norm = source.norm(&name("shortcut_norm"));
        let rows = source.scaled_rows(&name("project.weight"), &project_norm);
        let out = project_norm.scale.len();
        // From `[out, inner]` to `[inner, out]`.
        let columns: Vec<f32> = (0..inner * out).map(|i| rows[i % out * inner + i / out]).collect();
        let shift = project_norm.shift.iter().zip(&shortcut_norm.shift).map(|(a, b)| (a + b) as f32);
        Self {
            expansion: match index {
                0 => Expansion::Pixels(PixelExpansion::new(source)),
                _ => Expansion::Rows(RowExpansion::new(source, &format!("core.blocks.{index}"))),
            },
            spatial: convolution("spatial"),
            temporal: (mix, mix_shift),
            squeeze_excite: SqueezeExcite::new(source, &name("squeeze_excite")),
            project: lane_rows(&columns, inner),
            project_back: lane_columns(&columns, inner),
            shift: shift.collect(),
            shortcut_scale: rounded(&shortcut_norm.scale),
            inv_freq: source.values(&name("positional.inv_freq")).to_vec(),
            width,
            inner,
            stride: config.spatial_strides[index],
            border: config.spatial_kernel / 2,
            causal: config.causal,
        }
    }

    /// Gates of a clip of `time` frames: one for all, or, lest a frame learn of later ones, one each.
    fn gates(&self, time: usize) -> usize {
        if self.causal { time } else { 1 }
    }

    fn lanes(&self) -> usize {
        lane::count(self.inner)
    }

    /// Channels out.
    pub fn out(&self) -> usize {
        self.shift.len()
    }

    fn plane(&self, grid: Grid) -> Plane {
        Plane { height: grid.height, width: grid.width, border: self.border }
    }

    fn taps<'a>(&self, (taps, shift): &'a (Vec<Lane>, Vec<Lane>), l: usize) -> (&'a [Lane], &'a Lane) {
        let count = taps.len() / shift.len();
        (&taps[l * count..(l + 1) * count], &shift[l])
    }
}

/// Ends kernels, `[lane, tap]`, in the middle: as many zeros follow as taps lie before the last, which then
/// meets the present.
fn with_empty_future(taps: &[Lane], lanes: usize) -> Vec<Lane> {
    let count = taps.len() / lanes;
    let future = std::iter::repeat_n(Lane::ZERO, count - 1);
    taps.chunks_exact(count).flat_map(|taps| taps.iter().copied().chain(future.clone())).collect()
}

/// Counts the rows of so many lanes that are gathered at once.
fn tile_rows(lanes: usize) -> usize {
    (TILE_BYTES / (lanes * size_of::<Lane>()).max(1)).clamp(16, 512)
}
