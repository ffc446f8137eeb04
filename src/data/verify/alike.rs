//! Looks for movies that stand in training and are held out as well, over all mice: a model may have learned them by
//! heart. Movies that are alike within either are only remarked on.

use std::collections::BTreeSet;

use super::mouse::Looked;
use super::problem::{Kind, Problem};
use crate::data::format::npy_tree::Array;
use crate::data::mouse::Mouse;
use crate::data::movies::{Likeness, MovieGroups, Place};
use crate::data::trial::Tier;
use crate::error::Result;
use crate::event::Observer;

/// Opens a mouse without the trials whose movies can't be compared; `None` when the readers refuse it or nothing is
/// left.
pub(super) fn comparable_part(looked: &Looked) -> Option<Mouse> {
    let mut mouse = looked.open()?.ok()?;
    mouse.trials.retain(|trial| looked.comparable.contains(&trial.id));
    (!mouse.trials.is_empty()).then_some(mouse)
}

/// What a tier's trials are for; `None` when for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Training,
    HeldOut,
}

fn role(tier: &Tier) -> Option<Role> {
    match tier.0.as_str() {
        "none" => None,
        "train" => Some(Role::Training),
        _ => Some(Role::HeldOut),
    }
}

/// Compares the movies of all mice; returns for each mouse what is to be said of its trials.
///
/// # Errors
/// When a movie can't be read.
pub(super) fn compare(mice: &[&Mouse], observer: &dyn Observer) -> Result<Vec<Vec<Problem>>> {
    let groups = MovieGroups::find(mice, observer)?;
    let tier_of = |place: Place| mice[place.mouse].trial(place.trial).map(|trial| &trial.tier);
    let role_of = |place: Place| tier_of(place).ok().and_then(role);
    let mut problems: Vec<Vec<Problem>> = vec![Vec::new(); mice.len()];
    let mut leaked = BTreeSet::new();
    let is = |role: Role| move |place: Place| role_of(place) == Some(role);
    for leak in groups.held_out_in_training(is(Role::HeldOut), is(Role::Training)) {
        let [held_out, learned] = leak.places;
        leaked.insert(held_out);
        let message = format!(
            "{} is held out, but {} is trained on: {}. What a model makes of it may be memory: leave out one \
             of the two by the tier 'none', or split by folds that keep both together (data.fold_by = \"groups\")",
            named(mice, held_out),
            named(mice, learned),
            leak.likeness,
        );
        problems[held_out.mouse].push(problem(Kind::HeldOutMovieInTraining, mice, held_out, message));
    }
    for link in groups.links() {
        let [first, second] = link.places;
        // Equal movies of one mouse have been remarked on, and what leaks is worse than alike.
        let said = link.likeness == Likeness::Exact && first.mouse == second.mouse;
        if said || leaked.contains(&first) || leaked.contains(&second) {
            continue;
        }
        let message = format!(
            "{} and {}: {}; keep them in one fold",
            named(mice, second),
            named(mice, first),
            link.likeness
        );
        problems[second.mouse].push(problem(Kind::AlikeMovies, mice, second, message));
    }
    Ok(problems)
}

/// Names a trial, with its mouse where there are several.
fn named(mice: &[&Mouse], place: Place) -> String {
    let mouse = mice[place.mouse];
    let tier = mouse.trial(place.trial).map_or("", |trial| trial.tier.0.as_str());
    let of = if mice.len() > 1 { format!(" of mouse {}", mouse.id) } else { String::new() };
    format!("trial {}{of} ({tier:?})", place.trial)
}

fn problem(kind: Kind, mice: &[&Mouse], place: Place, message: String) -> Problem {
    let mouse = mice[place.mouse];
    let file = match mouse.root.is_file() {
        true => mouse.root.clone(),
        false => Array::Movie.file(&mouse.root, place.trial),
    };
    Problem::new(kind, &mouse.id, file, message).of_trial(place.trial)
}
