//! Backpropagates through the ensemble to the movie.

pub mod config;
pub mod gradient;
pub mod mask;
pub mod mask_training;
pub mod optimizer;
pub mod population;
pub mod postprocess;
pub mod result;
pub mod trial;
pub mod update;
pub mod window;

pub use config::{Combine, MaskConfig, MaskSource, ReconstructionConfig};
pub use gradient::Problem;
pub use optimizer::{Reconstructor, StepStats};
pub use population::Population;
pub use result::Reconstruction;
pub use trial::{Condition, TrialPlan};
