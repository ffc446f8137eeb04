//! Opens HDF5 files without locks.
//!
//! HDF5 locks what it opens, which fails on many Lustre and NFS mounts. And a process that is started meanwhile
//! inherits the lock and holds it for as long as it runs. We need no locks: a file is written under another name
//! and then renamed, and is never changed after that.

use std::path::Path;

use hdf5::{File, FileBuilder, Result};

/// Opens a file to read it.
///
/// # Errors
/// When it is not there, or no HDF5 file.
pub fn open_file(path: &Path) -> Result<File> {
    unlocked().open(path)
}

/// Creates a file in the oldest form that holds what is written, which every program reads.
///
/// # Errors
/// When it can't be created.
pub fn create_file(path: &Path) -> Result<File> {
    unlocked().create(path)
}

pub(super) fn unlocked() -> FileBuilder {
    let mut builder = File::with_options();
    builder.with_fapl(|access| access.file_locking(false));
    builder
}
