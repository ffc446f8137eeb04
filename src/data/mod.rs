//! Recordings: mice, trials, tiers, folds, clips and the encoder's input.

pub mod batch;
pub mod channel;
pub mod clip;
pub mod clip_input;
pub mod cutmix;
pub mod fold;
pub mod format;
pub mod input;
pub mod mouse;
pub mod movies;
pub mod trial;
pub mod typical;
pub mod verify;

pub use batch::{Batch, Loader, LoaderConfig, TrainingMouse};
pub use channel::Channel;
pub use clip::{Clip, ClipConfig, ClipSampler};
pub use clip_input::ClipInput;
pub use fold::{FoldBy, FoldPolicy, Folds};
pub use input::{Geometry, Padding};
pub use mouse::{Mouse, MouseId, TrialSummary};
pub use trial::{Tier, Trial, TrialId};
pub use typical::Typical;
