//! The numbers of a trial, each beside what the control scores.

use std::collections::BTreeMap;

use serde::Serialize;

use super::number::short;
use super::run::Run;
use crate::data::{MouseId, TrialId};
use crate::evaluate::table::{COLUMNS, TrialScore};
use crate::evaluate::{Controls, Scores};
use crate::reconstruct::Reconstruction;

/// Numbers by the names of the columns of `evaluation/trials.csv`; `null` where one is not defined.
pub(super) type Numbers = BTreeMap<String, Option<f64>>;

/// Scores of one trial of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Scored {
    /// Of the reconstruction, and the controls of its pixel correlation.
    pub scores: Numbers,
    /// Of the control that was reconstructed from responses shuffled between neurons; none when there is none.
    pub control: Option<Numbers>,
}

impl Scored {
    /// Takes the scores from the run's table, and computes those that it doesn't have.
    pub(super) fn new(
        run: &Run,
        mouse: &MouseId,
        trial: TrialId,
        result: &Reconstruction,
        control: Option<&Reconstruction>,
    ) -> Self {
        let found = run.scores.get(&(mouse.clone(), trial));
        let control = control.map(|control| numbers(mouse, trial, control));
        let scores = match found {
            Some(found) => found.iter().map(|(name, &value)| (name.clone(), short(value))).collect(),
            // Not evaluated yet: the controls that need other movies are missing.
            None => {
                let mut scores = numbers(mouse, trial, result);
                let shuffled = control.as_ref().and_then(|control| control["pixel_correlation"]);
                scores.insert("control_shuffled_neurons".into(), shuffled);
                scores
            }
        };
        Self { scores, control }
    }
}

fn numbers(mouse: &MouseId, trial: TrialId, result: &Reconstruction) -> Numbers {
    let (scores, controls) = (Scores::of(result), Controls::NONE);
    let row = TrialScore { mouse: mouse.clone(), trial, members: 0, scores, controls };
    COLUMNS.iter().map(|(name, value)| ((*name).to_string(), short(value(&row)))).collect()
}
