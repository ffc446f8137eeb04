//! Which trials of a mouse a member is trained on, and which members have not seen a trial's movie.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::data::fold::FoldBy;
use crate::data::movies::{Leak, MovieGroups, Place, movie_prints};
use crate::data::{Folds, Mouse, TrialId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::experiment::Experiment;
use crate::manifest;
use crate::train::SplitMouse;

/// Time that finding groups of movies may take before they are kept: shorter, and a run's folder needs no file more.
const LONG: Duration = Duration::from_secs(3);

/// The mice of an experiment with the folds of their trials, and what their movies have in common.
pub struct FoldedMice {
    mice: Vec<Mouse>,
    fingerprints: Vec<String>,
    folds: Vec<Folds>,
    groups: MovieGroups,
}

impl FoldedMice {
    /// Compares the movies and assigns the trials to folds.
    ///
    /// Where that takes long, what was found is kept in the file `kept`, and read from there the next time.
    ///
    /// # Errors
    /// When a movie can't be read, or `kept` can't be written.
    pub fn new(
        mice: Vec<Mouse>,
        experiment: &Experiment,
        kept: Option<&Path>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let fingerprints = mice.iter().map(|mouse| manifest::fingerprint(&mouse.root));
        let fingerprints = fingerprints.collect::<Result<Vec<_>>>()?;
        let borrowed: Vec<&Mouse> = mice.iter().collect();
        let groups = find_groups(&borrowed, &fingerprints, kept, observer)?;
        let count = experiment.data.folds;
        let folds = match experiment.data.fold_by {
            FoldBy::Groups => Folds::of_groups(&borrowed, &groups, count)?,
            FoldBy::Published => Folds::published(&borrowed, &groups, count)?,
        };
        Ok(Self { mice, fingerprints, folds, groups })
    }

    /// The mice, in the order of the experiment.
    pub fn mice(&self) -> &[Mouse] {
        &self.mice
    }

    /// Lists the trials that some member leaves out whose movies, or ones that are alike, it is trained on through
    /// others.
    ///
    /// # Errors
    /// As [`FoldedMice::without`].
    pub fn held_out_in_training(&self, experiment: &Experiment) -> Result<Vec<Leak>> {
        let left_out: BTreeSet<usize> =
            (0..experiment.members).map(|member| experiment.fold_left_out_by(member)).collect();
        let mut leaks: BTreeMap<Place, Leak> = BTreeMap::new();
        for fold in left_out {
            let splits = self.without(fold, experiment)?;
            let has = |trials: &[TrialId], place: Place| trials.binary_search(&place.trial).is_ok();
            let found = self.groups.held_out_in_training(
                |place| has(&splits[place.mouse].held_out, place),
                |place| has(&splits[place.mouse].training, place),
            );
            found.into_iter().for_each(|leak| {
                leaks.entry(leak.places[0]).or_insert(leak);
            });
        }
        Ok(leaks.into_values().collect())
    }

    /// Says which movies of the held-out fold are trained on in other trials, all but equal.
    pub fn warn_of_leaks(&self, held_out_fold: usize, observer: &dyn Observer) {
        let held_out = |place: Place| self.fold(place).map(|fold| usize::from(fold == held_out_fold));
        let leaks = self.groups.leaks(held_out);
        let Some(leak) = leaks.first() else { return };
        let groups: BTreeSet<_> = leaks.iter().map(|leak| self.groups.group_of(leak.places[0])).collect();
        let name = |place: Place| {
            let fold = self.fold(place).map(|fold| format!(" (fold {fold})"));
            format!("mouse {}, trial {}{}", self.mice[place.mouse].id, place.trial, fold.unwrap_or_default())
        };
        let [one, other] = leak.places.map(name);
        let message = format!(
            "{} group(s) of movies that are alike stand both in the held-out fold {held_out_fold} and in others, for \
             example {one} and {other}: {}; data.fold_by = \"groups\" keeps them together",
            groups.len(),
            leak.likeness
        );
        observer.emit(Event::Warning { message });
    }

    /// Lists the trials of a mouse that show the movie of one of them, itself included, with their responses.
    ///
    /// # Errors
    /// When a movie can't be read.
    pub fn showings(&self, index: usize, trial: TrialId) -> Result<Vec<TrialId>> {
        let mouse = &self.mice[index];
        let group = |trial: TrialId| self.groups.group_of(Place { mouse: index, trial });
        let readable = mouse.trials.iter().filter(|other| !other.withheld).map(|other| other.id);
        // Equal movies are of one group, so that few movies have to be read.
        let alike: Vec<TrialId> = readable.filter(|&other| group(other) == group(trial)).collect();
        let prints = movie_prints(&alike.iter().map(|&id| (mouse, id)).collect::<Vec<_>>())?;
        let own = alike.iter().position(|&id| id == trial).map(|at| &prints[at]);
        let same =
            alike.iter().zip(&prints).filter(|(_, print)| own.is_some_and(|own| own.same_movie(print)));
        Ok(same.map(|(&id, _)| id).collect())
    }

    /// Lists what a decoder of a trial may be trained on, each trial with its fold: the training trials of the folds
    /// other than that trial's, without those that show its movie or ones that are alike. Where these are of a single
    /// fold, each counts as one.
    ///
    /// # Errors
    /// As [`FoldedMice::without`].
    pub fn training_for(
        &self,
        index: usize,
        trial: TrialId,
        experiment: &Experiment,
    ) -> Result<Vec<(usize, TrialId)>> {
        let place = |trial: TrialId| Place { mouse: index, trial };
        let fold = self.fold(place(trial)).unwrap_or(experiment.data.held_out_fold);
        let split = self.mouse_without(index, fold, experiment)?;
        let unlike =
            |other: &TrialId| self.groups.group_of(place(*other)) != self.groups.group_of(place(trial));
        let training: Vec<TrialId> =
            split.training.into_iter().filter(|id| *id != trial && unlike(id)).collect();
        let folds: BTreeSet<Option<usize>> = training.iter().map(|&id| self.fold(place(id))).collect();
        let fold_of = |(number, &id): (usize, &TrialId)| match self.fold(place(id)) {
            Some(fold) if folds.len() > 1 => (fold, id),
            _ => (number, id),
        };
        Ok(training.iter().enumerate().map(fold_of).collect())
    }

    /// The fold of a trial; `None` when it is in none.
    pub fn fold(&self, place: Place) -> Option<usize> {
        self.folds[place.mouse].get(place.trial).map(|assigned| assigned.fold)
    }

    /// Splits the trials of each mouse: one fold is left out, the others are trained on.
    ///
    /// # Errors
    /// When there is no such fold, or nothing is left to train on.
    pub fn without(&self, fold: usize, experiment: &Experiment) -> Result<Vec<SplitMouse>> {
        (0..self.mice.len()).map(|index| self.mouse_without(index, fold, experiment)).collect()
    }

    fn mouse_without(&self, index: usize, fold: usize, experiment: &Experiment) -> Result<SplitMouse> {
        let (data, mouse, folds) = (&experiment.data, &self.mice[index], &self.folds[index]);
        let usable = |id: &TrialId| mouse.trial(*id).is_ok_and(|trial| !trial.withheld);
        let allowed = |id: &TrialId| {
            let tier = mouse.trial(*id).map(|trial| &trial.tier);
            data.train_tiers.as_ref().is_none_or(|tiers| tier.is_ok_and(|tier| tiers.contains(tier)))
        };
        let mut training = folds.trials_outside(fold)?;
        training.retain(|id| usable(id) && allowed(id));
        let mut held_out = folds.trials_in(fold)?;
        held_out.retain(usable);
        if training.is_empty() {
            return Err(Error::usage(format!(
                "mouse {}: no trial is left to train on outside fold {fold}; check data.folds and \
                 data.train_tiers",
                mouse.id
            )));
        }
        let (mouse, fingerprint) = (mouse.clone(), self.fingerprints[index].clone());
        Ok(SplitMouse { mouse, training, held_out, fingerprint })
    }

    /// Lists the members that were not trained on a trial's movie, nor on another trial of that movie: of any movie
    /// of its group, or where folds are the published ones, of any movie of its hash.
    ///
    /// # Errors
    /// When the mouse has no such trial.
    pub fn unseen_by(&self, index: usize, trial: TrialId, experiment: &Experiment) -> Result<Vec<usize>> {
        self.mice[index].trial(trial)?;
        let place = Place { mouse: index, trial };
        let same = |other: Place| match experiment.data.fold_by {
            FoldBy::Groups => self.groups.group_of(other) == self.groups.group_of(place),
            FoldBy::Published => self.groups.hash_of(other) == self.groups.hash_of(place),
        };
        let mut members = Vec::new();
        for member in 0..experiment.members {
            let mice = self.without(experiment.fold_left_out_by(member), experiment)?;
            let mut trained = mice
                .iter()
                .enumerate()
                .flat_map(|(mouse, split)| split.training.iter().map(move |&trial| Place { mouse, trial }));
            if !trained.any(same) {
                members.push(member);
            }
        }
        Ok(members)
    }
}

fn find_groups(
    mice: &[&Mouse],
    fingerprints: &[String],
    kept: Option<&Path>,
    observer: &dyn Observer,
) -> Result<MovieGroups> {
    if let Some(path) = kept
        && let Some(groups) = MovieGroups::stored(path, mice, fingerprints)
    {
        return Ok(groups);
    }
    let start = Instant::now();
    let groups = MovieGroups::find(mice, observer)?;
    if let Some(path) = kept
        && start.elapsed() > LONG
    {
        groups.store(path, mice, fingerprints)?;
    }
    Ok(groups)
}
