//! One process that does tasks: claims each, runs the engine for just that piece, and notes what became of it.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::survey::{Survey, has_stamp, write_stamp};
use super::tail::Tail;
use crate::ablate::Order;
use crate::atomic;
use crate::cli::chosen::Chosen;
use crate::cli::commands::{ablate, evaluate, mask, reconstruct, train};
use crate::cli::linear::LinearDecoders;
use crate::cli::session::Run;
use crate::cli::workspace::Workspace;
use crate::cluster::claim::{Attempt, Claim, Claims};
use crate::cluster::journal::{Entry, Happened, Journal, peak_memory_gb};
use crate::cluster::plan::{Plan, Task};
use crate::cluster::recording::Recording;
use crate::cluster::task::{Piece, Source, Work};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::reconstruct::TrialPlan;
use crate::report::page::{ReportOptions, write_report};

/// How often a task that another process works on is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often a wish to stop is looked for meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// A process with its recordings open; models are loaded when they are first needed.
pub struct Worker<'a> {
    pub workspace: &'a Workspace,
    pub plan: &'a Plan,
    pub run: &'a Run,
    pub claims: Claims,
    pub journal: Journal,
    pub tail: Arc<Tail>,
    pub decoders: LinearDecoders<'a>,
    pub survey: Survey<'a>,
    pub ensemble: OnceCell<Ensemble>,
    /// What neurons are ordered by, by mouse.
    pub values: RefCell<BTreeMap<usize, BTreeMap<Order, Vec<f64>>>>,
}

