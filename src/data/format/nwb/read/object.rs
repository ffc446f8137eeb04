//! Groups, datasets and attributes of an NWB file, with errors that name the file and the place in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{Container, Group, H5Type, LocationType, ObjectReference1, ReferencedObject};
use ndarray::{Array2, Array3, s};

use crate::error::{Error, Result};
use crate::hdf5_file::unlocked;

/// Texts of fixed length are read up to so many bytes.
const TEXT_BYTES: usize = 256;

/// No compressor makes more of a byte than deflate does at best, 1032.
const MOST_COMPRESSION: u64 = 1100;

/// A group.
#[derive(Debug, Clone)]
pub(super) struct Node {
    file: Arc<PathBuf>,
    /// Where it is: `/processing/behavior`.
    pub(super) at: String,
    group: Group,
}

/// A dataset.
#[derive(Debug, Clone)]
pub(super) struct Field {
    file: Arc<PathBuf>,
    /// Where it is: `/processing/behavior/running/data`.
    pub(super) at: String,
    set: hdf5::Dataset,
}

impl Node {
    /// Opens a file and checks that it is NWB 2.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = Arc::new(path.to_path_buf());
        // HDF5's words for a file that is not there are not for people.
        std::fs::File::open(path).map_err(Error::io(path))?;
        let opened = unlocked()
            .open(path)
            .and_then(|file| file.group("/"))
            .map_err(|e| Error::invalid(path, format!("not an NWB file, or damaged: HDF5 says: {e}")))?;
        let root = Self { file, at: String::new(), group: opened };
        let version = root.text("nwb_version").unwrap_or_default();
        if !version.starts_with('2') {
            let found = if version.is_empty() { "none".to_string() } else { format!("{version:?}") };
            let problem = format!("not an NWB 2 file: its attribute nwb_version is {found}; expected 2.x");
            return Err(Error::invalid(path, problem));
        }
        Ok(root)
    }

    /// Makes an error about this group.
    pub(super) fn problem(&self, problem: impl std::fmt::Display) -> Error {
        Error::invalid(&*self.file, format!("{}: {problem}", if self.at.is_empty() { "/" } else { &self.at }))
    }

    /// Returns its own name.
    pub(super) fn name(&self) -> &str {
        self.at.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the name of the group that it is in.
    pub(super) fn parent_name(&self) -> &str {
        self.at.rsplit('/').nth(1).unwrap_or_default()
    }

    /// Names what it is, as in `RoiResponseSeries`; empty when it does not say.
    pub(super) fn neurodata_type(&self) -> String {
        self.text("neurodata_type").unwrap_or_default()
    }

    /// Reads an attribute of text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text_attribute(&self.group, name)
    }

    /// Tells apart objects that links give several names.
    pub(super) fn identity(&self) -> String {
        self.group.loc_info().map_or_else(|_| self.at.clone(), |i| format!("{} {:?}", i.fileno, i.token))
    }

    /// Lists the names in it; those of links to nothing too.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        self.group.member_names().map_err(|e| self.problem(format!("is damaged: HDF5 says: {e}")))
    }

    /// Opens a group in it; `None` when there is none of that name, or it is no group.
    pub(super) fn group(&self, name: &str) -> Option<Self> {
        let group = self.is(name, LocationType::Group).then(|| self.group.group(name).ok())??;
        Some(Self { file: self.file.clone(), at: format!("{}/{name}", self.at), group })
    }

    /// Opens a dataset in it; `None` when there is none of that name, or it is no dataset.
    pub(super) fn field(&self, name: &str) -> Option<Field> {
        let set = self.is(name, LocationType::Dataset).then(|| self.group.dataset(name).ok())??;
        Some(Field { file: self.file.clone(), at: format!("{}/{name}", self.at), set })
    }

    /// Opens a dataset that has to be there.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it isn't, or is a link to a file that isn't.
    pub(super) fn require(&self, name: &str) -> Result<Field> {
        self.field(name).ok_or_else(|| {
            self.problem(if self.group.link_exists(name) {
                format!("{name} is damaged, or a link to something that is not there")
            } else {
                format!("has no dataset {name}")
            })
        })
    }

    /// Follows a path of groups, from here.
    pub(super) fn descend(&self, path: &str) -> Option<Self> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(self.clone(), |node, part| node.group(part))
    }

    fn is(&self, name: &str, what: LocationType) -> bool {
        // Links are followed by `loc_type_by_name`, but only those that exist may be asked for.
        self.group.link_exists(name) && self.group.loc_type_by_name(name).is_ok_and(|found| found == what)
    }
}

impl Field {
    /// Makes an error about this dataset.
    pub(super) fn problem(&self, problem: impl std::fmt::Display) -> Error {
        Error::invalid(&*self.file, format!("{}: {problem}", self.at))
    }

