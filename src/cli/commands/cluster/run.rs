//! `v1reel run`: does the tasks of an experiment on this machine, with several processes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use super::survey;
use crate::cli::args::cluster::RunArgs;
use crate::cli::commands::reconstruct::announce;
use crate::cli::machine;
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::workspace::Workspace;
use crate::cluster::claim::{Claims, Heartbeat};
use crate::cluster::holder::{Life, host};
use crate::cluster::journal::{Entry, Happened, Journal};
use crate::cluster::places::Places;
use crate::cluster::plan::Plan;
use crate::cluster::pool::{Item, Pool, State, Told};
use crate::cluster::slurm::client;
use crate::cluster::status::Planned;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::stop::Stop;

/// What the bar calls it.
const TASK: &str = "run";

/// Runs.
///
/// # Errors
/// [`Error::Interrupted`] when it was asked to stop; [`Error::Failed`] when tasks failed, after all others; whatever
/// opening the recordings returns.
pub fn run(args: &RunArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.tasks.experiment())?, session)?;
    let plan = survey::plan(&workspace)?;
    let run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    announce(&workspace, &run)?;
    let places = Places::of(&workspace.folder);
    places.make()?;
    let settings = places.keep_settings(&workspace.experiment.to_toml())?;
    Planned::of(&plan, &workspace.folder).write(&places)?;
    let jobs = args.jobs.get();
    warn_of_memory(&plan, jobs, &run);
    bury(&places)?;
    let begun = Entry::now("", Happened::Started).time;
    let states = work(&workspace, &plan, &run, session, (jobs, &settings, &places))?;
    let stopped = run.stop.is_requested();
    run.close()?;
    summary(&plan, &states, &Journal::new(places.journals()).read()?, begun)?;
    if stopped { Err(Error::Interrupted) } else { verdict(&plan, &states) }
}

/// Removes the claims of processes that died: nobody else would where the task is done all the same.
fn bury(places: &Places) -> Result<()> {
    let claims = Claims::open(places.claims(), Heartbeat::default(), Box::new(client::life))?;
    for holder in claims.held()? {
        if holder.life() == Life::Dead {
            // Taken over, and given up at once.
            claims.attempt(&holder.task, &Stop::default())?;
        }
    }
    Ok(())
}

fn warn_of_memory(plan: &Plan, jobs: usize, run: &Run) {
    let left = plan.tasks.iter().filter(|task| !task.done);
    let need = left.map(|task| task.needs.memory_gb).fold(0.0, f64::max) * jobs as f64;
    let free = machine::available_memory().map(|bytes| bytes as f64 / 1e9);
    if free.is_some_and(|free| free < need) {
        let free = free.unwrap_or(0.0);
        let message = format!(
            "{jobs} processes may need up to {need:.1} GB together, {free:.1} are free; fewer --jobs need less"
        );
        run.observer.emit(Event::Warning { message });
    }
}

/// Works the plan off.
fn work(
    workspace: &Workspace,
    plan: &Plan,
    run: &Run,
    session: &Session,
    (jobs, settings, places): (usize, &Path, &Places),
) -> Result<Vec<State>> {
    let items: Vec<Item> = plan
        .tasks
        .iter()
        .map(|task| Item {
            name: task.name.clone(),
            after: task.after.clone(),
            after_any: task.after_any.clone(),
            done: task.done,
        })
        .collect();
    let left = items.iter().filter(|item| !item.done).count() as u64;
    run.observer.emit(Event::Started { task: TASK.into(), steps: left, unit: "tasks" });
    let program = std::env::current_exe().map_err(|e| Error::Failed(format!("this program: {e}")))?;
    let log = Log::open(places.logs().join(format!("workers-{}.log", host())))?;
    let threads = (rayon::current_num_threads() / jobs).max(1);
    let command = || {
        let mut command = Command::new(&program);
        command.arg("task").arg(settings).arg("--serve").args(["--threads", &threads.to_string()]);
        command.args(["--memory", &format!("{}B", session.memory())]);
        command.stderr(log.handle());
        command
    };
    let (ended, journal) = (AtomicU64::new(0), Journal::new(places.journals()));
    let tell = |told: Told<'_>| match told {
        Told::Ended(_, State::Done) => {
            let step = ended.fetch_add(1, Ordering::Relaxed) + 1;
            run.observer.emit(Event::Progress { task: TASK.into(), step, loss: None });
        }
        Told::Ended(name, State::Failed(why)) => {
            ended.fetch_add(1, Ordering::Relaxed);
            run.observer.emit(Event::Warning { message: format!("{name} failed: {why}") });
        }
        Told::Ended(..) => {}
        Told::Died(name, times, how) => {
            let entry =
                Entry { message: Some(how.clone()), tail: log.end(), ..Entry::now(name, Happened::Died) };
            // The end of the run says it again; a journal that can't be written has failed the task by itself.
            let _ = journal.add(&entry);
            run.observer.emit(Event::Warning { message: format!("{name}, attempt {times}: {how}") });
        }
    };
    let retries = workspace.experiment.cluster.retries;
    let states =
        Pool { workers: jobs, command: &command, retries, stop: &run.stop, tell: &tell }.run(&items)?;
    run.observer.emit(Event::Finished { task: TASK.into() });
    Ok(states)
}

