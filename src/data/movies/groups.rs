//! Groups trials whose movies are equal, nearly equal or share a stretch, over all mice of an experiment:
//! what was trained on through one mouse is no longer held out for another.

use std::collections::{BTreeMap, HashMap};

use ndarray::Array3;
use rayon::prelude::*;

use super::alignment::{self, Alignment, SMALLEST_SIDE};
use super::descriptor::{Described, Describer};
use super::search::{Candidate, Index, SOUGHT_AT_ONCE};
use super::union::Union;
use super::{MoviePrint, lengths_of, print_of};
use crate::data::fold::movie_hash;
use crate::data::mouse::Mouse;
use crate::data::trial::TrialId;
use crate::error::Result;
use crate::event::{Event, Observer};

/// A trial of one of the mice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which of the mice, in the order they were given in.
    pub mouse: usize,
    /// Which of its trials.
    pub trial: TrialId,
}

/// What two movies have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// Equal in every pixel, as far as the shorter goes.
    Exact,
    /// The same frames at the same time, perhaps shifted by a pixel or two, brighter or of other contrast.
    NearDuplicate,
    /// A stretch, at another time or among other scenes.
    SharedSegment,
    /// Nothing: others between them have something in common with each.
    ThroughOthers,
}

impl std::fmt::Display for Likeness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Exact => "the same movie",
            Self::NearDuplicate => "nearly the same movie",
            Self::SharedSegment => "a shared segment",
            Self::ThroughOthers => "alike through other trials",
        })
    }
}

/// Two trials whose movies were found to have something in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The trials, the earlier one first.
    pub places: [Place; 2],
    /// What they share.
    pub likeness: Likeness,
}

/// Trials grouped by what their movies share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovieGroups {
    pub(super) groups: Vec<Vec<Place>>,
    pub(super) of: BTreeMap<Place, usize>,
    pub(super) hashes: BTreeMap<Place, u64>,
    pub(super) links: Vec<Link>,
}

/// What is kept of a movie once it was read.
struct Scanned {
    print: MoviePrint,
    hash: u64,
    described: Option<Described>,
}

impl MovieGroups {
    /// Compares the movies of all trials of `mice`, also of those in no fold.
    ///
    /// Every movie is read once and some 20 kB of it are kept; of likely pairs both are read again.
    ///
    /// # Errors
    /// When a movie can't be read, but for trials of tier `none`: these are then like no other.
    pub fn find(mice: &[&Mouse], observer: &dyn Observer) -> Result<Self> {
        let places: Vec<Place> = mice
            .iter()
            .enumerate()
            .flat_map(|(mouse, m)| m.trials.iter().map(move |trial| Place { mouse, trial: trial.id }))
            .collect();
        let mut scanned = scan(mice, &places, observer)?;
        let mut union = Union::new(places.len());
        let copies = join_equal(&scanned, &mut union);
        let compared = |index: usize| !copies[index] && scanned[index].described.is_some();
        let mut by_size: BTreeMap<[usize; 2], Vec<usize>> = BTreeMap::new();
        for (index, place) in places.iter().enumerate().filter(|&(index, _)| compared(index)) {
            by_size.entry(mice[place.mouse].frame_size).or_default().push(index);
        }
        for members in by_size.into_values() {
            let described: Vec<Described> =
                members.iter().filter_map(|&index| scanned[index].described.take()).collect();
            let index = Index::new(&described);
            drop(described);
            Search { mice, places: &places, members, index }.join_alike(&mut union, observer)?;
        }
        let hashes = places.iter().zip(&scanned).map(|(&place, scanned)| (place, scanned.hash)).collect();
        Ok(Self::new(&places, union, hashes))
    }

    fn new(places: &[Place], mut union: Union, hashes: BTreeMap<Place, u64>) -> Self {
        let mut by_root: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
        for (index, &place) in places.iter().enumerate() {
            by_root.entry(union.root(index)).or_default().push(place);
        }
        let mut groups: Vec<Vec<Place>> = by_root.into_values().collect();
        groups.sort_by_key(|group| group[0]);
        let of =
            groups.iter().enumerate().flat_map(|(k, group)| group.iter().map(move |&p| (p, k))).collect();
        let link = |&(a, b, likeness): &(usize, usize, Likeness)| Link {
            places: [places[a.min(b)], places[a.max(b)]],
            likeness,
        };
        let links = union.links.iter().map(link).collect();
        Self { groups, of, hashes, links }
    }

    /// Lists the groups, each by ascending mouse and trial; a movie like no other is a group of one.
    pub fn groups(&self) -> &[Vec<Place>] {
        &self.groups
    }

    /// Returns the place in [`MovieGroups::groups`] of a trial's group; `None` when there is no such trial.
    pub fn group_of(&self, place: Place) -> Option<usize> {
        self.of.get(&place).copied()
    }

    /// Returns the published hash of a trial's movie; `None` when there is no such trial.
    pub fn hash_of(&self, place: Place) -> Option<u64> {
        self.hashes.get(&place).copied()
    }

    /// Lists what the groups hang together by: just enough pairs, not every pair that is alike.
    pub fn links(&self) -> &[Link] {
        &self.links
    }
}

