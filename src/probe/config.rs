//! Settings of the probes. Lengths that should follow the eye rather than the camera are given per frame width, so that
//! the defaults suit small movies and large ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The section `[probe]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeConfig {
    /// Width of the screen in degrees of the visual field, to give frequencies in cycles a degree too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("unit" = "degrees"))]
    pub screen_width_deg: Option<f64>,
    /// Movies of sparse noise; a neuron's field is found in all and checked between the even and the odd ones.
    #[schemars(extend("unit" = "movies"))]
    pub sparse_movies: usize,
    /// Frames of each.
    #[schemars(extend("unit" = "frames"))]
    pub sparse_frames: usize,
    /// Side of the squares that flash, in pixels; a tenth of the frame's width when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("unit" = "pixels"))]
    pub square_px: Option<usize>,
    /// Frames that a square stays.
    #[schemars(extend("unit" = "frames"))]
    pub square_frames: usize,
    /// Share of the frame that squares cover at any time.
    #[schemars(extend("unit" = "share"))]
    pub sparse_density: f64,
    /// Directions that gratings drift in, evenly spread over the circle.
    #[schemars(extend("unit" = "directions"))]
    pub directions: usize,
    /// Their spatial frequencies, in cycles across the frame's width.
    #[schemars(extend("unit" = "cycles a frame width"))]
    pub cycles_per_width: Vec<f64>,
    /// Their temporal frequencies, in cycles a second.
    #[schemars(extend("unit" = "Hz"))]
    pub cycles_per_second: Vec<f64>,
    /// Frames of each grating. Responses count from the second half second on.
    #[schemars(extend("unit" = "frames"))]
    pub grating_frames: usize,
    /// Spatial length constants of Gaussian noise: standard deviations of the filter that made it, in pixels.
    #[schemars(extend("unit" = "pixels"))]
    pub noise_space_px: Vec<f64>,
    /// Temporal length constants, in frames.
    #[schemars(extend("unit" = "frames"))]
    pub noise_time_frames: Vec<f64>,
    /// Frames of each movie of Gaussian noise.
    #[schemars(extend("unit" = "frames"))]
    pub noise_frames: usize,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            screen_width_deg: None,
            sparse_movies: 24,
            sparse_frames: 300,
            square_px: None,
            square_frames: 5,
            sparse_density: 0.1,
            directions: 12,
            // One to eight cycles over 120 degrees are 0.008 to 0.07 cycles a degree: what mouse V1 answers to.
            cycles_per_width: vec![1.0, 1.5, 2.25, 3.4, 5.0, 7.5],
            cycles_per_second: vec![2.0, 4.0],
            grating_frames: 60,
            noise_space_px: vec![0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0],
            noise_time_frames: vec![1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0],
            noise_frames: 120,
        }
    }
}

impl ProbeConfig {
    /// Side of the squares for frames of a width.
    pub fn square_for(&self, width: usize) -> usize {
        self.square_px.unwrap_or((width + 5) / 10).max(1)
    }
}
