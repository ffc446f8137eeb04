//! A transparency mask as a picture.

use std::path::Path;

use image::{GrayImage, Luma};
use ndarray::ArrayView2;

use super::write_png;
use crate::error::Result;

/// Pixels of the picture for one of the mask.
const SCALE: u32 = 6;

/// Writes a PNG: black where the mask is 0 or less, white where it is 1 or more.
///
/// # Errors
/// When the file can't be written.
pub fn write_mask(path: &Path, mask: ArrayView2<f32>) -> Result<()> {
    let (height, width) = mask.dim();
    let picture = GrayImage::from_fn(width as u32 * SCALE, height as u32 * SCALE, |x, y| {
        let value = mask[[(y / SCALE) as usize, (x / SCALE) as usize]];
        Luma([(value.clamp(0.0, 1.0) * 255.0).round() as u8])
    });
    write_png(path, &picture.into())
}
