//! Where a run keeps what many machines need to know: the folder `cluster` of the run.

use std::path::{Path, PathBuf};

use crate::atomic;
use crate::error::{Error, Result};
use crate::run_folder::RunFolder;

/// The folder `cluster` of a run. Its files are few: one claim for each task in work, one journal and one log of
/// events for each machine, a handful for each submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(PathBuf);

impl Places {
    /// Names the folder; makes nothing.
    pub fn of(run: &RunFolder) -> Self {
        Self(run.path().join("cluster"))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Who works on what.
    pub fn claims(&self) -> PathBuf {
        self.0.join("claims")
    }

    /// Starts and ends of tasks, a file a machine.
    pub fn journals(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// Events of one machine, as in the run's `log.jsonl`, which only plain commands write.
    pub fn events(&self, host: &str) -> PathBuf {
        self.0.join("events").join(format!("{host}.jsonl"))
    }

    /// Folder of what jobs and workers said.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The tasks as they were planned last.
    pub fn plan(&self) -> PathBuf {
        self.0.join("plan.json")
    }

    /// Folder of the submissions to Slurm.
    pub fn submissions(&self) -> PathBuf {
        self.0.join("submissions")
    }

    /// Keeps resolved settings under a name that follows from them, so that jobs that wait run with what they were
    /// submitted with, whatever becomes of the experiment file. Returns the file.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written.
    pub fn keep_settings(&self, text: &str) -> Result<PathBuf> {
        let path = self.settings_path(text);
        if !path.exists() {
            atomic::write_bytes(&path, text.as_bytes())?;
        }
        Ok(path)
    }

    /// Names the file that [`Places::keep_settings`] writes.
    pub fn settings_path(&self, text: &str) -> PathBuf {
        let hash = blake3::hash(text.as_bytes()).to_hex();
        self.0.join("settings").join(format!("{}.toml", &hash[..16]))
    }

    /// Makes the folders that processes append to.
    ///
    /// # Errors
    /// [`Error::Io`] when they can't be made.
    pub fn make(&self) -> Result<()> {
        for folder in [self.claims(), self.journals(), self.0.join("events"), self.logs()] {
            std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        }
        Ok(())
    }
}
