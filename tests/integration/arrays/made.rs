//! Plain arrays as labs keep them, made up.

use std::path::{Path, PathBuf};

use rand::Rng;
use tempfile::TempDir;
use v1reel::data::format::arrays::{ArrayFiles, Stimulus};
use v1reel::data::format::npy_array::write_numbers;
use v1reel::data::format::npy_header::{Element, Header};
use v1reel::metric::filter::gaussian_filter;
use v1reel::seed;

pub const SIDE: usize = 31;

pub fn value(parts: &[usize]) -> f32 {
    (parts.iter().fold(7, |sum, part| sum * 31 + part * 17 + 3) % 200) as f32
}

/// Writes an array of `value`s.
pub fn write(path: &Path, shape: &[usize], value: impl Fn(&[usize]) -> f32) {
    write_numbers(path, shape, indices(shape).iter().map(|index| value(index))).unwrap();
}

/// Lists all indices of a shape, the last axis the fastest.
pub fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for &length in shape {
        all = all.iter().flat_map(|i| (0..length).map(move |k| [&i[..], &[k]].concat())).collect();
    }
    all
}

/// Writes doubles with the first axis the fastest, as MATLAB has them.
pub fn write_fortran(path: &Path, shape: &[usize], value: impl Fn(&[usize]) -> f32) {
    let header =
        String::from_utf8_lossy(&Header::format(Element::F8, shape)[10..]).replace("False,", "True, ");
    let mut bytes = Header::format(Element::F8, shape)[..10].to_vec();
    bytes.extend(header.as_bytes());
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    for index in indices(&reversed) {
        let index: Vec<usize> = index.into_iter().rev().collect();
        bytes.extend(f64::from(value(&index)).to_le_bytes());
    }
    std::fs::write(path, bytes).unwrap();
}

pub fn files(stimulus: Stimulus, responses: &[&Path]) -> ArrayFiles {
    ArrayFiles {
        stimulus,
        responses: responses.iter().map(|path| path.to_path_buf()).collect(),
        behavior: None,
        pupil_center: None,
        positions: None,
        tiers: None,
        scale: 1.0,
        average_repeats: false,
    }
}

pub fn images(path: &Path, frames_each: usize) -> Stimulus {
    Stimulus::Images { path: path.to_path_buf(), frame_size: None, frames_each }
}

/// Smooth pictures that have nothing to do with each other: `[image, height, width]`, grey levels.
pub fn pictures(count: usize) -> ndarray::Array3<f32> {
    let mut rng = seed::stream("test", "pictures", &[]);
    let noise = ndarray::Array3::from_shape_simple_fn((count, SIDE, SIDE), || rng.random_range(-1.0f32..1.0));
    let smooth = gaussian_filter(noise.view(), [0.0, 2.0, 2.0]);
    smooth.mapv(|v| (127.5 + 400.0 * v).clamp(0.0, 255.0))
}

/// Pictures, and cells that answer each with weighted sums of its pixels, each repeat with noise of its own.
pub fn shown_pictures(count: usize, cells: usize, repeats: usize) -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (pictures, mut rng) = (pictures(count), seed::stream("test", "cells", &[]));
    let flat = pictures.to_shape((count, SIDE * SIDE)).unwrap().to_owned() / 255.0;
    let noise = ndarray::Array3::from_shape_simple_fn((cells, SIDE, SIDE), || rng.random_range(-1.0f32..1.0));
    let fields = gaussian_filter(noise.view(), [0.0, 2.0, 2.0]);
    let clean = flat.dot(&fields.to_shape((cells, SIDE * SIDE)).unwrap().t());
    let (stimuli, responses) = (folder.path().join("images.npy"), folder.path().join("responses.npy"));
    write_numbers(&stimuli, pictures.shape(), pictures.iter().copied()).unwrap();
    let noisy = (0..repeats).flat_map(|_| clean.iter().copied().collect::<Vec<_>>());
    let noisy: Vec<f32> = noisy.map(|value| value + rng.random_range(-0.2..0.2)).collect();
    write_numbers(&responses, &[repeats, count, cells], noisy).unwrap();
    (folder, stimuli, responses)
}
