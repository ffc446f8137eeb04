//! The gradient of the loss to the movie: window by window, each normalised as a unit, then averaged
//! where windows overlap.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use rayon::prelude::*;

use super::window;
use crate::data::ClipConfig;
use crate::error::Result;
use crate::model::{DwiseNeuro, Pass, loss, tensors};

/// Added to a gradient's norm before dividing by it. As published.
pub(super) const NORM_EPSILON: f64 = 1e-6;

/// What is known of a trial while its movie is sought.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Which readout of the encoder.
    pub mouse: usize,
    /// Behavior and pupil center, `[channel, frame]`, as the encoder gets them.
    pub behavior: Array2<f32>,
    /// The responses to match, `[neuron, frame]`.
    pub responses: Array2<f32>,
    /// The encoder's view in time.
    pub clip: ClipConfig,
    /// Frames from one window to the next.
    pub stride: usize,
    /// Windows in one batch; changes memory and speed, and results by rounding only.
    pub batch_windows: usize,
}

/// The gradient of one encoder.
#[derive(Debug, Clone)]
pub struct MovieGradient {
    /// `[frame, height, width]`, averaged over the windows that cover a frame.
    pub gradient: Array3<f32>,
    /// Loss of each window: the mean over neurons and frames.
    pub losses: Vec<f64>,
}

impl Problem {
    /// Computes the normalised gradient of every window and averages them.
    ///
    /// # Shapes
    /// - `movie`: `[frame, height, width]`, of the encoder's input
    ///
    /// # Errors
    /// When the trial is shorter than a window.
    pub fn gradient(
        &self,
        encoder: &DwiseNeuro,
        movie: ArrayView3<f32>,
        device: &Device,
    ) -> Result<MovieGradient> {
        let frames = movie.len_of(Axis(0));
        let starts = window::starts(frames, self.clip.window(), self.stride)?;
        let mut sum = Array3::<f32>::zeros(movie.raw_dim());
        let mut count = vec![0u32; frames];
        let mut losses = Vec::with_capacity(starts.len());
        // Batches side by side use the threads better than the operators of one batch; sums keep their order.
        let batches: Vec<_> = starts
            .par_chunks(self.batch_windows.max(1))
            .map(|starts| {
                let input = self.input(movie, starts, device).autodiff().require_grad();
                let (loss, each) = self.losses(encoder, input.clone(), starts, device);
                let gradient = input.grad(&loss.backward()).expect("the input asked for its gradient");
                (starts, gradient, each)
            })
            .collect();
        for (starts, gradient, each) in batches {
            losses.extend(each);
            self.add_normalised(gradient, starts, &mut sum, &mut count);
        }
        for (mut frame, count) in sum.axis_iter_mut(Axis(0)).zip(count) {
            frame /= count as f32;
        }
        Ok(MovieGradient { gradient: sum, losses })
    }

    /// Builds the clips of some windows: `step` interleaved clips tile one.
    ///
    /// # Shapes
    /// - output: `[window * step, channel, clip time, height, width]`
    pub(super) fn input(&self, movie: ArrayView3<f32>, starts: &[usize], device: &Device) -> Tensor<5> {
        let (_, height, width) = movie.dim();
        let channels = 1 + self.behavior.nrows();
        let clips = starts.len() * self.clip.step;
        let mut values = Vec::with_capacity(clips * channels * self.clip.size * height * width);
        for frames in self.clips(starts) {
            for frame in frames.clone() {
                values.extend(movie.index_axis(Axis(0), frame).iter());
            }
            for row in self.behavior.rows() {
                for frame in frames.clone() {
                    values.extend(std::iter::repeat_n(row[frame], height * width));
                }
            }
        }
        Tensor::from_data(TensorData::new(values, [clips, channels, self.clip.size, height, width]), device)
    }

    /// Lists the recorded frames of every clip, window by window.
    pub(super) fn clips(
        &self,
        starts: &[usize],
    ) -> Vec<impl ExactSizeIterator<Item = usize> + Clone + use<>> {
        let clip = self.clip;
        let of_window = |&start: &usize| (start..start + clip.step).map(move |first| clip.frames(first));
        starts.iter().flat_map(of_window).collect()
    }

    /// Stacks the recorded responses of the clips of some windows.
    ///
    /// # Shapes
    /// - output: `[window * step, neuron, clip time]`
    pub(super) fn recorded(&self, starts: &[usize], device: &Device) -> Tensor<3> {
        let shape = [starts.len() * self.clip.step, self.responses.nrows(), self.clip.size];
        let mut values: Vec<f32> = Vec::with_capacity(shape.iter().product());
        for frames in self.clips(starts) {
            for row in self.responses.rows() {
                values.extend(frames.clone().map(|frame| row[frame]));
            }
        }
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// Computes the sum of the windows' losses, to be differentiated, and each of them.
    fn losses(
        &self,
        encoder: &DwiseNeuro,
        input: Tensor<5>,
        starts: &[usize],
        device: &Device,
    ) -> (Tensor<1>, Vec<f64>) {
        let predicted = encoder.forward(input, self.mouse, &Pass::evaluation());
        let loss = loss::poisson(predicted, self.recorded(starts, device));
        let values_in_window = self.clip.window() * self.responses.nrows();
        let per_window: Tensor<2> = loss.reshape([starts.len(), values_in_window]).mean_dim(1);
        let each = tensors::values(per_window.clone());
        (per_window.sum(), each.into_iter().map(f64::from).collect())
    }

    /// Divides each window's gradient by its norm over all channels and adds its movie channel.
    fn add_normalised(
        &self,
        gradient: Tensor<5>,
        starts: &[usize],
        sum: &mut Array3<f32>,
        count: &mut [u32],
    ) {
        let [clips, channels, time, height, width] = gradient.dims();
        let values = tensors::values(gradient);
        let gradient = ndarray::Array5::from_shape_vec((clips, channels, time, height, width), values)
            .expect("the shape is the gradient's own");
        let step = self.clip.step;
        for (index, frames) in self.clips(starts).into_iter().enumerate() {
            let window = gradient.slice(s![index / step * step..(index / step + 1) * step, .., .., .., ..]);
            let norm = window.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
            let scale = (1.0 / (norm + NORM_EPSILON)) as f32;
            for (time, frame) in frames.enumerate() {
                let movie = gradient.slice(s![index, 0, time, .., ..]);
                sum.slice_mut(s![frame, .., ..]).scaled_add(scale, &movie);
                count[frame] += 1;
            }
        }
    }
}
