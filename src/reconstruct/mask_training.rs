//! Trains the mask of a mouse on its recording: which trials are blended, and whose masks are averaged.

use ndarray::{Array2, Axis, concatenate};
use rand::Rng;

use super::config::MaskConfig;
use super::gradient::Problem;
use super::mask::{MaskSample, MaskTrainer};
use super::population::Population;
use crate::data::input::{Geometry, Padding};
use crate::data::{ClipConfig, Mouse, TrialId};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::seed;
use crate::stop::Stop;

/// One mask to train.
#[derive(Debug)]
pub struct MaskPlan<'a> {
    /// Whose mask.
    pub mouse: &'a Mouse,
    /// Which readout is that mouse's.
    pub readout: usize,
    /// Members to train through, by number; the first [`MaskConfig::members`] of them.
    pub members: &'a [usize],
    /// Trials to blend: those that the encoder was trained on. (The published masks came from an encoder
    /// that had seen the test trials.)
    pub trials: &'a [TrialId],
    /// The encoder's view in time.
    pub clip: ClipConfig,
    /// Height and width of the encoder's input.
    pub input_size: [usize; 2],
    /// How to train.
    pub config: &'a MaskConfig,
    /// Names the run's random streams.
    pub seed: &'a str,
    /// Ends the work between two iterations; what was done is lost.
    pub stop: &'a Stop,
}

impl MaskPlan<'_> {
    /// Trains a mask through each of the first members and averages them, `[height, width]` of the input.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it was asked to stop. When no member is named, there are fewer than two
    /// trials that are long enough, or a trial can't be read.
    pub fn train(&self, ensemble: &Ensemble, observer: &dyn Observer) -> Result<Array2<f32>> {
        if self.members.is_empty() {
            return Err(Error::usage("a mask needs at least one member to be trained through"));
        }
        let first = self.config.first_frame;
        let end = first + self.clip.window();
        let mut long = Vec::new();
        for &id in self.trials {
            if self.mouse.trial(id)?.frames >= end {
                long.push(id);
            }
        }
        if long.len() < 2 {
            return Err(Error::usage(format!(
                "mouse {}: {} training trials have {end} frames; a mask needs two (mask.first_frame = {first})",
                self.mouse.id,
                long.len()
            )));
        }
        let members = &self.members[..self.config.members.min(self.members.len())];
        let mut sum = Array2::<f32>::zeros(self.input_size);
        for &member in members {
            sum += &self.train_through(ensemble, member, &long, observer)?;
        }
        Ok(sum / members.len() as f32)
    }

    fn train_through(
        &self,
        ensemble: &Ensemble,
        member: usize,
        trials: &[TrialId],
        observer: &dyn Observer,
    ) -> Result<Array2<f32>> {
        let task = format!("mask {} member {member}", self.mouse.id);
        let mut rng = seed::stream(self.seed, "mask", &[&self.mouse.id.0, &member.to_string()]);
        let [height, width] = self.input_size;
        let mut trainer = MaskTrainer::new(self.config, [self.clip.window(), height, width], &mut rng);
        let steps = self.config.iterations as u64;
        observer.emit(Event::Started { task: task.clone(), steps, unit: "iterations" });
        for step in 1..=steps {
            self.stop.check()?;
            let shown = rng.random_range(0..trials.len());
            // Another one: not the same again.
            let other = (shown + rng.random_range(1..trials.len())) % trials.len();
            let sample = self.sample(trials[shown], trials[other])?;
            let loss = trainer.step(&ensemble.members[member], &sample);
            observer.emit(Event::Progress { task: task.clone(), step, loss: Some(loss) });
        }
        observer.emit(Event::Finished { task });
        Ok(trainer.mask())
    }

    fn sample(&self, shown: TrialId, other: TrialId) -> Result<MaskSample> {
        let frames = self.config.first_frame..self.config.first_frame + self.clip.window();
        let geometry = Geometry::new(self.mouse.frame_size, self.input_size, Padding::Center)?;
        let shown = self.mouse.read_frames(shown, frames.clone())?;
        let other = self.mouse.read_frames(other, frames)?;
        let rows = [shown.behavior.view(), shown.pupil_center.view()];
        let problem = Problem {
            mouse: self.readout,
            behavior: concatenate(Axis(0), &rows).expect("rows of one trial are equally long"),
            responses: shown.responses,
            population: Population::all(),
            clip: self.clip,
            stride: self.clip.window(),
        };
        let movie = geometry.embed(shown.movie.view());
        Ok(MaskSample { problem, movie, background: geometry.embed(other.movie.view()) })
    }
}
