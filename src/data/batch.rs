//! Draws training batches: clips of several mice, some mixed, prepared one batch ahead.
//!
//! Every sample draws from a stream of its own, named by member, epoch, mouse and number, so that a
//! batch depends neither on the number of threads nor on the batches before it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use ndarray::Array2;
use rand::Rng;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::clip::{Clip, ClipConfig, ClipSampler};
use super::clip_input::ClipInput;
use super::cutmix::{Region, cutmix};
use super::input::{Geometry, Padding};
use super::mouse::Mouse;
use super::trial::{Trial, TrialBuffer, TrialId};
use crate::error::{Error, Result};
use crate::seed;
use spare::{Spare, Workbench};

mod spare;

/// Clips that the encoder is trained on at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The encoder's input of each sample, not written out: see [`Batch::input_values`].
    pub inputs: Vec<ClipInput>,
    /// The mouse of each sample: its place among the loader's mice.
    pub mouse: Vec<usize>,
    /// For each sample `[neuron, time]`, the neurons of its mouse; clipped below at 0.
    pub responses: Vec<Array2<f32>>,
}

impl Batch {
    /// Returns the lengths of the encoder's input: `[batch, channel, time, height, width]`.
    pub fn input_shape(&self) -> [usize; 5] {
        let [channels, time, height, width] = self.inputs.first().map_or([0; 4], ClipInput::shape);
        [self.inputs.len(), channels, time, height, width]
    }

    /// Writes out the encoder's input.
    ///
    /// # Shapes
    /// `[batch, channel, time, height, width]`: see [`Batch::input_shape`].
    pub fn input_values(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.input_shape().iter().product());
        self.inputs.iter().for_each(|input| input.append_to(&mut values));
        values
    }
}

/// A mouse and the trials of it that are trained on.
#[derive(Debug, Clone)]
pub struct TrainingMouse {
    /// The mouse.
    pub mouse: Mouse,
    /// Its training trials.
    pub trials: Vec<TrialId>,
}

/// How training batches are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct LoaderConfig {
    /// The frames of a clip.
    pub clip: ClipConfig,
    /// Height and width of the encoder's input.
    pub input_size: [usize; 2],
    /// Clips in a batch; the last one of an epoch may have fewer.
    pub batch_size: usize,
    /// Clips in an epoch, spread evenly over mice; what does not divide is left out.
    pub epoch_samples: usize,
    /// Probability that a clip is mixed with a second one of its mouse.
    pub cutmix_probability: f64,
    /// The run's seed.
    pub seed: String,
    /// The member that is trained.
    pub member: usize,
}

/// Yields the training batches of an epoch.
#[derive(Debug)]
pub struct Loader {
    source: Arc<Source>,
}

impl Loader {
    /// Prepares to draw from `mice`; reads nothing yet.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no mouse, a mouse lacks a listed trial or has none long enough,
    /// the movies don't fit the input, mice differ in their channels, or a setting is out of range.
    pub fn new(mice: Vec<TrainingMouse>, config: LoaderConfig) -> Result<Self> {
        if mice.is_empty() || config.batch_size == 0 || config.epoch_samples < mice.len() {
            return Err(Error::usage(format!(
                "{} mice, batches of {} and {} samples an epoch; expected at least 1, 1 and one a mouse",
                mice.len(),
                config.batch_size,
                config.epoch_samples
            )));
        }
        if !(0.0..=1.0).contains(&config.cutmix_probability) {
            let problem = format!("CutMix with probability {}; expected 0 to 1", config.cutmix_probability);
            return Err(Error::usage(problem));
        }
        let channels = mice[0].mouse.channels();
        if let Some(other) = mice.iter().map(|m| &m.mouse).find(|mouse| mouse.channels() != channels) {
            return Err(Error::usage(format!(
                "mouse {} has {} input channels, mouse {} has {channels}; train them apart",
                other.id,
                other.channels(),
                mice[0].mouse.id
            )));
        }
        let mice = mice.into_iter().map(|m| MouseSource::new(m, &config)).collect::<Result<_>>()?;
        let spare = Spare::new(config.batch_size);
        Ok(Self { source: Arc::new(Source { mice, config, spare }) })
    }

    /// Takes a batch back that is not needed any more: a later one uses its memory.
    pub fn recycle(&self, batch: Batch) {
        self.source.spare.keep(batch);
    }

    /// Counts the batches of an epoch.
    pub fn batches(&self) -> usize {
        self.source.samples().div_ceil(self.source.config.batch_size)
    }

    /// Starts an epoch.
    pub fn epoch(&self, epoch: usize) -> Epoch {
        self.epoch_from(epoch, 0)
    }

