//! What there is: the sizes and chosen trials of an experiment's recordings, and which tasks are done.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use crate::ablate::Order;
use crate::ablate::neurons;
use crate::cli::chosen::settings;
use crate::cli::commands::ablate::neurons::kept;
use crate::cli::commands::reconstruct::averaged_over;
use crate::cli::commands::train;
use crate::cli::workspace::Workspace;
use crate::cluster::places::Places;
use crate::cluster::plan::{Plan, Task};
use crate::cluster::recording::{ChosenTrial, Recording};
use crate::cluster::task::{Piece, Source, Work};
use crate::error::{Error, Result};
use crate::experiment::ClusterConfig;
use crate::reconstruct::Condition;
use crate::reconstruct::result::read_settings;
use crate::stop::Stop;

/// Sizes and chosen trials of the recordings.
///
/// # Errors
/// When a trial has no member that may reconstruct it, or a movie can't be read.
pub fn recordings(workspace: &Workspace) -> Result<Vec<Recording>> {
    let averaged = workspace.experiment.cluster.controls.contains(&Condition::Averaged.to_string());
    let recording = |(index, split): (usize, &crate::train::SplitMouse)| {
        let mouse = &split.mouse;
        let chosen = workspace.chosen[index].iter().map(|&id| {
            Ok(ChosenTrial {
                id,
                frames: mouse.trial(id)?.frames,
                members: workspace.members_for(index, id)?,
                // Movies have to be read for that.
                showings: if averaged { workspace.showings(index, id)?.len() } else { 1 },
            })
        });
        Ok(Recording {
            mouse: mouse.id.clone(),
            neurons: mouse.neurons,
            frame_size: mouse.frame_size,
            channels: mouse.channels(),
            frames: mouse.trials.iter().map(|trial| trial.frames).max().unwrap_or(0),
            training: split.training.len(),
            held_out: split.held_out.len(),
            chosen: chosen.collect::<Result<Vec<_>>>()?,
        })
    };
    workspace.mice.iter().enumerate().map(recording).collect()
}

/// Plans an experiment, with what is done marked.
///
/// # Errors
/// See [`recordings`].
pub fn plan(workspace: &Workspace) -> Result<Plan> {
    let mut plan = Plan::new(&workspace.experiment, recordings(workspace)?)?;
    let survey = Survey::new(workspace);
    let done = plan.tasks.iter().map(|task| survey.is_done(task, &plan)).collect::<Result<Vec<_>>>()?;
    let mut done = done.into_iter();
    plan.mark(|_| Ok(done.next().unwrap_or(false)))?;
    // What is put together from pieces that are made anew is made anew.
    for at in 0..plan.tasks.len() {
        let task = &plan.tasks[at];
        let parts = task.after.iter().chain(&task.after_any);
        let renewed = is_summary(&task.work) && parts.into_iter().any(|&part| !plan.tasks[part].done);
        plan.tasks[at].done &= !renewed;
    }
    Ok(plan)
}

/// Says whether a task puts together what others made.
fn is_summary(work: &Work) -> bool {
    matches!(work, Work::AblateNeurons | Work::AblateBehavior | Work::Evaluate | Work::Report)
}

/// Tells what is done, as the commands do: by the files that are there and the settings that they name.
pub struct Survey<'a> {
    workspace: &'a Workspace,
    /// What reconstructions depend on, by mouse and members: models are hashed once.
    facts: RefCell<BTreeMap<(usize, Vec<usize>), Value>>,
}

impl<'a> Survey<'a> {
    /// Looks at nothing yet.
    pub fn new(workspace: &'a Workspace) -> Self {
        Self { workspace, facts: RefCell::default() }
    }

