//! Checks the section `[probe]`: stimuli that can be shown, and not so many that they fill the memory.

use std::ops::RangeBounds;

use super::{Checked, MOST_PIXELS, at_least, at_most, check, within};
use crate::probe::ProbeConfig;

/// Most frames of one movie that a probe shows: five minutes at 30 a second.
const MOST_PROBE_FRAMES: usize = 9000;
/// Most movies of one kind, and most values along an axis of a grid of them.
const MOST_PROBE_MOVIES: usize = 10_000;

pub(super) fn check_probe(probe: &ProbeConfig) -> Checked {
    if let Some(width) = probe.screen_width_deg {
        within("probe.screen_width_deg", width, f64::MIN_POSITIVE..=360.0, "more than 0, at most 360")?;
    }
    at_least("probe.sparse_movies", probe.sparse_movies, 2)?;
    at_most("probe.sparse_movies", probe.sparse_movies, MOST_PROBE_MOVIES)?;
    for (key, frames) in [
        ("probe.sparse_frames", probe.sparse_frames),
        ("probe.square_frames", probe.square_frames),
        ("probe.grating_frames", probe.grating_frames),
        ("probe.noise_frames", probe.noise_frames),
    ] {
        at_least(key, frames, 1)?;
        at_most(key, frames, MOST_PROBE_FRAMES)?;
    }
    if let Some(side) = probe.square_px {
        at_least("probe.square_px", side, 1)?;
        at_most("probe.square_px", side, MOST_PIXELS)?;
    }
    within("probe.sparse_density", probe.sparse_density, 0.001..=0.9, "0.001 to 0.9")?;
    // With fewer, one direction can't be told from its neighbours.
    at_least("probe.directions", probe.directions, 4)?;
    at_most("probe.directions", probe.directions, 360)?;
    let positive = f64::MIN_POSITIVE..=f64::MAX;
    check_axis("probe.cycles_per_width", &probe.cycles_per_width, positive.clone(), "more than 0")?;
    check_axis("probe.cycles_per_second", &probe.cycles_per_second, positive, "more than 0")?;
    check_axis("probe.noise_space_px", &probe.noise_space_px, 0.0..=MOST_NOISE, "0 to 200")?;
    check_axis("probe.noise_time_frames", &probe.noise_time_frames, 0.0..=MOST_NOISE, "0 to 200")
}

/// Longest length constant of noise: much more than a frame or a trial, and its margins still fit into memory.
const MOST_NOISE: f64 = 200.0;

/// Checks an axis of a grid of stimuli: some values, each once.
fn check_axis(
    key: &'static str,
    values: &[f64],
    range: impl RangeBounds<f64> + Clone,
    expected: &str,
) -> Checked {
    check(!values.is_empty(), key, || "is empty, expected at least one".into())?;
    at_most(key, values.len(), 100)?;
    for &value in values {
        within(key, value, range.clone(), expected)?;
    }
    let twice = (1..values.len()).any(|k| values[..k].contains(&values[k]));
    check(!twice, key, || "names one twice".into())
}
