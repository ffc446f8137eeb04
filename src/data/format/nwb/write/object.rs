//! Typed groups, datasets, attributes and links of an NWB file that is being written.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use hdf5::types::VarLenUnicode;
use hdf5::{Group, H5Type, Location, ObjectReference1};
use ndarray::{Array1, ArrayView, ArrayView1, Dimension};

use crate::error::{Error, Result};

/// Values of one chunk take about so many bytes: a trial's part is a few reads, none far too much.
const CHUNK_BYTES: usize = 1 << 19;

/// Level of deflate; higher ones take longer for little.
const DEFLATE: u8 = 4;

/// A group that is written to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    file: Arc<PathBuf>,
    /// What object ids are derived from, with the path.
    seed: Arc<str>,
    at: String,
    group: Group,
}

/// A dataset that is filled trial by trial.
#[derive(Debug)]
pub(super) struct Rows {
    file: Arc<PathBuf>,
    pub(super) set: hdf5::Dataset,
}

impl Target {
    /// Starts with the root of a new file; `named` is how errors name it.
    pub(super) fn root(file: &hdf5::File, named: &Path, seed: &str) -> Result<Self> {
        let (path, seed) = (Arc::new(named.to_path_buf()), Arc::from(seed));
        let group = file.group("/").map_err(|e| failed(named, &e))?;
        Ok(Self { file: path, seed, at: String::new(), group })
    }

    /// Makes a group without a type, as the file's own folders are.
    pub(super) fn folder(&self, name: &str) -> Result<Self> {
        let make = || self.group.create_group_builder().obj_track_times(false).create(name);
        let group = if self.group.link_exists(name) { self.group.group(name) } else { make() };
        let group = group.map_err(|e| self.failed(&e))?;
        let at = format!("{}/{name}", self.at);
        Ok(Self { file: self.file.clone(), seed: self.seed.clone(), at, group })
    }

    /// Makes a group of a type of the NWB schema.
    pub(super) fn object(&self, name: &str, neurodata_type: &str) -> Result<Self> {
        let made = self.folder(name)?;
        made.mark(&made.group, &made.at, "core", neurodata_type)?;
        Ok(made)
    }

    /// Says of the root what it is.
    pub(super) fn mark_root(&self) -> Result<()> {
        self.mark(&self.group, "/", "core", "NWBFile")
    }

    /// Sets an attribute of text.
    pub(super) fn text_attribute(&self, name: &str, text: &str) -> Result<()> {
        attribute(&self.group, name, text).map_err(|e| self.failed(&e))
    }

    /// Sets an attribute that lists texts.
    pub(super) fn texts_attribute(&self, name: &str, texts: &[&str]) -> Result<()> {
        let write = || {
            let texts = texts.iter().map(|text| unicode(text)).collect::<hdf5::Result<Vec<_>>>()?;
            self.group.new_attr_builder().with_data(&texts).create(name).map(drop)
        };
        write().map_err(|e| self.failed(&e))
    }

    /// Writes a dataset that is one text.
    pub(super) fn text(&self, name: &str, text: &str) -> Result<hdf5::Dataset> {
        let write = || {
            let builder = self.group.new_dataset_builder().obj_track_times(false);
            let set = builder.empty::<VarLenUnicode>().create(name)?;
            set.write_scalar(&unicode(text)?)?;
            Ok(set)
        };
        write().map_err(|e: hdf5::Error| self.failed(&e))
    }

    /// Writes a dataset that is one number.
    pub(super) fn number(&self, name: &str, value: f64) -> Result<hdf5::Dataset> {
        let write = || {
            let builder = self.group.new_dataset_builder().obj_track_times(false);
            let set = builder.empty::<f64>().create(name)?;
            set.write_scalar(&value)?;
            Ok(set)
        };
        write().map_err(|e: hdf5::Error| self.failed(&e))
    }

    /// Writes a dataset whole.
    pub(super) fn array<T: H5Type, D: Dimension>(
        &self,
        name: &str,
        values: ArrayView<'_, T, D>,
    ) -> Result<hdf5::Dataset> {
        let builder = self.group.new_dataset_builder().obj_track_times(false);
        builder.with_data(values).create(name).map_err(|e| self.failed(&e))
    }

    /// Writes a dataset that lists texts.
    pub(super) fn texts(&self, name: &str, texts: &[&str]) -> Result<hdf5::Dataset> {
        let texts = texts.iter().map(|text| unicode(text)).collect::<hdf5::Result<Array1<_>>>();
        self.array(name, texts.map_err(|e| self.failed(&e))?.view())
    }

