//! The movies that a probe shows, at the size of the mouse's own and about as bright and contrasty as those.

mod gaussian_noise;
mod grating;
mod sparse_noise;

pub use gaussian_noise::{GaussianNoise, LengthConstants};
pub use grating::{Grating, gratings};
pub use sparse_noise::SparseNoise;

use crate::metric::PIXEL_MAX;

/// How bright stimuli are: grey, and how far they go to either side of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// Grey level that everything is around.
    pub grey: f32,
    /// The most that a stimulus goes above and below it.
    pub swing: f32,
    /// Standard deviation of the mouse's own movies.
    pub contrast: f32,
}

impl Light {
    /// Keeps to the movies' mean grey and swings as far as both black and white allow.
    pub fn around(grey: f32, contrast: f32) -> Self {
        let grey = grey.clamp(0.0, PIXEL_MAX as f32);
        Self { grey, swing: grey.min(PIXEL_MAX as f32 - grey), contrast: contrast.max(0.0) }
    }

    /// Standard deviation for noise: that of the movies, but no more than leaves 95 % of it unclipped.
    pub fn noise_sd(&self) -> f32 {
        self.contrast.min(0.5 * self.swing)
    }
}

/// Whether a stimulus is shown as it is or with dark and bright exchanged. Answers that a neuron gives only to one sign
/// of contrast are not lost when both are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// As it is.
    Positive,
    /// Mirrored at grey.
    Negative,
}

impl Polarity {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Positive, Self::Negative];

    /// What to multiply the difference from grey by.
    pub const fn sign(self) -> f32 {
        match self {
            Self::Positive => 1.0,
            Self::Negative => -1.0,
        }
    }

    /// Names files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
        }
    }
}
