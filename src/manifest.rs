//! What a run was made with and from, written as `manifest.json` beside its results, so that a result can
//! be traced and two runs can be told apart.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::error::{Error, Result};

/// Everything that decides a result, by name or by hash. Holds no time of day: the same command on the
/// same data writes the same manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of v1reel.
    pub version: String,
    /// Git commit that was checked out when v1reel was built, when that was known.
    pub commit: Option<String>,
    /// blake3 of the resolved settings' text, `experiment.toml`.
    pub settings_hash: String,
    /// Where every random stream starts.
    pub seed: String,
    /// Where the encoder ran.
    pub device: String,
    /// Threads the CPU work was spread over.
    pub threads: usize,
    /// [`fingerprint`] of each mouse's folder, by the folder's name.
    pub data_hashes: BTreeMap<String, String>,
    /// The command line that started it, program first.
    pub started_by: Vec<String>,
}

impl Manifest {
    /// Fills in what this build and this process know; `settings` is the text of `experiment.toml`, `mice`
    /// are the mice's folders.
    ///
    /// # Errors
    /// [`Error::Io`] when a mouse's folder can't be read.
    pub fn new(settings: &str, seed: &str, device: &str, mice: &[PathBuf]) -> Result<Self> {
        let mut data_hashes = BTreeMap::new();
        for mouse in mice {
            let name = mouse.file_name().unwrap_or(mouse.as_os_str());
            data_hashes.insert(name.to_string_lossy().into_owned(), fingerprint(mouse)?);
        }
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_string(),
            commit: option_env!("V1REEL_COMMIT").map(str::to_string),
            settings_hash: blake3::hash(settings.as_bytes()).to_hex().to_string(),
            seed: seed.to_string(),
            device: device.to_string(),
            threads: rayon::current_num_threads(),
            data_hashes,
            started_by: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        })
    }

    /// Writes it to `path` as JSON, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).map_err(|e| Error::Failed(e.to_string()))?;
        text.push('\n');
        atomic::write_bytes(path, text.as_bytes())
    }

    /// Reads one back.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be read, [`Error::Invalid`] when it is not a manifest.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::io(path))?;
        serde_json::from_str(&text).map_err(|e| Error::invalid(path, e.to_string()))
    }
}

/// Hashes a mouse: of every file under `meta/` name and contents, of every other file name and size.
///
/// A whole data set is 148 GB, too much to read before each run. The sizes catch a mouse that was
/// exchanged, cut or converted; they don't catch a value that was changed in place. Hidden files don't
/// count. Of a mouse in one file, its size and its first megabyte.
///
/// # Errors
/// [`Error::Io`] when the folder can't be read.
pub fn fingerprint(mouse: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    if mouse.is_file() {
        let file = fs::File::open(mouse).map_err(Error::io(mouse))?;
        hasher.update(&file.metadata().map_err(Error::io(mouse))?.len().to_le_bytes());
        hasher.update_reader(file.take(1 << 20)).map_err(Error::io(mouse))?;
    } else {
        hash_folder(mouse, "", &mut hasher)?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn hash_folder(folder: &Path, inside: &str, hasher: &mut blake3::Hasher) -> Result<()> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut entries = entries.map_err(Error::io(folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let (path, inside) = (entry.path(), format!("{inside}/{name}"));
        let metadata = fs::metadata(&path).map_err(Error::io(&path))?;
        if metadata.is_dir() {
            hash_folder(&path, &inside, hasher)?;
            continue;
        }
        hasher.update(&(inside.len() as u64).to_le_bytes());
        hasher.update(inside.as_bytes());
        hasher.update(&metadata.len().to_le_bytes());
        if inside.starts_with("/meta/") {
            fs::File::open(&path).and_then(|file| hasher.update_reader(file)).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mouse() -> tempfile::TempDir {
        let mouse = tempfile::tempdir().unwrap();
        for (file, text) in [("meta/trials/tiers.npy", "train"), ("data/videos/0.npy", "movie")] {
            let path = mouse.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        mouse
    }

    #[test]
    fn the_fingerprint_sees_meta_contents_and_the_names_and_sizes_of_data() {
        let mouse = mouse();
        let root = mouse.path();
        let first = fingerprint(root).unwrap();
        fs::write(root.join(".DS_Store"), "hidden").unwrap();
        assert_eq!(first, fingerprint(root).unwrap());
        fs::write(root.join("meta/trials/tiers.npy"), "brain").unwrap();
        let meta_changed = fingerprint(root).unwrap();
        assert_ne!(first, meta_changed);
        fs::write(root.join("data/videos/0.npy"), "longer movie").unwrap();
        let grown = fingerprint(root).unwrap();
        assert_ne!(meta_changed, grown);
        fs::rename(root.join("data/videos/0.npy"), root.join("data/videos/1.npy")).unwrap();
        assert_ne!(grown, fingerprint(root).unwrap());
    }

    #[test]
    fn a_manifest_reads_back_as_it_was_written() {
        let (mouse, run) = (mouse(), tempfile::tempdir().unwrap());
        let mice = [mouse.path().to_path_buf()];
        let manifest = Manifest::new("name = \"a\"\n", "a", "cpu", &mice).unwrap();
        let path = run.path().join("manifest.json");
        manifest.write(&path).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), manifest);
        assert_eq!(manifest.data_hashes.len(), 1);
        assert_ne!(
            Manifest::new("name = \"b\"\n", "a", "cpu", &mice).unwrap().settings_hash,
            manifest.settings_hash
        );
    }

    #[test]
    fn a_mouse_that_is_not_there_is_named() {
        let error = Manifest::new("", "a", "cpu", &["/nowhere/mouse".into()]).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/mouse: "), "{error}");
    }
}
