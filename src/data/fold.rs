//! Splits trials into folds by movie, so that no movie is both trained and tested on.
//!
//! The published split: a perceptual hash of five frames of the movie, modulo the number of folds. Near-duplicates
//! of a movie, or another part of it, can then fall into different folds. So by default movies that are alike are
//! grouped first, and a group is in the published fold of its first trial.

use std::collections::BTreeMap;

use ndarray::ArrayView3;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mouse::Mouse;
use super::movies::{MovieGroups, Place};
use super::trial::TrialId;
use crate::error::{Error, Result};

mod perceptual_hash;

/// Frames of a movie that its hash looks at, as published.
const HASH_FRAMES: usize = 5;

/// Folds of the published split.
pub const PUBLISHED_FOLDS: usize = 7;

/// Hashes a movie, as published: five frames spread over it, cast to bytes, the perceptual hashes
/// of each combined by exclusive or.
///
/// A movie of fewer than five frames, which the published code refuses, is hashed by an odd number of those it has:
/// of a still image, an even number of equal hashes would cancel, and all images share a fold.
///
/// # Shapes
/// `movie`: `[frame, height, width]`, 0..255, its valid frames only.
pub fn movie_hash(movie: ArrayView3<'_, f32>) -> u64 {
    let (frames, height, width) = movie.dim();
    if height == 0 || width == 0 {
        return 0;
    }
    let step = (frames / HASH_FRAMES).max(1);
    let hashed = if frames < HASH_FRAMES { frames.saturating_sub(1) | 1 } else { HASH_FRAMES };
    (step / 2..frames)
        .step_by(step)
        .take(hashed)
        .map(|frame| {
            let pixels = movie.index_axis(ndarray::Axis(0), frame);
            perceptual_hash::of_frame(&pixels.map(|&value| value as u8))
        })
        .fold(0, |hash, frame| hash ^ frame)
}

/// Returns the fold of a movie hash, `0..folds`.
///
/// # Panics
/// When `folds` is 0.
pub fn fold_of(hash: u64, folds: usize) -> usize {
    (hash % folds as u64) as usize
}

/// What is kept in one fold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoldBy {
    /// Movies that are equal, nearly equal or share a stretch, also of different mice. Where no movies are alike but
    /// equal ones, these are the published folds.
    #[default]
    Groups,
    /// Movies of one hash, as published: movies that are alike may be in different folds.
    Published,
}

/// Which fold each member of an ensemble leaves out of its training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoldPolicy {
    /// All members leave out the held-out fold, as published: together they reconstruct movies that none of
    /// them has seen.
    #[default]
    Paper,
    /// Member k leaves out the k-th fold from the held-out one on. Every movie is unseen by a member, but by
    /// only one in as many as there are folds: a movie is reconstructed by that one alone.
    Cross,
}

impl FoldPolicy {
    /// The fold that a member leaves out.
    pub fn left_out(self, member: usize, held_out_fold: usize, folds: usize) -> usize {
        match self {
            Self::Paper => held_out_fold,
            Self::Cross => (held_out_fold + member) % folds,
        }
    }
}

/// Where one trial belongs, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// Hash of its movie.
    pub hash: u64,
    /// Its fold, `0..count`.
    pub fold: usize,
}

/// The fold of each trial of a mouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    count: usize,
    assignments: BTreeMap<TrialId, Assignment>,
}

impl Folds {
    /// Assigns every trial of `mouse` to one of `count` folds by the hash of its movie; trials of
    /// one movie, also of different mice, land in one fold. Trials of tier `none` are in no fold: that
    /// tier is how a recording leaves a trial out.
    ///
    /// # Errors
    /// [`Error::Usage`] when `count` is 0; whatever reading a movie returns.
    pub fn assign(mouse: &Mouse, count: usize) -> Result<Self> {
        if count == 0 {
            return Err(Error::usage("0 folds; expected at least 1"));
        }
        let trials: Vec<_> = mouse.trials.iter().filter(|trial| trial.tier.0 != "none").collect();
        let hashes: Vec<Result<u64>> = trials
            .par_iter()
            .map(|trial| mouse.read_movie(trial.id).map(|movie| movie_hash(movie.view())))
            .collect();
        let mut assignments = BTreeMap::new();
        for (trial, hash) in trials.iter().zip(hashes) {
            let hash = hash?;
            assignments.insert(trial.id, Assignment { hash, fold: fold_of(hash, count) });
        }
        Ok(Self { count, assignments })
    }

