//! Writes files and folders whole or not at all: to a temporary name beside the target, then rename.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes `path` through `write`, which gets a temporary path in the same folder.
///
/// # Errors
/// Whatever `write` returns, or [`Error::Io`] when the folder can't be made or the rename fails. The
/// temporary file is removed then and `path` is as it was.
pub fn write_file(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let temporary = prepare(path)?;
    let done = write(&temporary).and_then(|()| {
        fs::File::open(&temporary).and_then(|f| f.sync_all()).map_err(Error::io(&temporary))?;
        fs::rename(&temporary, path).map_err(Error::io(path))
    });
    if done.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    done
}

/// Writes `bytes` to `path`, whole or not at all.
///
/// # Errors
/// See [`write_file`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_file(path, |temporary| fs::write(temporary, bytes).map_err(Error::io(path)))
}

/// Fills a folder through `write`, then moves it to `path`, which must not exist.
///
/// # Errors
/// Whatever `write` returns, or [`Error::Io`]. The temporary folder is removed then.
pub fn write_folder(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let temporary = prepare(path)?;
    let done = fs::create_dir(&temporary)
        .map_err(Error::io(&temporary))
        .and_then(|()| write(&temporary))
        .and_then(|()| fs::rename(&temporary, path).map_err(Error::io(path)));
    if done.is_err() {
        let _ = fs::remove_dir_all(&temporary);
    }
    done
}

/// Makes the parent folder and clears what a killed process may have left of the temporary.
fn prepare(path: &Path) -> Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::usage(format!("{} is not a path that can be written", path.display())))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = folder.join(temporary);
    if temporary.is_dir() {
        fs::remove_dir_all(&temporary).map_err(Error::io(&temporary))?;
    } else if temporary.exists() {
        fs::remove_file(&temporary).map_err(Error::io(&temporary))?;
    }
    Ok(temporary)
}
