//! `v1reel plan`: lists the tasks of an experiment and what they take.

use std::path::Path;

use serde::Serialize;

use super::{hours, survey};
use crate::cli::args::cluster::PlanArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::cluster::cost::Needs;
use crate::cluster::plan::{Plan, Task};
use crate::cluster::task::Stage;
use crate::error::Result;
use crate::run_folder::RunFolder;

/// Plans.
///
/// # Errors
/// Whatever opening the recordings returns.
pub fn run(args: &PlanArgs, session: &Session) -> Result<()> {
    let experiment = session.experiment(&args.tasks.experiment())?;
    let folder = RunFolder::new(&experiment.run);
    let plan = match &args.assume {
        Some(assumption) => Plan::new(&experiment, assumption.recordings(&experiment)?)?,
        None => survey::plan(&Workspace::open(experiment, session)?)?,
    };
    if args.json {
        return output::json(&json(&plan, &folder));
    }
    if args.list {
        output::line(list(&plan))?;
    }
    output::line(table(&plan))?;
    output::line(total(&plan))
}

/// Sums up what is not done.
fn total(plan: &Plan) -> String {
    let left: Vec<&Task> = plan.tasks.iter().filter(|task| !task.done).collect();
    let hours_left: f64 = left.iter().map(|task| task.needs.hours).sum();
    let core_hours: f64 = left.iter().map(|task| task.needs.hours * task.needs.cores as f64).sum();
    format!(
        "{} of {} tasks to do: {} hours one after the other, {} core hours",
        left.len(),
        plan.tasks.len(),
        hours(hours_left),
        hours(core_hours)
    )
}

/// One line a stage.
pub fn table(plan: &Plan) -> Table {
    let mut table = Table::new([
        "stage",
        "tasks",
        "done",
        "cores",
        "GPUs",
        "memory GB",
        "hours each",
        "hours left",
        "core hours left",
        "needs",
    ]);
    for stage in plan.stages() {
        let tasks: Vec<&Task> = plan.tasks.iter().filter(|task| task.stage() == stage).collect();
        let done = tasks.iter().filter(|task| task.done).count();
        let most = |value: &dyn Fn(&Needs) -> f64| tasks.iter().map(|t| value(&t.needs)).fold(0.0, f64::max);
        let left = |value: &dyn Fn(&Needs) -> f64| -> f64 {
            tasks.iter().filter(|task| !task.done).map(|task| value(&task.needs)).sum()
        };
        let each = tasks.iter().map(|task| task.needs.hours).sum::<f64>() / tasks.len().max(1) as f64;
        table.row([
            stage.name().to_string(),
            tasks.len().to_string(),
            done.to_string(),
            most(&|needs| needs.cores as f64).to_string(),
            most(&|needs| needs.gpus as f64).to_string(),
            format!("{:.1}", most(&|needs| needs.memory_gb)),
            hours(each),
            hours(left(&|needs| needs.hours)),
            hours(left(&|needs| needs.hours * needs.cores as f64)),
            needed(plan, stage),
        ]);
    }
    table
}

/// Names the stages that a stage waits for.
fn needed(plan: &Plan, stage: Stage) -> String {
    let tasks = plan.tasks.iter().filter(|task| task.stage() == stage);
    let parts = tasks.flat_map(|task| task.after.iter().chain(&task.after_any));
    let mut stages: Vec<Stage> = parts.map(|&part| plan.tasks[part].stage()).collect();
    stages.sort_unstable();
    stages.dedup();
    stages.retain(|other| *other != stage);
    stages.into_iter().map(Stage::name).collect::<Vec<_>>().join(", ")
}

fn list(plan: &Plan) -> Table {
    let mut table = Table::new(["task", "", "memory GB", "hours"]);
    for task in &plan.tasks {
        let done = if task.done { "done" } else { "" };
        let memory = format!("{:.1}", task.needs.memory_gb);
        table.row([task.name.clone(), done.into(), memory, hours(task.needs.hours)]);
    }
    table
}

#[derive(Serialize)]
struct JsonTask<'a> {
    name: &'a str,
    stage: Stage,
    done: bool,
    #[serde(flatten)]
    needs: Needs,
    after: Vec<&'a str>,
    after_any: Vec<&'a str>,
    output: std::path::PathBuf,
}

fn json(plan: &Plan, folder: &RunFolder) -> serde_json::Value {
    let names = |places: &[usize]| places.iter().map(|&at| plan.tasks[at].name.as_str()).collect();
    let inside = |path: &Path| path.strip_prefix(folder.path()).unwrap_or(path).to_path_buf();
    let task = |task: &'_ Task| {
        serde_json::json!(JsonTask {
            name: &task.name,
            stage: task.stage(),
            done: task.done,
            needs: task.needs,
            after: names(&task.after),
            after_any: names(&task.after_any),
            output: inside(&task.work.output(folder, &plan.recordings)),
        })
    };
    let left = plan.tasks.iter().filter(|task| !task.done);
    serde_json::json!({
        "run": folder.path(),
        "tasks": plan.tasks.iter().map(task).collect::<Vec<_>>(),
        "hours_left": left.clone().map(|task| task.needs.hours).sum::<f64>(),
        "core_hours_left": left.map(|task| task.needs.hours * task.needs.cores as f64).sum::<f64>(),
    })
}
