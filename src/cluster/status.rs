//! How far a run is, from its folder alone: outputs, journal, claims.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::claim::{Claims, Heartbeat};
use super::cost::Needs;
use super::holder::{Holder, Life};
use super::journal::{Entry, Happened, Journal};
use super::places::Places;
use super::plan::Plan;
use super::task::Stage;
use crate::atomic;
use crate::error::{Error, Result};
use crate::run_folder::RunFolder;

/// The tasks of a run as they were planned last, kept in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Planned {
    /// When, in seconds since 1970.
    pub time: f64,
    /// The tasks.
    pub tasks: Vec<PlannedTask>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlannedTask {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub stage: Stage,
    /// Whether it was done then.
    pub done: bool,
    /// Names of the tasks that it needs.
    pub after: Vec<String>,
    /// The file that is there when it is done, inside the run.
    pub output: PathBuf,
    /// Predicted hours.
    pub hours: f64,
    /// Cores that these are of.
    pub cores: usize,
}

impl Planned {
    /// Notes a plan.
    pub fn of(plan: &Plan, run: &RunFolder) -> Self {
        let task = |task: &super::plan::Task| {
            let output = task.work.output(run, &plan.recordings);
            let Needs { hours, cores, .. } = task.needs;
            PlannedTask {
                name: task.name.clone(),
                stage: task.stage(),
                done: task.done,
                after: task.after.iter().map(|&other| plan.tasks[other].name.clone()).collect(),
                output: output.strip_prefix(run.path()).map(PathBuf::from).unwrap_or(output),
                hours,
                cores,
            }
        };
        let time = Entry::now("", Happened::Started).time;
        Self { time, tasks: plan.tasks.iter().map(task).collect() }
    }

    /// Writes it to the run's folder.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written.
    pub fn write(&self, places: &Places) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|e| Error::Failed(e.to_string()))?;
        atomic::write_bytes(&places.plan(), &text)
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is none, or it is damaged.
    pub fn read(places: &Places) -> Result<Self> {
        let path = places.plan();
        if !path.exists() {
            let problem = "there is no such file: nothing was run here by `v1reel run` or `v1reel submit`";
            return Err(Error::invalid(&path, problem));
        }
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        serde_json::from_str(&text).map_err(|e| Error::invalid(&path, e.to_string()))
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its output is there.
    Done,
    /// Somebody works on it.
    Running,
    /// It failed, and nobody has tried again.
    Failed,
    /// Something that it needs failed.
    Blocked,
    /// It was stopped or its process died, and it goes on when it is started again.
    Interrupted,
    /// It was not begun.
    Waiting,
}

/// One task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskStatus {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub stage: Stage,
    /// Where it stands.
    pub standing: Standing,
    /// Predicted hours.
    pub predicted_hours: f64,
    /// Hours that it took when it was done last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<f64>,
    /// Who works on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
    /// What happened to it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Entry>,
}

/// A run.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The tasks, in the order of the plan.
    pub tasks: Vec<TaskStatus>,
}

impl Status {
    /// Looks at a run's folder.
    ///
    /// # Errors
    /// When it holds no plan, or a file can't be read.
    pub fn of(run: &RunFolder) -> Result<Self> {
        let places = Places::of(run);
        let planned = Planned::read(&places)?;
        let mut last: BTreeMap<String, Entry> = BTreeMap::new();
        let mut took: BTreeMap<String, f64> = BTreeMap::new();
        for entry in Journal::new(places.journals()).read()? {
            if let (Happened::Done, Some(seconds)) = (entry.what, entry.seconds) {
                took.insert(entry.task.clone(), seconds / 3600.0);
            }
            last.insert(entry.task.clone(), entry);
        }
        let held =
            Claims::open(places.claims(), Heartbeat::default(), Box::new(|_| Life::Unknown))?.held()?;
        let alive = held.into_iter().filter(|holder| holder.life() != Life::Dead);
        let mut holders: BTreeMap<String, Holder> =
            alive.map(|holder| (holder.task.clone(), holder)).collect();
        let mut standings: BTreeMap<String, Standing> = BTreeMap::new();
        let mut tasks = Vec::new();
        for task in planned.tasks {
            let (holder, last) = (holders.remove(&task.name), last.remove(&task.name));
            let gone = |other: &String| matches!(standings[other], Standing::Failed | Standing::Blocked);
            let blocked = task.after.iter().any(gone);
            let there = is_there(run, &task);
            let standing = standing(&task, planned.time, there, holder.is_some(), last.as_ref(), blocked);
            standings.insert(task.name.clone(), standing);
            let hours = took.get(&task.name).copied();
            let (name, stage, predicted_hours) = (task.name, task.stage, task.hours);
            tasks.push(TaskStatus { name, stage, standing, predicted_hours, hours, holder, last });
        }
        Ok(Self { tasks })
    }

    /// Counts the tasks of a stage, or all, that stand so.
    pub fn count(&self, stage: Option<Stage>, standing: Standing) -> usize {
        let of =
            |task: &&TaskStatus| stage.is_none_or(|stage| task.stage == stage) && task.standing == standing;
        self.tasks.iter().filter(of).count()
    }
}

/// Says whether the output of a task is there, or what was made of it: the movies of members are not kept where there
/// are many reconstructions.
fn is_there(run: &RunFolder, task: &PlannedTask) -> bool {
    let output = run.path().join(&task.output);
    output.exists() || (task.stage == Stage::Movies && output.with_file_name("ensemble.h5").exists())
}

fn standing(
    task: &PlannedTask,
    planned: f64,
    there: bool,
    held: bool,
    last: Option<&Entry>,
    blocked: bool,
) -> Standing {
    // Scores and pages are there from the last time, too; what counts is whether they were made since.
    let renewed = matches!(task.stage, Stage::Ablate | Stage::Evaluate | Stage::Report);
    let done = last.is_some_and(|last| last.what == Happened::Done && last.time >= planned);
    match last {
        _ if held => Standing::Running,
        _ if there && (task.done || done || !renewed) => Standing::Done,
        // What happened before this plan was made says nothing of it.
        Some(last) if last.time >= planned => match last.what {
            Happened::Failed => Standing::Failed,
            Happened::Done | Happened::Started | Happened::Interrupted | Happened::Died => {
                Standing::Interrupted
            }
        },
        _ if blocked => Standing::Blocked,
        _ => Standing::Waiting,
    }
}
