//! Looks over a npy tree without reading its data: which trials there are, whether their shapes
//! agree, and where each one ends.

use std::path::Path;

use rayon::prelude::*;

use super::Array;
use super::meta::{read_coordinates, read_tiers, read_unit_ids};
use crate::data::format::npy_array::NpyArray;
use crate::data::mouse::{Mouse, MouseId, Storage, TrialSummary};
use crate::data::trial::{Tier, TrialId};
use crate::error::{Error, Result};

/// Sizes that every trial of a mouse shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    neurons: Option<usize>,
    frame_size: [usize; 2],
    behavior_rows: usize,
    pupil_center_rows: usize,
}

/// What the headers and ends of one trial's files tell.
struct Scan {
    sizes: Sizes,
    frames: usize,
    withheld: bool,
}

/// Opens the mouse in the folder `root`.
///
/// # Errors
/// [`Error::Invalid`] when this is not a mouse folder, a file is missing or is not what it should
/// be, or files disagree; it names the file and says what to do.
pub(crate) fn open(root: &Path) -> Result<Mouse> {
    for array in [Array::Movie, Array::Responses] {
        if !root.join("data").join(array.folder()).is_dir() {
            return Err(Error::invalid(
                root,
                format!(
                    "not a mouse folder: it has no data/{}; expected the Sensorium layout, \
                     data/{{videos,responses,behavior,pupil_center}}/N.npy and meta/trials/tiers.npy",
                    array.folder()
                ),
            ));
        }
    }
    let present = Array::ALL.map(|array| root.join("data").join(array.folder()).is_dir());
    let tiers = read_tiers(root, &present)?;
    let scans: Vec<Result<Scan>> =
        tiers.par_iter().enumerate().map(|(n, tier)| scan(root, trial_id(n), tier, &present)).collect();
    // By ascending id, so that the same recording always gives the same complaint.
    let scans: Vec<Scan> = scans.into_iter().collect::<Result<_>>()?;
    let sizes = common_sizes(root, &scans)?;
    let neurons = sizes.neurons.ok_or_else(|| {
        Error::invalid(root, "no trial has responses; there is nothing to train on or reconstruct from")
    })?;
    let trials = tiers.into_iter().zip(&scans).enumerate();
    let trials = trials.map(|(n, (tier, scan))| TrialSummary {
        id: trial_id(n),
        tier,
        frames: scan.frames,
        withheld: scan.withheld,
    });
    Ok(Mouse {
        blank_rows: Vec::new(),
        id: mouse_id(root)?,
        root: root.to_path_buf(),
        storage: Storage::NpyTree,
        neurons,
        frame_size: sizes.frame_size,
        behavior_rows: sizes.behavior_rows,
        pupil_center_rows: sizes.pupil_center_rows,
        trials: trials.collect(),
        unit_ids: read_unit_ids(root, neurons)?,
        cell_motor_coordinates: read_coordinates(root, neurons)?,
    })
}

/// Names a mouse by its folder, also when that is given as `.`.
pub(crate) fn mouse_id(root: &Path) -> Result<MouseId> {
    let named = match root.file_name() {
        Some(_) => root.to_path_buf(),
        None => root.canonicalize().map_err(Error::io(root))?,
    };
    let name = named.file_name().ok_or_else(|| Error::invalid(root, "a folder without a name"))?;
    Ok(MouseId(name.to_string_lossy().into_owned()))
}

fn trial_id(n: usize) -> TrialId {
    TrialId(u32::try_from(n).expect("there are as many tiers as numbered files"))
}

/// Looks at the files of one trial.
fn scan(root: &Path, id: TrialId, tier: &Tier, present: &[bool; 4]) -> Result<Scan> {
    let mut maps = [const { None }; 4];
    for (k, array) in Array::ALL.into_iter().enumerate().filter(|&(k, _)| present[k]) {
        let path = array.file(root, id);
        if path.is_file() {
            let map = NpyArray::open(&path)?;
            map.require_recording()?;
            maps[k] = Some(map);
        } else if array != Array::Responses || !tier.may_withhold_responses() {
            let problem = format!("missing; tiers.npy lists trial {id} as {:?}: restore the file", tier.0);
            return Err(Error::invalid(path, problem));
        }
    }
    let [movie, responses, behavior, pupil_center] = &maps;
    let movie_shape = movie.as_ref().expect("opened above").shape_of::<3>("height, width, frames")?;
    let rows = |map: &Option<NpyArray>, axes| map.as_ref().map(|m| m.shape_of::<2>(axes)).transpose();
    let response_shape = rows(responses, "neurons, frames")?;
    let behavior_rows = rows(behavior, "rows, frames")?.map_or(0, |[rows, _]| rows);
    let pupil_center_rows = rows(pupil_center, "rows, frames")?.map_or(0, |[rows, _]| rows);
    if response_shape.is_some_and(|[neurons, _]| neurons == 0) {
        let problem = "no neurons (0 rows); expected (neurons, frames) with at least one neuron";
        return Err(Error::invalid(Array::Responses.file(root, id), problem));
    }
    let [height, width, _] = movie_shape;
    if height == 0 || width == 0 {
        return Err(Error::invalid(Array::Movie.file(root, id), format!("no pixels: shape {movie_shape:?}")));
    }
    let ends = maps.each_ref().map(|map| map.as_ref().map_or(0, end));
    let withheld = ends[1] == 0;
    if withheld && !tier.may_withhold_responses() {
        let problem =
            format!("trial {id} ({:?}) has no valid response frame; expected numbers, then NaN", tier.0);
        return Err(Error::invalid(Array::Responses.file(root, id), problem));
    }
    let frames = common_length(root, id, &maps, ends)?;
    let neurons = response_shape.map(|[neurons, _]| neurons);
    let sizes = Sizes { neurons, frame_size: [height, width], behavior_rows, pupil_center_rows };
    Ok(Scan { sizes, frames, withheld })
}

