//! Backpropagates through the ensemble to the movie.

pub mod config;

pub use config::{Combine, MaskConfig, ReconstructionConfig};
