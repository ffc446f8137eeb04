//! Recordings: mice, trials, tiers, folds, clips and the encoder's input.

pub mod clip;
pub mod format;
pub mod mouse;
pub mod trial;

pub use clip::ClipConfig;
pub use mouse::{Mouse, MouseId, TrialSummary};
pub use trial::{Tier, Trial, TrialId};
