//! Finds what groups of movies give away: trials of one group in different folds, or held out and trained on.

use std::collections::{BTreeMap, HashMap};

use super::groups::{Likeness, Link, MovieGroups, Place};
use super::union::Union;
use crate::data::mouse::Mouse;
use crate::error::Result;
use crate::event::Observer;

/// Two trials of one group in different folds.
pub type Leak = Link;

impl MovieGroups {
    /// Lists pairs of one group that are in different folds; `fold_of` returns `None` for trials in no fold.
    /// Every group that crosses folds is in the list, and every two of its folds are joined by pairs of it.
    pub fn leaks(&self, fold_of: impl Fn(Place) -> Option<usize>) -> Vec<Leak> {
        let mut leaks: Vec<Leak> = Vec::new();
        let mut union = Union::new(self.groups.iter().map(Vec::len).sum());
        let mut numbers = HashMap::new();
        // Which folds of a group are joined already; a number for each fold of each group.
        let mut number = |group: usize, fold: usize| {
            let next = numbers.len();
            *numbers.entry((group, fold)).or_insert(next)
        };
        for link in &self.links {
            let [Some(one), Some(other)] = link.places.map(&fold_of) else { continue };
            let group = self.of[&link.places[0]];
            if one != other {
                union.join(number(group, one), number(group, other), link.likeness);
                leaks.push(*link);
            }
        }
        for (group, members) in self.groups.iter().enumerate() {
            let in_folds: Vec<(Place, usize)> =
                members.iter().filter_map(|&place| Some((place, fold_of(place)?))).collect();
            let Some(&(first, fold)) = in_folds.first() else { continue };
            for &(place, other) in &in_folds[1..] {
                if union.join(number(group, fold), number(group, other), Likeness::ThroughOthers) {
                    leaks.push(Link { places: [first, place], likeness: Likeness::ThroughOthers });
                }
            }
        }
        leaks
    }

    /// Lists the held-out trials of whose group another trial is trained on, each with such a one: one that it is
    /// directly alike, where there is one. The held-out trial is the first of the two.
    pub fn held_out_in_training(
        &self,
        is_held_out: impl Fn(Place) -> bool,
        is_trained_on: impl Fn(Place) -> bool,
    ) -> Vec<Leak> {
        let mut direct: BTreeMap<Place, Leak> = BTreeMap::new();
        for link in &self.links {
            let [one, other] = link.places;
            for (held_out, learned) in [(one, other), (other, one)] {
                if is_held_out(held_out) && is_trained_on(learned) {
                    direct.entry(held_out).or_insert(Link { places: [held_out, learned], ..*link });
                }
            }
        }
        // Equal movies hang on an earlier one each, not on each other.
        let exact = self.links.iter().filter(|link| link.likeness == Likeness::Exact);
        let earlier: BTreeMap<Place, Place> = exact.map(|link| (link.places[1], link.places[0])).collect();
        let first_showing = |mut place: Place| {
            while let Some(&showing) = earlier.get(&place) {
                place = showing;
            }
            place
        };
        let mut found = Vec::new();
        for group in &self.groups {
            let Some(&learned) = group.iter().find(|&&place| is_trained_on(place)) else { continue };
            found.extend(group.iter().filter(|&&place| is_held_out(place)).map(|&held_out| {
                let equal = first_showing(held_out) == first_showing(learned);
                let likeness = if equal { Likeness::Exact } else { Likeness::ThroughOthers };
                direct.get(&held_out).copied().unwrap_or(Link { places: [held_out, learned], likeness })
            }));
        }
        found
    }
}

/// Lists pairs of trials whose movies have something in common and that are in different folds.
///
/// # Errors
/// When a movie can't be read.
pub fn leaks(
    mice: &[&Mouse],
    fold_of: impl Fn(Place) -> Option<usize>,
    observer: &dyn Observer,
) -> Result<Vec<Leak>> {
    Ok(MovieGroups::find(mice, observer)?.leaks(fold_of))
}
