//! Scores how well the members, and the ensemble, predict the responses to movies they were not trained on.
//!
//! Predictions are those of whole trials, every frame the mean over the clips that contain it: what is seen
//! of an encoder elsewhere. One trial, or the showings of one movie, are held at a time.

use ndarray::{Array2, Array3, ArrayView2, Axis, s, stack};

use crate::data::input::Geometry;
use crate::data::{ClipConfig, Mouse, MouseId, TrialId};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::metric::moments::PairedMoments;
use crate::metric::repeats::{Repeats, mean_response};
use crate::model::predictor;

/// Whose predictions are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predictor {
    /// One member.
    Member(usize),
    /// The mean over the members' predictions.
    Ensemble,
    /// The responses to be expected of a simulated mouse: no model of movie and behavior can do better.
    Attainable,
}

impl std::fmt::Display for Predictor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Member(index) => write!(f, "member {index}"),
            Self::Ensemble => f.write_str("ensemble"),
            Self::Attainable => f.write_str("attainable"),
        }
    }
}

/// Scores of one predictor, one value a neuron.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictorScores {
    /// Whose they are.
    pub predictor: Predictor,
    /// Correlation with the recorded responses over all frames of all trials; 0 for a silent neuron.
    pub single_trial: Vec<f64>,
    /// Correlation with the mean over the showings of a movie; NaN when no movie repeats.
    pub to_average: Vec<f64>,
    /// That, over the most it can be; NaN for a neuron without signal power.
    pub normalised: Vec<f64>,
}

/// What validation found of one mouse.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseScores {
    /// The mouse.
    pub mouse: MouseId,
    /// Its neurons' own numbers, when it has them.
    pub unit_ids: Option<Vec<i64>>,
    /// Trials that were predicted.
    pub trials: usize,
    /// Their frames.
    pub frames: usize,
    /// Movies that are shown more than once among them.
    pub repeated_movies: usize,
    /// Showings of those movies.
    pub showings: usize,
    /// Correlation of each showing with the mean of the others, one value a neuron; NaN where undefined.
    pub oracle: Vec<f64>,
    /// Share of the variance over time that repeats with the movie, one value a neuron; NaN where undefined.
    pub explainable_variance: Vec<f64>,
    /// The members, the ensemble and, of a simulated mouse, what can be attained.
    pub predictors: Vec<PredictorScores>,
}

/// Reads the responses that were to be expected of a trial, `[neuron, frame]`.
pub type Expected<'a> = &'a dyn Fn(TrialId) -> Result<Array2<f32>>;

/// One mouse to be validated on.
pub struct Validation<'a> {
    /// The ensemble.
    pub ensemble: &'a Ensemble,
    /// Those of its members that are scored, alone and together: the ones that were not trained on the trials.
    pub members: &'a [usize],
    /// The readout of the mouse.
    pub readout: usize,
    /// The mouse.
    pub mouse: &'a Mouse,
    /// Trials that none of them was trained on, those that show one movie together.
    pub movies: &'a [Vec<TrialId>],
    /// What the encoder sees at once.
    pub clip: ClipConfig,
    /// Where the movies lie in the encoder's input.
    pub geometry: Geometry,
    /// The truth about the mouse, when it was simulated.
    pub expected: Option<Expected<'a>>,
}

impl Validation<'_> {
    /// Predicts all trials and scores them; tells `progress` after each, which ends it by an error.
    ///
    /// # Errors
    /// That of `progress`. When a trial or the truth about it can't be read, is shorter than a clip, or they don't fit.
    pub fn run(&self, progress: &mut dyn FnMut() -> Result<()>) -> Result<ResponseScores> {
        let mut predictors: Vec<Predictor> = self.members.iter().copied().map(Predictor::Member).collect();
        predictors.push(Predictor::Ensemble);
        predictors.extend(self.expected.is_some().then_some(Predictor::Attainable));
        let mut tally = Tally::new(self.mouse.neurons, predictors.len());
        for movie in self.movies {
            let mut showings = Showings::default();
            for &id in movie {
                let (recorded, predicted) = self.predict(id)?;
                tally.add_trial(&predicted, recorded.view());
                showings.add(recorded, &predicted);
                progress()?;
            }
            tally.add_showings(&showings);
        }
        Ok(tally.scores(self.mouse, predictors))
    }

    /// Returns the recorded responses of a trial and what each predictor says, all `[neuron, frame]`.
    fn predict(&self, id: TrialId) -> Result<(Array2<f32>, Vec<Array2<f32>>)> {
        let trial = self.mouse.read_trial(id)?;
        let input = self.geometry.encoder_input(&trial);
        let mut predicted = Vec::new();
        for &member in self.members {
            let member = &self.ensemble.members[member];
            predicted.push(predictor::predict_trial(member, self.readout, input.view(), self.clip)?);
        }
        predicted.extend(mean(&predicted));
        if let Some(expected) = self.expected {
            let expected = expected(id)?;
            if expected.dim() != trial.responses.dim() {
                let problem = format!(
                    "trial {id}: the recording is {:?}, the truth about it {:?} (neurons, frames); simulate it anew",
                    trial.responses.dim(),
                    expected.dim()
                );
                return Err(Error::invalid(&self.mouse.root, problem));
            }
            predicted.push(expected);
        }
        Ok((trial.responses, predicted))
    }
}

