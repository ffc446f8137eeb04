//! One experiment, resolved: which mice, which encoder, how it is trained and what is reconstructed.
//!
//! An experiment file is TOML. Under it lies a preset (`preset = "paper"`; `v1reel` when it names none), over it the
//! command line (`--set train.batch_size=8`); each is checked by itself, the sum is checked for sense, and
//! the result is written beside what it made, so that a run can be repeated from its own folder.
//!
//! Paths in a file are relative to that file, paths on the command line to the current folder.

mod cluster;
mod layer;
pub mod origin;
mod raw;
pub mod reference;
mod schema;
mod validate;

use std::path::{Path, PathBuf};

pub use cluster::{AblationPart, ClusterConfig};
pub use layer::{Layer, PRESETS};
pub use raw::{EnsembleConfig, InputConfig, RawData, RawExperiment};

use crate::ablate::AblationConfig;
use crate::data::{Channel, ClipConfig, FoldBy, FoldPolicy, Tier, TrialId};
use crate::decode::DecodeConfig;
use crate::device::DeviceChoice;
use crate::error::{Error, Result, one_line};
use crate::model::ModelConfig;
use crate::probe::ProbeConfig;
use crate::reconstruct::{MaskConfig, ReconstructionConfig};
use crate::train::TrainConfig;

/// Which trials are reconstructed, of every mouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialChoice {
    /// All trials of the held-out fold.
    HeldOut,
    /// The first so many trials of the held-out fold, by ascending number.
    FirstHeldOut(usize),
    /// These, whatever fold they are in.
    Ids(Vec<TrialId>),
}

/// Which recordings, and how they are split.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSettings {
    /// Absolute paths of the mice's folders, at least one.
    pub mice: Vec<PathBuf>,
    /// Number of folds, at least 2.
    pub folds: usize,
    /// What a fold keeps together.
    pub fold_by: FoldBy,
    /// The fold that is held out to reconstruct, below `folds`; see [`FoldPolicy`].
    pub held_out_fold: usize,
    /// Frame rate of all recorded arrays.
    pub frame_rate_hz: f64,
    /// What is reconstructed.
    pub trials: TrialChoice,
    /// Tiers that may be trained on; all when `None`.
    pub train_tiers: Option<Vec<Tier>>,
    /// Behavioral channels that are read as 0 in every frame.
    pub without: Vec<Channel>,
}

/// An experiment whose settings make sense together. Whether the recordings agree is seen when they are
/// opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Name of the run.
    pub name: String,
    /// Where every random stream starts.
    pub seed: String,
    /// Where the encoder runs.
    pub device: DeviceChoice,
    /// Absolute path of the folder of the results.
    pub run: PathBuf,
    /// Which recordings, and how they are split.
    pub data: DataSettings,
    /// What the encoder sees at once.
    pub clip: ClipConfig,
    /// `[height, width]` of the encoder's input.
    pub input_size: [usize; 2],
    /// Sizes of the encoder, without those that the recordings fix: see [`Experiment::model_for`].
    model: ModelConfig,
    /// How one member is trained.
    pub train: TrainConfig,
    /// Models trained from different seeds, at least 1.
    pub members: usize,
    /// Which fold each of them leaves out.
    pub fold_policy: FoldPolicy,
    /// How the transparency mask is trained.
    pub mask: MaskConfig,
    /// How the movie is reconstructed.
    pub reconstruction: ReconstructionConfig,
    /// How movies are decoded linearly, to compare with.
    pub decode: DecodeConfig,
    /// Which neurons and behavioral channels are ablated.
    pub ablation: AblationConfig,
    /// What the ensemble is asked in silico.
    pub probe: ProbeConfig,
    /// What a run on many machines makes, and with what.
    pub cluster: ClusterConfig,
}

impl Experiment {
    /// Reads the experiment file at `path`, with the command line's `section.key=value` laid over it.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read; [`Error::Usage`] when a key is unknown, a value of the
    /// wrong type or out of range, naming the file and line or the flag.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        Self::resolve(layers(path, overrides)?, stem(path))
    }

    /// Lays `layers` over each other, the later over the earlier, and checks the sum. `name` is the name of
    /// the run when no layer gives one.
    ///
    /// # Errors
    /// [`Error::Usage`] when a value is out of range or two contradict, naming where it was set.
    pub fn resolve(layers: Vec<Layer>, name: &str) -> Result<Self> {
        let stack = layer::Stack::new(layers)?;
        let raw: RawExperiment = stack
            .merged()
            .try_into()
            // Each layer passed this check by itself, so that a sum of them can't fail it.
            .map_err(|e: toml::de::Error| Error::usage(e.message().replace('\n', " ")))?;
        validate::validate(raw, name).map_err(|problem| {
            let origin = stack.origin(problem.key).map(|origin| format!("{origin}: "));
            Error::usage(format!(
                "{}{} {}",
                origin.unwrap_or_default(),
                problem.key,
                one_line(&problem.message)
            ))
        })
    }

    /// Completes the encoder's sizes by those that the recordings fix.
    pub fn model_for(&self, in_channels: usize, neurons: &[usize]) -> ModelConfig {
        ModelConfig { in_channels, readout_outputs: neurons.to_vec(), ..self.model.clone() }
    }

    /// The fold that a member is not trained on.
    pub fn fold_left_out_by(&self, member: usize) -> usize {
        self.fold_policy.left_out(member, self.data.held_out_fold, self.data.folds)
    }

    /// Writes every setting as an experiment file that reads back as this experiment.
    pub fn to_toml(&self) -> String {
        toml::to_string(&RawExperiment::from(self))
            .expect("paths were checked to be UTF-8 when they were read")
    }
}

/// Reads an experiment file and the command line's assignments, the later over the earlier.
fn layers(path: &Path, overrides: &[String]) -> Result<Vec<Layer>> {
    let flags = overrides.iter().map(|assignment| Layer::flag("--set", assignment));
    std::iter::once(Layer::file(path)).chain(flags).collect()
}

/// The name of an experiment that gives itself none.
fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("experiment")
}

impl From<&Experiment> for RawExperiment {
    fn from(experiment: &Experiment) -> Self {
        let data = &experiment.data;
        let [height, width] = experiment.input_size;
        let (trials, trial_count) = match &data.trials {
            TrialChoice::HeldOut => (None, None),
            TrialChoice::FirstHeldOut(count) => (None, Some(*count)),
            TrialChoice::Ids(ids) => (Some(ids.iter().map(|id| id.0).collect()), None),
        };
        Self {
            name: Some(experiment.name.clone()),
            seed: Some(experiment.seed.clone()),
            device: Some(experiment.device.to_string()),
            run: Some(experiment.run.clone()),
            data: RawData {
                mice: data.mice.clone(),
                folds: data.folds,
                fold_by: data.fold_by,
                held_out_fold: data.held_out_fold,
                frame_rate_hz: data.frame_rate_hz,
                trials,
                trial_count,
                train_tiers: data
                    .train_tiers
                    .as_ref()
                    .map(|tiers| tiers.iter().map(|tier| tier.0.clone()).collect()),
                without: data.without.clone(),
            },
            clip: experiment.clip,
            input: InputConfig { height, width },
            model: experiment.model.clone(),
            train: experiment.train.clone(),
            ensemble: EnsembleConfig { members: experiment.members, folds: experiment.fold_policy },
            mask: experiment.mask.clone(),
            reconstruction: experiment.reconstruction.clone(),
            decode: experiment.decode.clone(),
            ablation: experiment.ablation.clone(),
            probe: experiment.probe.clone(),
            cluster: experiment.cluster.clone(),
        }
    }
}
