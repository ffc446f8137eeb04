//! One trial that an experiment reconstructs, with all that its reconstruction depends on.

use ndarray::Array2;
use serde_json::Value;

use super::workspace::Workspace;
use crate::data::{Mouse, Trial};
use crate::error::Result;
use crate::reconstruct::{Condition, Guess, Population, TrialPlan, condition};
use crate::stop::Stop;

/// Names everything that a reconstruction depends on; see [`Chosen::settings`].
pub fn settings(facts: &Value, condition: Condition, done: Option<Value>) -> String {
    let mut settings = facts.clone();
    settings["condition"] = condition.name().into();
    if let Some(done) = done {
        settings["ablation"] = done;
    }
    settings.to_string()
}

/// One chosen trial.
#[derive(Clone, Copy)]
pub struct Chosen<'a> {
    /// The experiment.
    pub workspace: &'a Workspace,
    /// Place of the mouse, and of its readout.
    pub index: usize,
    /// Members that have not seen its movie.
    pub members: &'a [usize],
    /// What was recorded.
    pub trial: &'a Trial,
    /// Transparency mask of the mouse.
    pub mask: &'a Array2<f32>,
    /// What a reconstruction depends on besides its condition.
    pub facts: &'a Value,
    /// Gives the first movie where the settings ask for it.
    pub guess: &'a dyn Guess,
    /// Ends the work.
    pub stop: &'a Stop,
}

impl<'a> Chosen<'a> {
    /// The mouse.
    pub fn mouse(&self) -> &'a Mouse {
        &self.workspace.mice[self.index].mouse
    }

    /// Names everything that a reconstruction depends on: equal text, equal result. What is done to the recording
    /// before, if anything, is `done`: an ablation, or an average.
    pub fn settings(&self, condition: Condition, done: Option<Value>) -> String {
        settings(self.facts, condition, done)
    }

    /// Plans the reconstruction from what was recorded.
    ///
    /// # Errors
    /// When the movies don't fit the encoder's input.
    pub fn plan(&self, condition: Condition, settings: &'a str) -> Result<TrialPlan<'a>> {
        let experiment = &self.workspace.experiment;
        let mouse = self.mouse();
        let population = match condition {
            Condition::HeldOutNeurons => condition::half(&experiment.seed, &mouse.id, mouse.neurons),
            _ => Population::all(),
        };
        Ok(TrialPlan {
            mouse: &mouse.id,
            readout: self.index,
            members: self.members,
            trial: self.trial,
            transparency: self.mask,
            geometry: self.workspace.geometry(self.index)?,
            clip: experiment.clip,
            config: &experiment.reconstruction,
            guess: self.guess,
            condition,
            population,
            label: condition.name(),
            seed: &experiment.seed,
            frame_rate_hz: experiment.data.frame_rate_hz,
            settings,
            stop: self.stop,
        })
    }
}
