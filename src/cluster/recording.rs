//! What a plan has to know of a recording: sizes and chosen trials, found in the recording or assumed before there
//! is one.

use std::str::FromStr;

use crate::data::{MouseId, TrialId};
use crate::error::{Error, Result};
use crate::experiment::{Experiment, TrialChoice};

/// One mouse of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its name.
    pub mouse: MouseId,
    /// Recorded neurons.
    pub neurons: usize,
    /// Height and width of its movies in pixels.
    pub frame_size: [usize; 2],
    /// Channels of the encoder's input.
    pub channels: usize,
    /// Frames of a typical trial.
    pub frames: usize,
    /// Trials that are trained on.
    pub training: usize,
    /// Trials that are held out.
    pub held_out: usize,
    /// What is reconstructed.
    pub chosen: Vec<ChosenTrial>,
}

/// One trial to reconstruct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenTrial {
    /// Which.
    pub id: TrialId,
    /// Its length.
    pub frames: usize,
    /// Members that were not trained on its movie.
    pub members: Vec<usize>,
    /// Trials that show its movie, itself included.
    pub showings: usize,
}

/// Sizes that are taken for granted of every mouse where there is no recording yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    neurons: usize,
    frame_size: [usize; 2],
    frames: usize,
    trials: usize,
    channels: usize,
}

impl Default for Assumption {
    /// Mice of Sensorium 2023.
    fn default() -> Self {
        Self { neurons: 8000, frame_size: [36, 64], frames: 300, trials: 700, channels: 5 }
    }
}

impl FromStr for Assumption {
    type Err = String;

    /// Reads `neurons=8000,size=36x64,frames=300,trials=700,channels=5`, of which any may be left out.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let slip = || {
                format!(
                    "\"{part}\" is none of neurons=N, size=HEIGHTxWIDTH, frames=N, trials=N, channels=N, each from 1 to \
                     {MOST}"
                )
            };
            let number = |text: &str| {
                text.trim().parse().ok().filter(|number| (1..=MOST).contains(number)).ok_or_else(slip)
            };
            let (key, value) = part.split_once('=').ok_or_else(slip)?;
            match key.trim() {
                "neurons" => all.neurons = number(value)?,
                "frames" => all.frames = number(value)?,
                "trials" => all.trials = number(value)?,
                "channels" => all.channels = number(value)?,
                "size" => {
                    let (height, width) = value.split_once('x').ok_or_else(slip)?;
                    all.frame_size = [number(height)?, number(width)?];
                }
                _ => return Err(slip()),
            }
        }
        Ok(all)
    }
}

/// Most of anything that is assumed.
const MOST: usize = 1_000_000;

impl Assumption {
    /// Makes up the mice of an experiment. Trials bear the numbers that the experiment names, or are counted from 0.
    ///
    /// # Errors
    /// [`Error::Usage`] when the experiment does not say how many trials are reconstructed.
    pub fn recordings(&self, experiment: &Experiment) -> Result<Vec<Recording>> {
        let held_out = (self.trials / experiment.data.folds).max(1);
        let ids: Vec<TrialId> = match &experiment.data.trials {
            TrialChoice::Ids(ids) => ids.clone(),
            TrialChoice::FirstHeldOut(count) => (0..*count as u32).map(TrialId).collect(),
            TrialChoice::HeldOut => (0..held_out as u32).map(TrialId).collect(),
        };
        if ids.len() > MOST {
            return Err(Error::usage(format!("data.trial_count is {}, too many to plan", ids.len())));
        }
        let all: Vec<usize> = (0..experiment.members).collect();
        // With folds of their own, a trial has been left out by those members whose fold it is in.
        let members = |id: &TrialId| -> Vec<usize> {
            let fold = match &experiment.data.trials {
                TrialChoice::Ids(_) => id.0 as usize % experiment.data.folds,
                _ => experiment.data.held_out_fold,
            };
            let left_out = all.iter().copied().filter(|&m| experiment.fold_left_out_by(m) == fold);
            let found: Vec<usize> = left_out.collect();
            if found.is_empty() { all.clone() } else { found }
        };
        let chosen: Vec<ChosenTrial> = ids
            .iter()
            .map(|id| ChosenTrial { id: *id, frames: self.frames, members: members(id), showings: 1 })
            .collect();
        let name = |path: &std::path::PathBuf| {
            let stem =
                if path.extension().is_some_and(|e| e == "h5") { path.file_stem() } else { path.file_name() };
            MouseId(stem.unwrap_or_default().to_string_lossy().into_owned())
        };
        let recording = |path| Recording {
            mouse: name(path),
            neurons: self.neurons,
            frame_size: self.frame_size,
            channels: self.channels,
            frames: self.frames,
            training: self.trials.saturating_sub(held_out).max(1),
            held_out,
            chosen: chosen.clone(),
        };
        Ok(experiment.data.mice.iter().map(recording).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_assumed_is_read_part_by_part_and_slips_are_named() {
        let read = |text: &str| text.parse::<Assumption>();
        let some = read("neurons=100, size=12x20").unwrap();
        assert_eq!((some.neurons, some.frame_size, some.frames), (100, [12, 20], 300));
        assert_eq!(read("").unwrap(), Assumption::default());
        for slip in ["neurons", "neurons=0", "size=36", "size=36xx", "frames=-1", "legs=4", "trials=1e9"] {
            assert!(read(slip).unwrap_err().contains(slip), "{slip}");
        }
    }
}
