//! `v1reel status`: how far a run is, from its folder and from Slurm's queue.

use std::collections::BTreeMap;

use serde_json::json;

use super::{hours, run_folder};
use crate::cli::args::cluster::StatusArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::cluster::places::Places;
use crate::cluster::slurm::client::{self, Ended, Queued};
use crate::cluster::slurm::submission::submitted;
use crate::cluster::status::{Standing, Status, TaskStatus};
use crate::cluster::task::Stage;
use crate::error::Result;

/// Failed tasks whose last words are shown.
const SHOWN: usize = 5;

/// Looks.
///
/// # Errors
/// When the run holds no plan, or a file can't be read.
pub fn run(args: &StatusArgs, session: &Session) -> Result<()> {
    let folder = run_folder(&args.run, &args.set, session)?;
    let status = Status::of(&folder)?;
    let slurm = Slurm::of(&Places::of(&folder))?;
    if args.json {
        return output::json(&json!({ "run": folder.path(), "tasks": status.tasks, "slurm": slurm.json() }));
    }
    if args.list {
        output::line(list(&status))?;
    }
    output::line(table(&status))?;
    let failed: Vec<&TaskStatus> =
        status.tasks.iter().filter(|task| task.standing == Standing::Failed).collect();
    for task in failed.iter().take(SHOWN) {
        tell_failure(task)?;
    }
    if failed.len() > SHOWN {
        output::line(format!("{} more failed (--list)", failed.len() - SHOWN))?;
    }
    output::line(slurm.line())?;
    let left = status.tasks.len() - status.count(None, Standing::Done);
    if left > 0 && slurm.queued.is_empty() && status.count(None, Standing::Running) == 0 {
        output::line(
            "Nobody works on it now; `v1reel submit` or `v1reel run`, given again, makes what is missing",
        )?;
    }
    Ok(())
}

/// What Slurm knows of a run's jobs.
struct Slurm {
    submitted: bool,
    queued: Vec<Queued>,
    ended: Vec<Ended>,
    problem: Option<String>,
}

impl Slurm {
    fn of(places: &Places) -> Result<Self> {
        let ids: Vec<String> =
            submitted(places)?.into_iter().flat_map(|jobs| jobs.jobs).map(|job| job.id).collect();
        if ids.is_empty() {
            return Ok(Self { submitted: false, queued: Vec::new(), ended: Vec::new(), problem: None });
        }
        // The folder tells enough where Slurm does not answer.
        let (queued, problem) = match client::queue(&ids) {
            Ok(queued) => (queued, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let ended = if problem.is_none() { client::ended(&ids) } else { Vec::new() };
        Ok(Self { submitted: true, queued, ended, problem })
    }

    fn line(&self) -> String {
        if !self.submitted {
            return "Not submitted to Slurm".into();
        }
        if let Some(problem) = &self.problem {
            return format!("Slurm: {problem}");
        }
        let mut states: BTreeMap<String, usize> = BTreeMap::new();
        for queued in &self.queued {
            let why = if queued.state == "PENDING" { format!(" ({})", queued.reason) } else { String::new() };
            *states.entry(format!("{}{why}", queued.state.to_lowercase())).or_default() += 1;
        }
        let bad = self.ended.iter().filter(|ended| ended.state != "COMPLETED");
        for ended in bad {
            *states.entry(format!("ended {}", ended.state.to_lowercase())).or_default() += 1;
        }
        if states.is_empty() {
            return "Slurm: nothing in the queue".into();
        }
        let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        format!("Slurm: {}", states.join(", "))
    }

    fn json(&self) -> serde_json::Value {
        json!({ "queued": self.queued, "ended": self.ended, "problem": self.problem })
    }
}

fn tell_failure(task: &TaskStatus) -> Result<()> {
    let Some(last) = &task.last else { return Ok(()) };
    let message = last.message.clone().unwrap_or_default();
    let code = last.code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
    output::line(format!("{} failed on {}{code}: {message}", task.name, last.host))?;
    last.tail.iter().try_for_each(|line| output::line(format!("    {line}")))
}

/// One line a stage.
fn table(status: &Status) -> Table {
    let standings = [
        (Standing::Done, "done"),
        (Standing::Running, "running"),
        (Standing::Waiting, "waiting"),
        (Standing::Interrupted, "interrupted"),
        (Standing::Failed, "failed"),
        (Standing::Blocked, "blocked"),
    ];
    let mut heading = vec!["stage".to_string(), "tasks".into()];
    heading.extend(standings.map(|(_, name)| name.to_string()));
    heading.extend(["hours predicted".to_string(), "hours taken".into()]);
    let mut table = Table::new(heading);
    for stage in Stage::ALL {
        let tasks: Vec<&TaskStatus> = status.tasks.iter().filter(|task| task.stage == stage).collect();
        if tasks.is_empty() {
            continue;
        }
        let mut row = vec![stage.name().to_string(), tasks.len().to_string()];
        row.extend(standings.map(|(standing, _)| status.count(Some(stage), standing).to_string()));
        row.push(hours(tasks.iter().map(|task| task.predicted_hours).sum()));
        let taken: Vec<f64> = tasks.iter().filter_map(|task| task.hours).collect();
        row.push(if taken.is_empty() { String::new() } else { hours(taken.iter().sum()) });
        table.row(row);
    }
    table
}

fn list(status: &Status) -> Table {
    let mut table = Table::new(["task", "", "hours predicted", "hours taken", "by"]);
    for task in &status.tasks {
        let standing = format!("{:?}", task.standing).to_lowercase();
        let holder = task.holder.as_ref().map(|holder| holder.name()).unwrap_or_default();
        let taken = task.hours.map(hours).unwrap_or_default();
        table.row([task.name.clone(), standing, hours(task.predicted_hours), taken, holder]);
    }
    table
}
