//! Decodes movies linearly: every pixel of a frame from every neuron's responses in some windows after it.

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayView2, Axis, s};

use super::config::DecodeConfig;
use super::moments::Moments;
use super::ridge::Ridge;
use crate::data::Trial;
use crate::error::{Error, Result};

/// Parts of the training trials that the penalty is chosen on: each is predicted from the others.
const PARTS: usize = 3;

/// A linear decoder of one mouse's movies.
#[derive(Debug, Clone)]
pub struct MovieDecoder {
    ridge: Ridge,
    /// Of all training frames, for decoders of fewer neurons.
    moments: Moments,
    windows: Vec<Range<usize>>,
    frame_size: [usize; 2],
    /// The strength of the penalty that was chosen.
    pub strength: f64,
    /// Frames that it was trained on.
    pub frames: usize,
}

impl MovieDecoder {
    /// Fits it to training trials. Each comes with the fold of its movie: what is alike stays together while the
    /// penalty is chosen. When all are of one fold there is nothing to choose by, and the middle strength is taken.
    ///
    /// # Errors
    /// Whatever reading a trial returns; [`Error::Failed`] when there is none, or they don't fit together.
    pub fn train(
        trials: impl IntoIterator<Item = Result<(usize, Trial)>>,
        config: &DecodeConfig,
    ) -> Result<Self> {
        let mut parts: Vec<Moments> = Vec::new();
        let (mut shape, mut windows, mut folds) = (None, Vec::new(), Vec::new());
        for trial in trials {
            let (fold, trial) = trial?;
            let (_, height, width) = trial.movie.dim();
            let found = (trial.responses.nrows(), [height, width]);
            let (neurons, size) = *shape.get_or_insert(found);
            if found != (neurons, size) {
                return Err(Error::Failed(format!(
                    "linear decoder: trial {} has {} neurons and frames of {height} x {width}; others have {neurons} and \
                     {} x {}",
                    trial.id, found.0, size[0], size[1]
                )));
            }
            if parts.is_empty() {
                windows = config.windows(neurons);
                parts = vec![Moments::new(neurons * windows.len(), height * width); PARTS];
            }
            let x = features(trial.responses.view(), &windows);
            let frames = trial.movie.dim().0;
            let y =
                trial.movie.to_shape((frames, height * width)).map_err(|e| Error::Failed(e.to_string()))?;
            let place = folds.iter().position(|&known| known == fold).unwrap_or_else(|| {
                folds.push(fold);
                folds.len() - 1
            });
            parts[place % PARTS].add(x.view(), y.view());
        }
        let (_, frame_size) = shape.ok_or_else(|| {
            Error::Failed("linear decoder: there is no trial to train on; choose other folds or tiers".into())
        })?;
        let (strength, all) = choose(&parts, &config.strengths)?;
        let (ridge, frames) = (all.fit(strength)?, all.count());
        Ok(Self { ridge, moments: all, windows, frame_size, strength, frames })
    }

    /// Fits a decoder of the same penalty that reads no neurons but those that are kept.
    ///
    /// # Errors
    /// [`Error::Failed`] when none is kept.
    ///
    /// # Panics
    /// When `kept` is not as long as there are neurons.
    pub fn of_neurons(&self, kept: &[bool]) -> Result<Self> {
        let features = self.ridge.weights.nrows();
        assert_eq!(kept.len() * self.windows.len(), features, "a choice for each neuron");
        let own: Vec<usize> = (0..features).filter(|feature| kept[feature % kept.len()]).collect();
        if own.is_empty() {
            return Err(Error::Failed("linear decoder: there is no neuron to decode from".into()));
        }
        let moments = self.moments.select(&own);
        let fitted = moments.fit(self.strength)?;
        let mut weights = Array2::zeros(self.ridge.weights.raw_dim());
        for (&feature, fitted) in own.iter().zip(fitted.weights.outer_iter()) {
            weights.row_mut(feature).assign(&fitted);
        }
        let ridge = Ridge { intercept: fitted.intercept, weights };
        Ok(Self { ridge, ..self.clone() })
    }

