//! Settings of training. The defaults are those of the movie paper (DESIGN: AdamW, 21 epochs).

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How one member is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Clips in a batch.
    #[schemars(extend("unit" = "clips"))]
    pub batch_size: usize,
    /// Peak learning rate for a batch of 4; scales with the batch.
    #[schemars(extend("unit" = "rate"))]
    pub learning_rate_per_4: f64,
    /// Decoupled weight decay, on every parameter.
    #[schemars(extend("unit" = "share of the rate"))]
    pub weight_decay: f64,
    /// Epochs of linear warm-up from 0.
    #[schemars(extend("unit" = "epochs"))]
    pub warmup_epochs: usize,
    /// Epochs of cosine decay after the warm-up.
    #[schemars(extend("unit" = "epochs"))]
    pub cosine_epochs: usize,
    /// The cosine ends at this fraction of the peak rate.
    #[schemars(extend("unit" = "share"))]
    pub final_rate_fraction: f64,
    /// Clips drawn in an epoch, spread evenly over mice.
    #[schemars(extend("unit" = "clips"))]
    pub epoch_samples: usize,
    /// Decay of the exponential moving average of parameters and buffers.
    #[schemars(extend("unit" = "share"))]
    pub ema_decay: f64,
    /// Probability that a clip is mixed with a second one.
    #[schemars(extend("unit" = "probability"))]
    pub cutmix_probability: f64,
    /// Validate every this many epochs; the last epoch is always validated.
    #[schemars(extend("unit" = "epochs"))]
    pub validate_every: usize,
    /// Save the state of the training every so many seconds, beside the end of every epoch and when asked to
    /// stop; a training that was killed goes on from there. Does not change the result.
    #[schemars(extend("unit" = "seconds"))]
    pub checkpoint_seconds: f64,
    /// A trained model whose core and cortex the members start from, for new readouts; or the folder of a run
    /// or of its members, where each member finds its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_from: Option<PathBuf>,
    /// Leave that core and cortex as they are and train the readouts alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub freeze_core: bool,
    /// A trained model of the same mice, or such a folder: its predictions teach each readout on the clips that
    /// other mice saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distill_from: Option<PathBuf>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            batch_size: 24,
            learning_rate_per_4: 3e-4,
            weight_decay: 0.05,
            warmup_epochs: 3,
            cosine_epochs: 18,
            final_rate_fraction: 0.01,
            epoch_samples: 72_000,
            ema_decay: 0.999,
            cutmix_probability: 0.5,
            validate_every: 1,
            checkpoint_seconds: 600.0,
            start_from: None,
            freeze_core: false,
            distill_from: None,
        }
    }
}
