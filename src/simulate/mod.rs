//! Simulates a mouse with known answers, written in exactly the dataset's format, so that every later
//! stage can be measured against the truth.
//!
//! Movies are natural-like or cut from video files; the animal runs and looks around; neurons of mouse
//! V1 answer both; a microscope records them. `truth.h5` beside the data holds what was to be expected.

mod behavior;
mod calcium;
pub mod config;
mod drift;
mod movie;
mod neuron;
mod population;
mod response;
mod schedule;
mod shape;
mod texture;
mod truth;
mod video;

use std::path::Path;

use ndarray::{Array2, Array3, ArrayView1, Axis};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

pub use config::{MovieSource, SimulationConfig};
pub use truth::{Truth, truth_file};

use self::behavior::{Animal, Behavior};
use self::movie::MovieGenerator;
use self::population::Population;
use self::schedule::{Slot, schedule};
use self::truth::TruthWriter;
use self::video::VideoLibrary;
use crate::atomic;
use crate::data::format::npy_tree::{Meta, Writer};
use crate::data::{Trial, TrialId};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::seed;

/// File with the truth, in the mouse's folder.
pub const TRUTH_FILE: &str = "truth.h5";

/// Movies that the neurons adapt to before the recording, and their frames: some 20 scenes.
const CALIBRATION_MOVIES: usize = 12;
const CALIBRATION_FRAMES: usize = 150;

/// Simulates a mouse into `folder`, which must not exist: an npy tree and [`TRUTH_FILE`].
///
/// The same settings give the same mouse, whatever the number of threads.
///
/// # Errors
/// [`Error::Usage`] for settings out of range or a folder that exists; errors of reading videos and of
/// writing, which leave nothing behind.
pub fn simulate(config: &SimulationConfig, folder: &Path, observer: &dyn Observer) -> Result<()> {
    config.validate()?;
    if folder.exists() {
        return Err(Error::usage(format!("{} exists already; choose another folder", folder.display())));
    }
    let simulator = Simulator::new(config)?;
    atomic::write_folder(folder, |folder| simulator.write(folder, observer))
}

/// Everything that the trials of a mouse share.
struct Simulator<'a> {
    config: &'a SimulationConfig,
    movies: MovieMaker,
    animal: Animal,
    population: Population,
    slots: Vec<Slot>,
}

/// Where movies are drawn from.
enum MovieMaker {
    Generated(MovieGenerator),
    Files(VideoLibrary),
}

impl MovieMaker {
    fn new(config: &SimulationConfig) -> Result<Self> {
        let size = [config.height, config.width];
        Ok(match &config.movie_source {
            MovieSource::Generated => {
                Self::Generated(MovieGenerator::new(size, config.frame_rate_hz, config.movie_pace))
            }
            MovieSource::Files(files) => Self::Files(VideoLibrary::open(files, size, config.frame_rate_hz)?),
        })
    }

    /// Draws `[frame, height, width]`, grey levels 0 to 255.
    fn draw(&self, rng: &mut ChaCha8Rng, frames: usize) -> Array3<f32> {
        match self {
            Self::Generated(generator) => generator.draw(rng, frames),
            Self::Files(library) => library.draw(rng, frames),
        }
    }
}

impl<'a> Simulator<'a> {
    fn new(config: &'a SimulationConfig) -> Result<Self> {
        let movies = MovieMaker::new(config)?;
        let calibration: Vec<Array3<f32>> = (0..CALIBRATION_MOVIES)
            .into_par_iter()
            .map(|index| seed::stream(&config.seed, "simulate/calibration", &[&index.to_string()]))
            .map(|mut rng| movies.draw(&mut rng, CALIBRATION_FRAMES))
            .collect();
        let population = Population::new(config, &calibration);
        let animal = Animal::new(&config.seed, config.frame_rate_hz);
        Ok(Self { config, movies, animal, population, slots: schedule(config) })
    }

    /// Returns trial `index` and its expected responses, `[neuron, frame]`.
    fn trial(&self, index: usize) -> (Trial, Array2<f32>) {
        let config = self.config;
        let shown = self.slots[index].movie.to_string();
        let movie =
            self.movies.draw(&mut seed::stream(&config.seed, "simulate/movie", &[&shown]), config.frames);
        let mut rng = seed::stream(&config.seed, "simulate/behavior", &[&index.to_string()]);
        let behavior = self.animal.behave(&mut rng, config.frames);
        let recording = response::record(
            config,
            &self.population,
            self.animal.resting_pupil,
            index,
            movie.view(),
            &behavior,
        );
        let id = TrialId(u32::try_from(index).expect("the number of trials was checked"));
        let behavior_rows = recorded_behavior(config, &behavior);
        let pupil_center =
            if config.pupil { behavior.pupil_center } else { Array2::zeros((0, config.frames)) };
        let responses = recording.responses;
        (Trial { id, movie, responses, behavior: behavior_rows, pupil_center }, recording.expected)
    }

    /// Simulates on all threads, a few trials at a time, and writes in order.
    fn write(&self, folder: &Path, observer: &dyn Observer) -> Result<()> {
        let config = self.config;
        let task = || "simulate".to_string();
        let steps = config.trials as u64;
        observer.emit(Event::Started { task: task(), steps, unit: "trials" });
        let mut writer = Writer::create(folder)?;
        let truth = TruthWriter::create(&folder.join(TRUTH_FILE), config, &self.population.neurons)?;
        let indices: Vec<usize> = (0..config.trials).collect();
        for some in indices.chunks(rayon::current_num_threads()) {
            let trials: Vec<_> = some.par_iter().map(|&index| self.trial(index)).collect();
            for (trial, expected) in trials {
                writer.write_trial(&trial, config.padded_frames)?;
                truth.write_trial(trial.id, &expected)?;
                let step = u64::from(trial.id.0) + 1;
                observer.emit(Event::Progress { task: task(), step, loss: None });
            }
        }
        truth.finish()?;
        writer.finish(&self.meta())?;
        observer.emit(Event::Finished { task: task() });
        Ok(())
    }

    fn meta(&self) -> Meta {
        let neurons = &self.population.neurons;
        Meta {
            tiers: self.slots.iter().map(|slot| slot.tier.clone()).collect(),
            unit_ids: (1..=neurons.len() as i64).collect(),
            cell_motor_coordinates: Array2::from_shape_fn((neurons.len(), 3), |(neuron, axis)| {
                neurons[neuron].position_um[axis]
            }),
        }
    }
}

/// Stacks the rows that were recorded: pupil dilation, running speed.
fn recorded_behavior(config: &SimulationConfig, behavior: &Behavior) -> Array2<f32> {
    let mut rows = Array2::zeros((0, behavior.running.len()));
    for (recorded, values) in [(config.pupil, &behavior.dilation), (config.running, &behavior.running)] {
        if recorded {
            rows.push(Axis(0), ArrayView1::from(values)).expect("rows of one trial are equally long");
        }
    }
    rows
}
