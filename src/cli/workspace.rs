//! An experiment with its recordings open: what the commands that work on them share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::Array2;

use super::split::FoldedMouse;
use crate::atomic;
use crate::data::format::npy_array::{NpyArray, write_numbers};
use crate::data::input::{Geometry, Padding};
use crate::data::{Mouse, TrialId};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, TrialChoice};
use crate::model::{ModelConfig, Runtime};
use crate::reconstruct::{Condition, TrialPlan};
use crate::run_folder::RunFolder;
use crate::stop::Stop;
use crate::train::SplitMouse;

/// Mice, splits and places of one experiment.
pub struct Workspace {
    /// The settings.
    pub experiment: Experiment,
    /// The mice, in the order of the readouts, without the held-out fold.
    pub mice: Vec<SplitMouse>,
    folded: Vec<FoldedMouse>,
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
        let (mut mice, mut chosen, mut folded) = (Vec::new(), Vec::new(), Vec::new());
        for path in &experiment.data.mice {
            let mouse = Mouse::open(path)?;
            Geometry::new(mouse.frame_size, experiment.input_size, Padding::Center)?;
            let folds = FoldedMouse::new(mouse, experiment.data.folds)?;
            let split = folds.without(experiment.data.held_out_fold, &experiment)?;
            chosen.push(choose(&experiment, &split)?);
            mice.push(split);
            folded.push(folds);
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
        Ok(Self { experiment, mice, folded, chosen, folder, runtime })
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

    /// The mice as one member is trained on them.
    ///
    /// # Errors
    /// When a mouse has no trial outside the fold that the member leaves out.
    pub fn mice_of(&self, member: usize) -> Result<Vec<SplitMouse>> {
        let fold = self.experiment.fold_left_out_by(member);
        self.folded.iter().map(|mouse| mouse.without(fold, &self.experiment)).collect()
    }

    /// Lists the members that were not trained on a trial's movie.
    ///
    /// # Errors
    /// When the movie can't be read.
    pub fn unseen_by(&self, index: usize, trial: TrialId) -> Result<Vec<usize>> {
        self.folded[index].unseen_by(trial, &self.experiment)
    }

    /// Lists the members that may reconstruct a trial: those that were not trained on its movie.
    ///
    /// # Errors
    /// [`Error::Usage`] when all were: what they made of it would be no reconstruction but a memory.
    pub fn members_for(&self, index: usize, trial: TrialId) -> Result<Vec<usize>> {
        let members = self.unseen_by(index, trial)?;
        if members.is_empty() {
            return Err(Error::usage(format!(
                "mouse {}, trial {trial}: every member was trained on its movie; choose trials of fold {} \
                 (data.held_out_fold), or let every member leave out another fold (ensemble.folds = \"cross\") \
                 in another run folder",
                self.mice[index].mouse.id, self.experiment.data.held_out_fold
            )));
        }
        Ok(members)
    }

    /// Lists the members that leave out the held-out fold.
    pub fn members_without_held_out_fold(&self) -> Vec<usize> {
        let held_out = self.experiment.data.held_out_fold;
        (0..self.experiment.members).filter(|&m| self.experiment.fold_left_out_by(m) == held_out).collect()
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
        array.require_number()?;
        let [height, width] = array.shape_of::<2>("height, width")?;
        if [height, width] != self.experiment.input_size {
            let [h, w] = self.experiment.input_size;
            let problem =
                format!("the mask is {height} x {width}, the input {h} x {w}; delete it and train it again");
            return Err(Error::invalid(&path, problem));
        }
        Ok(Array2::from_shape_fn((height, width), |(y, x)| array.at(y, x)))
    }

    /// Names everything that a reconstruction through some members depends on: equal text, equal result.
    ///
    /// # Errors
    /// When a model or mask can't be read.
    pub fn settings(&self, index: usize, condition: Condition, members: &[usize]) -> Result<String> {
        let hash = |path: PathBuf| -> Result<String> {
            let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
            Ok(blake3::hash(&bytes).to_hex().to_string())
        };
        let models = members.iter().map(|&member| self.folder.model(member));
        let models = models.map(hash).collect::<Result<Vec<_>>>()?;
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
    /// [`Error::Interrupted`] when `stop` is asked to; whatever reading and `work` return.
    pub fn for_each_trial(
        &self,
        condition: Condition,
        stop: &Stop,
        mut work: impl FnMut(TrialPlan<'_>) -> Result<()>,
    ) -> Result<()> {
        for (index, split) in self.mice.iter().enumerate() {
            let mask = self.mask(index)?;
            let members = |&id: &TrialId| Ok((id, self.members_for(index, id)?));
            let trials = self.chosen[index].iter().map(members).collect::<Result<Vec<_>>>()?;
            // A model is hashed once, not for every trial.
            let mut settings = BTreeMap::new();
            for (id, members) in trials {
                stop.check()?;
                if !settings.contains_key(&members) {
                    settings.insert(members.clone(), self.settings(index, condition, &members)?);
                }
                let trial = split.mouse.read_trial(id)?;
                work(TrialPlan {
                    mouse: &split.mouse.id,
                    readout: index,
                    members: &members,
                    trial: &trial,
                    transparency: &mask,
                    geometry: self.geometry(index)?,
                    clip: self.experiment.clip,
                    config: &self.experiment.reconstruction,
                    condition,
                    seed: &self.experiment.seed,
                    frame_rate_hz: self.experiment.data.frame_rate_hz,
                    settings: &settings[&members],
                    stop,
                })?;
            }
        }
        Ok(())
    }
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
