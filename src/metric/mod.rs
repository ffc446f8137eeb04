//! Measures how alike two movies or two sets of responses are: pure functions on arrays that know no
//! stage, no file and no experiment.
//!
//! Movies are `[frame, height, width]`, masks `[height, width]` with `true` where a pixel counts.
//! Values are read as f32, summed in f64 and returned as f64. Where a number is undefined (an empty
//! mask, no frames, no variance) the result is NaN, never 0 and never a panic; arrays whose shapes
//! differ are the caller's mistake and do panic.

pub mod correlation;
pub mod error;
pub mod filter;
pub mod inference;
pub mod luminance;
pub mod moments;
pub mod motion_energy;
pub mod repeats;
pub mod ssim;
mod statistics;

use ndarray::{ArrayView2, ArrayView3};

/// Largest pixel value; movies run from 0 to this.
pub const PIXEL_MAX: f64 = 255.0;

/// What stands where a reconstruction has nothing to say.
pub const MID_GRAY: f32 = 127.5;

/// Collects the masked pixels of all frames, frame by frame.
fn masked(movie: ArrayView3<f32>, mask: ArrayView2<bool>) -> Vec<f64> {
    movie.outer_iter().flat_map(|frame| masked_frame(frame, mask)).collect()
}

/// Collects the masked pixels of one frame.
fn masked_frame(frame: ArrayView2<f32>, mask: ArrayView2<bool>) -> Vec<f64> {
    frame.iter().zip(mask).filter(|&(_, &inside)| inside).map(|(&v, _)| f64::from(v)).collect()
}

/// Panics unless both movies have one shape and the mask fits their frames.
#[track_caller]
fn assert_same_shape(a: ArrayView3<f32>, b: ArrayView3<f32>, mask: ArrayView2<bool>) {
    assert_eq!(a.dim(), b.dim(), "movies of different shapes");
    assert_mask_fits(a, mask);
}

/// Panics unless the mask fits the movie's frames.
#[track_caller]
fn assert_mask_fits(movie: ArrayView3<f32>, mask: ArrayView2<bool>) {
    let (_, height, width) = movie.dim();
    assert_eq!((height, width), mask.dim(), "mask of another size than the movie's frames");
}
