//! Tables of the ablations as CSV; what is not defined is an empty cell.

use std::path::Path;

use super::curve::Comparison;
use super::effect::{BehaviorScore, Effect, EffectOverMice};
use super::neurons::NeuronScore;
use super::prediction::PredictionScores;
use super::summary::{MethodComparison, NeuronSummary};
use crate::csv_file::{cell, write_rows};
use crate::data::MouseId;
use crate::error::Result;
use crate::metric::inference::PairedT;

/// Writes the score of every reconstruction with fewer neurons.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn write_neuron_scores(path: &Path, rows: &[NeuronScore]) -> Result<()> {
    let heading = "mouse,trial,by,method,keep,neurons,draw,pixel_correlation,kept_response_correlation,\
                   left_out_response_correlation";
    let row = |row: &NeuronScore| {
        let labels = [
            row.mouse.to_string(),
            row.trial.to_string(),
            row.by.to_string(),
            row.method.to_string(),
            row.keep.clone(),
            row.neurons.to_string(),
            row.draw.to_string(),
        ];
        let numbers =
            [row.pixel_correlation, row.kept_response_correlation, row.left_out_response_correlation];
        labels.into_iter().chain(numbers.map(cell)).collect::<Vec<_>>()
    };
    write_rows(path, heading.split(','), rows.iter().map(row))
}

/// Writes the points of every curve with the fit through them.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn write_neuron_curves(path: &Path, summary: &NeuronSummary) -> Result<()> {
    let heading = "mouse,by,method,unit,n,keep,neurons,pixel_correlation,low_95,high_95,fit,fit_intercept,\
                   fit_slope_per_ln_neurons,fit_slope_low_95,fit_slope_high_95,fit_r_squared";
    let rows = summary.curves.iter().flat_map(|named| {
        let curve = &named.curve;
        curve.points.iter().map(move |point| {
            let labels = [
                label(named.mouse.as_ref()),
                named.by.to_string(),
                named.method.to_string(),
                curve.unit.to_string(),
                curve.units.to_string(),
                point.keep.clone(),
            ];
            let undefined = [f64::NAN; 2];
            let [low, high] = point.confidence_95.unwrap_or(undefined);
            let [slope_low, slope_high] = curve.slope_confidence_95.unwrap_or(undefined);
            let fit = curve.fit;
            let numbers = [point.neurons, point.mean, low, high, fit.at(point.neurons), fit.intercept];
            let slope = [fit.slope, slope_low, slope_high, fit.r_squared];
            labels.into_iter().chain(numbers.into_iter().chain(slope).map(cell)).collect::<Vec<_>>()
        })
    });
    write_rows(path, heading.split(','), rows)
}

/// Columns of a paired t test.
const TESTED: &str = "n,mean_difference,low_95,high_95,t,degrees_of_freedom,p,p_bonferroni,cohens_dz";

fn tested(test: &PairedT, p_bonferroni: f64) -> Vec<String> {
    let [low, high] = test.confidence_95;
    let mut cells = vec![test.n.to_string()];
    cells.extend([test.mean_difference, low, high, test.t].map(cell));
    cells.push(test.degrees_of_freedom.to_string());
    cells.extend([test.p, p_bonferroni, test.cohens_dz].map(cell));
    cells
}

/// Writes every paired comparison of numbers of neurons and of methods.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn write_neuron_tests(path: &Path, summary: &NeuronSummary) -> Result<()> {
    let heading = format!("mouse,by,method,keep,unit,comparison,{TESTED}");
    let compared = |c: &Comparison| format!("{} against {}", c.of, c.with);
    let against_most = summary.curves.iter().flat_map(|named| {
        named.curve.comparisons.iter().map(move |c| {
            let labels = [label(named.mouse.as_ref()), named.by.to_string(), named.method.to_string()];
            let more = [c.of.clone(), named.curve.unit.to_string(), compared(c)];
            labels.into_iter().chain(more).chain(tested(&c.test, c.p_bonferroni)).collect::<Vec<_>>()
        })
    });
    let methods = summary.exclude_against_silence.iter().map(|found: &MethodComparison| {
        let c = &found.comparison;
        let labels = [label(found.mouse.as_ref()), found.by.to_string(), String::new()];
        let more = [found.keep.clone(), found.unit.to_string(), compared(c)];
        labels.into_iter().chain(more).chain(tested(&c.test, c.p_bonferroni)).collect::<Vec<_>>()
    });
    write_rows(path, heading.split(','), against_most.chain(methods))
}

