//! A task: the smallest piece of a run that one process makes by itself, with a name that is the same on every machine.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::recording::Recording;
use crate::ablate::neurons;
use crate::data::{MouseId, TrialId};
use crate::reconstruct::Condition;
use crate::run_folder::RunFolder;

/// Tasks of one kind, which a batch system gets as one array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A member of the ensemble is trained.
    Train,
    /// A mouse's transparency mask is made.
    Mask,
    /// A mouse's trials are decoded linearly: what reconstructions start from, and what they are scored against.
    Decode,
    /// A member makes its own movie of a trial, where movies are averaged.
    Movies,
    /// A trial is reconstructed from what was recorded.
    Reconstruct,
    /// A trial is reconstructed as a control or ceiling.
    Controls,
    /// A trial is reconstructed from fewer neurons.
    Neurons,
    /// An ablation is put together and scored.
    Ablate,
    /// Everything is scored.
    Evaluate,
    /// The page is made.
    Report,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 10] = [
        Self::Train,
        Self::Mask,
        Self::Decode,
        Self::Movies,
        Self::Reconstruct,
        Self::Controls,
        Self::Neurons,
        Self::Ablate,
        Self::Evaluate,
        Self::Report,
    ];

    /// Names it in tables, jobs and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Mask => "mask",
            Self::Decode => "decode",
            Self::Movies => "movies",
            Self::Reconstruct => "reconstruct",
            Self::Controls => "controls",
            Self::Neurons => "neurons",
            Self::Ablate => "ablate",
            Self::Evaluate => "evaluate",
            Self::Report => "report",
        }
    }
}

/// What a trial is reconstructed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// The responses of all neurons, or a control of them.
    Condition(Condition),
    /// The responses of some neurons.
    Neurons(neurons::Condition),
}

/// One trial to reconstruct from one source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// From what.
    pub source: Source,
    /// Place of the mouse in the experiment.
    pub mouse: usize,
    /// Which trial.
    pub trial: TrialId,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// Trains a member.
    Train(usize),
    /// Makes the mask of a mouse, by its place.
    Mask(usize),
    /// Decodes the chosen trials of a mouse linearly.
    Decode(usize),
    /// Makes the movie of one member.
    Movie(Piece, usize),
    /// Reconstructs, through all members or from their movies.
    Reconstruct(Piece),
    /// Scores the neuron ablation.
    AblateNeurons,
    /// Makes and scores the behavior ablation.
    AblateBehavior,
    /// Scores the run.
    Evaluate,
    /// Writes the page.
    Report,
}

impl Source {
    fn stage(self) -> Stage {
        match self {
            Self::Condition(Condition::Recorded) => Stage::Reconstruct,
            Self::Condition(_) => Stage::Controls,
            Self::Neurons(_) => Stage::Neurons,
        }
    }

    fn name(self, neurons: usize) -> String {
        match self {
            Self::Condition(condition) => condition.name().into(),
            Self::Neurons(condition) => condition.folder(condition.keep.count(neurons).unwrap_or(neurons)),
        }
    }
}

impl Piece {
    /// Folder of what comes out.
    pub fn folder(&self, run: &RunFolder, mouse: &MouseId, neurons: usize) -> PathBuf {
        match self.source {
            Source::Condition(condition) => run.reconstruction(condition.name(), mouse, self.trial),
            Source::Neurons(_) => run.ablated("neurons", &self.source.name(neurons), mouse, self.trial),
        }
    }

    fn name(&self, recordings: &[Recording]) -> String {
        let Recording { mouse, neurons, .. } = &recordings[self.mouse];
        format!("{}/{mouse}/{}", self.source.name(*neurons), self.trial)
    }
}

impl Work {
    /// The kind of task.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Train(_) => Stage::Train,
            Self::Mask(_) => Stage::Mask,
            Self::Decode(_) => Stage::Decode,
            Self::Movie(..) => Stage::Movies,
            Self::Reconstruct(piece) => piece.source.stage(),
            Self::AblateNeurons | Self::AblateBehavior => Stage::Ablate,
            Self::Evaluate => Stage::Evaluate,
            Self::Report => Stage::Report,
        }
    }

    /// Names the task.
    pub fn name(&self, recordings: &[Recording]) -> String {
        let stage = self.stage().name();
        match self {
            Self::Train(member) => format!("{stage}/{member}"),
            Self::Mask(mouse) | Self::Decode(mouse) => format!("{stage}/{}", recordings[*mouse].mouse),
            Self::Movie(piece, member) => format!("{stage}/{}/{member}", piece.name(recordings)),
            Self::Reconstruct(piece) => format!("{stage}/{}", piece.name(recordings)),
            Self::AblateNeurons => format!("{stage}/neurons"),
            Self::AblateBehavior => format!("{stage}/behavior"),
            Self::Evaluate | Self::Report => stage.into(),
        }
    }

    /// The file that is there when the task is done, the last one that it writes, inside the run.
    pub fn output(&self, run: &RunFolder, recordings: &[Recording]) -> PathBuf {
        let of = |piece: &Piece| {
            let Recording { mouse, neurons, .. } = &recordings[piece.mouse];
            piece.folder(run, mouse, *neurons)
        };
        match self {
            Self::Train(member) => run.model(*member),
            Self::Mask(mouse) => run.mask(&recordings[*mouse].mouse),
            Self::Decode(mouse) => {
                let Recording { mouse, chosen, .. } = &recordings[*mouse];
                chosen.last().map_or_else(PathBuf::new, |trial| run.decoded(mouse, trial.id))
            }
            Self::Movie(piece, member) => of(piece).join(format!("member_{member}.h5")),
            Self::Reconstruct(piece) if matches!(piece.source, Source::Neurons(_)) => {
                of(piece).join("ensemble.h5")
            }
            Self::Reconstruct(piece) => of(piece).join("loss.png"),
            Self::AblateNeurons => run.evaluation().join("neuron_ablation.png"),
            Self::AblateBehavior => run.evaluation().join("behavior_ablation_effects.csv"),
            Self::Evaluate => run.evaluation().join("summary.csv"),
            Self::Report => Path::new(run.path()).join("report").join("index.html"),
        }
    }
}
