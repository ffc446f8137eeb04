//! An HDF5 file of a mouse before its parts are known to fit each other: what stands in it, where it lies, and
//! whether it can be as large as it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hdf5::datatype::ByteOrder;
use hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5::{Dataset, H5Type};

use super::{FORMAT, TIERS, Text, dataset};
use crate::data::format::npy_tree::Array;
use crate::data::trial::{Tier, TrialId};
use crate::error::{Error, Result};
use crate::hdf5_file::{line, unlocked};

/// Deflate makes nothing smaller than a 1032nd part: an array that claims more is none.
const MOST_COMPRESSED: u64 = 1032;

/// What is wrong with a part of a file, without the file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It can't be read, is not all there, or lies elsewhere.
    Unreadable(String),
    /// Its elements are of another type.
    WrongType(String),
    /// It has other axes.
    WrongShape(String),
}

impl Fault {
    fn unreadable(name: &str) -> impl Fn(hdf5::Error) -> Self {
        move |error| Self::Unreadable(format!("{name} can't be read: {}", line(&error)))
    }

    /// Returns the words.
    pub(crate) fn said(self) -> String {
        match self {
            Self::Unreadable(problem) | Self::WrongType(problem) | Self::WrongShape(problem) => problem,
        }
    }
}

/// Where an array of a trial lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    /// Frames.
    pub(crate) frames: usize,
    /// Lengths of the axes of one frame: height and width, or 1 and the rows.
    pub(crate) size: [usize; 2],
    /// Bytes, not f32.
    pub(super) is_u8: bool,
    /// First byte in the file; `None` of compressed arrays.
    pub(super) offset: Option<u64>,
}

impl Stored {
    /// Counts the values of one frame.
    pub(crate) fn width(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// An open file.
#[derive(Debug)]
pub(crate) struct MouseFile {
    pub(super) path: PathBuf,
    pub(super) plain: fs::File,
    pub(super) hdf5: hdf5::File,
    length: u64,
}

/// What a file is, by what it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A mouse.
    Mouse,
    /// A recording in the NWB format.
    Nwb,
    /// HDF5, but neither.
    Other,
    /// No HDF5, or damaged.
    Unreadable,
}

/// Looks what a file is.
pub(crate) fn kind_of(path: &Path) -> FileKind {
    match unlocked().open(path) {
        Err(_) => FileKind::Unreadable,
        Ok(file) if is_mouse(&file) => FileKind::Mouse,
        Ok(file) if file.attr("nwb_version").is_ok() => FileKind::Nwb,
        Ok(_) => FileKind::Other,
    }
}

fn is_mouse(file: &hdf5::File) -> bool {
    let format = file.attr("format").and_then(|attribute| attribute.read_scalar::<Text>());
    format.is_ok_and(|format| format.as_str() == FORMAT)
}

impl MouseFile {
    /// Opens a file that says that it is a mouse.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Invalid`] naming the file, when it can't be opened or is something else.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let plain = fs::File::open(path).map_err(Error::io(path))?;
        let length = plain.metadata().map_err(Error::io(path))?.len();
        let hdf5 = unlocked()
            .open(path)
            .map_err(|e| Error::invalid(path, format!("not an HDF5 file, or damaged: {}", line(&e))))?;
        let file = Self { path: path.to_path_buf(), plain, hdf5, length };
        if is_mouse(&file.hdf5) {
            return Ok(file);
        }
        Err(match file.hdf5.attr("nwb_version") {
            Ok(_) => Error::invalid(path, "an NWB file; make a mouse of it first (v1reel data import)"),
            Err(_) => {
                file.invalid(format!("an HDF5 file, but not of a mouse: its format is not \"{FORMAT}\""))
            }
        })
    }

    /// Makes an error about the file.
    pub(super) fn invalid(&self, problem: impl Into<String>) -> Error {
        let problem = problem.into();
        Error::invalid(&self.path, format!("{problem}; convert the recording again (v1reel data convert)"))
    }

