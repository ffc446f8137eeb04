//! The encoder: DwiseNeuro, exactly, at any size.

pub mod checkpoint;
pub mod config;
pub mod layout;
mod problem;
pub mod pytorch;
mod validate;

pub use config::ModelConfig;
