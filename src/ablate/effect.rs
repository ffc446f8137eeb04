//! What altered behavior did, tested: to the neurons' predictions, to the trials' reconstructions, over mice.

use std::collections::BTreeMap;

use serde::Serialize;

use super::config::Alteration;
use crate::data::Channel;
use crate::data::{MouseId, TrialId};
use crate::metric::inference::{
    ClusterMean, PairedT, SignFlip, bonferroni, cluster_bootstrap, paired_t, sign_flip,
};
use crate::seed;

/// A channel and what was done to it.
pub type Change = (Channel, Alteration);

/// Scores before and after a change, one a neuron or trial.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// The mouse.
    pub mouse: MouseId,
    /// What was done.
    pub change: Change,
    /// Which neurons or trials.
    pub group: String,
    /// "neurons" or "trials".
    pub unit: &'static str,
    /// With the recorded behavior.
    pub recorded: Vec<f64>,
    /// With the altered behavior.
    pub altered: Vec<f64>,
}

/// What a change did, over the neurons or trials of one mouse.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// The mouse.
    pub mouse: MouseId,
    /// Which channel.
    pub channel: Channel,
    /// What was done to it.
    pub alteration: Alteration,
    /// Which of the mouse's neurons or trials: "all", or a group that the simulation knows.
    pub group: String,
    /// What the pairs are: "neurons" or "trials".
    pub unit: &'static str,
    /// Mean score with the recorded behavior.
    pub recorded: f64,
    /// Mean score with the altered behavior.
    pub altered: f64,
    /// Altered minus recorded.
    pub t_test: PairedT,
    /// p of the t test times the comparisons of the mouse's table, at most 1.
    pub p_bonferroni: f64,
    /// The same without a law of errors.
    pub sign_flip: SignFlip,
}

/// What a change did over mice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectOverMice {
    /// Which channel.
    pub channel: Channel,
    /// What was done to it.
    pub alteration: Alteration,
    /// Which neurons or trials.
    pub group: String,
    /// Of what in each mouse: "neurons" or "trials".
    pub of: &'static str,
    /// Altered minus recorded.
    pub difference: ClusterMean,
    /// Of the mice's means; its n is that of mice.
    pub t_test: PairedT,
}

/// Tests each change of each mouse.
pub fn effects(all: &[Pairs], resamples: usize, run: &str) -> Vec<Effect> {
    let effect = |pairs: &Pairs| {
        let (channel, alteration) = pairs.change;
        let same = |other: &&Pairs| {
            (&other.mouse, &other.group, other.unit) == (&pairs.mouse, &pairs.group, pairs.unit)
        };
        let family = all.iter().filter(same);
        let t_test = paired_t(&pairs.altered, &pairs.recorded);
        let names = [channel.to_string(), alteration.to_string()];
        let parts = [pairs.mouse.0.as_str(), &names[0], &names[1], &pairs.group, pairs.unit];
        let mut rng = seed::stream(run, "ablate/sign flip", &parts);
        let differences: Vec<f64> = pairs.altered.iter().zip(&pairs.recorded).map(|(a, b)| a - b).collect();
        Effect {
            mouse: pairs.mouse.clone(),
            channel,
            alteration,
            group: pairs.group.clone(),
            unit: pairs.unit,
            recorded: mean(&pairs.recorded),
            altered: mean(&pairs.altered),
            p_bonferroni: bonferroni(t_test.p, family.count()),
            t_test,
            sign_flip: sign_flip(&differences, resamples, &mut rng),
        }
    };
    all.iter().map(effect).collect()
}

/// Tests each change over mice; nothing for a single mouse.
pub fn effects_over_mice(all: &[Pairs], resamples: usize, run: &str) -> Vec<EffectOverMice> {
    type Key<'a> = (&'static str, Channel, Alteration, &'a str);
    let mut groups: BTreeMap<Key<'_>, Vec<&Pairs>> = BTreeMap::new();
    for pairs in all {
        groups.entry((pairs.unit, pairs.change.0, pairs.change.1, &pairs.group)).or_default().push(pairs);
    }
    let effect = |((of, channel, alteration, group), mice): (Key<'_>, Vec<&Pairs>)| {
        let differences: Vec<Vec<f64>> = mice
            .iter()
            .map(|pairs| pairs.altered.iter().zip(&pairs.recorded).map(|(a, b)| a - b).collect())
            .collect();
        let names = [channel.to_string(), alteration.to_string()];
        let mut rng = seed::stream(run, "ablate/mice", &[&names[0], &names[1], group, of]);
        let means = |part: fn(&Pairs) -> &Vec<f64>| mice.iter().map(|p| mean(part(p))).collect::<Vec<f64>>();
        EffectOverMice {
            channel,
            alteration,
            group: group.into(),
            of,
            difference: cluster_bootstrap(&differences, resamples, &mut rng),
            t_test: paired_t(&means(|p| &p.altered), &means(|p| &p.recorded)),
        }
    };
    groups.into_iter().filter(|(_, mice)| mice.len() > 1).map(effect).collect()
}

/// Pairs reconstructions: pixel correlations with recorded behavior, and with altered one the mean over draws.
pub fn reconstruction_pairs(rows: &[BehaviorScore]) -> Vec<Pairs> {
    let mut groups: Vec<(MouseId, Change)> = Vec::new();
    for row in rows {
        let group = (row.mouse.clone(), (row.channel, row.alteration));
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let pairs = |(mouse, change): (MouseId, Change)| {
        let mut trials: BTreeMap<TrialId, Vec<&BehaviorScore>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.mouse == mouse && (row.channel, row.alteration) == change) {
            trials.entry(row.trial).or_default().push(row);
        }
        let mean_of = |value: fn(&BehaviorScore) -> f64| {
            let of_trial =
                |rows: &Vec<&BehaviorScore>| mean(&rows.iter().map(|row| value(row)).collect::<Vec<_>>());
            trials.values().map(of_trial).collect()
        };
        Pairs {
            change,
            group: "all".into(),
            unit: "trials",
            recorded: mean_of(|row| row.recorded_pixel_correlation),
            altered: mean_of(|row| row.pixel_correlation),
            mouse,
        }
    };
    groups.into_iter().map(pairs).collect()
}

/// What came out of one reconstruction with altered behavior.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BehaviorScore {
    /// Whose trial it is.
    pub mouse: MouseId,
    /// Which trial.
    pub trial: TrialId,
    /// Which channel was altered.
    pub channel: Channel,
    /// How.
    pub alteration: Alteration,
    /// Which draw of a random alteration.
    pub draw: usize,
    /// Correlation with the true movie over all masked pixels and frames.
    pub pixel_correlation: f64,
    /// The same of the reconstruction with the recorded behavior.
    pub recorded_pixel_correlation: f64,
    /// Mean over neurons of the correlation of recorded responses with those predicted from the reconstruction.
    pub response_correlation: f64,
}

fn mean(values: &[f64]) -> f64 {
    let defined: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    defined.iter().sum::<f64>() / defined.len() as f64
}

#[cfg(test)]
#[path = "effect_tests.rs"]
mod tests;
