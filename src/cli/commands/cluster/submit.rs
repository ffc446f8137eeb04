//! `v1reel submit`: hands the tasks of an experiment to Slurm.

use std::path::Path;

use super::survey;
use crate::cli::args::cluster::SubmitArgs;
use crate::cli::commands::reconstruct::announce;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::cluster::places::Places;
use crate::cluster::slurm::array::arrays;
use crate::cluster::slurm::client;
use crate::cluster::slurm::submission::{Common, Jobs, Submission, submitted};
use crate::cluster::status::Planned;
use crate::error::{Error, Result};

/// Submits.
///
/// # Errors
/// [`Error::Failed`] when jobs of this run are in the queue already, there is no Slurm, or it refuses.
pub fn run(args: &SubmitArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.tasks.experiment())?, session)?;
    let plan = survey::plan(&workspace)?;
    let places = Places::of(&workspace.folder);
    let experiment = &workspace.experiment;
    let arrays = arrays(&plan, &experiment.cluster);
    if arrays.is_empty() {
        return output::line("All is done; there is nothing to submit");
    }
    let own = std::env::current_exe().map_err(|e| Error::Failed(format!("this program: {e}")))?;
    let program = experiment.cluster.program.clone().unwrap_or_else(|| own.display().to_string());
    let arguments = ["--memory".to_string(), format!("{}B", session.memory())];
    let compose = |settings: &Path| {
        let common = Common {
            run: &experiment.name,
            cluster: &experiment.cluster,
            program: &program,
            settings,
            arguments: &arguments,
        };
        Submission::new(&places, arrays.clone(), &common)
    };
    if args.dry_run {
        // Their name follows from the settings' text; nothing is written.
        let settings = places.settings_path(&experiment.to_toml());
        for (array, script) in &compose(&settings)?.scripts {
            output::line(format!("# {}: {} jobs", array.stage.name(), array.elements.len()))?;
            output::line(script)?;
        }
        return Ok(());
    }
    refuse_twice(&places)?;
    let run = session.open_run(experiment)?;
    announce(&workspace, &run)?;
    places.make()?;
    let settings = places.keep_settings(&experiment.to_toml())?;
    let submission = compose(&settings)?;
    Planned::of(&plan, &workspace.folder).write(&places)?;
    let jobs = submission.submit()?;
    output::line(table(&submission, &jobs))?;
    run.close()?;
    output::line(format!("Look with: v1reel status {}", workspace.folder.path().display()))
}

/// Two submissions of one run would only wait for each other.
fn refuse_twice(places: &Places) -> Result<()> {
    let ids: Vec<String> =
        submitted(places)?.into_iter().flat_map(|jobs| jobs.jobs).map(|job| job.id).collect();
    let queued = client::queue(&ids)?;
    let active: Vec<&str> = queued
        .iter()
        .filter(|queued| queued.state != "COMPLETED")
        .map(|queued| queued.array.as_str())
        .collect();
    let Some(first) = active.first() else { return Ok(()) };
    Err(Error::Failed(format!(
        "jobs of this run are in the queue already ({first} and {} more); wait for their end (v1reel status), or end \
         them (v1reel cancel)",
        active.len() - 1
    )))
}

fn table(submission: &Submission, jobs: &Jobs) -> Table {
    let mut table = Table::new(["stage", "job", "elements", "tasks", "cores", "memory MiB", "minutes"]);
    for ((array, _), job) in submission.scripts.iter().zip(&jobs.jobs) {
        table.row([
            array.stage.name().to_string(),
            job.id.clone(),
            array.elements.len().to_string(),
            array.elements.iter().map(Vec::len).sum::<usize>().to_string(),
            array.cores.to_string(),
            array.memory_mib.to_string(),
            array.minutes.to_string(),
        ]);
    }
    table
}
