//! One run as a page needs it: what is in its folder, and where its recordings are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::data::{Mouse, MouseId, TrialId};
use crate::error::{Error, Result};
use crate::evaluate::table::{Numbers, read_csv};
use crate::manifest::Manifest;
use crate::run_folder::{RECORDED, RunFolder};

/// A run with at least one reconstruction.
pub(crate) struct Run {
    pub folder: RunFolder,
    /// Its name in `experiment.toml`, else that of its folder.
    pub name: String,
    /// Text of `experiment.toml`; empty when there is none.
    pub settings: String,
    /// The same, parsed.
    pub table: Table,
    /// What it was made with, when that was written down.
    pub manifest: Option<Manifest>,
    /// Rows of `evaluation/trials.csv`; none before `v1reel evaluate`.
    pub scores: BTreeMap<(MouseId, TrialId), Numbers>,
    /// What was reconstructed, in order.
    pub trials: BTreeSet<(MouseId, TrialId)>,
    /// The recordings of its mice, or why there is none.
    recordings: BTreeMap<MouseId, Result<Mouse, String>>,
}

impl Run {
    /// Reads what a run's folder says about it.
    ///
    /// # Errors
    /// When there is no reconstruction in it, or a file is damaged.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let trials = trials(&path.join("reconstructions"))?;
        if trials.is_empty() {
            let problem = "holds no reconstruction; is it a run's folder? (v1reel reconstruct makes them)";
            return Err(Error::invalid(path, problem));
        }
        let settings = read_if_there(&path.join("experiment.toml"))?.unwrap_or_default();
        let table: Table = toml::from_str(&settings)
            .map_err(|e| Error::invalid(path.join("experiment.toml"), e.message().replace('\n', " ")))?;
        let manifest = path.join("manifest.json");
        let folder = RunFolder::new(path);
        let scores = folder.evaluation().join("trials.csv");
        let base = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let mut run = Self {
            name: table.get("name").and_then(Value::as_str).unwrap_or(&base).to_string(),
            settings,
            table,
            manifest: manifest.exists().then(|| Manifest::read(&manifest)).transpose()?,
            scores: if scores.exists() { read_csv(&scores)? } else { BTreeMap::new() },
            trials,
            recordings: BTreeMap::new(),
            folder,
        };
        let mice: BTreeSet<MouseId> = run.trials.iter().map(|(mouse, _)| mouse.clone()).collect();
        run.recordings = mice.into_iter().map(|mouse| (mouse.clone(), run.open_recording(&mouse))).collect();
        Ok(run)
    }

    /// The recording of a mouse, or why there is none.
    pub(crate) fn recording(&self, mouse: &MouseId) -> Result<&Mouse, &str> {
        match self.recordings.get(mouse) {
            Some(found) => found.as_ref().map_err(String::as_str),
            None => Err("this run has no such mouse"),
        }
    }

    /// Its name as a file can have it: that of its folder.
    pub(crate) fn file_name(&self) -> String {
        let path = self.folder.path();
        let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        full.file_name().map_or("run".into(), |name| name.to_string_lossy().into_owned())
    }

    /// Hash of a mouse's recording: mice of one name in two runs may be different ones.
    pub(super) fn data_hash(&self, mouse: &MouseId) -> &str {
        let hashes = self.manifest.as_ref().map(|manifest| &manifest.data_hashes);
        hashes.and_then(|hashes| hashes.get(&mouse.0)).map_or("", String::as_str)
    }

    /// Looks up a setting, as `data.mice`.
    pub(crate) fn setting(&self, section: &str, key: &str) -> Option<&Value> {
        self.table.get(section)?.get(key)
    }

    fn open_recording(&self, mouse: &MouseId) -> Result<Mouse, String> {
        let paths = self.setting("data", "mice").and_then(Value::as_array);
        let paths = paths.into_iter().flatten().filter_map(Value::as_str).map(PathBuf::from);
        let is_it = |path: &PathBuf| {
            let names = [path.file_name(), path.file_stem()];
            names.into_iter().flatten().any(|name| name.to_string_lossy() == mouse.0)
        };
        let path = paths.into_iter().find(is_it).ok_or("the run's settings name no such mouse")?;
        let path = self.moved_along(path);
        if !path.exists() {
            return Err(format!("its recording is not at {} any more", path.display()));
        }
        Mouse::open(&path).map_err(|error| error.to_string())
    }

    /// A mouse inside a run's folder moves with it.
    fn moved_along(&self, mouse: PathBuf) -> PathBuf {
        let was = self.table.get("run").and_then(Value::as_str).map(Path::new);
        match was.and_then(|was| mouse.strip_prefix(was).ok()) {
            Some(inside) if !mouse.exists() => self.folder.path().join(inside),
            _ => mouse,
        }
    }
}

/// Lists what was reconstructed: `MOUSE/TRIAL/ensemble.h5`.
fn trials(folder: &Path) -> Result<BTreeSet<(MouseId, TrialId)>> {
    let mut found = BTreeSet::new();
    for mouse in names_in(folder)? {
        for trial in names_in(&folder.join(&mouse))? {
            let Ok(number) = trial.parse() else { continue };
            if folder.join(&mouse).join(&trial).join("ensemble.h5").exists() {
                found.insert((MouseId(mouse.clone()), TrialId(number)));
            }
        }
    }
    Ok(found)
}

/// Names of what is in a folder, sorted; none when there is no such folder.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.map_err(Error::io(folder))?;
    let mut names: Vec<String> =
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// Reads a text; `None` when there is no such file.
fn read_if_there(path: &Path) -> Result<Option<String>> {
    path.exists().then(|| std::fs::read_to_string(path).map_err(Error::io(path))).transpose()
}

/// Where the reconstruction of a trial is, or its control.
pub(super) fn results(run: &Run, mouse: &MouseId, trial: TrialId) -> [PathBuf; 2] {
    [RECORDED, SHUFFLED_NEURONS].map(|condition| run.folder.ensemble(condition, mouse, trial))
}

/// Name of the control's condition.
const SHUFFLED_NEURONS: &str = crate::reconstruct::Condition::ShuffledNeurons.name();
