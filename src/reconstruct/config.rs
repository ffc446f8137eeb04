//! Settings of the reconstruction and of the transparency mask. The defaults are the paper's
//! (Bauer, Margrie & Clopath, eLife 2026).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the members of an ensemble share while they reconstruct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// Each member makes its own movie; the movies are averaged.
    Movies,
    /// The members' gradients are averaged; there is one movie.
    Gradients,
    /// The members take turns, one an iteration; there is one movie, and it costs what one member's costs.
    Turns,
}

/// What a movie is before its first iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Grey everywhere.
    Grey,
    /// What the linear decoder reads from the same responses, smoothed as the gradient is; grey where pixels may not
    /// change.
    Decoder,
}

/// How a movie is reconstructed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReconstructionConfig {
    /// How the members of the ensemble work together.
    pub combine: Combine,
    /// What the movie is before the first iteration.
    pub start: Start,
    /// Updates of the movie; iteration 0 only measures.
    #[schemars(extend("unit" = "iterations"))]
    pub iterations: usize,
    /// Frames from the start of one window to the next.
    #[schemars(extend("unit" = "frames"))]
    pub stride: usize,
    /// Grey level of the first movie, padding rows too.
    #[schemars(extend("unit" = "grey levels"))]
    pub initial_grey: f32,
    /// Size of the published step.
    #[schemars(extend("unit" = "grey levels by gradient"))]
    pub learning_rate: f64,
    /// Root mean square over pixels of a full step, in grey levels, whatever the gradient's size: the same for large and
    /// small frames. 0 takes the published step of `learning_rate` and `beta_2` instead.
    #[schemars(extend("unit" = "grey levels"))]
    pub rms_step: f64,
    /// Share of the step that is left in the last iteration; it shrinks evenly.
    #[schemars(extend("unit" = "share"))]
    pub final_rate_fraction: f64,
    /// Iterations over which the step grows to full size.
    #[schemars(extend("unit" = "iterations"))]
    pub warmup_iterations: usize,
    /// Decay of the gradient's moving average.
    #[schemars(extend("unit" = "share"))]
    pub beta_1: f64,
    /// Decay in the step-size correction.
    #[schemars(extend("unit" = "share"))]
    pub beta_2: f64,
    /// Pixels whose transparency is at least this are updated.
    #[schemars(extend("unit" = "transparency"))]
    pub update_threshold: f32,
    /// Pixels whose transparency is at least this are scored and shown; grey elsewhere.
    #[schemars(extend("unit" = "transparency"))]
    pub evaluation_threshold: f32,
    /// Gaussian filter of the gradient before it moves the movie: frames, pixels, pixels. Zero, as published,
    /// leaves it alone; more has the movie form from coarse to fine, for single pixels move the encoder and not
    /// the mouse.
    #[schemars(extend("unit" = "frames, pixels, pixels"))]
    pub gradient_sigma: [f64; 3],
    /// First frames left out of the result and its score.
    #[schemars(extend("unit" = "frames"))]
    pub skip_frames: usize,
    /// Gaussian filter of the result: frames, pixels, pixels. Zero leaves an axis as it is.
    #[schemars(extend("unit" = "frames, pixels, pixels"))]
    pub filter_sigma: [f64; 3],
    /// The movie is also kept as it stands after these iterations, ascending, to see how it comes about
    /// (`evaluation/course.csv`). None, the default, keeps the last alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("unit" = "iterations"))]
    pub snapshots: Vec<usize>,
}

impl Default for ReconstructionConfig {
    fn default() -> Self {
        Self {
            combine: Combine::Movies,
            start: Start::Grey,
            iterations: 1000,
            stride: 8,
            initial_grey: 127.5,
            learning_rate: 1000.0,
            rms_step: 0.0,
            final_rate_fraction: 1.0,
            warmup_iterations: 10,
            beta_1: 0.9,
            beta_2: 0.999,
            update_threshold: 0.5,
            evaluation_threshold: 1.0,
            gradient_sigma: [0.0; 3],
            skip_frames: 30,
            filter_sigma: [0.5, 0.5, 0.5],
            snapshots: Vec::new(),
        }
    }
}

/// What a transparency mask is made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaskSource {
    /// Trained by blending movies, as published.
    #[default]
    Training,
    /// Nothing: every pixel of the movie matters, those of the padding don't. For small recordings, whose encoders
    /// know too little to say where the neurons look, and for movies that were cut to what the neurons see.
    Everywhere,
    /// From the neurons' receptive fields in silico: how many neurons look at a pixel. 1 where half as many look as at
    /// the best place.
    ReceptiveFields,
}

/// How a transparency mask is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MaskConfig {
    /// What it is made from; all other keys are of the trained one.
    pub from: MaskSource,
    /// Updates of the mask.
    #[schemars(extend("unit" = "iterations"))]
    pub iterations: usize,
    /// First frame of the trial that is blended; a window long.
    #[schemars(extend("unit" = "frame, from 0"))]
    pub first_frame: usize,
    /// Step size.
    #[schemars(extend("unit" = "transparency by gradient"))]
    pub learning_rate: f64,
    /// The mask starts uniform between 0 and this.
    #[schemars(extend("unit" = "transparency"))]
    pub initial_max: f32,
    /// Standard deviation of the Gaussian blur of the gradient, in pixels.
    #[schemars(extend("unit" = "pixels"))]
    pub blur_sigma: f64,
    /// Side of the blur's kernel, odd, in pixels.
    #[schemars(extend("unit" = "pixels"))]
    pub blur_size: usize,
    /// Members whose masks are averaged. The paper uses one.
    #[schemars(extend("unit" = "models"))]
    pub members: usize,
}

impl Default for MaskConfig {
    fn default() -> Self {
        Self {
            from: MaskSource::Training,
            iterations: 1000,
            first_frame: 50,
            learning_rate: 10.0,
            initial_max: 0.05,
            blur_sigma: 5.0,
            blur_size: 15,
            members: 1,
        }
    }
}
