//! What a member starts from: weights drawn anew, or a model that was trained before, so that a lab's own mouse
//! gets a new readout on a core that many mice have trained.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Axis};

use super::config::TrainConfig;
use super::member::SplitMouse;
use crate::error::{Error, Result};
use crate::model::checkpoint::Checkpoint;
use crate::model::{ModelConfig, ReadoutKind, init};

/// Names of tensors that belong to one mouse begin with this; all others are the core's and the cortex's.
pub const READOUTS: &str = "readouts.";
/// Sizes that concern readouts alone, or training alone: a core fits whatever they are.
const FREE_SIZES: [&str; 3] = ["softplus_beta", "drop_rate", "drop_path_rate"];

/// So many trials say what a neuron's mean response is.
const MEAN_TRIALS: usize = 100;
/// Least mean response that a neuron starts with, so that a silent one can still learn.
const LEAST_MEAN: f64 = 0.01;

/// Draws the weights of a member, and replaces those of core and cortex by those of `train.start_from`.
/// Neurons of a Gaussian readout start with their mean response, as in the field (`mean_activity` of
/// `FullGaussian2d`): to get there by small steps would take most of a short training.
///
/// # Errors
/// When that model can't be read or has a core of other sizes, or a recording can't be read.
pub fn initialize(
    model: &ModelConfig,
    train: &TrainConfig,
    mice: &[SplitMouse],
    seed: &str,
    member: usize,
) -> Result<Checkpoint> {
    let mut start = init::initialize(model, seed, &format!("member {member}"))?;
    if model.readout == ReadoutKind::Gaussian {
        for (index, split) in mice.iter().enumerate() {
            if let Some(bias) = start.tensors.get_mut(&format!("{READOUTS}{index}.bias")) {
                bias.values = mean_response_bias(split, model.softplus_beta)?;
            }
        }
    }
    let Some(path) = &train.start_from else { return Ok(start) };
    let path = trained_model(path, member)?;
    let mut source = Checkpoint::read(&path)?;
    if let Some(problem) = misfit(model, &source.config)? {
        return Err(Error::invalid(&path, format!("its core can't be started from: {problem}")));
    }
    for (name, tensor) in start.tensors.iter_mut().filter(|(name, _)| !name.starts_with(READOUTS)) {
        *tensor = source.take(name)?;
    }
    start.check()?;
    Ok(start)
}

/// What each neuron's softplus has to get for its mean response in the training trials.
fn mean_response_bias(split: &SplitMouse, softplus_beta: f64) -> Result<Vec<f32>> {
    let stride = split.training.len().div_ceil(MEAN_TRIALS).max(1);
    let mut sum = Array1::<f64>::zeros(split.mouse.neurons);
    let mut frames = 0;
    for &id in split.training.iter().step_by(stride) {
        let responses = split.mouse.read_trial(id)?.responses;
        sum += &responses.mapv(f64::from).sum_axis(Axis(1));
        frames += responses.len_of(Axis(1));
    }
    let inverse = |sum: &f64| {
        let mean = (sum / frames.max(1) as f64).max(LEAST_MEAN);
        // ln(exp(x) - 1), also where exp(x) is infinite.
        let scaled = softplus_beta * mean;
        ((scaled + (-(-scaled).exp()).ln_1p()) / softplus_beta) as f32
    };
    Ok(sum.iter().map(inverse).collect())
}

/// Replaces paths of models by hashes of what they hold: what a trained member depends on, wherever the
/// files lie.
///
/// # Errors
/// When a model can't be read.
pub fn by_content(train: &TrainConfig, member: usize) -> Result<TrainConfig> {
    let hash = |path: &PathBuf| -> Result<PathBuf> {
        let path = trained_model(path, member)?;
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        Ok(blake3::hash(&bytes).to_hex().as_str().into())
    };
    Ok(TrainConfig {
        start_from: train.start_from.as_ref().map(hash).transpose()?,
        distill_from: train.distill_from.as_ref().map(hash).transpose()?,
        ..train.clone()
    })
}

