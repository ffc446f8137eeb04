//! What a task takes: memory, cores, time. Counted from sizes and settings, with constants measured on one machine.
//!
//! Measured on 2 cores of an Intel Xeon with AVX-512 (`cargo bench`, the tables of README.md), in seconds for one clip
//! of 16 frames: the gradient to the movie 0.459 with the paper's encoder (14.6 billion multiply-adds, 131 million
//! numbers kept) and 0.0026 with the demo's (0.0427, 1.14); a training step's share 0.95 and 0.0069; a prediction
//! 0.17 with the paper's. The two encoders give the two constants of each line below.

use serde::Serialize;

use super::recording::Recording;
use super::task::{Piece, Source, Work};
use crate::ablate::neurons;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::model::memory::TrainingMemory;
use crate::model::work::multiply_adds;
use crate::model::{ModelConfig, memory};
use crate::reconstruct::{Combine, Condition, Start, window};

/// Core seconds of one clip: a billion multiply-adds, a million numbers that are kept for the backward pass.
#[derive(Debug, Clone, Copy)]
struct Rate {
    multiply_adds: f64,
    numbers: f64,
}

/// Core seconds are twice the seconds on two cores.
const GRADIENT: Rate = Rate { multiply_adds: 2.0 * 0.01642, numbers: 2.0 * 0.001675 };
const TRAINING: Rate = Rate { multiply_adds: 2.0 * 0.01676, numbers: 2.0 * 0.005391 };
/// A prediction takes so much of a gradient: 0.17 of 0.459 seconds.
const PREDICTION_OF_GRADIENT: f64 = 0.37;
/// Core seconds that a frame of a result takes to be drawn and encoded: GIF and MP4 of three movies side by side.
const PICTURE_FRAME: f64 = 0.003;
/// Core seconds that a frame of a trial takes to be scored, or packed into the page.
const SCORED_FRAME: f64 = 0.0005;
/// Core seconds of the linear decoder: a frame that is added, for each pair of features; and its solution, for the
/// cube of their number.
const DECODER_FRAME: f64 = 3.5e-11;
const DECODER_SOLUTION: f64 = 2.5e-10;
/// Seconds for a process to start and open recordings and models.
const START_S: f64 = 3.0;
/// Bytes of a process that holds nothing yet.
const PROCESS_BYTES: u64 = 400 << 20;
/// Activations that are kept at once, the default of `--memory`.
const ACTIVATIONS_BYTES: u64 = 2 << 30;

/// What a task takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Needs {
    /// CPU cores.
    pub cores: usize,
    /// GPUs.
    pub gpus: usize,
    /// Memory in GB (1e9 bytes).
    pub memory_gb: f64,
    /// Predicted hours on those cores.
    pub hours: f64,
}

/// Counts what the tasks of an experiment take.
pub struct Costs {
    experiment: Experiment,
    recordings: Vec<Recording>,
    model: ModelConfig,
}

impl Costs {
    /// Prepares to count.
    ///
    /// # Errors
    /// When the settings and the recordings don't fit together.
    pub fn new(experiment: &Experiment, recordings: &[Recording]) -> Result<Self> {
        let neurons: Vec<usize> = recordings.iter().map(|recording| recording.neurons).collect();
        let channels = recordings.first().map_or(1, |recording| recording.channels);
        let model = experiment.model_for(channels, &neurons);
        model.validate()?;
        Ok(Self { experiment: experiment.clone(), recordings: recordings.to_vec(), model })
    }

    /// Counts one task.
    pub fn of(&self, work: &Work) -> Needs {
        let cluster = &self.experiment.cluster;
        let core_seconds = self.core_seconds(work) / cluster.speed;
        let seconds = START_S + core_seconds / cluster.cores as f64;
        let counted = self.bytes(work) as f64 / 1e9;
        Needs {
            cores: cluster.cores,
            gpus: cluster.gpus,
            memory_gb: if cluster.memory_gb > 0.0 { cluster.memory_gb } else { counted },
            hours: seconds / 3600.0,
        }
    }

