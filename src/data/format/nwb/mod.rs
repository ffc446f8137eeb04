//! Neurodata Without Borders (NWB 2, HDF5): the files that labs exchange recordings as.
//!
//! What is read, and where it is looked for:
//!
//! | | |
//! | --- | --- |
//! | responses | `RoiResponseSeries` in `processing`, `acquisition`; deconvolved before dF/F before others |
//! | cells | the `PlaneSegmentation` that the responses refer to: columns of coordinates, or masks |
//! | behavior | `TimeSeries` in `processing`, `acquisition`, by their names |
//! | movies | `ImageSeries`, `OpticalSeries`, or an `IndexSeries` into one, in `stimulus/presentation` |
//! | trials | a table in `intervals` |
//!
//! `timestamps` or `starting_time` and `rate`, `conversion` and `offset` are honoured everywhere. All series are
//! brought to one rate; [`Recording::notes`] says how each was. What is written has the same places.

mod read;
mod write;

pub use read::{Choice, FrameAxes, ImportOptions, Imported, Recording, import};
pub use write::{ExportOptions, Exported, ReconstructedMovie, UNKNOWN_TIME, export, from_unix_seconds};
