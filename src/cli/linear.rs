//! The linear decoder of an experiment's trials: trained when it is asked for what is not there yet.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use ndarray::{Array3, ArrayView2};

use super::workspace::Workspace;
use crate::data::TrialId;
use crate::decode::movie::MovieDecoder;
use crate::decode::{DecodeConfig, Decoded};
use crate::error::Result;
use crate::event::{Event, Observer};
use crate::reconstruct::{Guess, Population};
use crate::stop::Stop;

/// The decoder that was trained last, and what on: the trials of one fold share it, under all conditions.
#[derive(Default)]
pub struct LastDecoder(Mutex<Option<(Training, MovieDecoder)>>);

/// The mouse, and its trials by fold.
type Training = (usize, Vec<(usize, TrialId)>);

/// Decodes the trials of one experiment.
#[derive(Clone, Copy)]
pub struct LinearDecoders<'a> {
    workspace: &'a Workspace,
    observer: &'a dyn Observer,
    stop: &'a Stop,
}

impl<'a> LinearDecoders<'a> {
    /// Trains nothing yet.
    pub fn new(workspace: &'a Workspace, observer: &'a dyn Observer, stop: &'a Stop) -> Self {
        Self { workspace, observer, stop }
    }

    /// Decodes a trial, or takes what was decoded before from the same trials with the same settings.
    ///
    /// # Errors
    /// [`crate::error::Error::Interrupted`] when it is asked to stop; when a trial can't be read or a file written.
    pub fn decode(&self, index: usize, trial: TrialId) -> Result<Decoded> {
        let recorded = self.workspace.mice[index].mouse.read_trial(trial)?;
        self.decode_recorded(index, trial, recorded.responses.view())
    }

    /// Does so with the responses that were recorded in that trial.
    fn decode_recorded(&self, index: usize, trial: TrialId, responses: ArrayView2<f32>) -> Result<Decoded> {
        let workspace = self.workspace;
        let split = &workspace.mice[index];
        let path = workspace.folder.decoded(&split.mouse.id, trial);
        let training = workspace.training_for(index, trial)?;
        let settings = settings(&workspace.experiment.decode, &split.fingerprint, &training);
        if let Some(found) = self.decoded(index, trial, &settings)? {
            return Ok(found);
        }
        let decoded =
            self.with((index, training), |decoder| Ok(Decoded::new(decoder, responses, &settings)))?;
        decoded.write(&path)?;
        Ok(decoded)
    }

    /// What was decoded of a trial before, with these settings.
    fn decoded(&self, index: usize, trial: TrialId, settings: &str) -> Result<Option<Decoded>> {
        let mouse = &self.workspace.mice[index].mouse;
        let path = self.workspace.folder.decoded(&mouse.id, trial);
        if !path.exists() {
            return Ok(None);
        }
        let found = Decoded::read(&path)?;
        let [height, width] = mouse.frame_size;
        let shape = (mouse.trial(trial)?.frames, height, width);
        Ok((found.settings == settings && found.movie.dim() == shape).then_some(found))
    }

    /// Runs `work` with the decoder for a trial, trained without its movie and those like it; or for a movie that is
    /// none of the recording's, trained on all that the members were trained on.
    fn with_decoder_of<T>(
        &self,
        index: usize,
        trial: Option<TrialId>,
        work: impl FnOnce(&MovieDecoder) -> Result<T>,
    ) -> Result<T> {
        let training = match trial {
            Some(trial) => self.workspace.training_for(index, trial)?,
            None => self.workspace.mice[index].training.iter().copied().enumerate().collect(),
        };
        self.with((index, training), work)
    }

    fn with<T>(&self, training: Training, work: impl FnOnce(&MovieDecoder) -> Result<T>) -> Result<T> {
        // Who panicked in there left a whole decoder or none.
        let mut last = self.workspace.decoder.0.lock().unwrap_or_else(PoisonError::into_inner);
        let trained = match last.take() {
            Some(trained) if trained.0 == training => trained,
            _ => {
                let decoder = self.train(&training)?;
                (training, decoder)
            }
        };
        work(&last.insert(trained).1)
    }

