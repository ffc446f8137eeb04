//! An experiment with its recordings open: what the commands that work on them share.

use std::path::PathBuf;

use ndarray::Array2;

use crate::data::fold::Folds;
use crate::data::format::npy_array::{NpyArray, write_numbers};
use crate::data::input::{Geometry, Padding};
use crate::data::{Mouse, TrialId};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, TrialChoice};
use crate::model::{ModelConfig, Runtime};
use crate::reconstruct::{Condition, TrialPlan};
use crate::run_folder::RunFolder;
use crate::train::SplitMouse;
use crate::{atomic, manifest};

/// Mice, splits and places of one experiment.
pub struct Workspace {
    /// The settings.
    pub experiment: Experiment,
    /// The mice, in the order of the readouts.
    pub mice: Vec<SplitMouse>,
    /// Trials to reconstruct of each mouse.
    pub chosen: Vec<Vec<TrialId>>,
    /// Where results go.
    pub folder: RunFolder,
    /// Where the encoder runs.
    pub runtime: Runtime,
}

impl Workspace {
    /// Opens the mice and splits their trials. Activations take about `memory` bytes.
    ///
    /// # Errors
    /// When a mouse can't be opened, the mice don't fit together, or a listed trial is not there.
    pub fn open(experiment: Experiment, memory: usize) -> Result<Self> {
        let runtime = Runtime::new(experiment.device.open()?, memory);
        let (mut mice, mut chosen) = (Vec::new(), Vec::new());
        for path in &experiment.data.mice {
            let mouse = Mouse::open(path)?;
            Geometry::new(mouse.frame_size, experiment.input_size, Padding::Center)?;
            let split = split(&experiment, mouse)?;
            chosen.push(choose(&experiment, &split)?);
            mice.push(split);
        }
        let channels = |split: &SplitMouse| split.mouse.channels();
        if let Some(other) = mice.iter().find(|split| channels(split) != channels(&mice[0])) {
            return Err(Error::usage(format!(
                "mouse {} has {} input channels, mouse {} has {}; put them in experiments of their own",
                other.mouse.id,
                channels(other),
                mice[0].mouse.id,
                channels(&mice[0])
            )));
        }
        let folder = RunFolder::new(&experiment.run);
        Ok(Self { experiment, mice, chosen, folder, runtime })
    }

    /// Sizes of the encoder for these mice.
    ///
    /// # Errors
    /// When the settings and the recordings don't fit together.
    pub fn model(&self) -> Result<ModelConfig> {
        let config = self.experiment.model_for(self.mice[0].mouse.channels(), &self.neurons());
        config.validate().map(|()| config)
    }

    fn neurons(&self) -> Vec<usize> {
        self.mice.iter().map(|split| split.mouse.neurons).collect()
    }

    /// Loads the trained members.
    ///
    /// # Errors
    /// See [`Ensemble::load`].
    pub fn ensemble(&self) -> Result<Ensemble> {
        Ensemble::load(&self.models(), self.mice[0].mouse.channels(), &self.neurons(), &self.runtime)
    }

    fn models(&self) -> Vec<PathBuf> {
        (0..self.experiment.members).map(|index| self.folder.model(index)).collect()
    }

    /// Where the movies of a mouse lie in the encoder's input.
    ///
    /// # Errors
    /// When they don't fit.
    pub fn geometry(&self, index: usize) -> Result<Geometry> {
        Geometry::new(self.mice[index].mouse.frame_size, self.experiment.input_size, Padding::Center)
    }

    /// Writes the mask of a mouse.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written.
    pub fn write_mask(&self, index: usize, mask: &Array2<f32>) -> Result<()> {
        let path = self.folder.mask(&self.mice[index].mouse.id);
        atomic::write_file(&path, |temporary| write_numbers(temporary, mask.shape(), mask.iter().copied()))
    }