    fn core_seconds(&self, work: &Work) -> f64 {
        match work {
            Work::Train(_) => self.training(),
            Work::Mask(mouse) => {
                let mask = &self.experiment.mask;
                let clips = mask.iterations * mask.members * self.experiment.clip.step;
                clips as f64 * self.clip(GRADIENT, *mouse)
            }
            Work::Decode(mouse) => self.decoder(*mouse),
            Work::Movie(piece, _) => self.movie(piece) + self.start(piece),
            Work::Reconstruct(piece) if self.experiment.reconstruction.combine == Combine::Movies => {
                self.finish(piece)
            }
            Work::Reconstruct(piece) => self.movie(piece) + self.start(piece) + self.finish(piece),
            Work::AblateNeurons => self.all_pieces() * SCORED_FRAME,
            Work::AblateBehavior => self.behavior(),
            Work::Evaluate | Work::Report => self.chosen_frames() * SCORED_FRAME * 4.0,
        }
    }

    /// Core seconds of one clip of a mouse.
    fn clip(&self, rate: Rate, mouse: usize) -> f64 {
        let [height, width] = self.experiment.input_size;
        let shape = [self.experiment.clip.size, height, width];
        let neurons = self.recordings.get(mouse).map_or(0, |recording| recording.neurons);
        let one = ModelConfig { readout_outputs: vec![neurons], ..self.model.clone() };
        let numbers = TrainingMemory::of(&one, 1, shape).activations as f64 / 4.0;
        rate.multiply_adds * multiply_adds(&one, shape) / 1e9 + rate.numbers * numbers / 1e6
    }

    fn training(&self) -> f64 {
        let train = &self.experiment.train;
        let epochs = train.warmup_epochs + train.cosine_epochs;
        let mice = self.recordings.len().max(1);
        let steps = (train.epoch_samples / train.batch_size.max(1)).max(1) * epochs;
        let clips = (steps * train.batch_size) as f64 / mice as f64;
        let of_mouse = |mouse: usize| {
            let recording = &self.recordings[mouse];
            let validated = epochs.div_ceil(train.validate_every) * recording.held_out;
            let spans = validated * recording.frames / self.experiment.clip.span().max(1);
            clips * self.clip(TRAINING, mouse)
                + spans as f64 * PREDICTION_OF_GRADIENT * self.clip(GRADIENT, mouse)
        };
        (0..self.recordings.len()).map(of_mouse).sum()
    }

    /// Core seconds of the iterations that make one movie.
    fn movie(&self, piece: &Piece) -> f64 {
        let config = &self.experiment.reconstruction;
        let members = match config.combine {
            Combine::Gradients => self.experiment.members,
            Combine::Movies | Combine::Turns => 1,
        };
        let frames = self.frames(piece);
        let mut starts =
            window::starts(frames, self.experiment.clip.window(), config.stride).unwrap_or_default();
        starts.dedup();
        let clips = starts.len() * self.experiment.clip.step * members * config.iterations;
        clips as f64 * self.clip(GRADIENT, piece.mouse)
    }

    /// Core seconds of what a movie starts from: what was recorded has been decoded, anything else is decoded anew.
    fn start(&self, piece: &Piece) -> f64 {
        let decoded = piece.source == Source::Condition(Condition::Recorded);
        if self.experiment.reconstruction.start == Start::Grey || decoded {
            0.0
        } else {
            self.decoder(piece.mouse)
        }
    }

    /// Core seconds of what follows the last iteration: the ensemble predicts the responses, pictures are drawn.
    fn finish(&self, piece: &Piece) -> f64 {
        let frames = self.frames(piece);
        let clips = (frames + 1).saturating_sub(self.experiment.clip.span()) * self.experiment.members;
        let times = match piece.source {
            Source::Condition(Condition::Predicted | Condition::HeldOutNeurons) => 2.0,
            _ => 1.0,
        };
        let predictions = times * clips as f64 * PREDICTION_OF_GRADIENT * self.clip(GRADIENT, piece.mouse);
        let drawn =
            if matches!(piece.source, Source::Neurons(_)) { 0.0 } else { PICTURE_FRAME * frames as f64 };
        predictions + drawn
    }

