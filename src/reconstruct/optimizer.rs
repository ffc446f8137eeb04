//! The reconstruction loop: one step asks every member for its gradient and moves the movie.
//!
//! Knows no files, no bars and no data set.

use ndarray::{Array2, Array3};

use super::config::ReconstructionConfig;
use super::gradient::Problem;
use super::update::Update;
use crate::error::Result;
use crate::metric::filter;
use crate::model::Encoder;

/// What an iteration found before it moved the movie.
#[derive(Debug, Clone, PartialEq)]
pub struct StepStats {
    /// Counted from 0.
    pub iteration: usize,
    /// Loss of every window, member after member.
    pub losses: Vec<f64>,
    /// Correlation over time of the responses predicted for the movie, averaged over members, with those to
    /// match: mean over the neurons matched.
    pub response_correlation: f64,
    /// Clips whose gradient this iteration took, summed over members.
    pub clip_gradients: usize,
}

impl StepStats {
    /// Averages over windows and members.
    pub fn mean_loss(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len() as f64
    }
}

/// A movie that is being reconstructed through one or several members.
pub struct Reconstructor<'a> {
    members: Vec<&'a Encoder>,
    problem: Problem,
    update: Update,
    gradient_sigma: [f64; 3],
    movie: Array3<f32>,
    iteration: usize,
}

impl<'a> Reconstructor<'a> {
    /// Starts from a grey movie. With several members their gradients are averaged.
    ///
    /// # Shapes
    /// - `mask`: `[height, width]` of the encoder's input: pixels that may change
    pub fn new(
        members: Vec<&'a Encoder>,
        problem: Problem,
        config: &ReconstructionConfig,
        mask: Array2<bool>,
    ) -> Self {
        let frames = problem.responses.ncols();
        let (height, width) = mask.dim();
        Self {
            members,
            problem,
            movie: Array3::from_elem((frames, height, width), config.initial_grey),
            update: Update::new(config, mask, frames),
            gradient_sigma: config.gradient_sigma,
            iteration: 0,
        }
    }

    /// Measures and moves the movie once.
    ///
    /// # Errors
    /// When the trial is shorter than a window.
    pub fn step(&mut self) -> Result<StepStats> {
        let mut mean = Array3::<f32>::zeros(self.movie.raw_dim());
        let (mut losses, mut clip_gradients) = (Vec::new(), 0);
        let mut predicted = Array2::<f32>::zeros(self.problem.responses.t().raw_dim());
        let share = 1.0 / self.members.len() as f32;
        for member in &self.members {
            let found = self.problem.gradient(member, self.movie.view())?;
            mean.scaled_add(share, &found.gradient);
            predicted.scaled_add(share, &found.predicted);
            losses.extend(found.losses);
            clip_gradients += found.clips;
        }
        let recorded = self.problem.responses.view();
        let response_correlation = self.problem.population.response_correlation(predicted.t(), recorded);
        let mean = filter::gaussian_filter(mean.view(), self.gradient_sigma);
        self.update.apply(&mut self.movie, &mean, self.iteration);
        let stats = StepStats { iteration: self.iteration, losses, response_correlation, clip_gradients };
        self.iteration += 1;
        Ok(stats)
    }

    /// The movie as it stands, `[frame, height, width]` of the encoder's input.
    pub fn movie(&self) -> &Array3<f32> {
        &self.movie
    }
}
