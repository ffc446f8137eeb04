//! The folder of `.npy` files that the Sensorium 2023 competition publishes a mouse as.
//!
//! ```text
//! data/{videos,responses,behavior,pupil_center}/N.npy
//! meta/neurons/{unit_ids,cell_motor_coordinates}.npy
//! meta/trials/tiers.npy
//! meta/statistics/{videos,responses,behavior,pupil_center}/all/{mean,std,min,max,median}.npy
//! ```

mod meta;
mod reader;
mod scan;
mod statistics;
mod writer;

use std::path::{Path, PathBuf};

use crate::data::trial::TrialId;

pub(crate) use meta::list_trials;
pub(crate) use reader::{gather, read_frames, read_movie, read_trial};
pub(crate) use scan::{mouse_id, open};
pub(crate) use statistics::{NAMES as STATISTICS, compute as compute_statistics};
pub use writer::{Meta, Writer};

/// One of the arrays that a trial consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Array {
    /// `[height, width, frame]`
    Movie,
    /// `[neuron, frame]`
    Responses,
    /// `[row, frame]`: pupil dilation, running speed
    Behavior,
    /// `[row, frame]`: x, y
    PupilCenter,
}

impl Array {
    pub(crate) const ALL: [Self; 4] = [Self::Movie, Self::Responses, Self::Behavior, Self::PupilCenter];

    /// Names its folder.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Movie => "videos",
            Self::Responses => "responses",
            Self::Behavior => "behavior",
            Self::PupilCenter => "pupil_center",
        }
    }

    /// Names its frames in an error.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Movie => "movie",
            Self::Responses => "response",
            Self::Behavior => "behavior",
            Self::PupilCenter => "pupil center",
        }
    }

    /// Names one of its rows in an error; those of a movie are its pixels, `width` in a line.
    pub(crate) fn row_name(self, row: usize, width: usize) -> String {
        match self {
            Self::Movie => format!("pixel ({}, {})", row / width, row % width),
            Self::Responses => format!("neuron {row}"),
            Self::Behavior | Self::PupilCenter => format!("row {row}"),
        }
    }

    /// Names the file of a trial's array.
    pub(crate) fn file(self, root: &Path, id: TrialId) -> PathBuf {
        root.join("data").join(self.folder()).join(format!("{id}.npy"))
    }
}

pub(crate) fn tiers_file(root: &Path) -> PathBuf {
    root.join("meta/trials/tiers.npy")
}

pub(crate) fn unit_ids_file(root: &Path) -> PathBuf {
    root.join("meta/neurons/unit_ids.npy")
}

pub(crate) fn coordinates_file(root: &Path) -> PathBuf {
    root.join("meta/neurons/cell_motor_coordinates.npy")
}

pub(crate) fn statistics_folder(root: &Path, array: Array) -> PathBuf {
    root.join("meta/statistics").join(array.folder()).join("all")
}
