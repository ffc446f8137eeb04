//! Sizes of the encoder. The defaults are DwiseNeuro's (R. Baikulov, winner of Sensorium 2023).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a neuron's response is read out of the features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadoutKind {
    /// From their mean over space, by groups of channels: DwiseNeuro's.
    #[default]
    Pooled,
    /// At a place of the neuron's own: the Gaussian readout of Lurz et al. (ICLR 2021).
    Gaussian,
}

/// Everything that fixes the shapes and the arithmetic of an encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Channels of the input: the movie, then the behavioral rows. From the data.
    pub in_channels: usize,
    /// Neurons of each mouse: one readout each. From the data.
    pub readout_outputs: Vec<usize>,
    /// Width in of each block; a block's width out is the next block's width in (last: its own).
    #[schemars(extend("unit" = "channels"))]
    pub core_features: Vec<usize>,
    /// Spatial stride of each block.
    #[schemars(extend("unit" = "pixels"))]
    pub spatial_strides: Vec<usize>,
    /// Side of the spatial depthwise kernel, odd.
    #[schemars(extend("unit" = "pixels"))]
    pub spatial_kernel: usize,
    /// Length of the temporal depthwise kernel, odd.
    #[schemars(extend("unit" = "frames of the clip"))]
    pub temporal_kernel: usize,
    /// A block's inner width over its width in.
    #[schemars(extend("unit" = "factor"))]
    pub expansion_ratio: usize,
    /// A block's inner width over its squeeze-excite width.
    #[schemars(extend("unit" = "factor"))]
    pub se_reduce_ratio: usize,
    /// Whether a response depends on nothing that comes after it: convolutions over time see only the past, and
    /// squeeze-excite averages each frame by itself. Unlike DwiseNeuro, whose convolutions are centred and whose
    /// squeeze-excite averages the clip.
    pub causal: bool,
    /// How a neuron's response is read out of the features.
    pub readout: ReadoutKind,
    /// Widths of the cortex layers. May be empty with the Gaussian readout, which then reads the core.
    #[schemars(extend("unit" = "channels"))]
    pub cortex_features: Vec<usize>,
    /// Groups of the convolutions of the cortex and of the pooled readout.
    #[schemars(extend("unit" = "groups"))]
    pub groups: usize,
    /// Sharpness of the readout's softplus.
    #[schemars(extend("unit" = "1 / response"))]
    pub softplus_beta: f64,
    /// Channel dropout before the readout.
    #[schemars(extend("unit" = "probability"))]
    pub drop_rate: f64,
    /// Drop path rate: of the cortex; grows linearly to it over the core's blocks.
    #[schemars(extend("unit" = "probability"))]
    pub drop_path_rate: f64,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            in_channels: 5,
            readout_outputs: Vec::new(),
            core_features: vec![64, 64, 64, 64, 128, 128, 128, 256, 256],
            spatial_strides: vec![2, 1, 1, 1, 2, 1, 1, 2, 1],
            spatial_kernel: 3,
            temporal_kernel: 5,
            expansion_ratio: 7,
            se_reduce_ratio: 32,
            causal: false,
            readout: ReadoutKind::Pooled,
            cortex_features: vec![1024, 2048, 4096],
            groups: 2,
            softplus_beta: 0.07,
            drop_rate: 0.4,
            drop_path_rate: 0.1,
        }
    }
}
