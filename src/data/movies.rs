//! Finds trials that show one movie, or movies that are alike, by their pixels: tiers don't say which, and a
//! movie that was trained on must not pass for a held-out one.

use std::collections::BTreeSet;

use blake3::Hash;
use ndarray::{ArrayView3, Axis};
use rayon::prelude::*;

use super::mouse::Mouse;
use super::trial::TrialId;
use crate::error::Result;

mod alignment;
mod descriptor;
mod frames;
mod groups;
mod leaks;
mod search;
mod stored;
mod union;

pub use alignment::SHARED_FRAMES;
pub use groups::{Likeness, Link, MovieGroups, Place};
pub use leaks::{Leak, leaks};

/// What is kept of a movie to tell it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoviePrint {
    frame_size: [usize; 2],
    /// Numbers of frames and the hash of so many first frames, ascending; the last is the whole movie.
    hashes: Vec<(usize, Hash)>,
}

impl MoviePrint {
    /// Says whether two trials show the same, as far as the shorter of them goes: showings of one movie
    /// may differ in their valid frames.
    pub fn same_movie(&self, other: &Self) -> bool {
        let frames = self.frames().min(other.frames());
        let hash = |print: &Self| print.hashes.iter().find(|(at, _)| *at == frames).map(|(_, hash)| *hash);
        // Prints of one call have hashes at each other's lengths; others can't be told apart.
        self.frame_size == other.frame_size
            && frames > 0
            && hash(self).is_some_and(|h| hash(other) == Some(h))
    }

    /// Takes the print of a movie frame by frame, so that it can be compared at any length; each frame is
    /// its pixels in rows.
    pub(crate) fn of_frames(frame_size: [usize; 2], frames: impl Iterator<Item = Vec<f32>>) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = Vec::new();
        let hashes = frames.enumerate().map(|(index, frame)| {
            bytes.clear();
            bytes.extend(frame.iter().flat_map(|pixel| pixel.to_le_bytes()));
            (index + 1, hasher.update(&bytes).finalize())
        });
        Self { frame_size, hashes: hashes.collect() }
    }

    fn frames(&self) -> usize {
        self.hashes.last().map_or(0, |(frames, _)| *frames)
    }

    /// What prints of equal movies have in common, and no others; `None` without frames.
    fn whole(&self) -> Option<([usize; 2], usize, Hash)> {
        self.hashes.last().map(|&(frames, hash)| (self.frame_size, frames, hash))
    }

    /// The same of the shorter movies that this one begins with, should they be there.
    fn beginnings(&self) -> impl Iterator<Item = ([usize; 2], usize, Hash)> {
        let shorter = self.hashes.len().saturating_sub(1);
        self.hashes[..shorter].iter().map(|&(frames, hash)| (self.frame_size, frames, hash))
    }
}

/// Takes the prints of trials, in their order; only prints of one call can be compared.
///
/// # Errors
/// When there is no such trial or its movie can't be read.
pub fn movie_prints(trials: &[(&Mouse, TrialId)]) -> Result<Vec<MoviePrint>> {
    let lengths = lengths_of(trials)?;
    let print = |&(mouse, id): &(&Mouse, TrialId)| -> Result<MoviePrint> {
        Ok(print_of(mouse.frame_size, mouse.read_movie(id)?.view(), &lengths))
    };
    trials.par_iter().map(print).collect()
}

/// Lists the numbers of frames that movies have.
fn lengths_of(trials: &[(&Mouse, TrialId)]) -> Result<BTreeSet<usize>> {
    trials.iter().map(|&(mouse, id)| mouse.trial(id).map(|trial| trial.frames)).collect()
}

fn print_of(frame_size: [usize; 2], movie: ArrayView3<'_, f32>, lengths: &BTreeSet<usize>) -> MoviePrint {
    let mut hasher = blake3::Hasher::new();
    let mut hashes = Vec::new();
    for (index, frame) in movie.axis_iter(Axis(0)).enumerate() {
        let bytes: Vec<u8> = frame.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
        hasher.update(&bytes);
        if lengths.contains(&(index + 1)) {
            hashes.push((index + 1, hasher.finalize()));
        }
    }
    MoviePrint { frame_size, hashes }
}

/// Groups places in `prints` by movie, in the order of the first showings.
pub fn group_by_movie(prints: &[MoviePrint]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, print) in prints.iter().enumerate() {
        match groups.iter_mut().find(|group| group.iter().all(|&shown| prints[shown].same_movie(print))) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A movie whose every frame is one letter, among movies of the listed lengths.
    fn spelled(letters: &str, lengths: &[usize]) -> MoviePrint {
        let hashes = lengths.iter().filter(|&&frames| frames <= letters.len());
        MoviePrint {
            frame_size: [2, 2],
            hashes: hashes.map(|&frames| (frames, blake3::hash(&letters.as_bytes()[..frames]))).collect(),
        }
    }

    #[test]
    fn movies_are_grouped_by_what_they_show_as_far_as_they_go() {
        let lengths = [3, 4];
        let prints = ["abcd", "xbcd", "abc", "abcd", "xbc", "abce"].map(|letters| spelled(letters, &lengths));
        // The last differs from the first in a frame that the third does not have.
        assert_eq!(group_by_movie(&prints), [vec![0, 2, 3], vec![1, 4], vec![5]]);
        let other_size = MoviePrint { frame_size: [2, 3], ..prints[0].clone() };
        assert!(!prints[0].same_movie(&other_size));
        let empty = spelled("", &lengths);
        assert!(!empty.same_movie(&empty) && !empty.same_movie(&prints[0]));
    }
}
