//! The neuron ablation: which reconstructions it takes, and what came out of each.

use serde::Serialize;
use serde_json::{Value, json};

use super::config::{AblationConfig, Keep, Method, Order};
use crate::data::{MouseId, Trial, TrialId};
use crate::error::{Error, Result};
use crate::metric::correlation::pixel_correlation;
use crate::reconstruct::{Population, Reconstruction};

/// One reconstruction of a trial with fewer neurons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// Which neurons are kept first.
    pub by: Order,
    /// What becomes of the others.
    pub method: Method,
    /// How many are kept, as it was asked for.
    pub keep: Keep,
    /// Which draw of the subset.
    pub draw: usize,
}

/// Lists what is asked for, in the order of the settings. An order that draws nothing is drawn once, and so is a set
/// of all neurons.
///
/// # Errors
/// [`Error::Usage`] when `mouse` has fewer neurons than are to be kept.
pub fn conditions(config: &AblationConfig, mouse: &MouseId, neurons: usize) -> Result<Vec<Condition>> {
    let mut all = Vec::new();
    for &by in &config.by {
        for &method in &config.methods {
            for &keep in &config.keep {
                let Some(count) = keep.count(neurons) else {
                    return Err(Error::usage(format!(
                        "mouse {mouse} has {neurons} neurons, fewer than the {keep} that are to be kept \
                         (ablation.keep, --keep)"
                    )));
                };
                let draws = if by.is_random() && count < neurons { config.draws } else { 1 };
                all.extend((0..draws).map(|draw| Condition { by, method, keep, draw }));
            }
        }
    }
    Ok(all)
}

impl Condition {
    /// Names its folder: by, method, number of neurons, draw.
    pub fn folder(&self, count: usize) -> String {
        format!("{}/{}/{count}_neurons/draw_{}", self.by, self.method, self.draw)
    }

    /// Describes what is done to the recording, for the settings of a result.
    pub fn facts(&self, population: &Population) -> Value {
        let kept: Vec<u8> = population.mask().unwrap_or_default().iter().map(|&kept| kept.into()).collect();
        json!({
            "neurons": self.method.to_string(),
            "kept": blake3::hash(&kept).to_hex().to_string(),
        })
    }

    /// Alters a trial: with [`Method::Silence`] the responses of the neurons that are not kept become 0. Returns the
    /// neurons that the loss then sees.
    pub fn apply(&self, population: &Population, trial: &Trial) -> (Trial, Population) {
        let mut altered = trial.clone();
        if self.method == Method::Exclude {
            return (altered, population.clone());
        }
        for (neuron, mut responses) in altered.responses.outer_iter_mut().enumerate() {
            if !population.has(neuron) {
                responses.fill(0.0);
            }
        }
        (altered, Population::all())
    }
}

/// What came out of one reconstruction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeuronScore {
    /// Whose trial it is.
    pub mouse: MouseId,
    /// Which trial.
    pub trial: TrialId,
    /// Which neurons were kept first.
    pub by: Order,
    /// What became of the others.
    pub method: Method,
    /// How many were kept, as it was asked for.
    pub keep: String,
    /// How many that is.
    pub neurons: usize,
    /// Which draw of the subset.
    pub draw: usize,
    /// Correlation with the true movie over all masked pixels and frames.
    pub pixel_correlation: f64,
    /// Mean over the kept neurons of the correlation of recorded responses with those predicted from the
    /// reconstruction.
    pub kept_response_correlation: f64,
    /// The same over the neurons that were left out; NaN when none was.
    pub left_out_response_correlation: f64,
}

impl NeuronScore {
    /// Scores a reconstruction of `trial`, as it was recorded, with the neurons of `population`.
    pub fn of(
        mouse: &MouseId,
        condition: &Condition,
        population: &Population,
        trial: &Trial,
        result: &Reconstruction,
    ) -> Self {
        let (truth, movie, mask) = (result.ground_truth.view(), result.movie.view(), result.scored());
        let (predicted, recorded) = (result.predicted_responses.view(), trial.responses.view());
        Self {
            mouse: mouse.clone(),
            trial: trial.id,
            by: condition.by,
            method: condition.method,
            keep: condition.keep.to_string(),
            neurons: population.count(trial.responses.nrows()),
            draw: condition.draw,
            pixel_correlation: pixel_correlation(truth, movie, mask.view()),
            kept_response_correlation: population.response_correlation(predicted, recorded),
            left_out_response_correlation: population.left_out_correlation(predicted, recorded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    #[test]
    fn sets_that_are_not_drawn_are_made_once() {
        let config = AblationConfig { by: vec![Order::Random, Order::Deep], ..AblationConfig::default() };
        let mouse = MouseId("a".into());
        let all = conditions(&config, &mouse, 80).unwrap();
        // Random: 1 of all neurons and 3 of each of three sizes; by depth 1 of each of four; with either method.
        assert_eq!(all.len(), 2 * (1 + 9) + 2 * 4);
        let folders: std::collections::BTreeSet<String> =
            all.iter().map(|c| c.folder(c.keep.count(80).unwrap())).collect();
        assert_eq!(folders.len(), all.len());
        let config = AblationConfig { keep: vec![Keep::Count(81)], ..config };
        assert!(conditions(&config, &mouse, 80).unwrap_err().to_string().contains("81"));
    }

    #[test]
    fn silence_keeps_the_loss_whole_and_exclude_keeps_the_responses_whole() {
        let trial = Trial {
            id: TrialId(1),
            movie: Array3::zeros((4, 2, 2)),
            responses: Array2::ones((3, 4)),
            behavior: Array2::zeros((0, 4)),
            pupil_center: Array2::zeros((0, 4)),
        };
        let population = Population::only(vec![true, false, true]);
        let with = |method| Condition { by: Order::Random, method, keep: Keep::Count(2), draw: 0 };
        let (altered, matched) = with(Method::Exclude).apply(&population, &trial);
        assert_eq!((altered, matched), (trial.clone(), population.clone()));
        let (altered, matched) = with(Method::Silence).apply(&population, &trial);
        assert_eq!(matched, Population::all());
        assert_eq!(altered.responses.sum_axis(ndarray::Axis(1)).to_vec(), [4.0, 0.0, 4.0]);
    }
}