    /// Starts an epoch at a later batch, which is the same as if those before had been drawn.
    pub fn epoch_from(&self, epoch: usize, first_batch: usize) -> Epoch {
        let source = Arc::clone(&self.source);
        let batches = first_batch..self.batches();
        let remaining = batches.len();
        // No buffer: a batch waits in the worker's hands, so exactly one is prepared ahead.
        let (sender, receiver) = sync_channel(0);
        thread::spawn(move || {
            let order = source.order(epoch);
            for samples in order.chunks(source.config.batch_size).skip(first_batch) {
                let batch = source.batch(epoch, samples);
                let failed = batch.is_err();
                // Sending fails when the epoch was dropped; then there is nobody to prepare for.
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        Epoch { receiver, remaining }
    }
}

/// The batches of one epoch, in order; ends after the first error.
#[derive(Debug)]
pub struct Epoch {
    receiver: Receiver<Result<Batch>>,
    remaining: usize,
}

impl Iterator for Epoch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        let batch = self
            .receiver
            .recv()
            .unwrap_or_else(|_| Err(Error::Failed("the thread that prepares batches died".into())));
        if batch.is_err() {
            self.remaining = 0;
        }
        Some(batch)
    }
}

/// One mouse, ready to be drawn from.
#[derive(Debug)]
struct MouseSource {
    mouse: Mouse,
    sampler: ClipSampler,
    geometry: Geometry,
}

impl MouseSource {
    fn new(TrainingMouse { mouse, trials }: TrainingMouse, config: &LoaderConfig) -> Result<Self> {
        let lengths = trials.iter().map(|&id| Ok((id, mouse.trial(id)?.frames))).collect::<Result<_>>()?;
        let sampler = ClipSampler::new(config.clip, lengths)
            .map_err(|error| Error::usage(format!("mouse {}: {error}", mouse.id)))?;
        let geometry = Geometry::new(mouse.frame_size, config.input_size, Padding::Center)?;
        Ok(Self { mouse, sampler, geometry })
    }

    fn read<'a>(&self, clip: Clip, buffer: &'a mut TrialBuffer) -> Result<&'a mut Trial> {
        // For training only: deconvolution leaves small negative values that a Poisson loss can't take.
        buffer.least_response = 0.0;
        self.mouse.read_frames_over(clip.trial, self.sampler.config().frames(clip.first), buffer)?;
        Ok(&mut buffer.trial)
    }

    /// Takes what the encoder sees of a clip.
    fn input(&self, trial: &mut Trial) -> ClipInput {
        let movie = std::mem::take(&mut trial.movie);
        ClipInput::new(self.geometry, movie, trial.behavior.view(), trial.pupil_center.view())
    }
}

/// One draw of an epoch: the how-manieth of which mouse.
#[derive(Debug, Clone, Copy)]
struct Sample {
    mouse: usize,
    number: usize,
}

#[derive(Debug)]
struct Source {
    mice: Vec<MouseSource>,
    config: LoaderConfig,
    spare: Spare,
}

impl Source {
    fn samples(&self) -> usize {
        self.config.epoch_samples / self.mice.len() * self.mice.len()
    }

    /// Shuffles the draws of an epoch over mice, so that a batch mixes mice.
    fn order(&self, epoch: usize) -> Vec<Sample> {
        let mice = self.mice.len();
        let mut order: Vec<Sample> =
            (0..self.samples()).map(|k| Sample { mouse: k % mice, number: k / mice }).collect();
        let parts = [self.config.member.to_string(), epoch.to_string()];
        order.shuffle(&mut seed::stream(&self.config.seed, "shuffle", &parts.each_ref().map(String::as_str)));
        order
    }

    fn batch(&self, epoch: usize, samples: &[Sample]) -> Result<Batch> {
        let prepared: Vec<(ClipInput, Array2<f32>)> = samples
            .par_iter()
            .map(|&sample| self.spare.with_workbench(|bench| self.prepare(epoch, sample, bench)))
            .collect::<Result<_>>()?;
        let (inputs, responses) = prepared.into_iter().unzip();
        Ok(Batch { inputs, mouse: samples.iter().map(|sample| sample.mouse).collect(), responses })
    }

    /// Draws and reads one sample: its input, and its responses, `[neuron, time]`.
    fn prepare(
        &self,
        epoch: usize,
        sample: Sample,
        bench: &mut Workbench,
    ) -> Result<(ClipInput, Array2<f32>)> {
        let source = &self.mice[sample.mouse];
        let parts = [self.config.member, epoch, sample.number].map(|part| part.to_string());
        let parts = [&parts[0], &parts[1], &parts[2], &source.mouse.id.0].map(String::as_str);
        let mut rng = seed::stream(&self.config.seed, "clip", &parts);
        (bench.clip.trial.movie, bench.clip.trial.responses) = self.spare.clip();
        let trial = source.read(source.sampler.draw(&mut rng), &mut bench.clip)?;
        let mut input = source.input(trial);
        let mut responses = std::mem::take(&mut trial.responses);
        let mut rng = seed::stream(&self.config.seed, "cutmix", &parts);
        if rng.random_bool(self.config.cutmix_probability) {
            let partner = source.read(source.sampler.draw(&mut rng), &mut bench.partner)?;
            let other = source.input(partner);
            let region = Region::draw(self.config.input_size, &mut rng);
            cutmix(&region, (&mut input, responses.view_mut()), (&other, partner.responses.view()));
            partner.movie = other.into_movie();
        }
        Ok((input, responses))
    }
}

#[cfg(test)]
mod tests;
