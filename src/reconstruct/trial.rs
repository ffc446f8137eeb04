//! Reconstructs one trial with the whole ensemble, from responses to the file of the result.

use std::fmt;
use std::path::Path;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, concatenate, s};

use super::condition::{self, Condition};
use super::config::{Combine, ReconstructionConfig, Start};
use super::gradient::Problem;
use super::optimizer::Reconstructor;
use super::population::Population;
use super::postprocess;
use super::result::{MemberResult, Reconstruction};
use super::snapshot::Recorder;
use super::watching::Watching;
use crate::data::input::Geometry;
use crate::data::{ClipConfig, MouseId, Trial};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::model::Encoder;
use crate::stop::Stop;

/// Guesses a movie from responses alone, for a reconstruction to start from.
pub trait Guess: fmt::Debug {
    /// Guesses the movie of a trial from the responses of a population, without having seen that movie or one like it.
    ///
    /// # Shapes
    /// - `responses`: `[neuron, frame]`, of all recorded neurons
    /// - output: `[frame, height, width]` of the movie
    ///
    /// # Errors
    /// When there is nothing to learn from.
    fn guess(&self, responses: ArrayView2<f32>, population: &Population) -> Result<Array3<f32>>;
}

/// One trial to reconstruct.
#[derive(Debug)]
pub struct TrialPlan<'a> {
    /// Whose trial it is.
    pub mouse: &'a MouseId,
    /// Which readout is that mouse's.
    pub readout: usize,
    /// Members to reconstruct through, by number: those that have not seen the trial's movie.
    pub members: &'a [usize],
    /// The trial; its movie is used for nothing but the ground truth in the result, and the predictions of
    /// [`Condition::Predicted`].
    pub trial: &'a Trial,
    /// `[height, width]` of the encoder's input.
    pub transparency: &'a Array2<f32>,
    /// Where the movie lies in the input.
    pub geometry: Geometry,
    /// The encoder's view in time.
    pub clip: ClipConfig,
    /// How to reconstruct.
    pub config: &'a ReconstructionConfig,
    /// What gives the first movie where the settings ask for more than grey.
    pub guess: &'a dyn Guess,
    /// From what.
    pub condition: Condition,
    /// Which neurons' responses are to be matched.
    pub population: Population,
    /// What messages call the condition.
    pub label: &'a str,
    /// Names the run's random streams.
    pub seed: &'a str,
    /// Frames a second, for the result.
    pub frame_rate_hz: f64,
    /// All settings as text: equal text, equal result.
    pub settings: &'a str,
    /// Ends the work between two iterations. A movie in work is lost, finished ones are kept.
    pub stop: &'a Stop,
}

/// Names the raw movies that a trial's reconstruction averages: one of each member, or one of all.
pub fn movie_names(combine: Combine, members: &[usize]) -> Vec<String> {
    match combine {
        Combine::Movies => members.iter().map(|member| format!("member_{member}")).collect(),
        Combine::Gradients | Combine::Turns => vec!["members".into()],
    }
}

/// Names the file of a raw movie in the folder of its trial.
pub fn file_name(movie: &str) -> String {
    format!("{movie}.h5")
}