    /// Assigns every trial of each of `mice` to one of `count` folds, those of one group together: to the fold that
    /// the hash of the group's first movie says. Trials of tier `none` are in no fold and don't count as first.
    ///
    /// `groups` are those of the same mice.
    ///
    /// # Errors
    /// [`Error::Usage`] when `count` is 0 or the groups are of other mice.
    pub fn of_groups(mice: &[&Mouse], groups: &MovieGroups, count: usize) -> Result<Vec<Self>> {
        Self::of_hashes(mice, groups, count, |place| {
            let group = &groups.groups()[groups.group_of(place)?];
            let in_fold = |place: &&Place| {
                let trial = mice.get(place.mouse).and_then(|mouse| mouse.trial(place.trial).ok());
                trial.is_some_and(|trial| trial.tier.0 != "none")
            };
            groups.hash_of(*group.iter().find(in_fold)?)
        })
    }

    /// Assigns the same trials as [`Folds::assign`], by hashes that were taken already.
    ///
    /// # Errors
    /// As [`Folds::of_groups`].
    pub fn published(mice: &[&Mouse], groups: &MovieGroups, count: usize) -> Result<Vec<Self>> {
        Self::of_hashes(mice, groups, count, |place| groups.hash_of(place))
    }

    fn of_hashes(
        mice: &[&Mouse],
        groups: &MovieGroups,
        count: usize,
        deciding: impl Fn(Place) -> Option<u64>,
    ) -> Result<Vec<Self>> {
        if count == 0 {
            return Err(Error::usage("0 folds; expected at least 1"));
        }
        let foreign = |id| Error::usage(format!("trial {id} is in no group: the groups are of other mice"));
        let of_mouse = |(mouse, recorded): (usize, &&Mouse)| {
            let mut assignments = BTreeMap::new();
            for trial in recorded.trials.iter().filter(|trial| trial.tier.0 != "none") {
                let place = Place { mouse, trial: trial.id };
                let hash = groups.hash_of(place).ok_or_else(|| foreign(trial.id))?;
                let fold = fold_of(deciding(place).ok_or_else(|| foreign(trial.id))?, count);
                assignments.insert(trial.id, Assignment { hash, fold });
            }
            Ok(Self { count, assignments })
        };
        mice.iter().enumerate().map(of_mouse).collect()
    }

    /// Returns the number of folds.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the assignment of a trial; `None` for one that is in no fold.
    pub fn get(&self, id: TrialId) -> Option<Assignment> {
        self.assignments.get(&id).copied()
    }

    /// Lists the trials of one fold by ascending id.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such fold.
    pub fn trials_in(&self, fold: usize) -> Result<Vec<TrialId>> {
        self.check(fold)?;
        Ok(self.trials_where(|assigned| assigned == fold))
    }

    /// Lists the trials of all folds but one by ascending id.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such fold.
    pub fn trials_outside(&self, fold: usize) -> Result<Vec<TrialId>> {
        self.check(fold)?;
        Ok(self.trials_where(|assigned| assigned != fold))
    }

    fn check(&self, fold: usize) -> Result<()> {
        if fold < self.count {
            return Ok(());
        }
        Err(Error::usage(format!("fold {fold} is out of range; expected 0 to {}", self.count - 1)))
    }

    fn trials_where(&self, wanted: impl Fn(usize) -> bool) -> Vec<TrialId> {
        self.assignments.iter().filter(|(_, a)| wanted(a.fold)).map(|(&id, _)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_leave_out_one_fold_together_or_each_its_own_from_the_held_out_one_on() {
        let folds = |policy: FoldPolicy| [0, 1, 5, 7].map(|member| policy.left_out(member, 2, 7));
        assert_eq!(folds(FoldPolicy::Paper), [2, 2, 2, 2]);
        assert_eq!(folds(FoldPolicy::Cross), [2, 3, 0, 2]);
    }
}
