//! What a pixel correlation would be by chance: the controls beside every score.

use ndarray::{Array3, ArrayView3, s};
use serde::Serialize;

use crate::data::{Mouse, TrialId};
use crate::error::Result;
use crate::metric::correlation::pixel_correlation;
use crate::reconstruct::Reconstruction;

/// Pixel correlations that a reconstruction has to beat, each within the same mask and frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Controls {
    /// The mean of the training movies, frame by frame, as the guess.
    pub mean_movie: f64,
    /// The reconstruction against the movies of other trials: the mean over them.
    pub another_trial: f64,
    /// A reconstruction from responses shuffled between neurons; NaN when none was made.
    pub shuffled_neurons: f64,
}

impl Controls {
    /// Computes the controls of one trial.
    ///
    /// # Shapes
    /// - `mean_movie`, `others`: `[frame, height, width]` of whole trials, from frame 0
    pub fn of(
        result: &Reconstruction,
        shuffled: Option<&Reconstruction>,
        mean_movie: ArrayView3<f32>,
        others: &[Array3<f32>],
    ) -> Self {
        let against = |guess: ArrayView3<f32>, movie: ArrayView3<f32>, first: usize| {
            let frames = guess.dim().0.min(movie.dim().0.saturating_sub(first));
            let guess = guess.slice(s![..frames, .., ..]);
            pixel_correlation(movie.slice(s![first..first + frames, .., ..]), guess, result.scored().view())
        };
        let first = result.first_frame;
        let others: Vec<f64> =
            others.iter().map(|other| against(result.movie.view(), other.view(), first)).collect();
        Self {
            mean_movie: against(result.ground_truth.view(), mean_movie, first),
            another_trial: others.iter().sum::<f64>() / others.len() as f64,
            shuffled_neurons: shuffled
                .map_or(f64::NAN, |control| against(control.movie.view(), result.ground_truth.view(), 0)),
        }
    }
}

/// Averages the movies of some trials, frame by frame, over as many frames as the longest has.
///
/// # Errors
/// When a movie can't be read.
pub fn mean_movie(mouse: &Mouse, trials: &[TrialId]) -> Result<Array3<f32>> {
    let longest = mouse.trials.iter().map(|trial| trial.frames).max().unwrap_or(0);
    let [height, width] = mouse.frame_size;
    let mut sum = Array3::<f32>::zeros((longest, height, width));
    let mut count = vec![0.0f32; longest];
    for &id in trials {
        let movie = mouse.read_movie(id)?;
        let frames = movie.dim().0.min(longest);
        let mut part = sum.slice_mut(s![..frames, .., ..]);
        part += &movie.slice(s![..frames, .., ..]);
        count[..frames].iter_mut().for_each(|n| *n += 1.0);
    }
    for (mut frame, count) in sum.outer_iter_mut().zip(count) {
        frame /= count.max(1.0);
    }
    Ok(sum)
}
