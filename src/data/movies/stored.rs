//! Keeps groups of movies in a file, so that ten mice are compared once and not by every command.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::groups::{Likeness, Link, MovieGroups, Place};
use crate::atomic;
use crate::data::format::npy_tree::Array;
use crate::data::mouse::Mouse;
use crate::data::trial::TrialId;
use crate::error::{Error, Result};

/// Counts up when movies are compared in another way: groups that were found before don't count any more.
const METHOD: u32 = 2;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// What the groups were found in: see [`key`].
    key: String,
    /// Mouse, trial, group and published hash of every trial.
    trials: Vec<(usize, u32, usize, u64)>,
    /// Mouse and trial of the earlier and the later one of pairs that are alike, and how.
    links: Vec<([(usize, u32); 2], Likeness)>,
}

/// Names what groups are found in: the recordings by their fingerprints, and the times at which their movies were last
/// written, for a value that was changed in place. A mouse that is one file has one such time.
fn key(mice: &[&Mouse], fingerprints: &[String]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&METHOD.to_le_bytes());
    let written = |path: &Path| {
        let time = fs::metadata(path).and_then(|file| file.modified()).unwrap_or(UNIX_EPOCH);
        time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
    };
    for (mouse, fingerprint) in mice.iter().zip(fingerprints) {
        hasher.update(fingerprint.as_bytes());
        if mouse.root.is_file() {
            hasher.update(&written(&mouse.root).to_le_bytes());
        }
        for trial in &mouse.trials {
            hasher.update(&trial.id.0.to_le_bytes());
            hasher.update(&written(&Array::Movie.file(&mouse.root, trial.id)).to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

impl MovieGroups {
    /// Reads groups that [`MovieGroups::store`] wrote of these mice; `None` when there are none, or of other
    /// recordings, or of an older v1reel.
    ///
    /// `fingerprints` are those of the mice.
    pub fn stored(path: &Path, mice: &[&Mouse], fingerprints: &[String]) -> Option<Self> {
        // What can't be read or understood is found again: the file holds nothing else.
        let bytes = fs::read(path).ok()?;
        let stored: Stored = serde_json::from_slice(&bytes).ok()?;
        (stored.key == key(mice, fingerprints)).then(|| Self::from_stored(&stored, mice))?
    }

    fn from_stored(stored: &Stored, mice: &[&Mouse]) -> Option<Self> {
        let place = |(mouse, trial)| Place { mouse, trial: TrialId(trial) };
        let (mut of, mut hashes) = (BTreeMap::new(), BTreeMap::new());
        let mut groups: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
        for &(mouse, trial, group, hash) in &stored.trials {
            let place = place((mouse, trial));
            of.insert(place, group);
            hashes.insert(place, hash);
            groups.entry(group).or_default().push(place);
        }
        let link = |&(places, likeness): &([(usize, u32); 2], Likeness)| Link {
            places: places.map(place),
            likeness,
        };
        let links: Vec<Link> = stored.links.iter().map(link).collect();
        // Every trial once and no others, the groups numbered without a gap: the rest relies on it.
        let trials =
            || mice.iter().enumerate().flat_map(|(at, mouse)| mouse.trials.iter().map(move |t| (at, t.id)));
        let whole = of.len() == stored.trials.len()
            && of.keys().map(|place| (place.mouse, place.trial)).eq(trials())
            && groups.keys().copied().eq(0..groups.len())
            && links.iter().flat_map(|link| link.places).all(|place| of.contains_key(&place));
        let groups = groups.into_values().map(|mut group| {
            group.sort_unstable();
            group
        });
        whole.then(|| Self { groups: groups.collect(), of, hashes, links })
    }

    /// Writes the groups of these mice to `path` as JSON, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written.
    pub fn store(&self, path: &Path, mice: &[&Mouse], fingerprints: &[String]) -> Result<()> {
        let pair = |place: Place| (place.mouse, place.trial.0);
        let trial = |(&place, &group): (&Place, &usize)| {
            (place.mouse, place.trial.0, group, self.hash_of(place).unwrap_or_default())
        };
        let stored = Stored {
            key: key(mice, fingerprints),
            trials: self.of.iter().map(trial).collect(),
            links: self.links.iter().map(|link| (link.places.map(pair), link.likeness)).collect(),
        };
        let text = serde_json::to_string(&stored).map_err(|e| Error::Failed(e.to_string()))?;
        atomic::write_bytes(path, (text + "\n").as_bytes())
    }
}
