//! Writes a mouse as a npy tree, trial by trial.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};

use super::{Array, coordinates_file, statistics, tiers_file, unit_ids_file};
use crate::data::format::npy_array::{write_integers, write_numbers, write_texts};
use crate::data::trial::{Tier, Trial, TrialId};
use crate::error::{Error, Result};

/// What is said of a mouse beside its trials.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// One a trial: `tiers[N]` is that of trial `N`.
    pub tiers: Vec<Tier>,
    /// One a neuron.
    pub unit_ids: Vec<i64>,
    /// `[neuron, (x, y, z)]` in micrometres; no rows when they were not recorded.
    pub cell_motor_coordinates: Array2<f32>,
}

/// Sizes that every trial of a mouse shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    neurons: usize,
    frame_size: [usize; 2],
    behavior_rows: usize,
    pupil_center_rows: usize,
}

/// Writes a mouse straight into a folder; see [`crate::atomic::write_folder`] for whole or not at all.
#[derive(Debug)]
pub struct Writer {
    root: PathBuf,
    sizes: Option<Sizes>,
    ids: BTreeSet<TrialId>,
}

impl Writer {
    /// Starts a mouse in the folder `root`, which is made when it is not there.
    ///
    /// # Errors
    /// [`Error::Io`] when a folder can't be made.
    pub fn create(root: &Path) -> Result<Self> {
        for folder in ["data/videos", "data/responses", "meta/neurons", "meta/trials"] {
            make_folder(&root.join(folder))?;
        }
        Ok(Self { root: root.to_path_buf(), sizes: None, ids: BTreeSet::new() })
    }

    /// Writes one trial as f4, followed by NaN up to `padded_frames` when that is more.
    ///
    /// # Errors
    /// [`Error::Failed`] when its arrays differ in length, or its sizes from those of the trials before,
    /// or its id was written already; [`Error::Io`] when a file can't be written.
    pub fn write_trial(&mut self, trial: &Trial, padded_frames: usize) -> Result<()> {
        let sizes = check(trial)?;
        if *self.sizes.get_or_insert(sizes) != sizes {
            let problem = format!("trial {}: {sizes:?}, but the trials before: {:?}", trial.id, self.sizes);
            return Err(Error::Failed(problem));
        }
        if !self.ids.insert(trial.id) {
            return Err(Error::Failed(format!("trial {} is written twice", trial.id)));
        }
        let (valid, frames) = (trial.frames(), padded_frames.max(trial.frames()));
        let [height, width] = sizes.frame_size;
        let pixels = (0..height * width).flat_map(|pixel| (0..frames).map(move |frame| (pixel, frame)));
        let movie = pixels.map(|(pixel, frame)| {
            if frame < valid { trial.movie[[frame, pixel / width, pixel % width]] } else { f32::NAN }
        });
        let path = Array::Movie.file(&self.root, trial.id);
        write_numbers(&path, &[height, width, frames], movie)?;
        for (array, rows) in [
            (Array::Responses, trial.responses.view()),
            (Array::Behavior, trial.behavior.view()),
            (Array::PupilCenter, trial.pupil_center.view()),
        ] {
            if array == Array::Responses || rows.nrows() > 0 {
                self.write_rows(array, trial.id, rows, frames)?;
            }
        }
        Ok(())
    }

    /// Writes what is said of the mouse, and the statistics over the trials written.
    ///
    /// # Errors
    /// [`Error::Failed`] when `meta` does not fit the trials, which must be numbered from 0 without
    /// gaps; [`Error::Io`] when a file can't be written.
    pub fn finish(self, meta: &Meta) -> Result<()> {
        let sizes = self.sizes.ok_or_else(|| Error::Failed("a mouse needs at least one trial".into()))?;
        if !self.ids.iter().map(|id| id.0 as usize).eq(0..meta.tiers.len()) {
            return Err(Error::Failed(format!(
                "{} tiers for {} trials; expected trials numbered from 0 without gaps and a tier for each",
                meta.tiers.len(),
                self.ids.len()
            )));
        }
        let coordinates = &meta.cell_motor_coordinates;
        let located = coordinates.nrows() > 0;
        if meta.unit_ids.len() != sizes.neurons || (located && coordinates.dim() != (sizes.neurons, 3)) {
            return Err(Error::Failed(format!(
                "{} unit ids and {:?} coordinates; expected {} and ({2}, 3)",
                meta.unit_ids.len(),
                coordinates.dim(),
                sizes.neurons
            )));
        }
        write_integers(&unit_ids_file(&self.root), &meta.unit_ids)?;
        if located {
            write_numbers(&coordinates_file(&self.root), &[sizes.neurons, 3], coordinates.iter().copied())?;
        }
        let tiers: Vec<&str> = meta.tiers.iter().map(|tier| tier.0.as_str()).collect();
        write_texts(&tiers_file(&self.root), &tiers)?;
        statistics::write(&self.root, &self.ids)
    }

    fn write_rows(&self, array: Array, id: TrialId, rows: ArrayView2<'_, f32>, frames: usize) -> Result<()> {
        let path = array.file(&self.root, id);
        make_folder(path.parent().expect("a file in a folder"))?;
        let valid = rows.ncols();
        let values = (0..rows.nrows()).flat_map(|row| (0..frames).map(move |frame| [row, frame]));
        let values = values.map(|at| if at[1] < valid { rows[at] } else { f32::NAN });
        write_numbers(&path, &[rows.nrows(), frames], values)
    }
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::io(path))
}

/// Checks that a trial's arrays are of one length, which is not 0, and returns its sizes.
fn check(trial: &Trial) -> Result<Sizes> {
    let (movie_frames, height, width) = trial.movie.dim();
    let frames = trial.frames();
    for (array, found) in [
        (Array::Movie, Some(movie_frames)),
        (Array::Behavior, (trial.behavior.nrows() > 0).then_some(trial.behavior.ncols())),
        (Array::PupilCenter, (trial.pupil_center.nrows() > 0).then_some(trial.pupil_center.ncols())),
    ] {
        if let Some(found) = found.filter(|&found| found != frames) {
            return Err(Error::Failed(format!(
                "trial {}: {frames} response frames, {found} {} frames",
                trial.id,
                array.word()
            )));
        }
    }
    if frames == 0 || trial.responses.nrows() == 0 || height * width == 0 {
        return Err(Error::Failed(format!("trial {} has no frames, no neurons or no pixels", trial.id)));
    }
    Ok(Sizes {
        neurons: trial.responses.nrows(),
        frame_size: [height, width],
        behavior_rows: trial.behavior.nrows(),
        pupil_center_rows: trial.pupil_center.nrows(),
    })
}
