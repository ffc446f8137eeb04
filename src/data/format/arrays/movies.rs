//! Trials of movies: each has a movie, responses and perhaps behavior, frame by frame.

use std::path::Path;

use ndarray::{Array2, Array3};

use super::import::{ArrayFiles, Source, grey_level};
use super::stack::{Stack, check_names};
use crate::data::trial::{Trial, TrialId};
use crate::error::{Error, Result};

/// Arrays of movie trials whose shapes fit each other.
#[derive(Debug)]
pub(super) struct MovieTrials {
    movies: Stack,
    /// Neurons of one after those of the other.
    responses: Vec<Stack>,
    behavior: Option<Stack>,
    pupil_center: Option<Stack>,
    scale: f64,
}

impl MovieTrials {
    pub(super) fn open(movies: &Path, files: &ArrayFiles) -> Result<Self> {
        let rows = |path: &Path, rows: &str| Stack::open(path, "trial", &format!("{rows}, frame"));
        let optional = |path: &Option<_>| path.as_deref().map(|path| rows(path, "row")).transpose();
        let trials = Self {
            movies: Stack::open(movies, "trial", "frame, height, width")?,
            responses: files.responses.iter().map(|path| rows(path, "neuron")).collect::<Result<_>>()?,
            behavior: optional(&files.behavior)?,
            pupil_center: optional(&files.pupil_center)?,
            scale: files.scale,
        };
        for stack in trials.beside_movies() {
            if stack.len() != trials.movies.len() {
                let (found, expected) = (stack.len(), trials.movies.len());
                let movies = movies.display();
                let problem = format!("{found} trials, but {movies} has {expected}; expected one for one");
                return Err(Error::invalid(stack.path(), problem));
            }
            check_names(&trials.movies, stack)?;
            trials.check_shapes(stack)?;
        }
        let size = |trial: usize| &trials.movies.shape(trial)[1..];
        if let Some(other) = (0..trials.movies.len()).find(|&trial| size(trial) != size(0)) {
            let problem = format!(
                "trial {other}: frames of {:?} pixels (height, width), but of {:?} in trial 0; expected one size",
                size(other),
                size(0)
            );
            return Err(Error::invalid(trials.movies.file(other), problem));
        }
        Ok(trials)
    }

    fn beside_movies(&self) -> impl Iterator<Item = &Stack> {
        self.responses.iter().chain(&self.behavior).chain(&self.pupil_center)
    }

    /// Checks that all trials have as many rows as the first, and as many frames as their movies.
    fn check_shapes(&self, stack: &Stack) -> Result<()> {
        for trial in 0..stack.len() {
            let ([rows, frames], first) = (two(stack.shape(trial)), two(stack.shape(0)));
            let movie = self.movies.shape(trial)[0];
            if rows != first[0] || rows == 0 {
                let problem =
                    format!("trial {trial}: {rows} rows, but trial 0 has {}; expected as many", first[0]);
                return Err(Error::invalid(stack.file(trial), problem));
            }
            if frames != movie {
                let problem = format!(
                    "trial {trial}: {frames} frames, but its movie has {movie}; expected one value a movie frame, \
                     axes in the order (trial, row, frame): resample or transpose it"
                );
                return Err(Error::invalid(stack.file(trial), problem));
            }
        }
        Ok(())
    }

    /// Finds the length of a trial: where floats end before a tail of NaN, the same in all arrays.
    fn length(&self, trial: usize) -> Result<usize> {
        let responses = &self.responses[0];
        let length = end(responses, trial);
        if length == 0 {
            let problem =
                format!("trial {trial} has no number; expected responses, with NaN only after its end");
            return Err(Error::invalid(responses.file(trial), problem));
        }
        for stack in self.beside_movies().chain([&self.movies]) {
            let found = end(stack, trial);
            // Whole numbers know no NaN: they are cut where the responses end.
            if found != length && (stack.can_be_nan(trial) || found < length) {
                let problem = format!(
                    "trial {trial}: {length} response frames, {found} frames here before the tail of NaN; expected \
                     equal lengths: cut or pad them alike"
                );
                return Err(Error::invalid(stack.file(trial), problem));
            }
        }
        Ok(length)
    }

    fn movie(&self, trial: usize, frames: usize) -> Result<Array3<f32>> {
        let [height, width] = self.frame_size();
        let mut movie = Array3::zeros((frames, height, width));
        for ((frame, y, x), pixel) in movie.indexed_iter_mut() {
            let value = self.movies.number(trial, &[frame, y, x]);
            *pixel = grey_level(value, self.scale).map_err(|problem| {
                let problem = format!("trial {trial}, frame {frame}, pixel ({y}, {x}): {problem}");
                Error::invalid(self.movies.file(trial), problem)
            })?;
        }
        Ok(movie)
    }
}

impl Source for MovieTrials {
    fn trials(&self) -> usize {
        self.movies.len()
    }

    fn neurons(&self) -> usize {
        self.responses.iter().map(|stack| stack.shape(0)[0]).sum()
    }

    fn frame_size(&self) -> [usize; 2] {
        let shape = self.movies.shape(0);
        [shape[1], shape[2]]
    }

    fn labelled(&self) -> (usize, &'static str) {
        (self.trials(), "trials")
    }

    fn read(&self, id: TrialId) -> Result<Trial> {
        let trial = id.0 as usize;
        let frames = self.length(trial)?;
        let of = |stack: &Option<Stack>| match stack {
            Some(stack) => rows(std::slice::from_ref(stack), trial, frames),
            None => Ok(Array2::zeros((0, frames))),
        };
        Ok(Trial {
            id,
            movie: self.movie(trial, frames)?,
            responses: rows(&self.responses, trial, frames)?,
            behavior: of(&self.behavior)?,
            pupil_center: of(&self.pupil_center)?,
        })
    }
}

/// Reads rows of a trial, those of one stack below those of another: `[row, frame]`.
fn rows(stacks: &[Stack], trial: usize, frames: usize) -> Result<Array2<f32>> {
    let count = stacks.iter().map(|stack| stack.shape(trial)[0]).sum();
    let mut all = Array2::zeros((count, frames));
    let places = stacks.iter().flat_map(|stack| (0..stack.shape(trial)[0]).map(move |row| (stack, row)));
    for ((stack, row), mut values) in places.zip(all.outer_iter_mut()) {
        for (frame, value) in values.iter_mut().enumerate() {
            *value = stack.number(trial, &[row, frame]) as f32;
            if !value.is_finite() {
                let problem = format!(
                    "trial {trial}: {value} at row {row}, frame {frame}; expected numbers until all rows end, after \
                     {frames} frames: mend it or leave the trial out"
                );
                return Err(Error::invalid(stack.file(trial), problem));
            }
        }
    }
    Ok(all)
}

/// Counts the frames up to the last that has a number.
fn end(stack: &Stack, trial: usize) -> usize {
    let shape = stack.shape(trial);
    // A movie is [frame, height, width], all else is [row, frame].
    let (frames, others) =
        if shape.len() == 3 { (shape[0], shape[1] * shape[2]) } else { (shape[1], shape[0]) };
    let number = |frame: usize, other: usize| match *shape {
        [_, _, width] => stack.number(trial, &[frame, other / width, other % width]),
        _ => stack.number(trial, &[other, frame]),
    };
    (0..frames)
        .rev()
        .find(|&frame| (0..others).any(|other| !number(frame, other).is_nan()))
        .map_or(0, |last| last + 1)
}

fn two(shape: &[usize]) -> [usize; 2] {
    [shape[0], shape[1]]
}
