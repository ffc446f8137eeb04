//! The experiment file as written: what each section may say. Nothing here is checked for sense yet;
//! that is `validate`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::cluster::ClusterConfig;
use crate::ablate::AblationConfig;
use crate::data::{Channel, ClipConfig, FoldBy, FoldPolicy};
use crate::decode::DecodeConfig;
use crate::model::ModelConfig;
use crate::probe::ProbeConfig;
use crate::reconstruct::{MaskConfig, ReconstructionConfig};
use crate::train::TrainConfig;

/// Keys of `[model]` that are not the experimenter's to choose: they follow from the recordings.
pub(super) const MODEL_KEYS_FROM_DATA: [&str; 2] = ["in_channels", "readout_outputs"];

/// An experiment file, all sections optional, presets already laid under it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawExperiment {
    /// Name of the run; the file's own name without its ending when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where every random stream starts; the name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// Where the encoder runs: `cpu`, `tch:0`, `vulkan`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Folder of the results; `runs/<name>` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<PathBuf>,
    /// Which recordings, and how they are split.
    pub data: RawData,
    /// What the encoder sees at once.
    pub clip: ClipConfig,
    /// Size of the encoder's input.
    pub input: InputConfig,
    /// Sizes of the encoder.
    #[serde(serialize_with = "without_keys_from_data")]
    pub model: ModelConfig,
    /// How one member is trained.
    pub train: TrainConfig,
    /// How many members there are.
    pub ensemble: EnsembleConfig,
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

/// The section `[data]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawData {
    /// The mice: folders, or single HDF5 files. Mandatory.
    pub mice: Vec<PathBuf>,
    /// Number of folds that the movies are split into.
    #[schemars(extend("unit" = "folds"))]
    pub folds: usize,
    /// What a fold keeps together.
    pub fold_by: FoldBy,
    /// The fold that no member is trained on.
    #[schemars(extend("unit" = "fold, from 0"))]
    pub held_out_fold: usize,
    /// Frame rate of all recorded arrays.
    #[schemars(extend("unit" = "Hz"))]
    pub frame_rate_hz: f64,
    /// Trials to reconstruct, by number, whatever fold they are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("unit" = "numbers of trials"))]
    pub trials: Option<Vec<u32>>,
    /// Or: how many trials of the held-out fold to reconstruct, by ascending number; all when neither is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("unit" = "trials"))]
    pub trial_count: Option<usize>,
    /// Tiers that may be trained on; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_tiers: Option<Vec<String>>,
    /// Behavioral channels that are read as 0 in every frame, as if they had never been recorded.
    pub without: Vec<Channel>,
}

impl Default for RawData {
    fn default() -> Self {
        Self {
            mice: Vec::new(),
            folds: 7,
            fold_by: FoldBy::Groups,
            held_out_fold: 0,
            frame_rate_hz: 30.0,
            trials: None,
            trial_count: None,
            train_tiers: None,
            without: Vec::new(),
        }
    }
}

/// The section `[input]`: what movies are padded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InputConfig {
    /// Rows of the encoder's input.
    #[schemars(extend("unit" = "pixels"))]
    pub height: usize,
    /// Columns of the encoder's input.
    #[schemars(extend("unit" = "pixels"))]
    pub width: usize,
}

impl Default for InputConfig {
    fn default() -> Self {
        Self { height: 64, width: 64 }
    }
}

/// The section `[ensemble]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnsembleConfig {
    /// Models trained from different seeds.
    #[schemars(extend("unit" = "models"))]
    pub members: usize,
    /// The fold that each of them leaves out.
    pub folds: FoldPolicy,
}

impl Default for EnsembleConfig {
    fn default() -> Self {
        Self { members: 7, folds: FoldPolicy::Paper }
    }
}

impl RawExperiment {
    /// Fills in every key, so that the file's schema can be read off an example instead of being
    /// written down a second time. No `..` here: a new key must not be forgotten.
    pub(super) fn example() -> Self {
        let text = || "text".to_string();
        Self {
            name: Some(text()),
            seed: Some(text()),
            device: Some(text()),
            run: Some(text().into()),
            data: RawData {
                mice: vec![text().into()],
                folds: 7,
                fold_by: FoldBy::Groups,
                held_out_fold: 0,
                frame_rate_hz: 30.0,
                trials: Some(vec![0]),
                trial_count: Some(1),
                train_tiers: Some(vec![text()]),
                without: vec![Channel::Running],
            },
            clip: ClipConfig::default(),
            input: InputConfig::default(),
            model: ModelConfig::default(),
            train: TrainConfig {
                start_from: Some(text().into()),
                freeze_core: true,
                distill_from: Some(text().into()),
                ..TrainConfig::default()
            },
            ensemble: EnsembleConfig::default(),
            mask: MaskConfig::default(),
            reconstruction: ReconstructionConfig { snapshots: vec![1], ..ReconstructionConfig::default() },
            decode: DecodeConfig::default(),
            ablation: AblationConfig::default(),
            probe: ProbeConfig {
                screen_width_deg: Some(120.0),
                square_px: Some(2),
                ..ProbeConfig::default()
            },
            cluster: ClusterConfig::example(),
        }
    }
}

/// Writes `[model]` without the keys that a file must not have.
fn without_keys_from_data<S: Serializer>(model: &ModelConfig, serializer: S) -> Result<S::Ok, S::Error> {
    let mut table = toml::Table::try_from(model).map_err(serde::ser::Error::custom)?;
    for key in MODEL_KEYS_FROM_DATA {
        table.remove(key);
    }
    table.serialize(serializer)
}
