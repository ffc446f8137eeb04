//! Trains the transparency mask: how much each pixel of the movie matters to this population.
//!
//! A trial's movie is blended with another's through the mask; where the neurons see, the blend has to be
//! opaque for the predicted responses to stay right.

use ndarray::{Array2, Array3, ArrayView2, Axis};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::config::MaskConfig;
use super::gradient::{NORM_EPSILON, Problem};
use crate::model::{ClipGradient, Encoder};

/// A window of one trial, and another trial's movie to blend it with.
#[derive(Debug, Clone)]
pub struct MaskSample {
    /// Behavior and responses of the window; it is one window long.
    pub problem: Problem,
    /// `[frame, height, width]` of the encoder's input: what the animal saw.
    pub movie: Array3<f32>,
    /// `[frame, height, width]`: what it did not see.
    pub background: Array3<f32>,
}

/// A mask in training.
#[derive(Debug, Clone)]
pub struct MaskTrainer {
    config: MaskConfig,
    /// `[frame, height, width]`; the frames move alike.
    mask: Array3<f32>,
    kernel: Vec<f32>,
}

impl MaskTrainer {
    /// Starts uniform between 0 and `initial_max`, each pixel and frame by itself.
    pub fn new(config: &MaskConfig, [frames, height, width]: [usize; 3], rng: &mut ChaCha8Rng) -> Self {
        let mask = Array3::from_shape_simple_fn((frames, height, width), || {
            rng.random::<f32>() * config.initial_max
        });
        Self::from_initial(config, mask)
    }

    /// Starts from a given mask, `[frame, height, width]`.
    pub fn from_initial(config: &MaskConfig, mask: Array3<f32>) -> Self {
        Self { config: config.clone(), mask, kernel: gaussian_kernel(config.blur_size, config.blur_sigma) }
    }

    /// Moves the mask once and returns the squared error before.
    pub fn step(&mut self, encoder: &Encoder, sample: &MaskSample) -> f64 {
        let opacity = self.mask.mapv(|m| m.clamp(0.0, 1.0));
        let blend = &opacity * &sample.movie + (1.0 - &opacity) * &sample.background;
        let problem = &sample.problem;
        let values = (problem.clip.window() * problem.responses.nrows()) as f32;
        let to_responses = |number: usize, predicted: ArrayView2<f32>| {
            (&predicted - &problem.recorded(&[0], number)) * (2.0 / values)
        };
        let found = encoder.gradient(problem.mouse, &problem.clips(blend.view(), &[0]), &to_responses);
        let squares = |(number, clip): (usize, &ClipGradient)| {
            let error = &clip.responses - &problem.recorded(&[0], number);
            error.iter().map(|&e| f64::from(e) * f64::from(e)).sum::<f64>()
        };
        let squares: f64 = found.iter().enumerate().map(squares).sum();
        let step = self.mask_gradient(&found, sample, &opacity);
        let step = blur(&step, &self.kernel) * self.config.learning_rate as f32;
        self.mask -= &step;
        squares / f64::from(values)
    }

    /// Computes the mask's share of the normalised gradient, clipped and averaged over time.
    ///
    /// The published loop differentiates six channels (movie, mask, behavior) and divides by the norm of
    /// all of them; movie and mask follow from the gradient to their blend by the chain rule.
    fn mask_gradient(
        &self,
        found: &[ClipGradient],
        sample: &MaskSample,
        opacity: &Array3<f32>,
    ) -> Array2<f32> {
        let mut to_mask = Array3::<f32>::zeros(self.mask.raw_dim());
        let mut squares = 0.0f64;
        for (number, clip) in found.iter().enumerate() {
            for (to_blend, frame) in clip.movie.outer_iter().zip(sample.problem.frames(&[0], number)) {
                let at = |array: &Array3<f32>| array.index_axis(Axis(0), frame).to_owned();
                let to_movie = &to_blend * &at(opacity);
                // The clamp lets no gradient through outside [0, 1].
                let inside = at(&self.mask).mapv(|m| if (0.0..=1.0).contains(&m) { 1.0 } else { 0.0 });
                let own = (&at(&sample.movie) - &at(&sample.background)) * to_blend * inside;
                squares += to_movie.iter().chain(&own).map(|&g| f64::from(g).powi(2)).sum::<f64>();
                to_mask.index_axis_mut(Axis(0), frame).assign(&own);
            }
            squares += clip.behavior_squares;
        }
        let norm = (squares.sqrt() + NORM_EPSILON) as f32;
        to_mask.mapv_inplace(|g| (g / norm).clamp(-1.0, 1.0));
        to_mask.mean_axis(Axis(0)).expect("a window has frames")
    }

    /// The mask as it stands, `[height, width]`: its first frame. It may leave [0, 1].
    pub fn mask(&self) -> Array2<f32> {
        self.mask.index_axis(Axis(0), 0).to_owned()
    }
}

/// Samples a Gaussian at `size` points around 0, summing to 1.
fn gaussian_kernel(size: usize, sigma: f64) -> Vec<f32> {
    let half = (size as f64 - 1.0) / 2.0;
    let values: Vec<f64> = (0..size).map(|i| (-0.5 * ((i as f64 - half) / sigma).powi(2)).exp()).collect();
    let sum: f64 = values.iter().sum();
    values.iter().map(|v| (v / sum) as f32).collect()
}

/// Blurs both axes; beyond the border the image is reflected, the edge pixel not repeated.
fn blur(image: &Array2<f32>, kernel: &[f32]) -> Array2<f32> {
    let rows = blur_rows(image, kernel);
    blur_rows(&rows.t().to_owned(), kernel).t().to_owned()
}

fn blur_rows(image: &Array2<f32>, kernel: &[f32]) -> Array2<f32> {
    let (_, width) = image.dim();
    let half = kernel.len() / 2;
    let reflect = |position: isize| {
        let last = width as isize - 1;
        let mut position = position;
        // More than once for kernels wider than the image.
        while last > 0 && !(0..=last).contains(&position) {
            position = if position < 0 { -position } else { 2 * last - position };
        }
        position.clamp(0, last) as usize
    };
    Array2::from_shape_fn(image.raw_dim(), |(y, x)| {
        let at = |(k, w): (usize, &f32)| w * image[[y, reflect(x as isize + k as isize - half as isize)]];
        kernel.iter().enumerate().map(at).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_reflects_without_repeating_the_edge() {
        let image = Array2::from_shape_vec((1, 4), vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let blurred = blur_rows(&image, &[0.25, 0.5, 0.25]);
        assert_eq!(blurred.as_slice().unwrap(), [1.5, 2.0, 3.0, 3.5]);
    }

    #[test]
    fn blur_keeps_a_constant_even_when_the_kernel_is_wider_than_the_image() {
        let image = Array2::from_elem((3, 5), 2.0);
        let blurred = blur(&image, &gaussian_kernel(15, 5.0));
        assert!(blurred.iter().all(|v| (v - 2.0).abs() < 1e-5));
    }
}