    /// Decodes the movie that responses, `[neuron, frame]`, were to: `[frame, height, width]`, 0..255.
    ///
    /// # Panics
    /// When there are other neurons than it was trained on.
    pub fn decode(&self, responses: ArrayView2<f32>) -> Array3<f32> {
        let [height, width] = self.frame_size;
        let pixels = self.ridge.predict(features(responses, &self.windows).view());
        let pixels = pixels.mapv(|pixel| (pixel as f32).clamp(0.0, 255.0));
        let shape = (pixels.nrows(), height, width);
        pixels.into_shape_with_order(shape).expect("a prediction for every pixel")
    }
}

/// Averages responses, `[neuron, frame]`, over windows after each frame: `[frame, window x neuron]`. Near the end of a
/// trial windows end with it, and those beyond hold its last frame.
pub fn features(responses: ArrayView2<f32>, windows: &[Range<usize>]) -> Array2<f32> {
    let (neurons, frames) = responses.dim();
    let mut features = Array2::zeros((frames, neurons * windows.len()));
    for (number, window) in windows.iter().enumerate() {
        let columns = s![.., number * neurons..(number + 1) * neurons];
        for (frame, mut row) in features.slice_mut(columns).outer_iter_mut().enumerate() {
            let end = (frame + window.end).clamp(1, frames);
            let start = (frame + window.start).min(end - 1);
            row += &responses.slice(s![.., start..end]).sum_axis(Axis(1));
            row /= (end - start) as f32;
        }
    }
    features
}

