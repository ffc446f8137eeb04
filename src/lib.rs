//! Reconstructs the movie a mouse was watching from the two-photon activity of its visual cortex.
//!
//! A dynamic neural encoding model (video, running and pupil in, responses out) is trained on the
//! recordings; an ensemble of seven is then backpropagated through, to turn a blank movie into one
//! whose predicted responses match the recorded ones. After Bauer, Margrie & Clopath (eLife 2026,
//! 10.7554/eLife.105081).
//!
//! ```text
//!  recording (npy tree | HDF5 | NWB)     experiment.toml
//!         |                                   |
//!       data ──> model ──> train ──> ensemble ──> reconstruct ──> evaluate ──> report
//!         ^                (7 members)             (movie)         (numbers)    (pages, movies)
//!      simulate                                        ^
//!      (a mouse with known answers)              transparency mask
//! ```
//!
//! Data flows one way: a stage imports only stages to its left.

#![deny(missing_docs)]

pub mod ablate;
pub mod atomic;
pub mod csv_file;
pub mod data;
pub mod decode;
pub mod device;
pub mod ensemble;
pub mod error;
pub mod evaluate;
pub mod event;
pub mod experiment;
pub mod hdf5_file;
pub mod kernel;
pub mod live;
pub mod manifest;
pub mod metric;
pub mod model;
pub mod probe;
pub mod reconstruct;
pub mod report;
pub mod run_folder;
pub mod seed;
pub mod simulate;
pub mod stop;
pub mod train;

pub mod cli;
