//! Where a run keeps what: the one place that knows the names of its files.

use std::path::{Path, PathBuf};

use crate::data::{MouseId, TrialId};

/// The folder of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Names the folder; makes nothing.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Folder of one member of the ensemble.
    pub fn member(&self, index: usize) -> PathBuf {
        self.0.join("members").join(index.to_string())
    }

    /// Lists the logs of events that are there: that of the commands, then those of machines that shared the work, by
    /// name.
    pub fn event_logs(&self) -> Vec<PathBuf> {
        let shared = std::fs::read_dir(self.0.join("cluster").join("events")).into_iter().flatten();
        let mut shared: Vec<PathBuf> = shared.filter_map(|entry| Some(entry.ok()?.path())).collect();
        shared.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
        shared.sort();
        [self.0.join("log.jsonl")].into_iter().filter(|path| path.exists()).chain(shared).collect()
    }

    /// Weights of one member.
    pub fn model(&self, index: usize) -> PathBuf {
        self.member(index).join("model.safetensors")
    }

    /// Which trials show movies that are alike: JSON, there when it took long to find out.
    pub fn movie_groups(&self) -> PathBuf {
        self.0.join("movie_groups.json")
    }

    /// Transparency mask of a mouse: npy, `[height, width]` of the encoder's input.
    pub fn mask(&self, mouse: &MouseId) -> PathBuf {
        self.0.join("masks").join(format!("{mouse}.npy"))
    }

    /// Folder of one trial's reconstruction under a condition.
    pub fn reconstruction(&self, condition: &str, mouse: &MouseId, trial: TrialId) -> PathBuf {
        let top =
            if condition == RECORDED { "reconstructions".into() } else { format!("controls/{condition}") };
        self.0.join(top).join(&mouse.0).join(trial.to_string())
    }

    /// Result of the whole ensemble: HDF5.
    pub fn ensemble(&self, condition: &str, mouse: &MouseId, trial: TrialId) -> PathBuf {
        self.reconstruction(condition, mouse, trial).join("ensemble.h5")
    }

    /// What is predicted for the true movie of a trial, beside its reconstruction under a condition: HDF5.
    pub fn true_movie(&self, condition: &str, mouse: &MouseId, trial: TrialId) -> PathBuf {
        self.reconstruction(condition, mouse, trial).join("true_movie.h5")
    }

    /// What the linear decoder made of a trial: HDF5.
    pub fn decoded(&self, mouse: &MouseId, trial: TrialId) -> PathBuf {
        self.reconstruction("linear_decoder", mouse, trial).join("decoded.h5")
    }

    /// Folder of one trial's reconstruction with `kind` (neurons, behavior) ablated in one way.
    pub fn ablated(&self, kind: &str, way: &str, mouse: &MouseId, trial: TrialId) -> PathBuf {
        self.0.join("ablation").join(kind).join(way).join(&mouse.0).join(trial.to_string())
    }

    /// Predicted responses of a trial: npy, `[neuron, frame]`.
    pub fn prediction(&self, mouse: &MouseId, trial: TrialId) -> PathBuf {
        self.0.join("predictions").join(&mouse.0).join(format!("{trial}.npy"))
    }

    /// Folder of what was probed of a mouse.
    pub fn probe(&self, mouse: &MouseId) -> PathBuf {
        self.0.join("probe").join(&mouse.0)
    }

    /// Folder of the scores.
    pub fn evaluation(&self) -> PathBuf {
        self.0.join("evaluation")
    }
}

/// Name of the condition in which the recorded responses are reconstructed from.
pub const RECORDED: &str = "recorded";