/// Finds the strength that predicts each part best from the others, and returns all parts together too.
///
/// The error falls and then rises with the strength, so that one walks downhill from the middle.
fn choose(parts: &[Moments], strengths: &[f64]) -> Result<(f64, Moments)> {
    let used: Vec<&Moments> = parts.iter().filter(|part| part.count() > 0).collect();
    let mut all = used[0].clone();
    used[1..].iter().for_each(|part| all.merge(part));
    let mut strengths = strengths.to_vec();
    strengths.sort_by(f64::total_cmp);
    let middle = strengths.len() / 2;
    let &start = strengths.get(middle).ok_or_else(|| {
        Error::usage("linear decoder: no strength of the penalty to try (decode.strengths)")
    })?;
    if used.len() < 2 {
        return Ok((start, all));
    }
    let error = |place: usize| -> Result<f64> {
        // The rest anew each time: of thousands of neurons each set of sums is half a gigabyte.
        let of_part = |part: &&Moments| Ok(part.squared_error(&all.without(part).fit(strengths[place])?));
        used.iter().map(of_part).sum()
    };
    let (mut best, mut least) = (middle, error(middle)?);
    for up in [true, false] {
        loop {
            let next = if up { best + 1 } else { best.wrapping_sub(1) };
            let found = if next < strengths.len() { error(next)? } else { f64::INFINITY };
            if found >= least || found.is_nan() {
                break;
            }
            (best, least) = (next, found);
        }
        if best > middle {
            break;
        }
    }
    Ok((strengths[best], all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::TrialId;
    use crate::metric::correlation::pixel_correlation;
    use crate::seed;
    use rand::Rng;

    const SHAPE: (usize, usize, usize) = (60, 3, 4);
    const WINDOWS: [Range<usize>; 2] = [0..1, 2..4];

    /// Trials of neurons that see random movies through random weights, some frames later.
    fn trials(count: u32, noise: f32) -> Vec<(usize, Trial)> {
        let mut rng = seed::stream("test", "decoded", &[]);
        let weights = Array2::from_shape_simple_fn((40, 12), || rng.random_range(-1.0f32..1.0));
        let mut trial = |id: u32| {
            let movie = Array3::from_shape_simple_fn(SHAPE, || rng.random_range(0.0f32..255.0));
            let seen = movie.to_shape((60, 12)).unwrap().dot(&weights.t());
            let mut responses = Array2::zeros((40, 60));
            for ((neuron, frame), value) in responses.indexed_iter_mut() {
                *value = seen[[(frame + 58) % 60, neuron]] + noise * rng.random_range(-1.0f32..1.0);
            }
            let none = Array2::zeros((0, 60));
            Trial { id: TrialId(id), movie, responses, behavior: none.clone(), pupil_center: none }
        };
        (0..count).map(|id| (id as usize % 4, trial(id))).collect()
    }

    fn config() -> DecodeConfig {
        DecodeConfig { lags: vec![0, 2], smooth_frames: 1, ..DecodeConfig::default() }
    }

    #[test]
    fn a_linear_code_is_read_at_its_lag_and_noise_calls_for_a_stronger_penalty() {
        let score = |noise: f32| {
            let mut trials = trials(13, noise);
            let (_, unseen) = trials.pop().unwrap();
            let decoder = MovieDecoder::train(trials.into_iter().map(Ok), &config()).unwrap();
            assert_eq!(decoder.frames, 12 * 60);
            // The last two frames are answered after the trial's end.
            let movie = decoder.decode(unseen.responses.view());
            let mask = Array2::from_elem((3, 4), true);
            let upto = s![..58, .., ..];
            (pixel_correlation(unseen.movie.slice(upto), movie.slice(upto), mask.view()), decoder.strength)
        };
        let ((clear, weak), (noisy, strong)) = (score(0.0), score(600.0));
        assert!(clear > 0.99 && noisy > 0.1 && noisy < 0.9, "{clear} {noisy}");
        assert!(weak == 0.01 && strong > weak, "{weak} {strong}");
    }

    #[test]
    fn the_decoder_is_the_ridge_of_all_training_frames() {
        let trials = trials(6, 500.0);
        let one = DecodeConfig { strengths: vec![0.5], ..config() };
        let decoder = MovieDecoder::train(trials.iter().cloned().map(Ok), &one).unwrap();
        let mut all = Moments::new(80, 12);
        for (_, trial) in &trials {
            let x = features(trial.responses.view(), &[0..1, 2..3]);
            all.add(x.view(), trial.movie.to_shape((60, 12)).unwrap().view());
        }
        let off = &decoder.ridge.weights - &all.fit(0.5).unwrap().weights;
        assert!(off.iter().all(|off| off.abs() < 1e-9)); // order of f64 sums
    }

    #[test]
    fn neurons_that_are_not_kept_are_not_read_and_the_others_are_fitted_without_them() {
        let one = DecodeConfig { strengths: vec![0.5], ..config() };
        let mut trials = trials(6, 500.0);
        let kept: Vec<bool> = (0..40).map(|neuron| neuron % 3 == 0).collect();
        let some =
            MovieDecoder::train(trials.iter().cloned().map(Ok), &one).unwrap().of_neurons(&kept).unwrap();
        let responses = trials[0].1.responses.clone();
        let own: Vec<usize> = (0..40).filter(|&neuron| kept[neuron]).collect();
        trials.iter_mut().for_each(|(_, trial)| trial.responses = trial.responses.select(Axis(0), &own));
        let alone = MovieDecoder::train(trials.into_iter().map(Ok), &one).unwrap();
        let off = some.decode(responses.view()) - alone.decode(responses.select(Axis(0), &own).view());
        assert!(off.iter().all(|off| off.abs() < 1e-3)); // grey levels in f32, f64 sums in another order
        assert!(some.of_neurons(&[false; 40]).is_err());
    }

    #[test]
    fn windows_average_later_frames_and_end_with_the_trial() {
        let responses = Array2::from_shape_fn((2, 6), |(neuron, frame)| (10 * neuron + frame) as f32);
        let found = features(responses.view(), &WINDOWS);
        assert_eq!(found.row(0).to_vec(), [0.0, 10.0, 2.5, 12.5]);
        assert_eq!(found.row(3).to_vec(), [3.0, 13.0, 5.0, 15.0]);
        assert_eq!(found.row(5).to_vec(), [5.0, 15.0, 5.0, 15.0]);
    }

    #[test]
    fn nothing_to_train_on_and_trials_of_other_shapes_are_refused() {
        let none: Vec<Result<(usize, Trial)>> = Vec::new();
        assert!(MovieDecoder::train(none, &config()).unwrap_err().to_string().contains("no trial"));
        let mut two = trials(2, 1.0);
        two[1].1.responses = Array2::zeros((7, 60));
        let said = MovieDecoder::train(two.into_iter().map(Ok), &config()).unwrap_err().to_string();
        assert!(said.contains("trial 1 has 7 neurons"), "{said}");
    }
}
