//! What was submitted: the scripts and their jobs, one folder a submission.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::array::{Array, Waits};
use super::client;
use super::script::{self, script};
use crate::atomic;
use crate::cluster::places::Places;
use crate::cluster::task::Stage;
use crate::error::{Error, Result};
use crate::experiment::ClusterConfig;

/// One job array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The stage.
    pub stage: Stage,
    /// Slurm's number of the array.
    pub id: String,
    /// Its elements.
    pub elements: usize,
}

/// What a submission's `jobs.json` holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// The arrays, in the order of submission.
    pub jobs: Vec<Job>,
}

/// A submission with its scripts, written or about to be.
#[derive(Debug)]
pub struct Submission {
    folder: PathBuf,
    /// The arrays with their scripts, in their order.
    pub scripts: Vec<(Array, String)>,
}

/// What the scripts of a submission have in common.
#[derive(Debug)]
pub struct Common<'a> {
    /// Name of the run.
    pub run: &'a str,
    /// The section `[cluster]`.
    pub cluster: &'a ClusterConfig,
    /// The program on the nodes.
    pub program: &'a str,
    /// The resolved settings.
    pub settings: &'a Path,
    /// More arguments of the program.
    pub arguments: &'a [String],
}

impl Submission {
    /// Composes the scripts of the next submission of a run; writes nothing.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder of submissions can't be read.
    pub fn new(places: &Places, arrays: Vec<Array>, common: &Common<'_>) -> Result<Self> {
        let number = numbers(&places.submissions())?.last().map_or(1, |last| last + 1);
        let folder = places.submissions().join(format!("{number:03}"));
        let with_script = |array: Array| {
            let list = folder.join(format!("{}.json", array.stage.name()));
            let named = script::Places {
                run: common.run,
                program: common.program,
                settings: common.settings,
                list: &list,
                cancelled: &folder.join(CANCELLED),
                logs: &places.logs(),
                arguments: common.arguments,
            };
            let text = script(&array, common.cluster, &named);
            (array, text)
        };
        let scripts = arrays.into_iter().map(with_script).collect();
        Ok(Self { folder, scripts })
    }

    /// Writes the scripts and submits them; when one is refused, those before it are cancelled.
    ///
    /// # Errors
    /// [`Error::Failed`] with what sbatch said; [`Error::Io`] when a file can't be written.
    pub fn submit(&self) -> Result<Jobs> {
        let mut jobs = Jobs::default();
        for (array, text) in &self.scripts {
            let stage = array.stage.name();
            let (path, list) =
                (self.folder.join(format!("{stage}.sh")), self.folder.join(format!("{stage}.json")));
            let write = || {
                atomic::write_bytes(&list, &json(&array.elements)?)?;
                atomic::write_bytes(&path, text.as_bytes())?;
                client::submit(&path, dependency(array, &jobs).as_deref())
            };
            match write() {
                Ok(id) => jobs.jobs.push(Job { stage: array.stage, id, elements: array.elements.len() }),
                Err(error) => {
                    let ids: Vec<String> = jobs.jobs.iter().map(|job| job.id.clone()).collect();
                    let _ = client::cancel(&ids);
                    return Err(error);
                }
            }
            // After each: whatever happens next, these can be found and cancelled.
            atomic::write_bytes(&self.folder.join(JOBS), &json(&jobs)?)?;
        }
        Ok(jobs)
    }
}

const JOBS: &str = "jobs.json";
const CANCELLED: &str = "cancelled";

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|e| Error::Failed(e.to_string()))
}

/// Says in Slurm's words what an array waits for, as far as that was submitted with it.
pub fn dependency(array: &Array, jobs: &Jobs) -> Option<String> {
    let of = |stage: Stage| jobs.jobs.iter().find(|job| job.stage == stage).map(|job| job.id.as_str());
    let wait = |wait: &Waits| match wait {
        Waits::ForSuccess(stage) => of(*stage).map(|id| format!("afterok:{id}")),
        Waits::ForEnd(stage) => of(*stage).map(|id| format!("afterany:{id}")),
    };
    let all: Vec<String> = array.waits.iter().filter_map(wait).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// Lists what was submitted, the oldest first.
///
/// # Errors
/// [`Error::Io`] or [`Error::Invalid`] when a file can't be read.
pub fn submitted(places: &Places) -> Result<Vec<Jobs>> {
    let mut all = Vec::new();
    for number in numbers(&places.submissions())? {
        let path = places.submissions().join(format!("{number:03}")).join(JOBS);
        if !path.exists() {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        all.push(serde_json::from_str(&text).map_err(|e| Error::invalid(&path, e.to_string()))?);
    }
    Ok(all)
}

/// Notes that nothing of what was submitted is to be put back into the queue.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn note_cancelled(places: &Places) -> Result<()> {
    for number in numbers(&places.submissions())? {
        let path = places.submissions().join(format!("{number:03}")).join(CANCELLED);
        fs::write(&path, "").map_err(Error::io(&path))?;
    }
    Ok(())
}

fn numbers(folder: &Path) -> Result<Vec<u32>> {
    let mut numbers = Vec::new();
    if folder.exists() {
        for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
            let name = entry.map_err(Error::io(folder))?.file_name();
            numbers.extend(name.to_string_lossy().parse::<u32>().ok());
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
