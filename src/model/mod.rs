//! The encoder: DwiseNeuro, exactly, at any size.

pub mod batch_norm;
pub mod causality;
pub mod checkpoint;
pub mod config;
pub mod core;
pub mod cortex;
pub mod dwiseneuro;
pub mod encoder;
pub mod features;
pub mod frozen;
pub mod gaussian_readout;
pub mod grid;
pub mod init;
pub mod inverted_residual;
pub mod layout;
pub mod loss;
pub mod memory;
pub mod pass;
pub mod pointwise;
pub mod positional_encoding;
pub mod predictor;
mod problem;
pub mod pytorch;
pub mod readout;
pub mod squeeze_excite;
pub mod tensors;
mod validate;
pub mod work;

pub use config::{ModelConfig, ReadoutKind};
pub use dwiseneuro::DwiseNeuro;
pub use encoder::{Clip, ClipGradient, Encoder, Runtime};
pub use features::Features;
pub use pass::Pass;