/// Lines of the workers' log that are shown of a task over which they died.
const LAST: usize = 5;
/// Bytes at its end that these are looked for in.
const LONGEST: usize = 4096;

/// What the workers say.
struct Log(PathBuf, File);

impl Log {
    fn open(path: PathBuf) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(Error::io(&path))?;
        Ok(Self(path, file))
    }

    /// The last lines.
    fn end(&self) -> Vec<String> {
        let bytes = std::fs::read(&self.0).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(LONGEST)..]).into_owned();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LAST)..].iter().map(ToString::to_string).collect()
    }

    /// A handle for one more process; they all append.
    fn handle(&self) -> Stdio {
        self.1
            .try_clone()
            .or_else(|_| OpenOptions::new().append(true).open(&self.0))
            .map_or_else(|_| Stdio::null(), Stdio::from)
    }
}

/// Says what came out, and of tasks that failed the last that they said.
fn summary(plan: &Plan, states: &[State], journal: &[Entry], begun: f64) -> Result<()> {
    let last: BTreeMap<&str, &Entry> = journal
        .iter()
        .filter(|entry| entry.time >= begun && matches!(entry.what, Happened::Failed | Happened::Died))
        .map(|entry| (entry.task.as_str(), entry))
        .collect();
    for (task, state) in plan.tasks.iter().zip(states) {
        let State::Failed(why) = state else { continue };
        let entry = last.get(task.name.as_str());
        let code = entry.and_then(|entry| entry.code).map(|code| format!(" (exit code {code})"));
        output::line(format!("{} failed{}: {why}", task.name, code.unwrap_or_default()))?;
        for line in entry.map(|entry| &entry.tail[..]).unwrap_or_default() {
            output::line(format!("    {line}"))?;
        }
    }
    let count = |of: &dyn Fn(&State) -> bool| states.iter().filter(|state| of(state)).count();
    let before = plan.tasks.iter().filter(|task| task.done).count();
    let parts = [
        (count(&|state| *state == State::Done) - before, "done"),
        (before, "done before"),
        (count(&|state| matches!(state, State::Failed(_))), "failed"),
        (count(&|state| *state == State::Blocked), "not begun, because they need what failed"),
        (count(&|state| *state == State::Interrupted), "interrupted"),
        (count(&|state| *state == State::Waiting), "not begun"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    output::line(format!("{} tasks: {}", plan.tasks.len(), parts.join(", ")))
}

fn verdict(plan: &Plan, states: &[State]) -> Result<()> {
    let failed = plan.tasks.iter().zip(states).filter(|(_, state)| matches!(state, State::Failed(_)));
    let names: Vec<&str> = failed.map(|(task, _)| task.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::Failed(format!(
        "{} of {} tasks failed: {}; given again, the command tries them again and makes only what is missing",
        names.len(),
        plan.tasks.len(),
        names.iter().take(5).copied().collect::<Vec<_>>().join(", ")
    )))
}
