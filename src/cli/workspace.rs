//! An experiment with its recordings open: what the commands that work on them share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::Array2;
use serde_json::Value;

use super::chosen::Chosen;
use super::linear::{LastDecoder, LinearDecoders, LinearGuess};
use super::session::Session;
use super::split::FoldedMice;
use crate::atomic;
use crate::data::format::npy_array::{NpyArray, write_numbers};
use crate::data::input::{Geometry, Padding};
use crate::data::{Mouse, TrialId};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::event::Observer;
use crate::experiment::{Experiment, TrialChoice};
use crate::model::{ModelConfig, Runtime};
use crate::reconstruct::Start;
use crate::run_folder::RunFolder;
use crate::stop::Stop;
use crate::train::SplitMouse;

/// Mice, splits and places of one experiment.
pub struct Workspace {
    /// The settings.
    pub experiment: Experiment,
    /// The mice, in the order of the readouts, without the held-out fold.
    pub mice: Vec<SplitMouse>,
    folded: FoldedMice,
    /// Trials to reconstruct of each mouse.
    pub chosen: Vec<Vec<TrialId>>,
    /// Where results go.
    pub folder: RunFolder,
    /// Where the encoder runs.
    pub runtime: Runtime,
    /// The linear decoder that was trained last.
    pub(super) decoder: LastDecoder,
}

impl Workspace {
    /// Opens the mice and splits their trials. Activations take about as many bytes as the session gives them.
    ///
    /// # Errors
    /// When a mouse can't be opened, the mice don't fit together, or a listed trial is not there.
    pub fn open(experiment: Experiment, session: &Session) -> Result<Self> {
        let runtime = Runtime::new(experiment.device.open()?, session.memory());
        let mut opened = Vec::new();
        for path in &experiment.data.mice {
            let mouse = Mouse::open(path)?.without(&experiment.data.without)?;
            Geometry::new(mouse.frame_size, experiment.input_size, Padding::Center)?;
            opened.push(mouse);
        }
        let folder = RunFolder::new(&experiment.run);
        let folded = FoldedMice::new(opened, &experiment, Some(&folder.movie_groups()), session.observer())?;
        folded.warn_of_leaks(experiment.data.held_out_fold, session.observer());
        let mice = folded.without(experiment.data.held_out_fold, &experiment)?;
        let chosen = mice.iter().map(|split| choose(&experiment, split)).collect::<Result<Vec<_>>>()?;
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
        Ok(Self { experiment, mice, folded, chosen, folder, runtime, decoder: LastDecoder::default() })
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
        self.folded.without(fold, &self.experiment)
    }

    /// Lists the members that were not trained on a trial's movie.
    ///
    /// # Errors
    /// When the movie can't be read.
    pub fn unseen_by(&self, index: usize, trial: TrialId) -> Result<Vec<usize>> {
        self.folded.unseen_by(index, trial, &self.experiment)
    }

    /// Lists the trials of a mouse that show the movie of one of them, itself included.
    ///
    /// # Errors
    /// When a movie can't be read.
    pub fn showings(&self, index: usize, trial: TrialId) -> Result<Vec<TrialId>> {
        self.folded.showings(index, trial)
    }

    /// Lists what a decoder of a trial may be trained on, each trial with its fold.
    ///
    /// # Errors
    /// When nothing is left to train on.
    pub fn training_for(&self, index: usize, trial: TrialId) -> Result<Vec<(usize, TrialId)>> {
        self.folded.training_for(index, trial, &self.experiment)
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

    /// Names everything that a reconstruction through some members depends on, whatever it is made from.
    ///
    /// # Errors
    /// When a model or mask can't be read.
    pub fn facts(&self, index: usize, members: &[usize]) -> Result<Value> {
        let mut facts = self.model_facts(index, members)?;
        let experiment = &self.experiment;
        facts["reconstruction"] = serde_json::json!(experiment.reconstruction);
        if experiment.reconstruction.start == Start::Decoder {
            facts["start"] =
                serde_json::json!([experiment.decode, experiment.data.folds, experiment.data.fold_by]);
        }
        facts["mask"] = hash(self.folder.mask(&self.mice[index].mouse.id))?.into();
        Ok(facts)
    }

    /// Names everything that predictions through some members depend on.
    ///
    /// # Errors
    /// When a model can't be read.
    pub fn model_facts(&self, index: usize, members: &[usize]) -> Result<Value> {
        let models = members.iter().map(|&member| self.folder.model(member));
        let models = models.map(hash).collect::<Result<Vec<_>>>()?;
        let split = &self.mice[index];
        let experiment = &self.experiment;
        Ok(serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "clip": experiment.clip,
            "input_size": experiment.input_size,
            "seed": experiment.seed,
            "members": models,
            "recording": split.fingerprint,
        }))
    }

    /// Runs `work` with one chosen trial; `facts` are [`Workspace::facts`] of its members, which may be kept.
    ///
    /// # Errors
    /// Whatever reading and `work` return.
    pub fn with_chosen<'a>(
        &'a self,
        (index, id): (usize, TrialId),
        (members, facts): (&[usize], &Value),
        decoders: LinearDecoders<'a>,
        stop: &Stop,
        work: impl FnOnce(Chosen<'_>) -> Result<()>,
    ) -> Result<()> {
        let mask = self.mask(index)?;
        let trial = self.mice[index].mouse.read_trial(id)?;
        let guess = &LinearGuess { decoders, index, trial: Some(id) };
        work(Chosen { workspace: self, index, members, trial: &trial, mask: &mask, facts, guess, stop })
    }

    /// Runs `work` with every chosen trial.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when `stop` is asked to; whatever reading and `work` return.
    pub fn for_each_chosen(
        &self,
        observer: &dyn Observer,
        stop: &Stop,
        mut work: impl FnMut(Chosen<'_>) -> Result<()>,
    ) -> Result<()> {
        let decoders = LinearDecoders::new(self, observer, stop);
        for (index, split) in self.mice.iter().enumerate() {
            let mask = self.mask(index)?;
            let members = |&id: &TrialId| Ok((id, self.members_for(index, id)?));
            let trials = self.chosen[index].iter().map(members).collect::<Result<Vec<_>>>()?;
            // A model is hashed once, not for every trial.
            let mut facts = BTreeMap::new();
            for (id, members) in trials {
                stop.check()?;
                if !facts.contains_key(&members) {
                    facts.insert(members.clone(), self.facts(index, &members)?);
                }
                let (members, facts) = facts.get_key_value(&members).expect("was just put there");
                let trial = split.mouse.read_trial(id)?;
                let guess = &LinearGuess { decoders, index, trial: Some(id) };
                work(Chosen {
                    workspace: self,
                    index,
                    members,
                    trial: &trial,
                    mask: &mask,
                    facts,
                    guess,
                    stop,
                })?;
            }
        }
        Ok(())
    }
}

fn hash(path: PathBuf) -> Result<String> {
    let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
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
