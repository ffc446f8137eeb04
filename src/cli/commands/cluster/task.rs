//! `v1reel task`: does some tasks of a run, as a worker of `v1reel run` or as an element of a job array.

use std::cell::{OnceCell, RefCell};
use std::io::{BufRead, stdin};
use std::path::Path;
use std::sync::Arc;

use super::survey::{self, Survey};
use super::tail::Tail;
use super::worker::Worker;
use crate::cli::args::cluster::TaskArgs;
use crate::cli::linear::LinearDecoders;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::workspace::Workspace;
use crate::cluster::claim::{Claims, Heartbeat};
use crate::cluster::holder::host;
use crate::cluster::journal::Journal;
use crate::cluster::places::Places;
use crate::cluster::plan::Plan;
use crate::cluster::pool::{Outcome, Reply};
use crate::cluster::slurm::client;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};

/// Does the tasks that it is given.
///
/// # Errors
/// [`Error::Interrupted`] when it was asked to stop; [`Error::Failed`] when a task failed, after the others; whatever
/// opening the experiment returns.
pub fn run(args: &TaskArgs, session: &Session) -> Result<()> {
    let names = match (&args.list, args.element) {
        (Some(list), Some(element)) => listed(list, element)?,
        _ => args.names.clone(),
    };
    let workspace = Workspace::open(session.experiment(&args.tasks.experiment())?, session)?;
    let plan = Plan::new(&workspace.experiment, survey::recordings(&workspace)?)?;
    let places = Places::of(&workspace.folder);
    places.make()?;
    let tail = Arc::new(Tail::default());
    let run = session.open_shared_run(&workspace.experiment, &places.events(&host()), tail.clone())?;
    run.heed_signals()?;
    let worker = Worker {
        workspace: &workspace,
        plan: &plan,
        run: &run,
        claims: Claims::open(places.claims(), Heartbeat::default(), Box::new(client::life))?,
        journal: Journal::new(places.journals()),
        tail,
        decoders: LinearDecoders::new(&workspace, &run.observer, &run.stop),
        survey: Survey::new(&workspace),
        ensemble: OnceCell::new(),
        values: RefCell::default(),
    };
    let done = if args.serve { serve(&worker) } else { all(&worker, &names) };
    run.observer_closed(done)
}

/// Reads which tasks an element of a job array has.
fn listed(list: &Path, element: usize) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(list).map_err(Error::io(list))?;
    let lists: Vec<Vec<String>> =
        serde_json::from_str(&text).map_err(|e| Error::invalid(list, format!("is no list of tasks: {e}")))?;
    let found = lists.len();
    lists.into_iter().nth(element).ok_or_else(|| {
        Error::invalid(list, format!("has {found} elements, counted from 0; --element is {element}"))
    })
}

/// Does tasks one after the other; one that fails keeps none from being done.
fn all(worker: &Worker<'_>, names: &[String]) -> Result<()> {
    let mut failed = Vec::new();
    for name in names {
        match worker.work(name) {
            Ok(()) => {
                let message = format!("{name}: done");
                worker.run.observer.emit(Event::Note { message });
            }
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => failed.push((name, error)),
        }
    }
    let count = failed.len();
    match failed.pop() {
        None => Ok(()),
        Some((name, error)) if count == 1 => match error {
            Error::Usage(problem) => Err(Error::Usage(format!("{name}: {problem}"))),
            other => Err(Error::Failed(format!("{name}: {other}"))),
        },
        Some((name, error)) => {
            for (name, error) in &failed {
                let message = format!("{name}: {error}");
                worker.run.observer.emit(Event::Warning { message });
            }
            Err(Error::Failed(format!("{count} of {} tasks failed, the last {name}: {error}", names.len())))
        }
    }
}

/// Does what comes in until nothing more does.
fn serve(worker: &Worker<'_>) -> Result<()> {
    for line in stdin().lock().lines() {
        let line = line.map_err(Error::io("standard input"))?;
        let task: String = serde_json::from_str(&line).map_err(|e| {
            Error::usage(format!("standard input: expected a JSON text, the name of a task: {e}"))
        })?;
        let (outcome, message) = match worker.work(&task) {
            Ok(()) => (Outcome::Done, None),
            Err(Error::Interrupted) => (Outcome::Interrupted, None),
            Err(error) => (Outcome::Failed, Some(error.to_string())),
        };
        output::json(&Reply { task, outcome, message })?;
        if outcome == Outcome::Interrupted {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}
