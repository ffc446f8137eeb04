//! The reconstruction loop: one step asks every member for its gradient and moves the movie.
//!
//! Knows no files, no bars and no data set.

use burn::tensor::Device;
use ndarray::{Array2, Array3};
use rayon::prelude::*;

use super::config::ReconstructionConfig;
use super::gradient::{MovieGradient, Problem};
use super::update::Update;
use crate::error::Result;
use crate::model::DwiseNeuro;

/// What an iteration found before it moved the movie.
#[derive(Debug, Clone, PartialEq)]
pub struct StepStats {
    /// Counted from 0.
    pub iteration: usize,
    /// Loss of every window, member after member.
    pub losses: Vec<f64>,
}

impl StepStats {
    /// Averages over windows and members.
    pub fn mean_loss(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len() as f64
    }
}

/// A movie that is being reconstructed through one or several members.
pub struct Reconstructor<'a> {
    members: Vec<&'a DwiseNeuro>,
    problem: Problem,
    update: Update,
    movie: Array3<f32>,
    iteration: usize,
    device: Device,
}

impl<'a> Reconstructor<'a> {
    /// Starts from a grey movie. With several members their gradients are averaged.
    ///
    /// # Shapes
    /// - `mask`: `[height, width]` of the encoder's input: pixels that may change
    pub fn new(
        members: Vec<&'a DwiseNeuro>,
        problem: Problem,
        config: &ReconstructionConfig,
        mask: Array2<bool>,
        device: &Device,
    ) -> Self {
        let frames = problem.responses.ncols();
        let (height, width) = mask.dim();
        Self {
            members,
            problem,
            movie: Array3::from_elem((frames, height, width), config.initial_grey),
            update: Update::new(config, mask, frames),
            iteration: 0,
            device: device.clone(),
        }
    }

    /// Measures and moves the movie once.
    ///
    /// # Errors
    /// When the trial is shorter than a window.
    pub fn step(&mut self) -> Result<StepStats> {
        let mut mean = Array3::<f32>::zeros(self.movie.raw_dim());
        let mut losses = Vec::new();
        let gradients: Vec<Result<MovieGradient>> = self
            .members
            .par_iter()
            .map(|member| self.problem.gradient(member, self.movie.view(), &self.device))
            .collect();
        for found in gradients {
            let found = found?;
            mean.scaled_add(1.0 / self.members.len() as f32, &found.gradient);
            losses.extend(found.losses);
        }
        self.update.apply(&mut self.movie, &mean, self.iteration);
        let stats = StepStats { iteration: self.iteration, losses };
        self.iteration += 1;
        Ok(stats)
    }

    /// The movie as it stands, `[frame, height, width]` of the encoder's input.
    pub fn movie(&self) -> &Array3<f32> {
        &self.movie
    }
}