    /// Reads the mask of a mouse, `[height, width]` of the encoder's input.
    ///
    /// # Errors
    /// When there is none yet, or it has another size.
    pub fn mask(&self, index: usize) -> Result<Array2<f32>> {
        let path = self.folder.mask(&self.mice[index].mouse.id);
        if !path.exists() {
            return Err(Error::invalid(&path, "there is no mask yet; train it first (v1reel mask)"));
        }
        let array = NpyArray::open(&path)?;
        let [height, width] = array.shape_of::<2>("height, width")?;
        if [height, width] != self.experiment.input_size {
            let [h, w] = self.experiment.input_size;
            let problem =
                format!("the mask is {height} x {width}, the input {h} x {w}; delete it and train it again");
            return Err(Error::invalid(&path, problem));
        }
        Ok(Array2::from_shape_fn((height, width), |(y, x)| array.at(y, x)))
    }

    /// Names everything that a reconstruction depends on: equal text, equal result.
    ///
    /// # Errors
    /// When a model or mask can't be read.
    pub fn settings(&self, index: usize, condition: Condition) -> Result<String> {
        let hash = |path: PathBuf| -> Result<String> {
            let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
            Ok(blake3::hash(&bytes).to_hex().to_string())
        };
        let models = self.models().into_iter().map(hash).collect::<Result<Vec<_>>>()?;
        let split = &self.mice[index];
        let value = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "condition": condition.name(),
            "reconstruction": self.experiment.reconstruction,
            "clip": self.experiment.clip,
            "input_size": self.experiment.input_size,
            "seed": self.experiment.seed,
            "members": models,
            "mask": hash(self.folder.mask(&split.mouse.id))?,
            "recording": split.fingerprint,
        });
        Ok(value.to_string())
    }

    /// Runs `work` with the plan of every chosen trial.
    ///
    /// # Errors
    /// Whatever reading and `work` return.
    pub fn for_each_trial(
        &self,
        condition: Condition,
        mut work: impl FnMut(TrialPlan<'_>) -> Result<()>,
    ) -> Result<()> {
        for (index, split) in self.mice.iter().enumerate() {
            let (mask, settings) = (self.mask(index)?, self.settings(index, condition)?);
            for &id in &self.chosen[index] {
                let trial = split.mouse.read_trial(id)?;
                work(TrialPlan {
                    mouse: &split.mouse.id,
                    readout: index,
                    trial: &trial,
                    transparency: &mask,
                    geometry: self.geometry(index)?,
                    clip: self.experiment.clip,
                    config: &self.experiment.reconstruction,
                    condition,
                    seed: &self.experiment.seed,
                    frame_rate_hz: self.experiment.data.frame_rate_hz,
                    settings: &settings,
                })?;
            }
        }
        Ok(())
    }
}

/// Splits the trials of a mouse: one fold is held out, the others are trained on.
fn split(experiment: &Experiment, mouse: Mouse) -> Result<SplitMouse> {
    let data = &experiment.data;
    let folds = Folds::assign(&mouse, data.folds)?;
    let usable = |id: &TrialId| mouse.trial(*id).is_ok_and(|trial| !trial.withheld);
    let allowed = |id: &TrialId| {
        let tier = mouse.trial(*id).map(|trial| &trial.tier);
        data.train_tiers.as_ref().is_none_or(|tiers| tier.is_ok_and(|tier| tiers.contains(tier)))
    };
    let mut training = folds.trials_outside(data.held_out_fold)?;
    training.retain(|id| usable(id) && allowed(id));
    let mut held_out = folds.trials_in(data.held_out_fold)?;
    held_out.retain(usable);
    if training.is_empty() {
        return Err(Error::usage(format!(
            "mouse {}: no trial is left to train on outside fold {}; check data.folds and data.train_tiers",
            mouse.id, data.held_out_fold
        )));
    }
    let fingerprint = manifest::fingerprint(&mouse.root)?;
    Ok(SplitMouse { mouse, training, held_out, fingerprint })
}

fn choose(experiment: &Experiment, split: &SplitMouse) -> Result<Vec<TrialId>> {
    let chosen = match &experiment.data.trials {
        TrialChoice::HeldOut => split.held_out.clone(),
        TrialChoice::FirstHeldOut(count) => split.held_out.iter().copied().take(*count).collect(),
        TrialChoice::Ids(ids) => {
            ids.iter().map(|&id| split.mouse.trial(id).map(|_| id)).collect::<Result<_>>()?
        }
    };
    Ok(chosen)
}
