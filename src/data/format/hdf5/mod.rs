//! A whole mouse in one HDF5 file, laid out so that a clip of one trial is one small read.
//!
//! ```text
//! data/videos/N            [frame, height, width]  u8 when every value is whole and 0..255, else f32
//! data/responses/N         [frame, neuron]         f32; not there when they are withheld
//! data/behavior/N          [frame, row]            f32
//! data/pupil_center/N      [frame, row]            f32
//! meta/trials/{tiers,frames}                       one a trial
//! meta/neurons/{unit_ids,cell_motor_coordinates}
//! meta/statistics/{videos,...}/all/{mean,std,...}  as in the npy tree, `[..., frame]`
//! ```
//!
//! Arrays hold the valid frames alone: the NaN tail of the npy tree is the end of the array here. Time is the
//! slow axis, unlike there.

mod convert;
mod file;
mod read;
mod reader;
mod store;

use ::hdf5::types::FixedUnicode;

use super::npy_tree::Array;
use crate::data::trial::TrialId;

pub use convert::convert;
pub(crate) use file::{Fault, FileKind, MouseFile, kind_of};
pub(crate) use read::Wanted;
pub(crate) use reader::{mouse_id, open};
pub(crate) use store::Store;

/// Text of the attribute `format`, by which a file is known.
const FORMAT: &str = "v1reel mouse 1";

/// A tier, or [`FORMAT`]. Fixed in length: HDF5 keeps no checksum of texts of variable length.
type Text = FixedUnicode<64>;

pub(crate) const TIERS: &str = "meta/trials/tiers";
pub(crate) const FRAMES: &str = "meta/trials/frames";
pub(crate) const UNIT_IDS: &str = "meta/neurons/unit_ids";
pub(crate) const COORDINATES: &str = "meta/neurons/cell_motor_coordinates";

/// Names the dataset of an array of a trial.
pub(crate) fn dataset(array: Array, id: TrialId) -> String {
    format!("data/{}/{id}", array.folder())
}
