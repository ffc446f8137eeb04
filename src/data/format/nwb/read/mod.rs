//! Reads two-photon NWB files.

mod behavior;
mod choose;
mod import;
mod object;
mod options;
mod pixels;
mod recording;
mod resample;
mod responses;
mod rois;
mod series;
mod stimulus;
mod time;
mod trials;

pub use choose::Choice;
pub use import::{Imported, import};
pub use options::ImportOptions;
pub use pixels::FrameAxes;
pub use recording::Recording;
