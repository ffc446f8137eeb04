//! A look at a movie that is being reconstructed, for those who watch it form. It is a copy: whoever looks can
//! neither change nor hold up the work.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array2, Array3, ArrayView3};

/// Makes of a raw movie in work, `[frame, height, width]` of the encoder's input, what would be shown if it were
/// done: cropped, without the first frames, filtered, grey outside the mask.
pub type Finish = Box<dyn Fn(ArrayView3<f32>) -> Array3<f32> + Send + Sync>;

/// What stays the same while one movie is made.
pub struct Scene {
    /// Whose trial it is.
    pub mouse: String,
    /// The trial's number.
    pub trial: u32,
    /// From what it is reconstructed: `recorded`, or the name of a control.
    pub label: String,
    /// Which of the trial's movies this is, counted from 0.
    pub movie: usize,
    /// Number of movies that the trial's reconstruction averages.
    pub movies: usize,
    /// Iterations that it takes.
    pub steps: usize,
    /// When its first iteration began.
    pub started: Instant,
    /// First frame of the trial that is shown.
    pub first_frame: usize,
    /// Frames a second.
    pub frame_rate_hz: f64,
    /// `[frame, height, width]`: what the animal saw, in the frames shown.
    pub ground_truth: Array3<f32>,
    /// `[height, width]`: pixels that are scored.
    pub mask: Array2<bool>,
    /// `[row, frame]` of the whole trial.
    pub behavior: Array2<f32>,
    /// `[row, frame]` of the whole trial.
    pub pupil_center: Array2<f32>,
    /// Mean response over neurons, of each frame of the whole trial.
    pub mean_response: Vec<f32>,
    /// What becomes of its raw movie.
    pub finish: Finish,
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mouse, trial, label, movie, .. } = self;
        write!(f, "Scene({label}, mouse {mouse}, trial {trial}, movie {movie})")
    }
}

/// A movie after some iterations.
#[derive(Debug, Clone)]
pub struct Glimpse {
    /// Which movie.
    pub scene: Arc<Scene>,
    /// Iterations done.
    pub step: usize,
    /// `[frame, height, width]` of the encoder's input, raw.
    pub movie: Arc<Array3<f32>>,
    /// Loss at each iteration so far.
    pub losses: Arc<[f64]>,
    /// Correlation of the responses predicted for it with those to match, at each iteration so far.
    pub response_correlations: Arc<[f64]>,
}
