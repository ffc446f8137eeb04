//! The raw movies that a reconstruction was made of, cut to what it shows: neither filtered nor masked.

use std::path::Path;

use ndarray::{Array3, s};

use super::result::{MemberResult, Reconstruction};
use crate::data::input::{Geometry, Padding};
use crate::error::{Error, Result};

/// The movie of one member, or the one that all members made together.
#[derive(Debug, Clone, PartialEq)]
pub struct RawMovie {
    /// Which member; `None` where all made one movie.
    pub member: Option<usize>,
    /// `[frame, height, width]`, the same frames and pixels as the reconstruction.
    pub movie: Array3<f32>,
}

/// Reads what was kept of them in the folder of a reconstruction, by ascending member.
///
/// # Errors
/// [`Error::Invalid`] when a file is damaged or of another movie than `result`.
pub fn read_raw_movies(folder: &Path, result: &Reconstruction) -> Result<Vec<RawMovie>> {
    let (frames, height, width) = result.movie.dim();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(name) = file.strip_suffix(".h5").filter(|name| name.starts_with("member")) else { continue };
        let raw = MemberResult::read(&path)?.movie;
        let (raw_frames, input_height, input_width) = raw.dim();
        if raw_frames != result.first_frame + frames {
            let problem = format!("{raw_frames} frames; the result has {}", result.first_frame + frames);
            return Err(Error::invalid(&path, problem));
        }
        let geometry = Geometry::new([height, width], [input_height, input_width], Padding::Center)?;
        let movie = geometry.crop(raw.view()).slice_move(s![result.first_frame.., .., ..]).to_owned();
        let member = name.strip_prefix("member_").and_then(|number| number.parse().ok());
        found.push(RawMovie { member, movie });
    }
    found.sort_by_key(|raw| raw.member);
    Ok(found)
}
