//! Writes what people look at: movies side by side, strips of frames, plots, the page of a run.
//!
//! Pictures are drawn here with an embedded font, so that it looks the same on a workstation and on
//! a cluster node without one; everything is written whole or not at all.

pub mod ablation_plot;
pub mod axis;
pub mod course_plot;
mod h264;
mod map_picture;
pub mod mask_picture;
pub mod mouse_picture;
pub mod movie_file;
pub mod page;
pub mod panel;
pub mod plot;
mod plot_page;
mod plot_style;
pub mod probe_picture;
pub mod spread;
pub mod strip;
pub mod text;
pub mod trial_pictures;

use std::path::Path;

use image::{DynamicImage, ImageError, ImageFormat};

use crate::atomic;
use crate::error::{Error, Result};

/// Writes a picture as PNG, whole or not at all.
fn write_png(path: &Path, picture: &DynamicImage) -> Result<()> {
    atomic::write_file(path, |temporary| {
        picture.save_with_format(temporary, ImageFormat::Png).map_err(|error| match error {
            ImageError::IoError(source) => Error::io(path)(source),
            other => Error::Failed(format!("{}: PNG encoding: {other}", path.display())),
        })
    })
}
