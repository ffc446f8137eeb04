//! Trials of still images: one number of each cell to each image, perhaps over several repeats.

use std::path::Path;

use ndarray::{Array2, Array3};

use super::import::{ArrayFiles, Source, grey_level};
use crate::data::format::npy_array::NpyArray;
use crate::data::trial::{Trial, TrialId};
use crate::error::{Error, Result};

/// Images and the responses to them, whose shapes fit each other.
#[derive(Debug)]
pub(super) struct ImageTrials {
    images: NpyArray,
    frame_size: [usize; 2],
    frames_each: usize,
    /// Cells of one after those of the other.
    responses: Vec<ImageResponses>,
    /// Times that every image is taken to be shown; 1 when repeats are averaged.
    showings: usize,
    average: bool,
    scale: f64,
}

/// Responses in one file: `[repeat, image, cell]`, or `[image, cell]`, which is one repeat.
#[derive(Debug)]
struct ImageResponses {
    array: NpyArray,
    repeats: usize,
    cells: usize,
}

impl ImageTrials {
    pub(super) fn open(
        path: &Path,
        frame_size: Option<[usize; 2]>,
        frames_each: usize,
        files: &ArrayFiles,
    ) -> Result<Self> {
        let images = NpyArray::open(path)?;
        images.require_number()?;
        let frame_size = image_size(&images, frame_size)?;
        let count = images.shape()[0];
        // Beside an empty axis another may claim any length.
        if images.shape().contains(&0) || frames_each == 0 {
            let problem =
                format!("shape {:?}, {frames_each} frames an image: nothing to show", images.shape());
            return Err(Error::invalid(path, problem));
        }
        let open = |path| ImageResponses::open(path, count);
        let responses: Vec<ImageResponses> =
            files.responses.iter().map(|path| open(path)).collect::<Result<_>>()?;
        // What was not recorded of one file's cells can't be a trial of all.
        let fewest = responses.iter().map(|part| part.repeats).min().unwrap_or(0);
        let average = files.average_repeats;
        let showings = if average { fewest.min(1) } else { fewest };
        Ok(Self { images, frame_size, frames_each, responses, showings, average, scale: files.scale })
    }

    /// Counts how often an image is shown, once the repeats are averaged if they are.
    pub(super) fn showings(&self) -> usize {
        self.showings
    }

    /// Says what is not taken of the files.
    pub(super) fn note(&self) -> Option<String> {
        let left = |part: &&ImageResponses| part.repeats > self.showings;
        let part = self.responses.iter().find(left).filter(|_| !self.average)?;
        Some(format!(
            "{}: its first {} of {} repeats are taken, as many as the others have; --average-repeats takes all",
            part.array.path().display(),
            self.showings,
            part.repeats
        ))
    }
}

impl Source for ImageTrials {
    fn trials(&self) -> usize {
        self.images.shape()[0] * self.showings
    }

    fn neurons(&self) -> usize {
        self.responses.iter().map(|part| part.cells).sum()
    }

    fn frame_size(&self) -> [usize; 2] {
        self.frame_size
    }

    fn labelled(&self) -> (usize, &'static str) {
        (self.images.shape()[0], "images")
    }

    /// All images of the first repeat come first, then those of the second.
    fn read(&self, id: TrialId) -> Result<Trial> {
        let count = self.images.shape()[0];
        let (repeat, image) = (id.0 as usize / count, id.0 as usize % count);
        let [height, width] = self.frame_size;
        let mut shown = Array2::zeros((height, width));
        for ((y, x), pixel) in shown.indexed_iter_mut() {
            let value = match self.images.shape().len() {
                2 => self.images.number(&[image, y * width + x]),
                _ => self.images.number(&[image, y, x]),
            };
            *pixel = grey_level(value, self.scale).map_err(|problem| {
                let problem = format!("image {image}, pixel ({y}, {x}): {problem}");
                Error::invalid(self.images.path(), problem)
            })?;
        }
        let mut held = Vec::new();
        for part in &self.responses {
            held.extend(part.to_image(image, (!self.average).then_some(repeat))?);
        }
        let frames = self.frames_each;
        Ok(Trial {
            id,
            movie: Array3::from_shape_fn((frames, height, width), |(_, y, x)| shown[[y, x]]),
            responses: Array2::from_shape_fn((held.len(), frames), |(cell, _)| held[cell]),
            behavior: Array2::zeros((0, frames)),
            pupil_center: Array2::zeros((0, frames)),
        })
    }
}

impl ImageResponses {
    fn open(path: &Path, images: usize) -> Result<Self> {
        let array = NpyArray::open(path)?;
        array.require_number()?;
        let (repeats, found, cells) = match *array.shape() {
            [found, cells] => (1, found, cells),
            [repeats, found, cells] => (repeats, found, cells),
            _ => {
                let problem =
                    format!("shape {:?}; expected (image, cell) or (repeat, image, cell)", array.shape());
                return Err(Error::invalid(path, problem));
            }
        };
        if found != images || array.shape().contains(&0) {
            let problem = format!(
                "shape {:?}, which is {found} images and {cells} cells, but there are {images} images; expected \
                 (image, cell) or (repeat, image, cell)",
                array.shape()
            );
            return Err(Error::invalid(path, problem));
        }
        Ok(Self { array, repeats, cells })
    }

    /// Reads every cell's response to an image: of one repeat, or the mean over all.
    fn to_image(&self, image: usize, repeat: Option<usize>) -> Result<Vec<f32>> {
        let repeats = repeat.map_or(0..self.repeats, |repeat| repeat..repeat + 1);
        let count = repeats.len() as f64;
        let mut responses = Vec::with_capacity(self.cells);
        for cell in 0..self.cells {
            let of_repeat = |repeat: usize| match self.array.shape().len() {
                2 => self.array.number(&[image, cell]),
                _ => self.array.number(&[repeat, image, cell]),
            };
            let response = (repeats.clone().map(of_repeat).sum::<f64>() / count) as f32;
            if !response.is_finite() {
                let problem = format!("{response} for image {image}, cell {cell}; expected numbers");
                return Err(Error::invalid(self.array.path(), problem));
            }
            responses.push(response);
        }
        Ok(responses)
    }
}

/// Finds height and width of images that are stored as such, or as rows of pixels.
fn image_size(images: &NpyArray, given: Option<[usize; 2]>) -> Result<[usize; 2]> {
    let invalid = |problem: String| Err(Error::invalid(images.path(), problem));
    match (images.shape(), given) {
        (&[_, height, width], None) => Ok([height, width]),
        (&[_, height, width], Some(given)) if given == [height, width] => Ok(given),
        (&[_, pixels], Some([height, width])) if pixels == height * width => Ok([height, width]),
        (&[_, pixels], None) => invalid(format!(
            "{pixels} pixels an image in a row; say how they lie: --frame-size HxW, height x width"
        )),
        (shape, Some([height, width])) => invalid(format!(
            "shape {shape:?}; expected (image, {}) or (image, {height}, {width}), as --frame-size {height}x{width} says",
            height * width
        )),
        (shape, None) => invalid(format!(
            "shape {shape:?}; expected (image, height, width), or (image, pixel) and --frame-size"
        )),
    }
}
