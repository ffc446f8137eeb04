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

    /// Puts the pixels of `other` where they may change.
    ///
    /// # Shapes
    /// - `movie`, `other`: `[frame, height, width]`
    pub fn put(&self, movie: &mut Array3<f32>, other: &Array3<f32>) {
        for (mut movie, other) in movie.outer_iter_mut().zip(other.outer_iter()) {
            Zip::from(&mut movie).and(&other).and(&self.mask).for_each(|pixel, &other, &free| {
                if free {
                    *pixel = other.clamp(GREY_RANGE.0, GREY_RANGE.1);
                }
            });
        }
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
        let beta = self.config.beta_1 as f32;
        for (gradient, mut momentum) in gradient.outer_iter().zip(self.momentum.outer_iter_mut()) {
            Zip::from(&gradient).and(&mut momentum).and(&self.mask).for_each(|&gradient, momentum, &free| {
                let gradient = if free { gradient.clamp(-1.0, 1.0) } else { 0.0 };
                *momentum = beta * *momentum + (1.0 - beta) * gradient;
            });
        }
        let rate = self.rate(iteration);
        for (mut movie, momentum) in movie.outer_iter_mut().zip(self.momentum.outer_iter()) {
            Zip::from(&mut movie).and(&momentum).and(&self.mask).for_each(|pixel, &momentum, &free| {
                if free {
                    *pixel = (*pixel - rate * momentum).clamp(GREY_RANGE.0, GREY_RANGE.1);
                }
            });
        }
    }

    /// Step size on the momentum.
    fn rate(&self, iteration: usize) -> f32 {
        let config = &self.config;
        let warmup = match config.warmup_iterations {
            0 => 1.0,
            n => (iteration as f64 / n as f64).min(1.0),
        };
        let done = iteration as f64 / config.iterations.saturating_sub(1).max(1) as f64;
        let shrink = 1.0 - (1.0 - config.final_rate_fraction) * done.min(1.0);
        let full = if config.rms_step > 0.0 { self.rms_rate() } else { self.published_rate(iteration) };
        (full * warmup * shrink) as f32
    }

    /// The bias corrections of Adam, and the first one once more, as published.
    fn published_rate(&self, iteration: usize) -> f64 {
        let steps = iteration as i32 + 1;
        let correction = 1.0 - self.config.beta_1.powi(steps);
        let second = (1.0 - self.config.beta_2.powi(steps)).sqrt();
        self.config.learning_rate * second / correction / correction
    }

    /// What makes the step as long as asked for; 0 when there is nowhere to go.
    fn rms_rate(&self) -> f64 {
        let free = self.mask.iter().filter(|&&free| free).count() * self.momentum.len_of(Axis(0));
        let squares: f64 = self.momentum.iter().map(|&m| f64::from(m).powi(2)).sum();
        if squares > 0.0 { self.config.rms_step / (squares / free as f64).sqrt() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    /// Half the pixels may change.
    fn update(config: &ReconstructionConfig) -> (Update, Array3<f32>) {
        let mask = arr2(&[[true, false], [false, true]]);
        (Update::new(config, mask, 3), Array3::from_elem((3, 2, 2), 100.0))
    }

    fn rms_of_moved(before: &Array3<f32>, after: &Array3<f32>) -> f64 {
        let moved = (after - before).mapv(|d| f64::from(d).powi(2)).sum();
        (moved / 6.0).sqrt()
    }

    #[test]
    fn a_step_has_the_asked_for_size_whatever_the_gradients_and_shrinks_to_its_last_fraction() {
        let config = ReconstructionConfig {
            iterations: 5,
            rms_step: 8.0,
            final_rate_fraction: 0.25,
            warmup_iterations: 0,
            ..ReconstructionConfig::default()
        };
        for scale in [1e-6, 1e-3] {
            let (mut update, mut movie) = update(&config);
            let gradient =
                Array3::from_shape_fn((3, 2, 2), |(t, y, x)| scale * (1.0 + t as f32 - (x + y) as f32));
            for iteration in 1..5 {
                let before = movie.clone();
                update.apply(&mut movie, &gradient, iteration);
                let asked = 8.0 * (1.0 - 0.75 * iteration as f64 / 4.0);
                // Pixels of about 100 are stored to 1e-5.
                assert!((rms_of_moved(&before, &movie) - asked).abs() < 1e-4, "{scale} {iteration}");
            }
            assert_eq!(movie[[1, 0, 1]], 100.0, "a pixel that may not change");
        }
    }

    #[test]
    fn without_a_gradient_nothing_moves() {
        let config = ReconstructionConfig { rms_step: 8.0, ..ReconstructionConfig::default() };
        let (mut update, mut movie) = update(&config);
        update.apply(&mut movie, &Array3::zeros((3, 2, 2)), 3);
        assert!(movie.iter().all(|&pixel| pixel == 100.0));
    }
}
