//! Which movie each trial shows and in which tier it is.

use rand::seq::SliceRandom;

use super::config::SimulationConfig;
use crate::data::Tier;
use crate::seed;

/// One trial to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// Number of its movie; trials with one number show the same.
    pub(super) movie: usize,
    pub(super) tier: Tier,
}

/// Lays out the trials in random order: oracle movies several times each, all others once.
pub(super) fn schedule(config: &SimulationConfig) -> Vec<Slot> {
    let oracle = (config.oracle_fraction * config.trials as f64).round() as usize;
    let none = (config.none_fraction * config.trials as f64).round() as usize;
    let none = none.min(config.trials - oracle.min(config.trials));
    let mut slots: Vec<Slot> = (0..config.trials)
        .map(|index| {
            // Oracle movies take the numbers of their first showing.
            if index < oracle {
                Slot { movie: index - index % config.oracle_repeats, tier: Tier("oracle".into()) }
            } else if index < oracle + none {
                Slot { movie: index, tier: Tier("none".into()) }
            } else {
                Slot { movie: index, tier: Tier("train".into()) }
            }
        })
        .collect();
    slots.shuffle(&mut seed::stream(&config.seed, "simulate/schedule", &[]));
    slots
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn oracle_movies_repeat_and_no_other_movie_does() {
        let config = SimulationConfig {
            trials: 60,
            oracle_fraction: 0.5,
            oracle_repeats: 10,
            none_fraction: 0.1,
            ..Default::default()
        };
        let slots = schedule(&config);
        let count = |tier: &str| slots.iter().filter(|slot| slot.tier.0 == tier).count();
        assert_eq!((count("none"), count("oracle"), count("train")), (6, 30, 24));
        let mut shown: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for slot in &slots {
            shown.entry(slot.movie).or_default().push(&slot.tier.0);
        }
        for tiers in shown.values() {
            let once = tiers.len() == 1 && tiers[0] != "oracle";
            let oracle = tiers.len() == 10 && tiers.iter().all(|&tier| tier == "oracle");
            assert!(once || oracle, "{tiers:?}");
        }
    }
}