impl TrialPlan<'_> {
    /// Reconstructs into `folder` (`member_<k>.h5`, `ensemble.h5`) what is not there yet.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it was asked to stop. When the trial is too short, a file can't be written, or
    /// `folder` holds a result that was made with other settings.
    pub fn reconstruct(
        &self,
        ensemble: &Ensemble,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<Reconstruction> {
        let path = folder.join("ensemble.h5");
        if path.exists() {
            let found = Reconstruction::read(&path)?;
            return self.same_settings(&path, &found.settings).map(|()| found);
        }
        let problem = self.problem(ensemble)?;
        let names = movie_names(self.config.combine, self.members);
        let each = names.iter().enumerate();
        let movies = each.map(|(place, name)| self.movie(ensemble, folder, place, name, &problem, observer));
        let results = movies.collect::<Result<Vec<_>>>()?;
        let result = self.combine(ensemble, &results, &problem.responses)?;
        result.write(&path)?;
        Ok(result)
    }

    /// Makes the movie of one member into `folder`, where movies are averaged, for [`TrialPlan::reconstruct`] to find;
    /// does nothing when it is there already, or what is made of it is.
    ///
    /// # Errors
    /// As [`TrialPlan::reconstruct`]; when `member` is none of those that reconstruct the trial, or movies are not what
    /// is averaged.
    pub fn reconstruct_member(
        &self,
        ensemble: &Ensemble,
        folder: &Path,
        member: usize,
        observer: &dyn Observer,
    ) -> Result<()> {
        let path = folder.join("ensemble.h5");
        if path.exists() {
            return self.same_settings(&path, &Reconstruction::read(&path)?.settings);
        }
        let place = self.members.iter().position(|&other| other == member);
        let names = movie_names(self.config.combine, self.members);
        let (Combine::Movies, Some(place)) = (self.config.combine, place) else {
            return Err(Error::usage(format!(
                "mouse {}, trial {}: member {member} makes no movie of its own there",
                self.mouse, self.trial.id
            )));
        };
        let problem = self.problem(ensemble)?;
        self.movie(ensemble, folder, place, &names[place], &problem, observer).map(|_| ())
    }

    /// Makes one of the movies that are averaged, by its place among them.
    fn movie(
        &self,
        ensemble: &Ensemble,
        folder: &Path,
        place: usize,
        name: &str,
        problem: &Problem,
        observer: &dyn Observer,
    ) -> Result<MemberResult> {
        let members: &[usize] = match self.config.combine {
            Combine::Movies => &self.members[place..=place],
            Combine::Gradients | Combine::Turns => self.members,
        };
        let members: Vec<&Encoder> = members.iter().map(|&member| &ensemble.members[member]).collect();
        let movies = movie_names(self.config.combine, self.members).len();
        let task = format!("{} {} trial {} {name}", self.label, self.mouse, self.trial.id);
        self.member(&folder.join(file_name(name)), members, problem.clone(), &task, (place, movies), observer)
    }

    fn same_settings(&self, path: &Path, found: &str) -> Result<()> {
        if found == self.settings {
            return Ok(());
        }
        let problem = "was made with other settings; choose another run folder (run = ...) or delete it";
        Err(Error::invalid(path, problem))
    }

    /// First frame of the trial that a result shows: as many are skipped as there are to skip.
    pub(super) fn first_frame(&self) -> usize {
        self.config.skip_frames.min(self.trial.frames())
    }

    /// The pixels of the input that may change.
    fn free_pixels(&self) -> Array2<bool> {
        self.transparency.mapv(|t| t >= self.config.update_threshold)
    }

    /// Iterations after which the movie is kept; a control's course is of no interest.
    fn snapshots(&self) -> &[usize] {
        if self.condition == Condition::Recorded { &self.config.snapshots } else { &[] }
    }

    /// The responses to match.
    fn responses(&self, ensemble: &Ensemble) -> Result<Array2<f32>> {
        let (recorded, mouse, trial) = (self.trial.responses.view(), self.mouse, self.trial.id);
        match self.condition {
            // Of several showings the mean is in the trial already.
            Condition::Recorded | Condition::Averaged | Condition::HeldOutNeurons => Ok(recorded.to_owned()),
            Condition::ShuffledNeurons => Ok(condition::shuffled_neurons(recorded, self.seed, mouse, trial)),
            Condition::TimeShifted => {
                condition::time_shifted(recorded, self.frame_rate_hz, self.seed, mouse, trial)
            }
            Condition::Predicted => self.predict_true_movie(ensemble),
        }
    }

    /// Predicts the responses to the movie that the animal saw: the mean over members.
    ///
    /// # Errors
    /// When the trial is shorter than a clip.
    pub fn predict_true_movie(&self, ensemble: &Ensemble) -> Result<Array2<f32>> {
        let input = self.geometry.encoder_input(self.trial);
        ensemble.predict(self.members, self.readout, input.view(), self.clip)
    }

    fn problem(&self, ensemble: &Ensemble) -> Result<Problem> {
        let rows = [self.trial.behavior.view(), self.trial.pupil_center.view()];
        Ok(Problem {
            mouse: self.readout,
            behavior: concatenate(Axis(0), &rows).expect("rows of one trial are equally long"),
            responses: self.responses(ensemble)?,
            population: self.population.clone(),
            clip: self.clip,
            stride: self.config.stride,
        })
    }

    /// The movie to start from, `[frame, height, width]` of the encoder's input, if it is not grey.
    fn start(&self, problem: &Problem) -> Result<Option<Array3<f32>>> {
        if self.config.start == Start::Grey {
            return Ok(None);
        }
        let guess = self.guess.guess(problem.responses.view(), &self.population)?;
        let [height, width] = self.geometry.input();
        let mut movie = Array3::from_elem((guess.dim().0, height, width), self.config.initial_grey);
        movie.slice_mut(s![.., self.geometry.rows(), self.geometry.columns()]).assign(&guess);
        Ok(Some(movie))
    }

    /// Makes one movie, or takes the one that an earlier run made.
    fn member(
        &self,
        path: &Path,
        members: Vec<&Encoder>,
        problem: Problem,
        task: &str,
        place: (usize, usize),
        observer: &dyn Observer,
    ) -> Result<MemberResult> {
        if path.exists() {
            let found = MemberResult::read(path)?;
            self.same_settings(path, &found.settings)?;
            let (height, width) = self.transparency.dim();
            let fits = found.movie.dim() == (self.trial.frames(), height, width)
                && found.losses.len() == self.config.iterations
                && found.snapshots.are_of(self.snapshots(), found.movie.dim());
            let problem = "its arrays are not those of this trial; delete it and run again";
            return if fits { Ok(found) } else { Err(Error::invalid(path, problem)) };
        }
        let start = self.start(&problem)?;
        let mut reconstructor = Reconstructor::new(members, problem, self.config, self.free_pixels());
        if let Some(start) = start {
            reconstructor = reconstructor.starting_from(&start);
        }
        let steps = self.config.iterations as u64;
        observer.emit(Event::Started { task: task.to_string(), steps, unit: "iterations" });
        let mut losses = Vec::with_capacity(self.config.iterations);
        let mut response_correlations = Vec::with_capacity(self.config.iterations);
        let mut course = Recorder::new(self.snapshots());
        let watching = Watching::new(self, place, observer);
        watching.show(reconstructor.movie(), &losses, &response_correlations);
        for step in 1..=steps {
            self.stop.check()?;
            let stats = reconstructor.step()?;
            let loss = stats.mean_loss();
            if !loss.is_finite() {
                return Err(Error::Failed(format!(
                    "{task}: the loss is {loss} at iteration {step}; nothing was saved"
                )));
            }
            losses.push(loss);
            response_correlations.push(stats.response_correlation);
            course.note(&stats, reconstructor.movie());
            watching.show(reconstructor.movie(), &losses, &response_correlations);
            observer.emit(Event::Progress { task: task.to_string(), step, loss: Some(loss) });
        }
        let movie = reconstructor.movie().clone();
        let (snapshots, settings) = (course.snapshots, self.settings.to_string());
        let result = MemberResult { movie, losses, response_correlations, snapshots, settings };
        result.write(path)?;
        observer.emit(Event::Finished { task: task.to_string() });
        Ok(result)
    }

    fn combine(
        &self,
        ensemble: &Ensemble,
        results: &[MemberResult],
        responses: &Array2<f32>,
    ) -> Result<Reconstruction> {
        let mask = self.geometry.crop_image(self.transparency.view());
        let mask = mask.mapv(|t| t >= self.config.evaluation_threshold);
        let movies: Vec<ArrayView3<f32>> = results.iter().map(|result| result.movie.view()).collect();
        let iterations = self.config.iterations;
        let losses: Vec<f64> = results.iter().flat_map(|result| result.losses.iter().copied()).collect();
        let truth = postprocess::cut(self.trial.movie.view(), self.config.skip_frames);
        Ok(Reconstruction {
            movie: postprocess::finish(&movies, self.geometry, &mask, self.config),
            ground_truth: truth,
            mask: mask.mapv(u8::from),
            responses: responses.clone(),
            predicted_responses: self.predict(ensemble, &movies)?,
            losses: Array2::from_shape_vec((results.len(), iterations), losses)
                .map_err(|e| Error::Failed(format!("losses of the members don't fit together: {e}")))?,
            first_frame: self.first_frame(),
            frame_rate_hz: self.frame_rate_hz,
            settings: self.settings.to_string(),
        })
    }

    /// Predicts the responses to the mean of the raw movies, padding as it came out.
    fn predict(&self, ensemble: &Ensemble, movies: &[ArrayView3<f32>]) -> Result<Array2<f32>> {
        let mut mean = Array3::<f32>::zeros(movies[0].raw_dim());
        for movie in movies {
            mean.scaled_add(1.0 / movies.len() as f32, movie);
        }
        let mut input = self.geometry.encoder_input(self.trial);
        input.slice_mut(s![0, .., .., ..]).assign(&mean);
        ensemble.predict(self.members, self.readout, input.view(), self.clip)
    }
}