    /// Says whether there is something of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.hdf5.link_exists(name)
    }

    /// Lists the trials that there is an array of; what has another name is nobody's business.
    pub(crate) fn trials(&self, array: Array) -> Result<BTreeSet<TrialId>, Fault> {
        let name = format!("data/{}", array.folder());
        if !self.has("data") || !self.has(&name) {
            return Ok(BTreeSet::new());
        }
        let names = self.hdf5.group(&name).and_then(|group| group.member_names());
        let names = names.map_err(Fault::unreadable(&name))?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).map(TrialId).collect())
    }

    /// Reads the tiers.
    pub(crate) fn tiers(&self) -> Result<Vec<Tier>, Fault> {
        let kind = self.set(TIERS)?.dtype().and_then(|kind| kind.to_descriptor());
        match kind.map_err(Fault::unreadable(TIERS))? {
            TypeDescriptor::FixedUnicode(_) | TypeDescriptor::FixedAscii(_) => {}
            other => {
                let problem = format!("{TIERS} holds {other}; expected one text of fixed length a trial");
                return Err(Fault::WrongType(problem));
            }
        }
        let tiers: Vec<Text> = self.list(TIERS)?;
        if u32::try_from(tiers.len()).is_err() {
            return Err(Fault::WrongShape(format!("{TIERS}: more trials than can be numbered")));
        }
        Ok(tiers.iter().map(|tier| Tier(tier.as_str().to_string())).collect())
    }

    /// Reads a small dataset whole, once it was seen that it is in the file.
    pub(crate) fn list<T: H5Type>(&self, name: &str) -> Result<Vec<T>, Fault> {
        let set = self.set(name)?;
        let bytes = (size_of::<T>() as u64).checked_mul(set.size() as u64);
        if set.offset().is_none() || bytes.is_none_or(|bytes| bytes > self.length) {
            return Err(Fault::Unreadable(format!("{name} of shape {:?} is not in the file", set.shape())));
        }
        set.read_raw().map_err(Fault::unreadable(name))
    }

    /// Says what shape a dataset has, and whether it holds numbers.
    pub(crate) fn header(&self, name: &str) -> Result<(Vec<usize>, bool), Fault> {
        let set = self.set(name)?;
        let kind = set.dtype().and_then(|kind| kind.to_descriptor()).map_err(Fault::unreadable(name))?;
        let is_number = matches!(
            kind,
            TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) | TypeDescriptor::Float(_)
        );
        Ok((set.shape(), is_number))
    }

    fn set(&self, name: &str) -> Result<Dataset, Fault> {
        self.hdf5.dataset(name).map_err(Fault::unreadable(name))
    }

    /// Finds where an array of a trial lies, and checks that it can be as large as it says.
    pub(crate) fn locate(&self, array: Array, id: TrialId) -> Result<Stored, Fault> {
        let name = dataset(array, id);
        let set = self.set(&name)?;
        let shape = set.shape();
        let (frames, size) = match (array, &shape[..]) {
            (Array::Movie, &[frames, height, width]) => (frames, [height, width]),
            (Array::Responses | Array::Behavior | Array::PupilCenter, &[frames, width]) => {
                (frames, [1, width])
            }
            _ => (0, [0, 0]),
        };
        if frames == 0 || size.contains(&0) {
            let axes = if array == Array::Movie { "(frames, height, width)" } else { "(frames, rows)" };
            let problem = format!("{name} has shape {shape:?}; expected {axes}, none of them 0");
            return Err(Fault::WrongShape(problem));
        }
        let is_u8 = is_u8(&name, &set)?;
        let bytes = [frames, size[0], size[1], if is_u8 { 1 } else { 4 }];
        let bytes = bytes.iter().try_fold(1u64, |product, &factor| product.checked_mul(factor as u64));
        let offset = if set.is_chunked() { None } else { set.offset() };
        let room = match (offset, set.chunk()) {
            (Some(offset), _) => self.length.checked_sub(offset),
            // HDF5 makes room for a whole chunk, however little of it is used.
            (None, Some(chunk)) if chunk.iter().zip(&shape).all(|(part, whole)| part <= whole) => {
                set.storage_size().min(self.length).checked_mul(MOST_COMPRESSED)
            }
            // Data that lies in another file, for one.
            _ => return Err(Fault::Unreadable(format!("{name} is stored in a way that is not read"))),
        };
        match (bytes, room) {
            (Some(bytes), Some(room)) if bytes <= room && usize::try_from(bytes).is_ok() => {
                Ok(Stored { frames, size, is_u8, offset })
            }
            _ => Err(Fault::Unreadable(format!("{name} of shape {shape:?} is longer than the file"))),
        }
    }
}

/// Says whether a dataset holds bytes and not floats.
fn is_u8(name: &str, set: &Dataset) -> Result<bool, Fault> {
    let kind = set.dtype().map_err(Fault::unreadable(name))?;
    match kind.to_descriptor().map_err(Fault::unreadable(name))? {
        TypeDescriptor::Unsigned(IntSize::U1) => Ok(true),
        TypeDescriptor::Float(FloatSize::U4) if kind.byte_order() == ByteOrder::LittleEndian => Ok(false),
        other => Err(Fault::WrongType(format!("{name} holds {other}; expected u8 or little-endian f32"))),
    }
}
