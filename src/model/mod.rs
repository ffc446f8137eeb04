//! The encoder: DwiseNeuro, exactly, at any size.

pub mod checkpoint;
pub mod config;
pub mod pytorch;

pub use config::ModelConfig;