/// Averages arrays of one shape; `None` when there are none.
fn mean(arrays: &[Array2<f32>]) -> Option<Array2<f32>> {
    let sum = arrays.iter().cloned().reduce(|sum, array| sum + array)?;
    Some(sum / arrays.len() as f32)
}

/// Everything that is kept while trials come and go.
struct Tally {
    trials: usize,
    repeats: Repeats,
    /// Of each predictor.
    single_trial: Vec<PairedMoments>,
    to_average: Vec<PairedMoments>,
}

impl Tally {
    fn new(neurons: usize, predictors: usize) -> Self {
        let moments = vec![PairedMoments::new(neurons); predictors];
        Self { trials: 0, repeats: Repeats::new(neurons), single_trial: moments.clone(), to_average: moments }
    }

    fn add_trial(&mut self, predicted: &[Array2<f32>], recorded: ArrayView2<f32>) {
        self.trials += 1;
        for (moments, predicted) in self.single_trial.iter_mut().zip(predicted) {
            moments.add(predicted.view(), recorded);
        }
    }

    /// Adds the showings of one movie, if there are several.
    fn add_showings(&mut self, showings: &Showings) {
        let count = showings.recorded.len();
        if count < 2 {
            return;
        }
        let recorded = together(&showings.recorded);
        self.repeats.add(recorded.view());
        let average = mean_response(recorded.view());
        for (moments, sum) in self.to_average.iter_mut().zip(&showings.predicted) {
            let predicted = sum.slice(s![.., ..average.ncols()]).mapv(|sum| (sum / count as f64) as f32);
            moments.add(predicted.view(), average.view());
        }
    }

    fn scores(&self, mouse: &Mouse, predictors: Vec<Predictor>) -> ResponseScores {
        let of_predictor = |(index, predictor): (usize, Predictor)| PredictorScores {
            predictor,
            single_trial: self.single_trial[index].correlations(),
            to_average: self.to_average[index].correlations(),
            normalised: self.repeats.normalised_correlations(&self.to_average[index]),
        };
        ResponseScores {
            mouse: mouse.id.clone(),
            unit_ids: mouse.unit_ids.clone(),
            trials: self.trials,
            frames: self.single_trial.first().map_or(0, PairedMoments::frames),
            repeated_movies: self.repeats.movies(),
            showings: self.repeats.showings(),
            oracle: self.repeats.oracle(),
            explainable_variance: self.repeats.explainable_variance(),
            predictors: predictors.into_iter().enumerate().map(of_predictor).collect(),
        }
    }
}

/// What is kept of the showings of one movie.
#[derive(Default)]
struct Showings {
    /// Of each showing, `[neuron, frame]`.
    recorded: Vec<Array2<f32>>,
    /// Of each predictor the sum over showings, as far as the shortest goes: several times ten showings of
    /// thousands of neurons would not fit.
    predicted: Vec<Array2<f64>>,
}

impl Showings {
    fn add(&mut self, recorded: Array2<f32>, predicted: &[Array2<f32>]) {
        if self.recorded.is_empty() {
            self.predicted = predicted.iter().map(|predicted| predicted.mapv(f64::from)).collect();
        } else {
            for (sum, predicted) in self.predicted.iter_mut().zip(predicted) {
                let frames = sum.ncols().min(predicted.ncols());
                *sum = &sum.slice(s![.., ..frames]) + &predicted.slice(s![.., ..frames]).mapv(f64::from);
            }
        }
        self.recorded.push(recorded);
    }
}

/// Stacks responses, `[neuron, frame]`, as far as the shortest goes: `[showing, neuron, frame]`.
fn together(showings: &[Array2<f32>]) -> Array3<f32> {
    let frames = showings.iter().map(Array2::ncols).min().unwrap_or(0);
    let cut: Vec<_> = showings.iter().map(|showing| showing.slice(s![.., ..frames])).collect();
    stack(Axis(0), &cut).expect("one mouse has one number of neurons")
}

#[cfg(test)]
#[path = "responses_tests.rs"]
mod tests;
