//! The members of an ensemble together.

use std::path::PathBuf;

use ndarray::{Array2, ArrayView4};

use crate::data::ClipConfig;
use crate::error::{Error, Result};
use crate::model::checkpoint::Checkpoint;
use crate::model::{Encoder, ModelConfig, Runtime, predictor};

/// Encoders of equal sizes, trained from different seeds.
#[derive(Debug)]
pub struct Ensemble {
    /// Sizes of every member.
    pub config: ModelConfig,
    /// The members.
    pub members: Vec<Encoder>,
}

impl Ensemble {
    /// Loads members.
    ///
    /// # Errors
    /// When a file is missing or no checkpoint, or was made for other neurons or channels than `in_channels`
    /// and `neurons` say; names the file.
    pub fn load(paths: &[PathBuf], in_channels: usize, neurons: &[usize], runtime: &Runtime) -> Result<Self> {
        let mut config: Option<ModelConfig> = None;
        let mut members = Vec::new();
        for path in paths {
            if !path.exists() {
                return Err(Error::invalid(path, "there is no such member; train it first (v1reel train)"));
            }
            let checkpoint = Checkpoint::read(path)?;
            let found = &checkpoint.config;
            if found.readout_outputs != neurons || found.in_channels != in_channels {
                return Err(Error::invalid(
                    path,
                    format!(
                        "is for mice of {:?} neurons and {} input channels; the recordings have {neurons:?} \
                         neurons and {in_channels} channels; name the mice it was trained on, in their order",
                        found.readout_outputs, found.in_channels
                    ),
                ));
            }
            config.get_or_insert_with(|| found.clone());
            members.push(Encoder::load(checkpoint, runtime)?);
        }
        let config = config.ok_or_else(|| Error::usage("an ensemble has at least one member"))?;
        Ok(Self { config, members })
    }

    /// Predicts a trial: the mean over the predictions of some members, by number.
    ///
    /// # Shapes
    /// - `input`: `[channel, time, height, width]`
    /// - output: `[neuron, time]`
    ///
    /// # Errors
    /// When the trial is shorter than a clip, or no member is named.
    pub fn predict(
        &self,
        members: &[usize],
        mouse: usize,
        input: ArrayView4<f32>,
        clip: ClipConfig,
    ) -> Result<Array2<f32>> {
        let mut sum: Option<Array2<f32>> = None;
        for &member in members {
            let predicted = predictor::predict_trial(&self.members[member], mouse, input, clip)?;
            sum = Some(match sum {
                Some(sum) => sum + predicted,
                None => predicted,
            });
        }
        let sum = sum.ok_or_else(|| Error::usage("an ensemble has at least one member"))?;
        Ok(sum / members.len() as f32)
    }
}
