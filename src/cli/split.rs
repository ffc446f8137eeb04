//! Which trials of a mouse a member is trained on, and which members have not seen a trial's movie.

use crate::data::fold::{Folds, movie_hash};
use crate::data::{Mouse, TrialId};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::manifest;
use crate::train::SplitMouse;

/// A mouse with the folds of its trials.
pub struct FoldedMouse {
    mouse: Mouse,
    folds: Folds,
    fingerprint: String,
}

impl FoldedMouse {
    /// Assigns the trials to folds.
    ///
    /// # Errors
    /// When a movie can't be read.
    pub fn new(mouse: Mouse, folds: usize) -> Result<Self> {
        let folds = Folds::assign(&mouse, folds)?;
        let fingerprint = manifest::fingerprint(&mouse.root)?;
        Ok(Self { mouse, folds, fingerprint })
    }

    /// Splits the trials: one fold is left out, the others are trained on.
    ///
    /// # Errors
    /// When there is no such fold, or nothing is left to train on.
    pub fn without(&self, fold: usize, experiment: &Experiment) -> Result<SplitMouse> {
        let (data, mouse) = (&experiment.data, &self.mouse);
        let usable = |id: &TrialId| mouse.trial(*id).is_ok_and(|trial| !trial.withheld);
        let allowed = |id: &TrialId| {
            let tier = mouse.trial(*id).map(|trial| &trial.tier);
            data.train_tiers.as_ref().is_none_or(|tiers| tier.is_ok_and(|tier| tiers.contains(tier)))
        };
        let mut training = self.folds.trials_outside(fold)?;
        training.retain(|id| usable(id) && allowed(id));
        let mut held_out = self.folds.trials_in(fold)?;
        held_out.retain(usable);
        if training.is_empty() {
            return Err(Error::usage(format!(
                "mouse {}: no trial is left to train on outside fold {fold}; check data.folds and \
                 data.train_tiers",
                mouse.id
            )));
        }
        let (mouse, fingerprint) = (mouse.clone(), self.fingerprint.clone());
        Ok(SplitMouse { mouse, training, held_out, fingerprint })
    }

    /// Lists the members that were not trained on a trial's movie, nor on another trial of that movie.
    ///
    /// # Errors
    /// When there is no such trial, or its movie can't be read.
    pub fn unseen_by(&self, trial: TrialId, experiment: &Experiment) -> Result<Vec<usize>> {
        let hash = match self.folds.get(trial) {
            Some(assigned) => assigned.hash,
            // Trials of tier `none` are in no fold, but their movie may be in one.
            None => movie_hash(self.mouse.read_movie(trial)?.view()),
        };
        let mut members = Vec::new();
        for member in 0..experiment.members {
            let training = self.without(experiment.fold_left_out_by(member), experiment)?.training;
            let seen = |&id: &TrialId| self.folds.get(id).is_some_and(|other| other.hash == hash);
            if !training.iter().any(seen) {
                members.push(member);
            }
        }
        Ok(members)
    }
}
