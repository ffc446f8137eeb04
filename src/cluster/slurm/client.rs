//! Asks Slurm through its own commands.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

use serde::Serialize;

use crate::cluster::holder::{Holder, Life};
use crate::error::{Error, Result, one_line};

/// One element of a job array in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queued {
    /// Number of the array.
    pub array: String,
    /// Which element; of a waiting array as a range.
    pub element: String,
    /// `PENDING`, `RUNNING`, ...
    pub state: String,
    /// Why it waits.
    pub reason: String,
    /// Where it runs.
    pub nodes: String,
}

/// What became of an element that is no longer in the queue, as accounting tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Array and element, as in `12_3`.
    pub job: String,
    /// `COMPLETED`, `FAILED`, `OUT_OF_MEMORY`, ...
    pub state: String,
    /// Exit code and signal, as in `1:0`.
    pub code: String,
}

fn run(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::Failed(format!(
            "{name}: not found, so there is no Slurm here; log in to a machine that submits jobs, or work on this one \
             alone with `v1reel run EXPERIMENT --jobs N`"
        )),
        _ => Error::Failed(format!("{name}: can't be started: {error}")),
    })
}

/// Checks that a command went well and returns what it said.
fn said(command: &mut Command) -> Result<String> {
    let output = run(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let name = command.get_program().to_string_lossy().into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    Err(Error::Failed(format!("{name}: {}", one_line(error.trim()))))
}

/// Submits a script and returns the number of its array.
///
/// # Errors
/// [`Error::Failed`] with what sbatch said, or what to do where there is none.
pub fn submit(script: &Path, dependency: Option<&str>) -> Result<String> {
    let mut command = Command::new("sbatch");
    command.args(["--parsable", "--kill-on-invalid-dep=yes"]);
    command.args(dependency.map(|dependency| format!("--dependency={dependency}")));
    let answer = said(command.arg(script))?;
    // Number, and after a semicolon the cluster.
    let id = answer.trim().split(';').next().unwrap_or_default().to_string();
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_digit()) {
        return Err(Error::Failed(format!("sbatch: answered {:?}, expected a job's number", answer.trim())));
    }
    Ok(id)
}

/// Lists what is in the queue of some arrays, every element that began by itself.
///
/// # Errors
/// [`Error::Failed`] when there is no Slurm or it does not answer.
pub fn queue(arrays: &[String]) -> Result<Vec<Queued>> {
    if arrays.is_empty() {
        return Ok(Vec::new());
    }
    let mut command = Command::new("squeue");
    command.args(["--noheader", "--format=%F|%K|%T|%r|%N", "--jobs"]).arg(arrays.join(","));
    let output = run(&mut command)?;
    let error = String::from_utf8_lossy(&output.stderr);
    // Jobs that ended a while ago are forgotten.
    if !output.status.success() && !error.contains("Invalid job id") {
        return Err(Error::Failed(format!("squeue: {}", one_line(error.trim()))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(queued).collect())
}

fn queued(line: &str) -> Option<Queued> {
    let mut parts = line.split('|').map(|part| part.trim().to_string());
    let mut next = || parts.next();
    Some(Queued { array: next()?, element: next()?, state: next()?, reason: next()?, nodes: next()? })
}

/// Lists what became of elements, where Slurm keeps accounts; empty where it does not.
pub fn ended(arrays: &[String]) -> Vec<Ended> {
    let mut command = Command::new("sacct");
    command.args(["--noheader", "--parsable2", "--allocations", "--format=JobID,State,ExitCode", "--jobs"]);
    let Ok(text) = said(command.arg(arrays.join(","))) else { return Vec::new() };
    let ended = |line: &str| {
        let mut parts = line.split('|').map(str::to_string);
        let mut next = || parts.next();
        Some(Ended { job: next()?, state: next()?, code: next()? })
    };
    text.lines()
        .filter_map(ended)
        .filter(|ended| !["PENDING", "RUNNING"].contains(&ended.state.as_str()))
        .collect()
}

/// Ends what is in the queue of some arrays.
///
/// # Errors
/// [`Error::Failed`] when there is no Slurm or it refuses.
pub fn cancel(arrays: &[String]) -> Result<()> {
    if arrays.is_empty() {
        return Ok(());
    }
    said(Command::new("scancel").args(arrays)).map(|_| ())
}

/// Says whether the job of a holder on another machine has ended: no longer in the queue.
pub fn life(holder: &Holder) -> Life {
    let Some(job) = &holder.job else { return Life::Unknown };
    // Its job runs again, in us: whether the process before us still does, nobody here knows.
    if std::env::var("SLURM_JOB_ID").is_ok_and(|mine| mine == *job) {
        return Life::Unknown;
    }
    let mut command = Command::new("squeue");
    match run(command.args(["--noheader", "--format=%T", "--jobs", job])) {
        Ok(output) if output.status.success() => {
            let alive = String::from_utf8_lossy(&output.stdout).lines().any(|state| {
                ["RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING"].contains(&state.trim())
            });
            if alive { Life::Alive } else { Life::Dead }
        }
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("Invalid job id") => Life::Dead,
        // No Slurm, or one that does not answer now.
        _ => Life::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_queue_are_read() {
        let found = queued("12|3|RUNNING|None|node[1-2]").unwrap();
        assert_eq!(
            (found.array.as_str(), found.element.as_str(), found.state.as_str()),
            ("12", "3", "RUNNING")
        );
        assert_eq!(queued("slurm_load_jobs error"), None);
    }
}
