//! `v1reel cancel`: ends what works on a run, in Slurm and on this machine; what is done stays.

use rustix::process::{Pid, Signal, kill_process};

use super::run_folder;
use crate::cli::args::cluster::CancelArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cluster::claim::{Claims, Heartbeat};
use crate::cluster::holder::{Holder, Life};
use crate::cluster::places::Places;
use crate::cluster::slurm::client;
use crate::cluster::slurm::submission::{note_cancelled, submitted};
use crate::error::{Error, Result};

/// Cancels.
///
/// # Errors
/// When the folder is not that of a run which `run`, `submit` or `task` began, or can't be read; when Slurm refuses.
pub fn run(args: &CancelArgs, session: &Session) -> Result<()> {
    let folder = run_folder(&args.run, &args.set, session)?;
    let places = Places::of(&folder);
    if !places.path().exists() {
        let problem = "it does not exist: nothing was run here by `v1reel run` or `v1reel submit`";
        return Err(Error::invalid(places.path(), problem));
    }
    let in_slurm = cancel_jobs(&places)?;
    let here = stop_processes(&places)?;
    if !in_slurm && !here {
        output::line("Nobody works on it")?;
    }
    Ok(())
}

/// Ends what is in Slurm's queue; says whether there was anything.
fn cancel_jobs(places: &Places) -> Result<bool> {
    let ids: Vec<String> =
        submitted(places)?.into_iter().flat_map(|jobs| jobs.jobs).map(|job| job.id).collect();
    if ids.is_empty() {
        return Ok(false);
    }
    // First: a job that ends may not put itself back into the queue.
    note_cancelled(places)?;
    let mut queued: Vec<String> = client::queue(&ids)?.into_iter().map(|queued| queued.array).collect();
    queued.sort_unstable();
    queued.dedup();
    client::cancel(&queued)?;
    if !queued.is_empty() {
        output::line(format!("Slurm: {} job arrays cancelled", queued.len()))?;
    }
    Ok(!queued.is_empty())
}

/// Asks the processes of this machine to stop and names those of others; says whether there were any.
fn stop_processes(places: &Places) -> Result<bool> {
    if !places.claims().exists() {
        return Ok(false);
    }
    let claims = Claims::open(places.claims(), Heartbeat::default(), Box::new(|_| Life::Unknown))?;
    let mut found = false;
    for holder in claims.held()?.iter().filter(|holder: &&Holder| holder.job.is_none()) {
        let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
        match (holder.life(), pid) {
            (Life::Alive, Some(pid)) => {
                // It may have ended this moment.
                let _ = kill_process(pid, Signal::TERM);
                output::line(format!("{}: {} was asked to stop", holder.task, holder.name()))?;
            }
            (Life::Unknown, _) => {
                output::line(format!("{}: {}; cancel it on that machine", holder.task, holder.name()))?;
            }
            _ => continue,
        }
        found = true;
    }
    Ok(found)
}
