//! What became of tasks: a line for every start and end, in one file a machine, which its processes append to.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Somebody works on it.
    Started,
    /// Its output is there.
    Done,
    /// It can't be done as things are.
    Failed,
    /// It was asked to stop, and goes on when it is started again.
    Interrupted,
    /// The process that worked on it died.
    Died,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Seconds since 1970, by the clock of the machine that wrote it.
    pub time: f64,
    /// The task.
    pub task: String,
    /// What happened.
    pub what: Happened,
    /// The machine.
    pub host: String,
    /// Number of the process that worked.
    pub pid: u32,
    /// Slurm's number of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// How long it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The most memory that the process has held so far, in GB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_gb: Option<f64>,
    /// Exit code, or minus the signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The end of what it said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<String>,
}

impl Entry {
    /// What happens now to a task in this process.
    pub fn now(task: &str, what: Happened) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            time: time.as_secs_f64(),
            task: task.into(),
            what,
            host: super::holder::host(),
            pid: std::process::id(),
            job: std::env::var("SLURM_JOB_ID").ok(),
            seconds: None,
            memory_gb: None,
            code: None,
            message: None,
            tail: Vec::new(),
        }
    }
}

/// The journal of a run.
#[derive(Debug, Clone)]
pub struct Journal {
    folder: PathBuf,
}

impl Journal {
    /// Names the folder; makes nothing.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Adds a line to this machine's file, in one write: processes of one machine may do so at once.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written.
    pub fn add(&self, entry: &Entry) -> Result<()> {
        let path = self.folder.join(format!("{}.jsonl", entry.host));
        let text = serde_json::to_string(entry).map_err(|e| Error::Failed(e.to_string()))? + "\n";
        let append = || {
            fs::create_dir_all(&self.folder)?;
            OpenOptions::new().create(true).append(true).open(&path)?.write_all(text.as_bytes())
        };
        append().map_err(Error::io(&path))
    }

    /// Reads all lines of all machines by time; lines that a killed process left torn are passed over.
    ///
    /// # Errors
    /// [`Error::Io`] when a file can't be read.
    pub fn read(&self) -> Result<Vec<Entry>> {
        let mut all = Vec::new();
        if !self.folder.exists() {
            return Ok(all);
        }
        for file in fs::read_dir(&self.folder).map_err(Error::io(&self.folder))? {
            let path = file.map_err(Error::io(&self.folder))?.path();
            if path.extension().is_some_and(|ending| ending == "jsonl") {
                all.extend(read_one(&path)?);
            }
        }
        all.sort_by(|a, b| a.time.total_cmp(&b.time));
        Ok(all)
    }
}

fn read_one(path: &Path) -> Result<Vec<Entry>> {
    let text = String::from_utf8_lossy(&fs::read(path).map_err(Error::io(path))?).into_owned();
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The most memory that this process has held, in GB; `None` where the system does not say.
pub fn peak_memory_gb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_many_writers_are_all_read_and_torn_ones_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path().join("journal"));
        assert!(journal.read().unwrap().is_empty());
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let journal = &journal;
                scope.spawn(move || {
                    for count in 0..25 {
                        let long = "x".repeat(300);
                        let entry = Entry {
                            message: Some(long),
                            ..Entry::now(&format!("{writer}/{count}"), Happened::Done)
                        };
                        journal.add(&entry).unwrap();
                    }
                });
            }
        });
        let other = folder.path().join("journal/elsewhere.jsonl");
        let early = Entry { time: 1.0, ..Entry::now("early", Happened::Started) };
        let line = serde_json::to_string(&early).unwrap();
        fs::write(other, format!("{{\"time\":3,\"ta\n{line}\n{{\"torn")).unwrap();
        let all = journal.read().unwrap();
        assert_eq!(all.len(), 101);
        assert_eq!(all[0], early);
    }

    #[test]
    fn a_running_process_has_held_some_memory() {
        assert!(peak_memory_gb().is_none_or(|gb| gb > 1e-4 && gb < 1e3));
    }
}
