//! Backpropagates through the ensemble to the movie.

pub mod condition;
pub mod config;
pub mod gradient;
pub mod mask;
pub mod mask_training;
pub mod optimizer;
pub mod population;
pub mod postprocess;
pub mod raw;
pub mod result;
pub mod snapshot;
pub mod trial;
pub mod update;
mod watching;
pub mod window;

pub use condition::Condition;
pub use config::{Combine, MaskConfig, MaskSource, ReconstructionConfig, Start};
pub use gradient::Problem;
pub use optimizer::{Reconstructor, StepStats};
pub use population::Population;
pub use result::Reconstruction;
pub use snapshot::Snapshots;
pub use trial::{Guess, TrialPlan};
