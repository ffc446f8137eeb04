//! Backpropagates through the ensemble to the movie.

pub mod config;
pub mod gradient;
pub mod optimizer;
pub mod update;
pub mod window;

pub use config::{Combine, MaskConfig, ReconstructionConfig};
pub use gradient::Problem;
pub use optimizer::{Reconstructor, StepStats};
