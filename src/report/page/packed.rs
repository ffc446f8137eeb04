//! Movies and pictures as text: 8 bits a pixel, compressed, in base64.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use ndarray::ArrayView3;
use serde::Serialize;

use crate::error::{Error, Result};

/// A movie of 8 bits a pixel, from some frame of its trial on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PackedMovie {
    /// The frame of the trial that is its first.
    pub first: usize,
    /// Number of frames.
    pub frames: usize,
    /// Base64 of the zlib stream of the differences (modulo 256) of each frame to the one before it, rows
    /// from the top.
    pub data: String,
}

/// Rounds the pixels of a movie to whole grey levels and packs it.
///
/// # Shapes
/// `[frame, height, width]`, 0..255
///
/// # Errors
/// [`Error::Failed`] when it can't be compressed.
pub(crate) fn movie(movie: ArrayView3<f32>, first: usize) -> Result<PackedMovie> {
    let (frames, height, width) = movie.dim();
    let levels: Vec<u8> = movie.iter().map(|&value| level(value)).collect();
    let frame = height * width;
    // Frames are like those before them: differences take less room.
    let before = std::iter::repeat_n(&0, frame).chain(&levels);
    let differences: Vec<u8> =
        levels.iter().zip(before).map(|(now, before)| now.wrapping_sub(*before)).collect();
    Ok(PackedMovie { first, frames, data: bytes(&differences)? })
}

/// The grey level that a value is shown as.
pub(super) fn level(value: f32) -> u8 {
    // What is not a number becomes 0.
    value.clamp(0.0, 255.0).round() as u8
}

/// Compresses bytes to text.
///
/// # Errors
/// [`Error::Failed`] when they can't be compressed.
pub(super) fn bytes(bytes: &[u8]) -> Result<String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let done = encoder.write_all(bytes).and_then(|()| encoder.finish());
    Ok(STANDARD.encode(done.map_err(|e| Error::Failed(format!("can't be compressed: {e}")))?))
}

/// Puts bytes as text as they are.
pub(crate) fn plain(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
