//! `v1reel plan`, `run`, `submit`, `status`, `cancel` and `task`: an experiment as many tasks, here or on a cluster.

pub mod cancel;
pub mod plan;
pub mod run;
pub mod status;
pub mod submit;
mod survey;
mod tail;
pub mod task;
mod worker;

use std::path::Path;

use crate::cli::args::ExperimentArgs;
use crate::cli::session::Session;
use crate::error::Result;
use crate::run_folder::RunFolder;

/// The folder of a run that was named by itself or by its experiment.
fn run_folder(named: &Path, set: &[String], session: &Session) -> Result<RunFolder> {
    if named.is_dir() {
        return Ok(RunFolder::new(named));
    }
    let args = ExperimentArgs { experiment: named.to_path_buf(), set: set.to_vec() };
    Ok(RunFolder::new(session.experiment(&args)?.run))
}

/// Writes a number of hours so that short ones can be told apart.
fn hours(hours: f64) -> String {
    match hours {
        h if h >= 100.0 => format!("{h:.0}"),
        h if h >= 1.0 => format!("{h:.1}"),
        h => format!("{h:.4}"),
    }
}