    fn train(&self, (index, trials): &Training) -> Result<MovieDecoder> {
        let mouse = &self.workspace.mice[*index].mouse;
        let config = &self.workspace.experiment.decode;
        self.say_windows(config, mouse.neurons);
        let task = format!("linear decoder {}", mouse.id);
        let steps = trials.len() as u64;
        self.observer.emit(Event::Started { task: task.clone(), steps, unit: "trials" });
        let read = |(number, &(fold, id)): (usize, &(usize, TrialId))| {
            self.stop.check()?;
            let trial = mouse.read_trial(id)?;
            self.observer.emit(Event::Progress { task: task.clone(), step: number as u64 + 1, loss: None });
            Ok((fold, trial))
        };
        let decoder = MovieDecoder::train(trials.iter().enumerate().map(read), config)?;
        self.observer.emit(Event::Finished { task });
        let (least, most) = config
            .strengths
            .iter()
            .fold((f64::INFINITY, 0.0f64), |(least, most), &s| (least.min(s), most.max(s)));
        if config.strengths.len() > 1 && (decoder.strength == least || decoder.strength == most) {
            let message = format!(
                "linear decoder of mouse {}: the penalty of strength {} is at the end of decode.strengths; others \
                 beyond it may be better",
                mouse.id, decoder.strength
            );
            self.observer.emit(Event::Note { message });
        }
        Ok(decoder)
    }

    fn say_windows(&self, config: &DecodeConfig, neurons: usize) {
        let windows = config.windows(neurons);
        if windows.len() < config.lags.len() {
            let message = format!(
                "linear decoder: with {neurons} neurons the {} windows are joined to one of frames {} to {}, so as not \
                 to exceed decode.most_features = {}",
                config.lags.len(),
                windows[0].start,
                windows[0].end - 1,
                config.most_features
            );
            self.observer.emit(Event::Note { message });
        }
    }
}

/// Guesses the movie of one trial linearly, for its reconstruction to start from.
#[derive(Clone, Copy)]
pub struct LinearGuess<'a> {
    /// Those of the experiment.
    pub decoders: LinearDecoders<'a>,
    /// Place of the mouse.
    pub index: usize,
    /// Which trial; none for a movie that is none of the recording's.
    pub trial: Option<TrialId>,
}

impl fmt::Debug for LinearGuess<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinearGuess").field("index", &self.index).field("trial", &self.trial).finish()
    }
}

impl Guess for LinearGuess<'_> {
    fn guess(&self, responses: ArrayView2<f32>, population: &Population) -> Result<Array3<f32>> {
        let Self { decoders, index, trial } = *self;
        if let (Some(trial), None) = (trial, population.mask()) {
            let mouse = &decoders.workspace.mice[index].mouse;
            // Of what was recorded, not of what a control made of it: kept, as the movie that it is scored against.
            if mouse.read_trial(trial)?.responses == responses {
                return Ok(decoders.decode_recorded(index, trial, responses)?.movie);
            }
        }
        decoders.with_decoder_of(index, trial, |decoder| match population.mask() {
            Some(kept) => Ok(decoder.of_neurons(kept)?.decode(responses)),
            None => Ok(decoder.decode(responses)),
        })
    }
}

/// Names everything that a decoded movie depends on.
fn settings(config: &DecodeConfig, fingerprint: &str, training: &[(usize, TrialId)]) -> String {
    let trials: Vec<String> = training.iter().map(|(fold, trial)| format!("{fold}:{trial}")).collect();
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "decode": config,
        "recording": fingerprint,
        "training": blake3::hash(trials.join(",").as_bytes()).to_hex().to_string(),
        "training_trials": training.len(),
    })
    .to_string()
}
