//! What a pixel correlation would be by chance, and at best: the controls and ceilings beside every score.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, ArrayView3, s};
use serde::Serialize;

use crate::data::{Mouse, TrialId};
use crate::error::Result;
use crate::metric::correlation::pixel_correlation;
use crate::reconstruct::{Condition, Population, Reconstruction};

/// Numbers to hold a reconstruction's pixel correlation against, each within the same mask and frames. NaN for what
/// was not made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Controls {
    /// The mean of the training movies, frame by frame, as the guess.
    pub mean_movie: f64,
    /// The reconstruction against the movies of other trials: the mean over them.
    pub another_trial: f64,
    /// A reconstruction from responses shuffled between neurons.
    pub shuffled_neurons: f64,
    /// A reconstruction from responses rolled in time.
    pub time_shifted: f64,
    /// Ridge regression from responses to pixels, through the same filter.
    pub linear_decoder: f64,
    /// Ceiling: a reconstruction from what the ensemble predicts for the true movie.
    pub predicted: f64,
    /// Ceiling: a reconstruction from the mean responses over showings of the movie.
    pub averaged: f64,
    /// A reconstruction from half of the neurons.
    pub held_out_neurons: HeldOutNeurons,
}

/// How much of a fit to neurons is a fit to their noise: what a movie made from half of them says of the other half.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HeldOutNeurons {
    /// Of the movie made from half of the neurons.
    pub pixel_correlation: f64,
    /// Response correlation of the neurons that it was made from.
    pub used_response_correlation: f64,
    /// Response correlation of those that it was not made from.
    pub other_response_correlation: f64,
    /// Response correlation of the first half when the true movie is shown to the ensemble.
    pub used_true_movie_response_correlation: f64,
    /// The same of the other half.
    pub other_true_movie_response_correlation: f64,
}

impl HeldOutNeurons {
    /// When nothing was made.
    pub const NONE: Self = Self {
        pixel_correlation: f64::NAN,
        used_response_correlation: f64::NAN,
        other_response_correlation: f64::NAN,
        used_true_movie_response_correlation: f64::NAN,
        other_true_movie_response_correlation: f64::NAN,
    };

    /// Scores a reconstruction through the neurons of `used`.
    ///
    /// # Shapes
    /// - `true_movie`: `[neuron, frame]`, what is predicted for the true movie
    pub fn of(
        result: &Reconstruction,
        made: &Reconstruction,
        used: &Population,
        true_movie: Option<&Array2<f32>>,
    ) -> Self {
        let (predicted, recorded) = (made.predicted_responses.view(), made.responses.view());
        let seen = true_movie.filter(|seen| seen.dim() == recorded.dim());
        Self {
            pixel_correlation: against(result, made.movie.view(), result.ground_truth.view(), 0),
            used_response_correlation: used.response_correlation(predicted, recorded),
            other_response_correlation: used.left_out_correlation(predicted, recorded),
            used_true_movie_response_correlation: seen
                .map_or(f64::NAN, |seen| used.response_correlation(seen.view(), recorded)),
            other_true_movie_response_correlation: seen
                .map_or(f64::NAN, |seen| used.left_out_correlation(seen.view(), recorded)),
        }
    }
}

impl Controls {
    /// When nothing was made.
    pub const NONE: Self = Self {
        mean_movie: f64::NAN,
        another_trial: f64::NAN,
        shuffled_neurons: f64::NAN,
        time_shifted: f64::NAN,
        linear_decoder: f64::NAN,
        predicted: f64::NAN,
        averaged: f64::NAN,
        held_out_neurons: HeldOutNeurons::NONE,
    };

    /// Computes the controls of one trial that need other movies, and those that were reconstructed.
    ///
    /// # Shapes
    /// - `mean_movie`, `others`: `[frame, height, width]` of whole trials, from frame 0
    pub fn of(
        result: &Reconstruction,
        made: &BTreeMap<Condition, Reconstruction>,
        mean_movie: ArrayView3<f32>,
        others: &[Array3<f32>],
    ) -> Self {
        let first = result.first_frame;
        let others: Vec<f64> =
            others.iter().map(|other| against(result, result.movie.view(), other.view(), first)).collect();
        let truth = result.ground_truth.view();
        let control = |condition| {
            let made = made.get(&condition);
            made.map_or(f64::NAN, |made: &Reconstruction| against(result, made.movie.view(), truth, 0))
        };
        Self {
            mean_movie: against(result, truth, mean_movie, first),
            another_trial: others.iter().sum::<f64>() / others.len() as f64,
            shuffled_neurons: control(Condition::ShuffledNeurons),
            time_shifted: control(Condition::TimeShifted),
            predicted: control(Condition::Predicted),
            averaged: control(Condition::Averaged),
            ..Self::NONE
        }
    }

    /// Adds the linear decoder's movie, as it is shown.
    pub fn with_linear_decoder(self, result: &Reconstruction, shown: ArrayView3<f32>) -> Self {
        Self { linear_decoder: against(result, shown, result.ground_truth.view(), 0), ..self }
    }
}

/// Correlates a guess with a movie from its frame `first` on, within the mask of the result, as far as both go.
fn against(result: &Reconstruction, guess: ArrayView3<f32>, movie: ArrayView3<f32>, first: usize) -> f64 {
    let frames = guess.dim().0.min(movie.dim().0.saturating_sub(first));
    let guess = guess.slice(s![..frames, .., ..]);
    pixel_correlation(movie.slice(s![first..first + frames, .., ..]), guess, result.scored().view())
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