    /// What reconstructions of a mouse through some members depend on; `None` while a model or the mask is missing.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn facts(&self, index: usize, members: &[usize]) -> Result<Option<Value>> {
        let key = (index, members.to_vec());
        if let Some(known) = self.facts.borrow().get(&key) {
            return Ok(Some(known.clone()));
        }
        let folder = &self.workspace.folder;
        let mask = folder.mask(&self.workspace.mice[index].mouse.id);
        if !mask.exists() || !members.iter().all(|&member| folder.model(member).exists()) {
            return Ok(None);
        }
        let facts = self.workspace.facts(index, members)?;
        self.facts.borrow_mut().insert(key, facts.clone());
        Ok(Some(facts))
    }

    /// Says whether the output of a task is there, so that nothing is to be done. A damaged one is none: who makes it
    /// will say what is wrong with it.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn is_done(&self, task: &Task, plan: &Plan) -> Result<bool> {
        match self.is_there(task, plan) {
            Err(Error::Invalid { .. }) => Ok(false),
            other => other,
        }
    }

    fn is_there(&self, task: &Task, plan: &Plan) -> Result<bool> {
        let folder = &self.workspace.folder;
        let output = task.work.output(folder, &plan.recordings);
        if !output.exists() {
            return match &task.work {
                // The movies of members are not kept where there are many reconstructions.
                Work::Movie(piece, _) => self.is_reconstructed(piece, plan),
                _ => Ok(false),
            };
        }
        match &task.work {
            Work::Train(member) => self.is_trained(*member),
            Work::Mask(_) => Ok(true),
            Work::Decode(mouse) => {
                let Recording { mouse, chosen, .. } = &plan.recordings[*mouse];
                Ok(chosen.iter().all(|trial| folder.decoded(mouse, trial.id).exists()))
            }
            Work::Movie(piece, _) => self.was_made_so(&output, piece, plan),
            Work::Reconstruct(piece) => self.is_reconstructed(piece, plan),
            Work::AblateNeurons | Work::AblateBehavior | Work::Evaluate | Work::Report => {
                self.is_put_together(task, plan, &output)
            }
        }
    }

    fn is_trained(&self, member: usize) -> Result<bool> {
        let (folder, experiment) = (self.workspace.folder.member(member), &self.workspace.experiment);
        let has = |name: &str| folder.join(name).exists();
        // A model that was brought here has no course to draw.
        let drawn = has("learning_curve.png") || !has("metrics.csv");
        if !drawn || has("resume") || member >= experiment.members {
            return Ok(false);
        }
        if !experiment.cluster.train {
            return Ok(true);
        }
        let (mice, model, stop) = (self.workspace.mice_of(member)?, self.workspace.model()?, Stop::default());
        let made = train::plan(self.workspace, &mice, &model, member, &stop).made(&folder)?;
        // One that does not say what it was trained on is taken, as by the other commands.
        Ok(made.unwrap_or(true))
    }

    fn is_reconstructed(&self, piece: &Piece, plan: &Plan) -> Result<bool> {
        let Recording { mouse, neurons, .. } = &plan.recordings[piece.mouse];
        let folder = piece.folder(&self.workspace.folder, mouse, *neurons);
        let path = folder.join("ensemble.h5");
        if !path.exists() || !self.was_made_so(&path, piece, plan)? {
            return Ok(false);
        }
        Ok(match piece.source {
            Source::Neurons(_) => !has_members(&folder)?,
            Source::Condition(condition) => {
                let second = condition != Condition::HeldOutNeurons || folder.join("true_movie.h5").exists();
                // Drawn last, and from this.
                let picture = folder.join("loss.png");
                second && picture.exists() && modified(&picture)? >= modified(&path)?
            }
        })
    }

    /// Says whether a result was made with the settings that hold now.
    fn was_made_so(&self, path: &Path, piece: &Piece, plan: &Plan) -> Result<bool> {
        let chosen = &plan.recordings[piece.mouse].chosen;
        let Some(trial) = chosen.iter().find(|trial| trial.id == piece.trial) else { return Ok(false) };
        let Some(facts) = self.facts(piece.mouse, &trial.members)? else { return Ok(false) };
        let expected = match piece.source {
            Source::Condition(condition) => {
                let done = match condition {
                    Condition::Averaged => {
                        Some(averaged_over(&self.workspace.showings(piece.mouse, piece.trial)?))
                    }
                    _ => None,
                };
                settings(&facts, condition, done)
            }
            Source::Neurons(condition) => match self.ablated(&condition, piece)? {
                Some(done) => settings(&facts, Condition::Recorded, Some(done)),
                // To find out takes as long as to do it: left to the ablation itself.
                None => return Ok(true),
            },
        };
        Ok(read_settings(path)? == expected)
    }

    /// Describes which neurons are kept; `None` where that depends on what the models predict.
    fn ablated(&self, condition: &neurons::Condition, piece: &Piece) -> Result<Option<Value>> {
        let mouse = &self.workspace.mice[piece.mouse].mouse;
        let values = match condition.by {
            Order::Random => Vec::new(),
            Order::Shallow | Order::Deep => crate::ablate::order::depths(mouse)?,
            _ => return Ok(None),
        };
        let values = BTreeMap::from([(condition.by, values)]);
        let population = kept(self.workspace, (piece.mouse, piece.trial), condition, &values);
        Ok(Some(condition.facts(&population)))
    }

    /// Says whether a summary was made from these parts as they are, with these settings.
    fn is_put_together(&self, task: &Task, plan: &Plan, output: &Path) -> Result<bool> {
        let path = stamp_path(&self.workspace.folder, task);
        if !path.exists()
            || fs::read_to_string(&path).map_err(Error::io(&path))? != stamp(self.workspace, task, plan)
        {
            return Ok(false);
        }
        let made = modified(output)?;
        for &part in task.after.iter().chain(&task.after_any) {
            let part = plan.tasks[part].work.output(&self.workspace.folder, &plan.recordings);
            if part.exists() && modified(&part)? > made {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Notes what a summary was made from.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn write_stamp(workspace: &Workspace, task: &Task, plan: &Plan) -> Result<()> {
    let path = stamp_path(&workspace.folder, task);
    crate::atomic::write_bytes(&path, stamp(workspace, task, plan).as_bytes())
}

/// Whether a task is one that [`write_stamp`] is for.
pub fn has_stamp(task: &Task) -> bool {
    is_summary(&task.work)
}

fn stamp_path(folder: &crate::run_folder::RunFolder, task: &Task) -> std::path::PathBuf {
    Places::of(folder).path().join("stamps").join(task.name.replace('/', "_"))
}

/// Names all that a summary depends on, but for the contents of its parts.
fn stamp(workspace: &Workspace, task: &Task, plan: &Plan) -> String {
    // What jobs ask for changes no result.
    let mut experiment = workspace.experiment.clone();
    experiment.cluster = ClusterConfig::default();
    let mut hasher = blake3::Hasher::new();
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(experiment.to_toml().as_bytes());
    for &part in task.after.iter().chain(&task.after_any) {
        hasher.update(plan.tasks[part].name.as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}

fn modified(path: &Path) -> Result<SystemTime> {
    fs::metadata(path).and_then(|about| about.modified()).map_err(Error::io(path))
}

fn has_members(folder: &Path) -> Result<bool> {
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let name = entry.map_err(Error::io(folder))?.file_name();
        if name.to_string_lossy().starts_with("member") {
            return Ok(true);
        }
    }
    Ok(false)
}