impl Worker<'_> {
    /// Does a task, unless it is done already; waits while another process works on it.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it was asked to stop; [`Error::Failed`] when something that the task needs is
    /// missing; whatever the stage returns.
    pub fn work(&self, name: &str) -> Result<()> {
        let Some(task) = self.plan.find(name) else {
            return Err(Error::usage(format!(
                "there is no task {name}; `v1reel plan EXPERIMENT --list` names them all"
            )));
        };
        let Some(_claim) = self.claim(task)? else { return Ok(()) };
        let started = Instant::now();
        self.tail.take();
        self.journal.add(&Entry::now(name, Happened::Started))?;
        let done = self.lacks(task).map_or_else(|| self.make(task), |lack| Err(Error::Failed(lack)));
        let end = |what| Entry {
            seconds: Some(started.elapsed().as_secs_f64()),
            memory_gb: peak_memory_gb(),
            ..Entry::now(name, what)
        };
        self.journal.add(&match &done {
            Ok(()) => end(Happened::Done),
            Err(Error::Interrupted) => end(Happened::Interrupted),
            Err(error) => Entry {
                code: Some(error.exit_code().into()),
                message: Some(error.to_string()),
                tail: self.tail.take(),
                ..end(Happened::Failed)
            },
        })?;
        done
    }

    /// Claims a task; `None` when there is nothing to do any more.
    fn claim(&self, task: &Task) -> Result<Option<Claim>> {
        let mut told = false;
        loop {
            self.run.stop.check()?;
            if self.survey.is_done(task, self.plan)? {
                return Ok(None);
            }
            match self.claims.attempt(&task.name, &self.run.stop)? {
                Attempt::Won(claim) => {
                    // It may have come to its end between the two questions.
                    return Ok((!self.survey.is_done(task, self.plan)?).then_some(claim));
                }
                Attempt::Held(holder) => {
                    if !told {
                        told = true;
                        let message = format!("{}: {} works on it; waiting", task.name, holder.name());
                        self.run.observer.emit(Event::Note { message });
                    }
                    let until = Instant::now() + LOOK;
                    while Instant::now() < until && !self.run.stop.is_requested() {
                        thread::sleep(GLANCE);
                    }
                }
            }
        }
    }

    /// Says what is missing that a task needs.
    fn lacks(&self, task: &Task) -> Option<String> {
        let parts = task.after.iter().map(|&part| &self.plan.tasks[part]);
        let there = |part: &&Task| {
            let movie = matches!(part.work, Work::Movie(..));
            let output = part.work.output(&self.workspace.folder, &self.plan.recordings);
            output.exists() || (movie && self.survey.is_done(part, self.plan).unwrap_or(false))
        };
        let missing: Vec<&str> = parts.filter(|part| !there(part)).map(|part| part.name.as_str()).collect();
        let more = missing.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = missing.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        (!missing.is_empty()).then(|| format!("needs {named}{more}, not done yet"))
    }

    fn ensemble(&self) -> Result<&Ensemble> {
        if let Some(ensemble) = self.ensemble.get() {
            return Ok(ensemble);
        }
        let ensemble = self.workspace.ensemble()?;
        Ok(self.ensemble.get_or_init(|| ensemble))
    }

    /// Removes what processes that were killed over this task left half-written: it is ours alone now.
    fn clear(&self, task: &Task) -> Result<()> {
        let (folder, recordings) = (&self.workspace.folder, &self.plan.recordings);
        let output = task.work.output(folder, recordings);
        let place = output.parent().unwrap_or(folder.path());
        let start = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let starts = match &task.work {
            // Its folder is cleared as it is claimed.
            Work::Train(_) => return Ok(()),
            Work::Mask(mouse) => ["npy", "png"].map(|e| format!("{}.{e}.", recordings[*mouse].mouse)).into(),
            Work::Decode(mouse) => {
                let Recording { mouse, chosen, .. } = &recordings[*mouse];
                let places = chosen.iter().map(|trial| folder.decoded(mouse, trial.id));
                return places
                    .filter_map(|path| path.parent().map(Path::to_path_buf))
                    .try_for_each(|place| atomic::clear_leftovers_of(&place, &start(&["decoded.h5."])));
            }
            Work::Movie(_, member) => vec![format!("member_{member}.h5.")],
            // All that is written there.
            Work::Reconstruct(_) => start(&[""]),
            Work::AblateNeurons => start(&["neuron_ablation"]),
            Work::AblateBehavior => start(&["behavior_ablation"]),
            Work::Evaluate => start(&["trials.csv.", "summary.csv.", "course."]),
            Work::Report => {
                return atomic::clear_leftovers_of(folder.path(), &start(&["report."]));
            }
        };
        atomic::clear_leftovers_of(place, &starts)
    }

    fn make(&self, task: &Task) -> Result<()> {
        let (workspace, run) = (self.workspace, self.run);
        self.clear(task)?;
        match &task.work {
            Work::Train(member) => train::train_member(workspace, &workspace.model()?, *member, run),
            Work::Mask(mouse) => mask::make(workspace, self.ensemble()?, *mouse, run),
            Work::Decode(mouse) => self.decode(*mouse),
            Work::Movie(piece, member) => self.movie(piece, *member),
            Work::Reconstruct(piece) => self.reconstruct(piece),
            Work::AblateNeurons => ablate::neurons::make(workspace, self.ensemble()?, run).map(|_| ()),
            Work::AblateBehavior => {
                ablate::behavior::make(workspace, self.ensemble()?, run, |_| true).map(|_| ())
            }
            Work::Evaluate => evaluate::evaluate(workspace, true, &run.observer, &run.stop).map(|_| ()),
            Work::Report => {
                let runs = [run.folder.clone()];
                let folder = run.folder.join("report");
                write_report(&folder, &runs, ReportOptions::default(), &run.observer).map(|_| ())
            }
        }?;
        if has_stamp(task) { write_stamp(workspace, task, self.plan) } else { Ok(()) }
    }

    fn decode(&self, mouse: usize) -> Result<()> {
        for trial in &self.plan.recordings[mouse].chosen {
            self.run.stop.check()?;
            self.decoders.decode(mouse, trial.id)?;
        }
        Ok(())
    }

    fn movie(&self, piece: &Piece, member: usize) -> Result<()> {
        let (ensemble, run) = (self.ensemble()?, self.run);
        let make = |plan: &TrialPlan<'_>, folder: &Path| {
            plan.reconstruct_member(ensemble, folder, member, &run.observer)
        };
        self.with(piece, |chosen| match piece.source {
            Source::Condition(condition) => reconstruct::as_shown(&chosen, condition, |chosen, done| {
                let settings = chosen.settings(condition, done);
                let plan = chosen.plan(condition, &settings)?;
                let places = &self.workspace.folder;
                make(&plan, &places.reconstruction(condition.name(), plan.mouse, plan.trial.id))
            })
            .map(|_| ()),
            Source::Neurons(condition) => {
                let values = self.values(piece.mouse)?;
                let kept =
                    ablate::neurons::kept(self.workspace, (piece.mouse, piece.trial), &condition, &values);
                ablate::neurons::from_some(&chosen, &condition, &kept, make)
            }
        })
    }

    fn reconstruct(&self, piece: &Piece) -> Result<()> {
        let (ensemble, run) = (self.ensemble()?, self.run);
        self.with(piece, |chosen| match piece.source {
            Source::Condition(condition) => reconstruct::as_shown(&chosen, condition, |chosen, done| {
                reconstruct::one(chosen, ensemble, condition, done, run)
            })
            .map(|_| ()),
            Source::Neurons(condition) => {
                let values = self.values(piece.mouse)?;
                let kept =
                    ablate::neurons::kept(self.workspace, (piece.mouse, piece.trial), &condition, &values);
                ablate::neurons::from_some(&chosen, &condition, &kept, |plan, folder| {
                    reconstruct::reconstruct_keeping_one(plan, folder, ensemble, run).map(|_| ())
                })
            }
        })
    }

    /// Runs `work` with the trial of a piece.
    fn with(&self, piece: &Piece, work: impl FnOnce(Chosen<'_>) -> Result<()>) -> Result<()> {
        let trials = &self.plan.recordings[piece.mouse].chosen;
        let members = trials.iter().find(|trial| trial.id == piece.trial).map(|trial| &trial.members[..]);
        let members = members.unwrap_or_default();
        let facts = self.survey.facts(piece.mouse, members)?;
        let facts = facts.ok_or_else(|| Error::Failed("a model or mask it needs was removed".into()))?;
        let at = (piece.mouse, piece.trial);
        self.workspace.with_chosen(at, (members, &facts), self.decoders, &self.run.stop, work)
    }

    /// What the neurons of a mouse are ordered by, found out once.
    fn values(&self, mouse: usize) -> Result<BTreeMap<Order, Vec<f64>>> {
        if let Some(known) = self.values.borrow().get(&mouse) {
            return Ok(known.clone());
        }
        let config = &self.workspace.experiment.ablation;
        let values = ablate::neurons::values(self.workspace, self.ensemble()?, mouse, config, self.run)?;
        self.values.borrow_mut().insert(mouse, values.clone());
        Ok(values)
    }
}
