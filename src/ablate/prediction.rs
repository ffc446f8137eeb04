//! What altered behavior costs the prediction of responses, neuron by neuron.

use super::config::{AblationConfig, Alteration};
use super::effect::{Change, Pairs};
use crate::data::Channel;
use crate::data::{MouseId, Trial};
use crate::error::Result;
use crate::metric::moments::PairedMoments;

/// Correlations of recorded responses with predictions from recorded and from altered behavior, of every neuron, over
/// all trials added so far.
#[derive(Debug)]
pub struct PredictionTally {
    changes: Vec<Change>,
    draws: usize,
    trials: usize,
    recorded: PairedMoments,
    /// Of each change and draw.
    altered: Vec<Vec<PairedMoments>>,
}

impl PredictionTally {
    /// Starts without a trial.
    pub fn new(channels: &[Channel], config: &AblationConfig, neurons: usize) -> Self {
        let mut changes = Vec::new();
        for &channel in channels {
            changes.extend(config.alterations.iter().map(|&alteration| (channel, alteration)));
        }
        let moments = PairedMoments::new(neurons);
        let draws = |(_, alteration): &Change| if alteration.is_random() { config.draws } else { 1 };
        let altered = changes.iter().map(|change| vec![moments.clone(); draws(change)]).collect();
        Self { changes, draws: config.draws, trials: 0, recorded: moments, altered }
    }

    /// Adds a trial: predicts it as it was recorded and altered in every way.
    ///
    /// # Errors
    /// Whatever `alter` and `predict` return; the tally is not to be used any more then.
    pub fn add(
        &mut self,
        trial: &Trial,
        alter: impl Fn(&Trial, Channel, Alteration, usize) -> Result<Trial>,
        mut predict: impl FnMut(&Trial) -> Result<ndarray::Array2<f32>>,
    ) -> Result<()> {
        let recorded = trial.responses.view();
        self.recorded.add(predict(trial)?.view(), recorded);
        for (&(channel, alteration), draws) in self.changes.iter().zip(&mut self.altered) {
            for (draw, moments) in draws.iter_mut().enumerate() {
                let altered = alter(trial, channel, alteration, draw)?;
                moments.add(predict(&altered)?.view(), recorded);
            }
        }
        self.trials += 1;
        Ok(())
    }

    /// Scores every neuron.
    pub fn scores(&self, mouse: &MouseId) -> PredictionScores {
        let mean_over_draws = |draws: &Vec<PairedMoments>| {
            let each: Vec<Vec<f64>> = draws.iter().map(PairedMoments::correlations).collect();
            let mean = |neuron: usize| each.iter().map(|r| r[neuron]).sum::<f64>() / each.len() as f64;
            (0..each.first().map_or(0, Vec::len)).map(mean).collect()
        };
        PredictionScores {
            mouse: mouse.clone(),
            trials: self.trials,
            draws: self.draws,
            recorded: self.recorded.correlations(),
            changes: self.changes.clone(),
            altered: self.altered.iter().map(mean_over_draws).collect(),
        }
    }
}

/// Correlations of predicted with recorded responses, one a neuron.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionScores {
    /// The mouse.
    pub mouse: MouseId,
    /// Trials that were predicted.
    pub trials: usize,
    /// Draws behind each random alteration.
    pub draws: usize,
    /// From the recorded behavior.
    pub recorded: Vec<f64>,
    /// What was done.
    pub changes: Vec<Change>,
    /// From the behavior so altered, `[change][neuron]`.
    pub altered: Vec<Vec<f64>>,
}

impl PredictionScores {
    /// Pairs every neuron with itself.
    pub fn pairs(&self) -> Vec<Pairs> {
        self.pairs_of("all", |_, _| true)
    }

    /// Pairs the neurons of a group, which may depend on the channel.
    pub fn pairs_of(&self, group: &str, belongs: impl Fn(Channel, usize) -> bool) -> Vec<Pairs> {
        let pairs = |(&change, altered): (&Change, &Vec<f64>)| {
            let own: Vec<usize> = (0..altered.len()).filter(|&neuron| belongs(change.0, neuron)).collect();
            Pairs {
                mouse: self.mouse.clone(),
                change,
                group: group.into(),
                unit: "neurons",
                recorded: own.iter().map(|&neuron| self.recorded[neuron]).collect(),
                altered: own.iter().map(|&neuron| altered[neuron]).collect(),
            }
        };
        self.changes.iter().zip(&self.altered).map(pairs).collect()
    }
}

#[cfg(test)]
#[path = "prediction_tests.rs"]
mod tests;
