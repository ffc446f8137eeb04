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
    fill_folder(path, write, |temporary| fs::rename(temporary, path))
}

/// Like [`write_folder`], but `path` may exist: all that is in it gives way once the new folder is whole.
///
/// # Errors
/// See [`write_folder`]; the old folder is left as it was.
pub fn replace_folder(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    fill_folder(path, write, |temporary| {
        if !path.exists() {
            return fs::rename(temporary, path);
        }
        // A folder can't be renamed over one that is not empty.
        let old = temporary.with_extension("old.tmp");
        fs::rename(path, &old)?;
        let done = fs::rename(temporary, path);
        if done.is_err() {
            fs::rename(&old, path)?;
        } else {
            let _ = fs::remove_dir_all(&old);
        }
        done
    })
}

/// Fills a temporary folder beside `path`, then moves it by `place`.
fn fill_folder(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<()>,
    place: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<()> {
    let temporary = prepare(path)?;
    let done = fs::create_dir(&temporary)
        .map_err(Error::io(&temporary))
        .and_then(|()| write(&temporary))
        .and_then(|()| place(&temporary).map_err(Error::io(path)));
    if done.is_err() {
        let _ = fs::remove_dir_all(&temporary);
    }
    done
}

/// Makes `path` a folder of this process's own as long as the returned file lives, and clears what killed
/// processes left half-written in it.
///
/// # Errors
/// [`Error::Failed`] when another process claims it; [`Error::Io`] when it can't be made or read.
pub fn claim_folder(path: &Path) -> Result<Option<fs::File>> {
    fs::create_dir_all(path).map_err(Error::io(path))?;
    let claim = fs::File::open(path).ok().map(|folder| (folder.try_lock(), folder));
    if let Some((Err(fs::TryLockError::WouldBlock), _)) = claim {
        let path = path.display();
        return Err(Error::Failed(format!("{path}: another process works in this folder; wait for its end")));
    }
    clear_leftovers(path)?;
    // Some file systems know no locks; there, nobody is kept out.
    Ok(claim.and_then(|(locked, folder)| locked.is_ok().then_some(folder)))
}

/// Removes what killed processes left half-written directly in `folder`; only for one who has it alone.
///
/// # Errors
/// [`Error::Io`] when it can't be read or a file can't be removed.
pub fn clear_leftovers(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && name.ends_with(".tmp") && entry.is_file() {
            fs::remove_file(&entry).map_err(Error::io(&entry))?;
        }
    }
    Ok(())
}

/// Removes what killed processes left half-written, files and folders, in `folder` under names that start with one of
/// `starts`; only for one who alone writes those.
///
/// # Errors
/// [`Error::Io`] when it can't be read or something can't be removed.
pub fn clear_leftovers_of(folder: &Path, starts: &[String]) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let Some(name) = name.strip_prefix('.').filter(|name| name.ends_with(".tmp")) else { continue };
        if starts.iter().any(|start| name.starts_with(start)) {
            let removed = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
            removed.map_err(Error::io(&entry))?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_folder_is_refused_to_others_and_cleared_of_leftovers_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("member");
        fs::create_dir(&path).unwrap();
        for name in [".state.123.tmp", "state", ".hidden"] {
            fs::write(path.join(name), "").unwrap();
        }
        let claim = claim_folder(&path).unwrap();
        assert!(claim.is_some());
        let mut names: Vec<_> =
            fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".hidden", "state"]);
        let said = claim_folder(&path).unwrap_err().to_string();
        assert!(said.contains("another process"), "{said}");
        drop(claim);
        assert!(claim_folder(&path).unwrap().is_some());
    }

    #[test]
    fn leftovers_are_cleared_by_name_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [".a.h5.12.tmp", ".b.h5.12.tmp", "a.h5", ".a.h5"] {
            fs::write(at(name), "").unwrap();
        }
        fs::create_dir_all(at(".a.folder.3.tmp/inside")).unwrap();
        clear_leftovers_of(folder.path(), &["a.".into()]).unwrap();
        let left = [".b.h5.12.tmp", "a.h5", ".a.h5"].map(|name| at(name).exists());
        assert_eq!((left, fs::read_dir(folder.path()).unwrap().count()), ([true; 3], 3));
        clear_leftovers_of(&at("nowhere"), &["a.".into()]).unwrap();
    }

    #[test]
    fn a_folder_is_replaced_whole_or_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let fill =
            |name: &'static str| move |new: &Path| fs::write(new.join(name), "").map_err(Error::io(new));
        let files = || -> Vec<_> {
            let names = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(names(folder.path()).count(), 1, "something is left beside it");
            names(&path).collect()
        };
        replace_folder(&path, fill("first")).unwrap();
        assert_eq!(files(), ["first"]);
        replace_folder(&path, fill("second")).unwrap();
        assert_eq!(files(), ["second"]);
        let failing = |new: &Path| fill("third")(new).and_then(|()| Err(Error::Failed("full".into())));
        replace_folder(&path, failing).unwrap_err();
        assert_eq!(files(), ["second"]);
        write_folder(&path, fill("fourth")).unwrap_err();
        assert_eq!(files(), ["second"]);
    }
}