/// Reads every movie once.
fn scan(mice: &[&Mouse], places: &[Place], observer: &dyn Observer) -> Result<Vec<Scanned>> {
    let task = || "read movies".to_string();
    let trials: Vec<(&Mouse, TrialId)> =
        places.iter().map(|place| (mice[place.mouse], place.trial)).collect();
    let lengths = lengths_of(&trials)?;
    let describers: Vec<Option<Describer>> = mice
        .iter()
        .map(|mouse| (mouse.frame_size.iter().all(|&side| side >= SMALLEST_SIDE)).then_some(mouse.frame_size))
        .map(|size| size.map(Describer::new))
        .collect();
    observer.emit(Event::Started { task: task(), steps: places.len() as u64, unit: "movies" });
    let mut scanned = Vec::with_capacity(places.len());
    for some in places.chunks(8 * rayon::current_num_threads()) {
        let read = |place: &Place| -> Result<Scanned> {
            let mouse = mice[place.mouse];
            let movie = match mouse.read_movie(place.trial) {
                // The tier is how a trial that can't be mended is left out: it is like no other.
                Err(_) if mouse.trial(place.trial)?.tier.0 == "none" => {
                    let print = MoviePrint::of_frames(mouse.frame_size, std::iter::empty());
                    return Ok(Scanned { print, hash: 0, described: None });
                }
                read => read?,
            };
            Ok(Scanned {
                print: print_of(mouse.frame_size, movie.view(), &lengths),
                hash: movie_hash(movie.view()),
                described: describers[place.mouse].as_ref().map(|d| d.describe(movie.view())),
            })
        };
        scanned.extend(some.par_iter().map(read).collect::<Result<Vec<_>>>()?);
        observer.emit(Event::Progress { task: task(), step: scanned.len() as u64, loss: None });
    }
    observer.emit(Event::Finished { task: task() });
    Ok(scanned)
}

/// Joins movies that are equal as far as the shorter goes, and says which of them need not be compared any
/// further: another has all of their frames.
fn join_equal(scanned: &[Scanned], union: &mut Union) -> Vec<bool> {
    let mut whole = HashMap::new();
    let mut copies = vec![false; scanned.len()];
    for (index, scanned) in scanned.iter().enumerate() {
        let Some(last) = scanned.print.whole() else { continue };
        if let Some(&first) = whole.get(&last) {
            union.join(first, index, Likeness::Exact);
            copies[index] = true;
        } else {
            whole.insert(last, index);
        }
    }
    for (index, scanned) in scanned.iter().enumerate() {
        for beginning in scanned.print.beginnings() {
            if let Some(&shorter) = whole.get(&beginning) {
                union.join(shorter, index, Likeness::Exact);
                copies[shorter] = true;
            }
        }
    }
    copies
}

/// Movies of one frame size, of which no two are equal.
struct Search<'a> {
    mice: &'a [&'a Mouse],
    places: &'a [Place],
    members: Vec<usize>,
    index: Index,
}

impl Search<'_> {
    fn join_alike(&self, union: &mut Union, observer: &dyn Observer) -> Result<()> {
        let task = || "compare movies".to_string();
        let count = self.index.movies();
        observer.emit(Event::Started { task: task(), steps: count as u64, unit: "movies" });
        for start in (0..count).step_by(SOUGHT_AT_ONCE) {
            let sought = start..(start + SOUGHT_AT_ONCE).min(count);
            let step = sought.end as u64;
            self.verify(self.index.candidates(sought), union)?;
            observer.emit(Event::Progress { task: task(), step, loss: None });
        }
        observer.emit(Event::Finished { task: task() });
        Ok(())
    }

    /// Looks at candidates, the best first, on all threads; those that were joined meanwhile are left out.
    fn verify(&self, mut candidates: Vec<Candidate>, union: &mut Union) -> Result<()> {
        while !candidates.is_empty() {
            let [mut now, mut later] = [Vec::new(), Vec::new()];
            for candidate in candidates {
                let [a, b] = candidate.pair.map(|k| self.members[k]);
                if union.root(a) != union.root(b) {
                    if now.len() < rayon::current_num_threads() {
                        now.push(candidate)
                    } else {
                        later.push(candidate)
                    }
                }
            }
            let verified = now.par_iter().map(|candidate| self.likeness(candidate));
            let verified = verified.collect::<Result<Vec<_>>>()?;
            for (candidate, likeness) in now.iter().zip(verified) {
                let [a, b] = candidate.pair.map(|k| self.members[k]);
                if let Some(likeness) = likeness {
                    union.join(a, b, likeness);
                }
            }
            candidates = later;
        }
        Ok(())
    }

    fn likeness(&self, candidate: &Candidate) -> Result<Option<Likeness>> {
        let read = |k: usize| -> Result<Array3<f32>> {
            let place = self.places[self.members[k]];
            self.mice[place.mouse].read_movie(place.trial)
        };
        let [first, second] = candidate.pair.map(read);
        let (first, second) = (first?, second?);
        let shared = alignment::shared_stretch(first.view(), second.view(), candidate);
        let shorter = first.shape()[0].min(second.shape()[0]);
        Ok(shared.map(|(Alignment { offset, .. }, frames)| {
            let whole = offset == 0 && 2 * frames > shorter;
            if whole { Likeness::NearDuplicate } else { Likeness::SharedSegment }
        }))
    }
}
