//! Turns an experiment into the list of its tasks: always the same list, in the same order, with what each waits for.

use super::cost::{Costs, Needs};
use super::recording::{ChosenTrial, Recording};
use super::task::{Piece, Source, Stage, Work};
use crate::ablate::neurons;
use crate::error::Result;
use crate::experiment::{AblationPart, Experiment};
use crate::reconstruct::{Combine, Condition, Start};

/// One task of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name, the same in every plan of the experiment.
    pub name: String,
    /// What it does.
    pub work: Work,
    /// What it takes.
    pub needs: Needs,
    /// Tasks without which it can't be done, by their places in the plan, all before its own.
    pub after: Vec<usize>,
    /// Tasks that it uses when they were done, and waits for.
    pub after_any: Vec<usize>,
    /// Whether its output is there.
    pub done: bool,
}

impl Task {
    /// The kind of task.
    pub fn stage(&self) -> Stage {
        self.work.stage()
    }
}

/// The tasks of an experiment. None comes before one that it waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// The mice, in the order of the experiment.
    pub recordings: Vec<Recording>,
}

/// A plan in the making.
struct Builder<'a> {
    experiment: &'a Experiment,
    recordings: &'a [Recording],
    costs: Costs,
    tasks: Vec<Task>,
    train: Vec<usize>,
    /// By mouse: the mask, and what was decoded where reconstructions start from it.
    ready: Vec<Vec<usize>>,
    decode: Vec<usize>,
}

impl Plan {
    /// Lists the tasks of an experiment on these recordings; none is marked as done.
    ///
    /// # Errors
    /// When the settings and the recordings don't fit together.
    pub fn new(experiment: &Experiment, recordings: Vec<Recording>) -> Result<Self> {
        let mut builder = Builder {
            experiment,
            recordings: &recordings,
            costs: Costs::new(experiment, &recordings)?,
            tasks: Vec::new(),
            train: Vec::new(),
            ready: Vec::new(),
            decode: Vec::new(),
        };
        builder.prepare();
        let recorded = builder.reconstruct(&[Condition::Recorded].map(Source::Condition))?;
        let controls = builder.controls()?;
        let ablate = builder.ablations(&recorded)?;
        if !recorded.is_empty() {
            // A score stands beside the controls that there are.
            let others = [&controls[..], &builder.decode].concat();
            let evaluate = builder.push(Work::Evaluate, recorded, others);
            builder.push(Work::Report, vec![evaluate], ablate);
        }
        let tasks = builder.tasks;
        Ok(Self { tasks, recordings })
    }

    /// Marks what is done.
    ///
    /// # Errors
    /// Whatever `done` returns.
    pub fn mark(&mut self, mut done: impl FnMut(&Task) -> Result<bool>) -> Result<()> {
        self.tasks.iter_mut().try_for_each(|task| {
            task.done = done(task)?;
            Ok(())
        })
    }

    /// Finds a task by its name.
    pub fn find(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Lists the stages that have tasks, in their order.
    pub fn stages(&self) -> Vec<Stage> {
        let has = |stage: &Stage| self.tasks.iter().any(|task| task.stage() == *stage);
        Stage::ALL.into_iter().filter(has).collect()
    }
}

impl Builder<'_> {
    fn push(&mut self, work: Work, after: Vec<usize>, after_any: Vec<usize>) -> usize {
        let name = work.name(self.recordings);
        let needs = self.costs.of(&work);
        self.tasks.push(Task { name, work, needs, after, after_any, done: false });
        self.tasks.len() - 1
    }

    /// Members, masks, and what the linear decoder makes of the trials.
    fn prepare(&mut self) {
        self.train = (0..self.experiment.members)
            .map(|member| self.push(Work::Train(member), Vec::new(), Vec::new()))
            .collect();
        for mouse in 0..self.recordings.len() {
            let mask = self.push(Work::Mask(mouse), self.train.clone(), Vec::new());
            self.ready.push(vec![mask]);
        }
        for mouse in 0..self.recordings.len() {
            if self.recordings[mouse].chosen.is_empty() {
                continue;
            }
            let decode = self.push(Work::Decode(mouse), Vec::new(), Vec::new());
            self.decode.push(decode);
            if self.experiment.reconstruction.start == Start::Decoder {
                self.ready[mouse].push(decode);
            }
        }
    }

    /// Reconstructs every chosen trial from every source; returns the tasks.
    fn reconstruct(&mut self, sources: &[Source]) -> Result<Vec<usize>> {
        let mut all = Vec::new();
        for (mouse, recording) in self.recordings.iter().enumerate() {
            for trial in &recording.chosen {
                for &source in sources {
                    all.push(self.piece(Piece { source, mouse, trial: trial.id }, trial));
                }
            }
        }
        Ok(all)
    }

    fn piece(&mut self, piece: Piece, trial: &ChosenTrial) -> usize {
        let ready = [&self.train[..], &self.ready[piece.mouse]].concat();
        if self.experiment.reconstruction.combine != Combine::Movies {
            return self.push(Work::Reconstruct(piece), ready, Vec::new());
        }
        let movies: Vec<usize> = trial
            .members
            .iter()
            .map(|&member| self.push(Work::Movie(piece, member), ready.clone(), Vec::new()))
            .collect();
        self.push(Work::Reconstruct(piece), movies, Vec::new())
    }

    fn controls(&mut self) -> Result<Vec<usize>> {
        let wanted = &self.experiment.cluster.controls;
        // In their own order, whatever the order they are named in.
        let conditions = Condition::CONTROLS.into_iter().filter(|c| wanted.contains(&c.to_string()));
        let mut all = Vec::new();
        for condition in conditions {
            for (mouse, recording) in self.recordings.iter().enumerate() {
                for trial in &recording.chosen {
                    // What was shown once has no average.
                    if condition != Condition::Averaged || trial.showings > 1 {
                        let source = Source::Condition(condition);
                        all.push(self.piece(Piece { source, mouse, trial: trial.id }, trial));
                    }
                }
            }
        }
        Ok(all)
    }

    /// The ablations: their reconstructions one by one where they are many, and what puts them together.
    fn ablations(&mut self, recorded: &[usize]) -> Result<Vec<usize>> {
        let parts = &self.experiment.cluster.ablate;
        let mut all = Vec::new();
        if recorded.is_empty() {
            return Ok(all);
        }
        if parts.contains(&AblationPart::Neurons) {
            let mut pieces = recorded.to_vec();
            for (mouse, recording) in self.recordings.iter().enumerate() {
                let conditions =
                    neurons::conditions(&self.experiment.ablation, &recording.mouse, recording.neurons)?;
                // With all neurons it is the plain reconstruction.
                let fewer: Vec<_> = conditions
                    .into_iter()
                    .filter(|c| {
                        c.keep.count(recording.neurons).is_some_and(|count| count < recording.neurons)
                    })
                    .collect();
                for trial in &recording.chosen {
                    for &condition in &fewer {
                        let source = Source::Neurons(condition);
                        pieces.push(self.piece(Piece { source, mouse, trial: trial.id }, trial));
                    }
                }
            }
            all.push(self.push(Work::AblateNeurons, pieces, Vec::new()));
        }
        if parts.contains(&AblationPart::Behavior) {
            all.push(self.push(Work::AblateBehavior, recorded.to_vec(), Vec::new()));
        }
        Ok(all)
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
