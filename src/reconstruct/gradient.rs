//! The gradient of the loss to the movie: window by window, each normalised as a unit, then averaged
//! where windows overlap.

use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis, Zip};
use rayon::prelude::*;

use super::population::Population;
use super::window;
use crate::data::ClipConfig;
use crate::error::Result;
use crate::model::{Clip, ClipGradient, Encoder, loss};

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
    /// Which neurons are to be matched.
    pub population: Population,
    /// The encoder's view in time.
    pub clip: ClipConfig,
    /// Frames from one window to the next.
    pub stride: usize,
}

/// The gradient of one encoder.
#[derive(Debug, Clone)]
pub struct MovieGradient {
    /// `[frame, height, width]`, averaged over the windows that cover a frame.
    pub gradient: Array3<f32>,
    /// Loss of each window: the mean over the neurons matched and frames.
    pub losses: Vec<f64>,
    /// What the encoder predicted, averaged over the windows that cover a frame: `[frame, neuron]`.
    pub predicted: Array2<f32>,
    /// Clips whose gradient was computed: the unit of compute.
    pub clips: usize,
}

impl Problem {
    /// Computes the normalised gradient of every window and averages them.
    ///
    /// # Shapes
    /// - `movie`: `[frame, height, width]`, of the encoder's input
    ///
    /// # Errors
    /// When the trial is shorter than a window.
    pub fn gradient(&self, encoder: &Encoder, movie: ArrayView3<f32>) -> Result<MovieGradient> {
        let frames = movie.len_of(Axis(0));
        let starts = window::starts(frames, self.clip.window(), self.stride)?;
        // The last window may stand twice; it counts twice but is computed once.
        let mut distinct = starts.clone();
        distinct.dedup();
        let clips = self.clips(movie, &distinct);
        let values = self.values() as f32;
        let to_responses = |number: usize, predicted: ArrayView2<f32>| {
            let recorded = self.recorded(&distinct, number);
            let mut slope =
                Zip::from(&predicted).and(&recorded).map_collect(|&p, &r| loss::poisson_slope(p, r) / values);
            if let Some(kept) = self.population.mask() {
                let left_out = slope.axis_iter_mut(Axis(1)).zip(kept).filter(|(_, kept)| !**kept);
                left_out.for_each(|(mut neuron, _)| neuron.fill(0.0));
            }
            slope
        };
        let found = encoder.gradient(self.mouse, &clips, &to_responses);
        let losses = self.losses(&distinct, &found);
        let mut sums = Sums::new(movie, self.responses.nrows());
        let step = self.clip.step;
        for (index, (&start, clips)) in distinct.iter().zip(found.chunks(step)).enumerate() {
            let times = starts.iter().filter(|&&s| s == start).count();
            let frames = (index * step..).map(|number| self.frames(&distinct, number));
            sums.add_window(clips, frames, times as f32);
        }
        let losses = starts.iter().map(|start| losses[distinct.partition_point(|s| s < start)]).collect();
        Ok(sums.average(losses, clips.len()))
    }

    /// Lists the recorded frames of a clip; `step` interleaved clips tile a window.
    pub(super) fn frames(&self, starts: &[usize], number: usize) -> Vec<usize> {
        let step = self.clip.step;
        self.clip.frames(starts[number / step] + number % step).collect()
    }

    /// Cuts out the clips of some windows, window by window.
    pub(super) fn clips(&self, movie: ArrayView3<f32>, starts: &[usize]) -> Vec<Clip> {
        let cut = |number| {
            let frames = self.frames(starts, number);
            let behavior = self.behavior.select(Axis(1), &frames);
            Clip::new(movie.select(Axis(0), &frames).view(), behavior.view())
        };
        (0..starts.len() * self.clip.step).map(cut).collect()
    }

    /// Cuts out the recorded responses of a clip, `[time, neuron]`.
    pub(super) fn recorded(&self, starts: &[usize], number: usize) -> Array2<f32> {
        self.responses.select(Axis(1), &self.frames(starts, number)).reversed_axes()
    }

    /// Responses that a window's loss is the mean of.
    fn values(&self) -> usize {
        self.clip.window() * self.population.count(self.responses.nrows())
    }

    /// Computes the loss of each window.
    fn losses(&self, starts: &[usize], found: &[ClipGradient]) -> Vec<f64> {
        let clip = |(number, clip): (usize, &ClipGradient)| {
            let recorded = self.recorded(starts, number);
            let each = clip.responses.indexed_iter().zip(&recorded);
            let matched = each.filter(|(((_, neuron), _), _)| self.population.has(*neuron));
            matched.map(|((_, &p), &r)| f64::from(loss::poisson_of(p, r))).sum::<f64>()
        };
        let clips: Vec<f64> = found.par_iter().enumerate().map(clip).collect();
        let values = self.values() as f64;
        clips.chunks(self.clip.step).map(|window| window.iter().sum::<f64>() / values).collect()
    }
}

/// Sums over windows, and how many windows cover each frame.
struct Sums {
    gradient: Array3<f32>,
    predicted: Array2<f32>,
    count: Array1<f32>,
}

impl Sums {
    fn new(movie: ArrayView3<f32>, neurons: usize) -> Self {
        let frames = movie.len_of(Axis(0));
        Self {
            gradient: Array3::zeros(movie.raw_dim()),
            predicted: Array2::zeros((frames, neurons)),
            count: Array1::zeros(frames),
        }
    }

    /// Divides a window's gradient by its norm over all channels and adds its movie channel.
    fn add_window(&mut self, clips: &[ClipGradient], frames: impl Iterator<Item = Vec<usize>>, times: f32) {
        let squares = |clip: &ClipGradient| {
            clip.behavior_squares + clip.movie.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>()
        };
        let norm = clips.iter().map(squares).sum::<f64>().sqrt();
        let scale = times * (1.0 / (norm + NORM_EPSILON)) as f32;
        for (clip, frames) in clips.iter().zip(frames) {
            let each = clip.movie.outer_iter().zip(clip.responses.rows());
            for ((gradient, predicted), frame) in each.zip(frames) {
                self.gradient.index_axis_mut(Axis(0), frame).scaled_add(scale, &gradient);
                self.predicted.row_mut(frame).scaled_add(times, &predicted);
                self.count[frame] += times;
            }
        }
    }

    fn average(mut self, losses: Vec<f64>, clips: usize) -> MovieGradient {
        for (frame, &count) in self.count.iter().enumerate() {
            self.gradient.index_axis_mut(Axis(0), frame).mapv_inplace(|g| g / count);
            self.predicted.row_mut(frame).mapv_inplace(|p| p / count);
        }
        MovieGradient { gradient: self.gradient, losses, predicted: self.predicted, clips }
    }
}
