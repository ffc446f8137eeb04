//! Writes what a run reconstructed as files that other programs open: ImageJ, PowerPoint, Python, MATLAB, R.
//!
//! A run is only read. Every file is written whole or not at all, and the same run gives the same bytes again.

mod arrays;
mod film;
mod format;
mod hdf5;
mod npz;
mod nwb;
mod plan;
mod shown;
mod table;
mod tiff;
mod write;

pub use format::Format;
pub use plan::Selection;
pub use tiff::Depth;
pub use write::{ExportOptions, ExportedFile, export};