/// Writes every neuron's correlations under every change, and what the simulation says of it in columns of their own.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn write_predictions(
    path: &Path,
    mice: &[PredictionScores],
    truth: &[(&str, Vec<Option<Vec<f32>>>)],
) -> Result<()> {
    let names: String = truth.iter().map(|(name, _)| format!(",true_{name}")).collect();
    let heading = format!("mouse,neuron,channel,alteration,recorded_behavior,altered_behavior{names}");
    let mut rows = Vec::new();
    for (index, scores) in mice.iter().enumerate() {
        for ((channel, alteration), altered) in scores.changes.iter().zip(&scores.altered) {
            for (neuron, &altered) in altered.iter().enumerate() {
                let labels = [
                    scores.mouse.to_string(),
                    neuron.to_string(),
                    channel.to_string(),
                    alteration.to_string(),
                ];
                let known = truth.iter().map(|(_, mice)| {
                    let value = mice[index].as_ref().map(|values| f64::from(values[neuron]));
                    cell(value.unwrap_or(f64::NAN))
                });
                let numbers = [scores.recorded[neuron], altered].map(cell);
                rows.push(labels.into_iter().chain(numbers).chain(known).collect::<Vec<_>>());
            }
        }
    }
    write_rows(path, heading.split(','), rows)
}

/// Writes the score of every reconstruction with altered behavior.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn write_behavior_scores(path: &Path, rows: &[BehaviorScore]) -> Result<()> {
    let heading = "mouse,trial,channel,alteration,draw,pixel_correlation,recorded_pixel_correlation,\
                   response_correlation";
    let row = |row: &BehaviorScore| {
        let labels = [
            row.mouse.to_string(),
            row.trial.to_string(),
            row.channel.to_string(),
            row.alteration.to_string(),
            row.draw.to_string(),
        ];
        let numbers = [row.pixel_correlation, row.recorded_pixel_correlation, row.response_correlation];
        labels.into_iter().chain(numbers.map(cell)).collect::<Vec<_>>()
    };
    write_rows(path, heading.split(','), rows.iter().map(row))
}

/// Writes what every change did, to neurons and to trials, in every mouse and over mice.
///
/// # Errors
/// [`Error::Io`] when it can't be written.
pub fn write_effects(path: &Path, effects: &[Effect], over_mice: &[EffectOverMice]) -> Result<()> {
    let heading = format!(
        "mouse,channel,alteration,group,unit,recorded,altered,{TESTED},sign_flip_p,sign_flips,\
         mice_bootstrap_low_95,mice_bootstrap_high_95"
    );
    let of_mouse = effects.iter().map(|e| {
        let labels = [e.mouse.to_string(), e.channel.to_string(), e.alteration.to_string(), e.group.clone()];
        let more = [e.unit.to_string(), cell(e.recorded), cell(e.altered)];
        let flips = [cell(e.sign_flip.p), e.sign_flip.permutations.to_string(), String::new(), String::new()];
        labels
            .into_iter()
            .chain(more)
            .chain(tested(&e.t_test, e.p_bonferroni))
            .chain(flips)
            .collect::<Vec<_>>()
    });
    let over = over_mice.iter().map(|e| {
        let labels = [label(None), e.channel.to_string(), e.alteration.to_string(), e.group.clone()];
        let more = [format!("mice, of {}", e.of), String::new(), String::new()];
        let interval = e.difference.confidence_95.map(cell);
        let rest = [String::new(), String::new()].into_iter().chain(interval);
        labels.into_iter().chain(more).chain(tested(&e.t_test, f64::NAN)).chain(rest).collect::<Vec<_>>()
    });
    write_rows(path, heading.split(','), of_mouse.chain(over))
}

/// Names a mouse, or all of them together.
fn label(mouse: Option<&MouseId>) -> String {
    mouse.map_or_else(|| "all".into(), ToString::to_string)
}
