//! How a gradient moves the movie: masked, clipped, with momentum and a warm-up.

use ndarray::{Array2, Array3, Axis, Zip};

use super::config::ReconstructionConfig;

/// Darkest and brightest pixel.
const GREY_RANGE: (f32, f32) = (0.0, 255.0);

/// The movie's optimiser state.
#[derive(Debug, Clone)]
pub struct Update {
    config: ReconstructionConfig,
    /// `[height, width]`: pixels that may change.
    mask: Array2<bool>,
    momentum: Array3<f32>,
}

impl Update {
    /// Starts at rest.
    ///
    /// # Shapes
    /// - `mask`: `[height, width]`
    pub fn new(config: &ReconstructionConfig, mask: Array2<bool>, frames: usize) -> Self {
        let (height, width) = mask.dim();
        Self { config: config.clone(), mask, momentum: Array3::zeros((frames, height, width)) }
    }

    /// Moves `movie` against `gradient`.
    ///
    /// As published, iteration 0 only measures: its gradient does not even enter the momentum, though the
    /// bias corrections count it.
    ///
    /// # Shapes
    /// - `movie`, `gradient`: `[frame, height, width]`
    pub fn apply(&mut self, movie: &mut Array3<f32>, gradient: &Array3<f32>, iteration: usize) {
        if iteration == 0 {
            return;
        }
        let rate = self.rate(iteration);
        let beta = self.config.beta_1 as f32;
        let frames = movie.axis_iter_mut(Axis(0)).zip(gradient.axis_iter(Axis(0)));
        for ((mut movie, gradient), mut momentum) in frames.zip(self.momentum.axis_iter_mut(Axis(0))) {
            Zip::from(&mut movie).and(&gradient).and(&mut momentum).and(&self.mask).for_each(
                |pixel, &gradient, momentum, &free| {
                    let gradient = if free { gradient.clamp(-1.0, 1.0) } else { 0.0 };
                    *momentum = beta * *momentum + (1.0 - beta) * gradient;
                    if free {
                        *pixel = (*pixel - rate * *momentum).clamp(GREY_RANGE.0, GREY_RANGE.1);
                    }
                },
            );
        }
    }

    /// Step size on the momentum: warm-up, the bias corrections of Adam, and the first one once more, as
    /// published.
    fn rate(&self, iteration: usize) -> f32 {
        let steps = iteration as i32 + 1;
        let warmup = match self.config.warmup_iterations {
            0 => 1.0,
            n => (iteration as f64 / n as f64).min(1.0),
        };
        let correction = 1.0 - self.config.beta_1.powi(steps);
        let second = (1.0 - self.config.beta_2.powi(steps)).sqrt();
        (self.config.learning_rate * warmup * second / correction / correction) as f32
    }
}
