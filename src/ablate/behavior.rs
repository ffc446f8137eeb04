//! The behavior ablation: which rows a channel is, and what is done to them.

use ndarray::{Array2, ArrayView1, Axis, concatenate, s};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::config::Alteration;
use crate::data::{Channel, Mouse, MouseId, Trial, TrialId, Typical};
use crate::error::{Error, Result};
use crate::seed;

/// Lists the channels of `wanted` that a mouse has; those it lacks come second.
pub fn available(wanted: &[Channel], mouse: &Mouse) -> (Vec<Channel>, Vec<Channel>) {
    wanted.iter().copied().partition(|channel| channel.rows(mouse).is_some())
}

/// Lists the alterations with their draws: one of those that draw nothing.
pub fn draws(alterations: &[Alteration], draws: usize) -> Vec<(Alteration, usize)> {
    let of = |&alteration: &Alteration| {
        let count = if alteration.is_random() { draws } else { 1 };
        (0..count).map(move |draw| (alteration, draw))
    };
    alterations.iter().flat_map(of).collect()
}

/// What stands in for the behavior of one mouse.
#[derive(Debug)]
pub struct Substitutes<'a> {
    mouse: &'a Mouse,
    /// Of each row over training trials.
    means: Vec<f32>,
    /// Trials to swap with.
    donors: Vec<TrialId>,
    /// Names the run's random streams.
    run: &'a str,
}

impl<'a> Substitutes<'a> {
    /// Averages the behavior of training trials, evenly spread over the recording when there are many. Behavior is
    /// swapped with these trials' too.
    ///
    /// # Errors
    /// When a trial can't be read.
    pub fn new(mouse: &'a Mouse, training: &[TrialId], run: &'a str) -> Result<Self> {
        let typical = Typical::of(mouse, training)?;
        let means = [typical.behavior, typical.pupil_center].concat();
        Ok(Self { mouse, means, donors: training.to_vec(), run })
    }

    /// Alters a channel of a trial; what is drawn is the same for all channels.
    ///
    /// # Errors
    /// When the mouse has no such channel, no trial is long enough to swap with, or it can't be read.
    pub fn alter(
        &self,
        trial: &Trial,
        channel: Channel,
        alteration: Alteration,
        draw: usize,
    ) -> Result<Trial> {
        let Some(rows) = channel.rows(self.mouse) else {
            return Err(Error::usage(format!("mouse {}: its recording has no {channel}", self.mouse.id)));
        };
        let mut rng = stream(self.run, alteration, &self.mouse.id, trial.id, draw);
        let mut behavior = join(trial);
        let frames = behavior.ncols();
        match alteration {
            Alteration::Mean => rows.iter().for_each(|&row| behavior.row_mut(row).fill(self.means[row])),
            Alteration::Zero => rows.iter().for_each(|&row| behavior.row_mut(row).fill(0.0)),
            Alteration::Shuffle => {
                let mut order: Vec<usize> = (0..frames).collect();
                order.shuffle(&mut rng);
                let shuffled = behavior.select(Axis(1), &order);
                replace(&mut behavior, &rows, |row| shuffled.row(row));
            }
            Alteration::Swap => {
                let donor = self.donor(trial, &mut rng)?;
                let donor = join(&self.mouse.read_frames(donor, 0..frames)?);
                replace(&mut behavior, &rows, |row| donor.row(row));
            }
        }
        let split = trial.behavior.nrows();
        Ok(Trial {
            behavior: behavior.slice(s![..split, ..]).to_owned(),
            pupil_center: behavior.slice(s![split.., ..]).to_owned(),
            ..trial.clone()
        })
    }

    /// Draws a trial that is at least as long.
    fn donor(&self, trial: &Trial, rng: &mut ChaCha8Rng) -> Result<TrialId> {
        let long = |id: &TrialId| self.mouse.trial(*id).is_ok_and(|other| other.frames >= trial.frames());
        let donors: Vec<TrialId> =
            self.donors.iter().copied().filter(|&id| id != trial.id && long(&id)).collect();
        if donors.is_empty() {
            return Err(Error::usage(format!(
                "mouse {}: no training trial has the {} frames of trial {}; its behavior can't be swapped with \
                 another's",
                self.mouse.id,
                trial.frames(),
                trial.id
            )));
        }
        Ok(donors[rng.random_range(0..donors.len())])
    }
}

/// Opens the stream of one alteration: no two mice, trials or draws share one.
fn stream(run: &str, alteration: Alteration, mouse: &MouseId, trial: TrialId, draw: usize) -> ChaCha8Rng {
    let (alteration, trial, draw) = (alteration.to_string(), trial.to_string(), draw.to_string());
    seed::stream(run, "ablate/behavior", &[&alteration, &mouse.0, &trial, &draw])
}

/// Stacks behavior and pupil center: `[row, frame]`.
fn join(trial: &Trial) -> Array2<f32> {
    concatenate(Axis(0), &[trial.behavior.view(), trial.pupil_center.view()])
        .expect("rows of one trial are equally long")
}

fn replace<'a>(behavior: &mut Array2<f32>, rows: &[usize], by: impl Fn(usize) -> ArrayView1<'a, f32>) {
    for &row in rows {
        behavior.row_mut(row).assign(&by(row));
    }
}