    /// Returns the lengths of its axes.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.set.shape()
    }

    /// Says whether its elements are integers or floats.
    pub(super) fn is_numeric(&self) -> bool {
        use TypeDescriptor::{Float, Integer, Unsigned};
        let kind = self.set.dtype().and_then(|kind| kind.to_descriptor());
        matches!(kind, Ok(Integer(_) | Unsigned(_) | Float(_)))
    }

    /// Reads an attribute that is a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        let attribute = self.set.attr(name).ok()?;
        (attribute.size() == 1).then(|| attribute.read_raw::<f64>().ok()?.first().copied())?
    }

    /// Reads an attribute of text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text_attribute(&self.set, name)
    }

    /// Reads the group that an attribute refers to.
    pub(super) fn referred(&self, name: &str) -> Option<Node> {
        let reference = self.set.attr(name).ok()?.read_scalar::<ObjectReference1>().ok()?;
        let ReferencedObject::Group(group) = self.set.dereference(&reference).ok()? else { return None };
        Some(Node { file: self.file.clone(), at: group.name(), group })
    }

    /// Reads all of it as numbers, one after the other.
    pub(super) fn numbers(&self) -> Result<Vec<f64>> {
        self.check()?;
        self.set.read_raw().map_err(|e| self.damaged(&e))
    }

    /// Reads all of it as whole numbers.
    pub(super) fn integers(&self) -> Result<Vec<i64>> {
        self.check()?;
        self.set.read_raw().map_err(|e| self.damaged(&e))
    }

    /// Reads whole numbers, none of them negative.
    pub(super) fn indices(&self) -> Result<Vec<usize>> {
        let index = |n: i64| {
            usize::try_from(n).map_err(|_| self.problem(format!("{n}; expected no negative number")))
        };
        self.integers()?.into_iter().map(index).collect()
    }

    /// Reads the rows `from..to` of an array of one or two axes as `[row, column]`.
    pub(super) fn rows(&self, from: usize, to: usize) -> Result<Array2<f64>> {
        self.check()?;
        match self.set.ndim() {
            1 => {
                let column = self.set.read_slice_1d::<f64, _>(s![from..to]).map_err(|e| self.damaged(&e))?;
                Ok(column.insert_axis(ndarray::Axis(1)))
            }
            2 => self.set.read_slice_2d(s![from..to, ..]).map_err(|e| self.damaged(&e)),
            axes => Err(self.problem(format!("{axes} axes; expected one or two"))),
        }
    }

    /// Reads the frames `from..to` of an array of three axes.
    pub(super) fn frames(&self, from: usize, to: usize) -> Result<Array3<f32>> {
        self.check()?;
        self.set.read_slice(s![from..to, .., ..]).map_err(|e| self.damaged(&e))
    }

    /// Reads records, from the element `from` to before `to`.
    pub(super) fn records<T: H5Type + Clone>(&self, from: usize, to: usize) -> Result<Vec<T>> {
        self.check_size()?;
        let read = self.set.read_slice_1d::<T, _>(s![from..to]).map_err(|e| self.damaged(&e))?;
        Ok(read.to_vec())
    }

    /// Reads texts, one after the other.
    pub(super) fn texts(&self) -> Result<Vec<String>> {
        self.check_size()?;
        texts(&self.set).map_err(|e| self.damaged(&e))
    }

    /// Checks that the elements are numbers, and that reading them cannot fill the memory for nothing.
    fn check(&self) -> Result<()> {
        if !self.is_numeric() {
            return Err(self.problem("its elements are no numbers"));
        }
        self.check_size()
    }

    /// A damaged header may claim any number of elements: what is not stored is not read.
    fn check_size(&self) -> Result<()> {
        let size = self.set.dtype().map_or(0, |kind| kind.size()) as u64;
        let claimed = self.shape().iter().try_fold(size, |all, &n| all.checked_mul(n as u64));
        let stored = self.set.storage_size();
        match claimed {
            Some(claimed) if claimed <= stored.saturating_mul(MOST_COMPRESSION).saturating_add(1 << 16) => {
                Ok(())
            }
            _ => Err(self.problem(format!(
                "shape {:?}, but only {stored} bytes are stored: it is damaged, or was never filled",
                self.shape()
            ))),
        }
    }

    fn damaged(&self, error: &hdf5::Error) -> Error {
        self.problem(format!("can't be read: HDF5 says: {error}"))
    }
}

fn text_attribute(of: &hdf5::Location, name: &str) -> Option<String> {
    let attribute = of.attr(name).ok().filter(|attribute| attribute.size() == 1)?;
    texts(&attribute).ok()?.pop()
}

/// Reads texts of any of the four kinds that HDF5 has.
fn texts(of: &Container) -> hdf5::Result<Vec<String>> {
    fn read<T: H5Type + ToString>(of: &Container) -> hdf5::Result<Vec<String>> {
        Ok(of.read_raw::<T>()?.iter().map(ToString::to_string).collect())
    }
    match of.dtype()?.to_descriptor()? {
        TypeDescriptor::VarLenUnicode => read::<VarLenUnicode>(of),
        TypeDescriptor::VarLenAscii => read::<VarLenAscii>(of),
        TypeDescriptor::FixedUnicode(_) => read::<FixedUnicode<TEXT_BYTES>>(of),
        TypeDescriptor::FixedAscii(_) => read::<FixedAscii<TEXT_BYTES>>(of),
        other => Err(format!("elements of type {other}; expected text").into()),
    }
}