/// Finds the model for a member: `path` itself when it is a file, else the same member's in the folder of a
/// run or of its members.
///
/// # Errors
/// [`Error::Invalid`] when there is none.
pub fn trained_model(path: &Path, member: usize) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let inside = Path::new(&member.to_string()).join("model.safetensors");
    let places = [path.join(&inside), path.join("members").join(&inside)];
    places.into_iter().find(|place| place.exists()).ok_or_else(|| {
        let problem = format!(
            "has no trained member {member} ({}); name a model's file to take the same one for all members",
            inside.display()
        );
        Error::invalid(path, problem)
    })
}

/// Says in what the core of `found` differs from that of `model`.
fn misfit(model: &ModelConfig, found: &ModelConfig) -> Result<Option<String>> {
    let sizes = |config| serde_json::to_value(config).map_err(|e| Error::Failed(e.to_string()));
    let (model, found) = (sizes(model)?, sizes(found)?);
    let core = |key: &str| !key.starts_with("readout") && !FREE_SIZES.contains(&key);
    let mut fields = model.as_object().into_iter().flatten().filter(|(key, _)| core(key));
    Ok(fields.find(|(key, value)| found.get(key.as_str()) != Some(*value)).map(|(key, value)| {
        let found = found.get(key.as_str()).unwrap_or(&serde_json::Value::Null);
        match key.as_str() {
            "in_channels" => format!("it takes {found} input channels, the recordings have {value}"),
            _ => format!("its {key} is {found}, here model.{key} is {value}"),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> ModelConfig {
        ModelConfig {
            in_channels: 3,
            readout_outputs: vec![5],
            core_features: vec![4],
            spatial_strides: vec![1],
            expansion_ratio: 2,
            se_reduce_ratio: 4,
            cortex_features: vec![8],
            ..ModelConfig::default()
        }
    }

    fn from(path: &Path) -> TrainConfig {
        TrainConfig { start_from: Some(path.to_path_buf()), ..TrainConfig::default() }
    }

    #[test]
    fn core_and_cortex_come_from_the_model_and_readouts_are_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("published.safetensors");
        let published =
            init::initialize(&ModelConfig { readout_outputs: vec![7, 2], ..small() }, "a", "x").unwrap();
        published.write(&path).unwrap();
        let model = ModelConfig { drop_rate: 0.1, ..small() };
        let start = initialize(&model, &from(&path), &[], "b", 0).unwrap();
        let new = initialize(&model, &TrainConfig::default(), &[], "b", 0).unwrap();
        assert_eq!(start.tensors.len(), new.tensors.len());
        for (name, tensor) in &start.tensors {
            let expected = if name.starts_with(READOUTS) { &new } else { &published };
            assert_eq!(tensor, &expected.tensors[name], "{name}");
        }
        assert_ne!(new.tensors["core.stem.conv.weight"], published.tensors["core.stem.conv.weight"]);
    }

    #[test]
    fn a_core_of_other_sizes_is_refused_by_the_size_that_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        init::initialize(&small(), "a", "x").unwrap().write(&path).unwrap();
        let refuse =
            |model: ModelConfig| initialize(&model, &from(&path), &[], "b", 0).unwrap_err().to_string();
        let strided = refuse(ModelConfig { spatial_strides: vec![2], ..small() });
        assert!(strided.contains("spatial_strides is [1]") && strided.contains("is [2]"), "{strided}");
        let channels = refuse(ModelConfig { in_channels: 5, ..small() });
        assert!(channels.contains("3 input channels, the recordings have 5"), "{channels}");
    }

    #[test]
    fn each_member_starts_from_its_own_and_what_counts_is_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let model = |run: &str, member: usize, seed: &str| {
            let path = folder.path().join(run).join(format!("members/{member}/model.safetensors"));
            init::initialize(&small(), seed, "x").unwrap().write(&path).unwrap();
        };
        model("one", 0, "a");
        model("one", 1, "b");
        model("two", 0, "a");
        let (one, two) = (from(&folder.path().join("one")), from(&folder.path().join("two/members")));
        assert_eq!(by_content(&one, 0).unwrap(), by_content(&two, 0).unwrap());
        assert_ne!(by_content(&one, 0).unwrap(), by_content(&one, 1).unwrap());
        let missing = by_content(&two, 1).unwrap_err().to_string();
        assert!(missing.contains("no trained member 1"), "{missing}");
        let plain = TrainConfig::default();
        assert_eq!(by_content(&plain, 0).unwrap(), plain);
    }
}