    /// Core seconds of training the linear decoder of a mouse.
    fn decoder(&self, mouse: usize) -> f64 {
        let recording = &self.recordings[mouse];
        let features = self.decoder_features(mouse);
        let frames = (recording.training * recording.frames) as f64;
        frames * features.powi(2) * DECODER_FRAME + features.powi(3) * DECODER_SOLUTION
    }

    fn decoder_features(&self, mouse: usize) -> f64 {
        let neurons = self.recordings[mouse].neurons;
        (self.experiment.decode.windows(neurons).len() * neurons) as f64
    }

    fn behavior(&self) -> f64 {
        let ablation = &self.experiment.ablation;
        let ways = ablation.channels.len() * ablation.alterations.len();
        let of_mouse = |(mouse, recording): (usize, &Recording)| {
            let piece = |trial| Piece { source: Source::Condition(Condition::Recorded), mouse, trial };
            let each = recording.chosen.iter().map(|trial| {
                let piece = piece(trial.id);
                self.movie(&piece) + self.finish(&piece)
            });
            let clips = ablation.prediction_trials * recording.frames * self.experiment.members;
            (each.sum::<f64>() + clips as f64 * PREDICTION_OF_GRADIENT * self.clip(GRADIENT, mouse))
                * ways as f64
        };
        self.recordings.iter().enumerate().map(of_mouse).sum()
    }

    /// Frames of all reconstructions of the neuron ablation.
    fn all_pieces(&self) -> f64 {
        let of_mouse = |recording: &Recording| {
            let conditions =
                neurons::conditions(&self.experiment.ablation, &recording.mouse, recording.neurons);
            conditions.map_or(0, |all| all.len())
                * recording.chosen.iter().map(|trial| trial.frames).sum::<usize>()
        };
        self.recordings.iter().map(of_mouse).sum::<usize>() as f64
    }

    fn chosen_frames(&self) -> f64 {
        self.recordings.iter().flat_map(|r| &r.chosen).map(|trial| trial.frames).sum::<usize>() as f64
    }

    fn frames(&self, piece: &Piece) -> usize {
        let recording = &self.recordings[piece.mouse];
        let trial = recording.chosen.iter().find(|trial| trial.id == piece.trial);
        trial.map_or(recording.frames, |trial| trial.frames)
    }

    /// Bytes that a task holds at most.
    fn bytes(&self, work: &Work) -> u64 {
        let [height, width] = self.experiment.input_size;
        let clip = [self.experiment.clip.size, height, width];
        let of_mouse = |mouse: usize| {
            let recording = &self.recordings[mouse];
            let movie = (recording.frames * height * width * 16) as u64;
            let responses = (recording.frames * recording.neurons * 24) as u64;
            movie + responses
        };
        let ensemble = 2 * self.experiment.members as u64 * memory::weight_bytes(&self.model);
        // Normal equations, their factor and what is being factored, in f64.
        let decoder = |mouse: usize| 3 * 8 * self.decoder_features(mouse).powi(2) as u64;
        let starts = |piece: &Piece| if self.start(piece) > 0.0 { decoder(piece.mouse) } else { 0 };
        let most = (0..self.recordings.len()).map(of_mouse).max().unwrap_or(0);
        PROCESS_BYTES
            + match work {
                Work::Train(_) => {
                    TrainingMemory::of(&self.model, self.experiment.train.batch_size, clip).total()
                }
                Work::Mask(mouse) => ensemble + ACTIVATIONS_BYTES + of_mouse(*mouse),
                Work::Decode(mouse) => decoder(*mouse) + of_mouse(*mouse),
                Work::Movie(piece, _) | Work::Reconstruct(piece) => {
                    ensemble + ACTIVATIONS_BYTES + of_mouse(piece.mouse) + starts(piece)
                }
                Work::AblateBehavior => ensemble + ACTIVATIONS_BYTES + 2 * most,
                Work::AblateNeurons => ensemble + 4 * most,
                Work::Evaluate | Work::Report => 16 * most,
            }
    }
}

#[cfg(test)]
#[path = "cost_tests.rs"]
mod tests;