    /// Makes a dataset to be filled from the first axis on; compressed where HDF5 can.
    pub(super) fn rows<T: H5Type>(&self, name: &str, shape: &[usize]) -> Result<Rows> {
        let row: usize = shape[1..].iter().product::<usize>() * size_of::<T>();
        let mut chunk = shape.to_vec();
        chunk[0] = (CHUNK_BYTES / row.max(1)).clamp(1, shape[0].max(1));
        let mut builder = self.group.new_dataset_builder().obj_track_times(false).chunk(chunk);
        if hdf5::filters::deflate_available() {
            builder = builder.shuffle().deflate(DEFLATE);
        }
        let set = builder.empty::<T>().shape(shape).create(name).map_err(|e| self.failed(&e))?;
        Ok(Rows { file: self.file.clone(), set })
    }

    /// Writes a column of a table, or its ids, which need no description.
    pub(super) fn mark_column(
        &self,
        column: &hdf5::Dataset,
        neurodata_type: &str,
        description: &str,
    ) -> Result<()> {
        let at = column.name();
        self.mark(column, &at, "hdmf-common", neurodata_type)?;
        if neurodata_type == "ElementIdentifiers" {
            return Ok(());
        }
        attribute(column, "description", description).map_err(|e| self.failed(&e))
    }

    /// Makes a link to what lies elsewhere in the file.
    pub(super) fn link(&self, name: &str, to: &Self) -> Result<()> {
        self.group.link_soft(&to.at, name).map_err(|e| self.failed(&e))
    }

    /// Makes an attribute of a dataset that refers to a group.
    pub(super) fn refer(&self, from: &hdf5::Dataset, name: &str, to: &Self) -> Result<()> {
        let write = || {
            let reference = self.group.reference::<ObjectReference1>(&to.at)?;
            from.new_attr::<ObjectReference1>().create(name)?.write_scalar(&reference)
        };
        write().map_err(|e| self.failed(&e))
    }

    /// Says what an object is, and gives it an id that follows from the file's name for it.
    fn mark(&self, of: &Location, at: &str, namespace: &str, neurodata_type: &str) -> Result<()> {
        let id = uuid(&self.seed, at);
        for (name, text) in
            [("namespace", namespace), ("neurodata_type", neurodata_type), ("object_id", id.as_str())]
        {
            attribute(of, name, text).map_err(|e| self.failed(&e))?;
        }
        Ok(())
    }

    /// Makes the error about HDF5 refusing.
    pub(super) fn failed(&self, error: &hdf5::Error) -> Error {
        failed(&self.file, error)
    }
}

impl Rows {
    /// Makes the error about HDF5 refusing.
    pub(super) fn failed(&self, error: &hdf5::Error) -> Error {
        failed(&self.file, error)
    }
}

fn failed(path: &Path, error: &hdf5::Error) -> Error {
    Error::Failed(format!("{}: can't be written: {error}", path.display()))
}

fn unicode(text: &str) -> hdf5::Result<VarLenUnicode> {
    // HDF5 ends a text at its first NUL.
    VarLenUnicode::from_str(&text.replace('\0', "")).map_err(|e| hdf5::Error::from(e.to_string()))
}

fn attribute(of: &Location, name: &str, text: &str) -> hdf5::Result<()> {
    of.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&unicode(text)?)
}

/// Sets an attribute that is a number.
pub(super) fn number_attribute(of: &Location, name: &str, value: f64) -> hdf5::Result<()> {
    of.new_attr::<f64>().create(name)?.write_scalar(&value)
}

/// Sets the attributes of a series' values: taken as they are, in a unit.
pub(super) fn unit_attributes(data: &hdf5::Dataset, unit: &str) -> hdf5::Result<()> {
    attribute(data, "unit", unit)?;
    number_attribute(data, "conversion", 1.0)?;
    number_attribute(data, "offset", 0.0)?;
    // The schema's word for unknown.
    number_attribute(data, "resolution", -1.0)
}

/// Sets the attributes of `starting_time`.
pub(super) fn rate_attributes(starting_time: &hdf5::Dataset, rate_hz: f64) -> hdf5::Result<()> {
    number_attribute(starting_time, "rate", rate_hz)?;
    attribute(starting_time, "unit", "seconds")
}

/// Derives a UUID (version 8: of one's own making) from names.
pub(super) fn uuid(seed: &str, name: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(seed.len() as u64).to_le_bytes()).update(seed.as_bytes()).update(name.as_bytes());
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A column of numbers.
pub(super) fn column<T>(values: &[T]) -> ArrayView1<'_, T> {
    ArrayView1::from(values)
}
