//! The linear decoder: ridge regression from responses to pixels, what a reconstruction through an encoder has to
//! beat.

pub mod cholesky;
pub mod config;
pub mod cross_validation;
pub mod decoded;
pub mod images;
pub mod moments;
pub mod movie;
pub mod product;
pub mod ridge;

pub use cholesky::Cholesky;
pub use config::DecodeConfig;
pub use cross_validation::{LeftOut, leave_groups_out, predict_left_out};
pub use decoded::Decoded;
pub use moments::Moments;
pub use movie::MovieDecoder;
pub use ridge::Ridge;

/// Strengths of the penalty that are tried, in shares of the mean squared feature: far enough apart to differ, near
/// enough that the best between two would hardly gain.
pub const STRENGTHS: [f64; 8] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
