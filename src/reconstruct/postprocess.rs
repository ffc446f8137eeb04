//! From the members' raw movies to the reconstruction: crop, drop the first frames, average, filter, mask.

use ndarray::{Array2, Array3, ArrayView3, s};

use super::config::ReconstructionConfig;
use crate::data::input::Geometry;
use crate::metric::{MID_GRAY, filter};

/// Makes the reconstruction.
///
/// # Shapes
/// - `movies`: each `[frame, height, width]` of the encoder's input
/// - `mask`: `[height, width]` of the content: pixels that are shown
/// - output: `[frame - skip_frames, height, width]` of the content
pub fn finish(
    movies: &[ArrayView3<f32>],
    geometry: Geometry,
    mask: &Array2<bool>,
    config: &ReconstructionConfig,
) -> Array3<f32> {
    let mut mean = cut(geometry.crop(movies[0]), config.skip_frames);
    for movie in &movies[1..] {
        mean += &cut(geometry.crop(*movie), config.skip_frames);
    }
    mean /= movies.len() as f32;
    let mut shown = filter::gaussian_filter(mean.view(), config.filter_sigma);
    for mut frame in shown.outer_iter_mut() {
        frame.zip_mut_with(mask, |pixel, &seen| {
            if !seen {
                *pixel = MID_GRAY;
            }
        });
    }
    shown
}

/// Drops the first frames: the encoder sees too little before them.
pub fn cut(movie: ArrayView3<f32>, skip_frames: usize) -> Array3<f32> {
    movie.slice(s![skip_frames.min(movie.dim().0).., .., ..]).to_owned()
}