/// Finds the length of a trial and checks that all its arrays have it.
///
/// Floats end where their tail of NaN starts: the responses say where, or else the behavior. Bytes
/// know no NaN: they are as long as the trial, or as the padded arrays beside them.
fn common_length(root: &Path, id: TrialId, maps: &[Option<NpyArray>; 4], ends: [usize; 4]) -> Result<usize> {
    let float = |k: usize| maps[k].as_ref().is_some_and(NpyArray::can_be_nan);
    let by_authority = [1, 2, 3, 0].into_iter().filter(|&k| ends[k] > 0);
    let leader = by_authority.clone().find(|&k| float(k)).or_else(|| by_authority.clone().next());
    let Some((leader, map)) = leader.and_then(|k| Some((k, maps[k].as_ref()?))) else {
        return Err(Error::invalid(Array::Movie.file(root, id), format!("trial {id} has no valid frame")));
    };
    let (length, padded) = (ends[leader], map.frames());
    for (k, array) in Array::ALL.into_iter().enumerate() {
        let absent = maps[k].as_ref().is_none_or(|map| map.rows() == 0);
        let withheld = array == Array::Responses && ends[k] == 0;
        if absent || withheld || ends[k] == length || (!float(k) && ends[k] == padded) {
            continue;
        }
        let problem = format!(
            "trial {id}: {length} {} frames, {} {} frames; expected equal lengths before the NaN tail: cut or \
             pad them alike",
            Array::ALL[leader].word(),
            ends[k],
            array.word()
        );
        return Err(Error::invalid(array.file(root, id), problem));
    }
    Ok(length)
}

/// Finds where an array's tail of NaN starts, in its first row that has a value; 0 when none has.
fn end(map: &NpyArray) -> usize {
    // Beside an empty axis another may claim any length.
    if map.rows() == 0 || map.frames() == 0 {
        return 0;
    }
    if !map.can_be_nan() {
        return map.frames();
    }
    (0..map.rows())
        .find_map(|row| (0..map.frames()).rev().find(|&frame| !map.at(row, frame).is_nan()))
        .map_or(0, |last| last + 1)
}

/// Checks that all trials have the sizes of the first; neurons, of the first with responses.
fn common_sizes(root: &Path, scans: &[Scan]) -> Result<Sizes> {
    let mut common = scans.first().expect("tiers were checked not to be empty").sizes;
    let mut counted_in = 0;
    for (n, scan) in scans.iter().enumerate() {
        let sizes = scan.sizes;
        if common.neurons.is_none() {
            (common.neurons, counted_in) = (sizes.neurons, n);
        }
        let differs = |array: Array, found: &str, expected: &str, first: usize| {
            let problem = format!(
                "trial {n}: {found}, but trial {first} has {expected}; all trials of a mouse must agree: \
                 is the file from another recording?"
            );
            Err(Error::invalid(array.file(root, trial_id(n)), problem))
        };
        if let (Some(found), Some(expected)) = (sizes.neurons, common.neurons)
            && found != expected
        {
            let (found, expected) = (format!("{found} neurons"), expected.to_string());
            return differs(Array::Responses, &found, &expected, counted_in);
        }
        if sizes.frame_size != common.frame_size {
            let size = |[height, width]: [usize; 2]| format!("frames of {height} x {width} pixels");
            return differs(Array::Movie, &size(sizes.frame_size), &size(common.frame_size), 0);
        }
        for (array, found, expected) in [
            (Array::Behavior, sizes.behavior_rows, common.behavior_rows),
            (Array::PupilCenter, sizes.pupil_center_rows, common.pupil_center_rows),
        ] {
            if found != expected {
                return differs(array, &format!("{found} rows"), &expected.to_string(), 0);
            }
        }
    }
    Ok(common)
}
