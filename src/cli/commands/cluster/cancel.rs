//! `v1reel cancel`: ends what works on a run, in Slurm and on this machine; what is done stays.

use rustix::process::{Pid, Signal, kill_process};

use super::run_folder;
use crate::cli::cluster_args::CancelArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cluster::claim::{Claims, Heartbeat};
use crate::cluster::holder::{Holder, Life};
use crate::cluster::places::Places;
use crate::cluster::slurm::client;
use crate::cluster::slurm::submission::{note_cancelled, submitted};
use crate::error::Result;

/// Cancels.
///
/// # Errors
/// When the run's folder can't be read, or Slurm refuses.
pub fn run(args: &CancelArgs, session: &Session) -> Result<()> {
    let folder = run_folder(&args.run, &args.set, session)?;
    let places = Places::of(&folder);
    let ids: Vec<String> =
        submitted(&places)?.into_iter().flat_map(|jobs| jobs.jobs).map(|job| job.id).collect();
    if !ids.is_empty() {
        // First: a job that ends may not put itself back into the queue.
        note_cancelled(&places)?;
        let mut queued: Vec<String> = client::queue(&ids)?.into_iter().map(|queued| queued.array).collect();
        queued.sort_unstable();
        queued.dedup();
        client::cancel(&queued)?;
        output::line(format!("Slurm: {} job arrays cancelled", queued.len()))?;
    }
    if !places.claims().exists() {
        return Ok(());
    }
    let claims = Claims::open(places.claims(), Heartbeat::default(), Box::new(|_| Life::Unknown))?;
    let local = |holder: &&Holder| holder.job.is_none();
    let held = claims.held()?;
    for holder in held.iter().filter(local) {
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
            _ => {}
        }
    }
    Ok(())
}
