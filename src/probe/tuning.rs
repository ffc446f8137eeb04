//! Tuning to drifting gratings: preferred direction, orientation, spatial and temporal frequency of every neuron.

use std::f64::consts::{PI, TAU};

use ndarray::{Array1, Array2, Array3, Array4, ArrayView3, Axis, s};

use super::ProbeConfig;
use super::presentation::Presentation;
use super::stimulus::{Light, Polarity, gratings};
use crate::error::Result;

/// Responses to the onset of a grating are left out for so long.
const ONSET_S: f64 = 0.5;

/// Mean responses to gratings.
#[derive(Debug, Clone, PartialEq)]
pub struct GratingResponses {
    /// `[neuron, direction, spatial frequency, temporal frequency]`: mean over time and both phases.
    pub responses: Array4<f32>,
    /// `[neuron]`: mean response to a grey frame.
    pub blank: Array1<f32>,
    /// Of each direction, in radians: 0 is rightward, a quarter turn downward.
    pub directions_rad: Vec<f64>,
    /// Cycles a pixel, ascending.
    pub spatial_frequencies: Vec<f64>,
    /// Cycles a second, ascending.
    pub temporal_frequencies: Vec<f64>,
}

/// What one neuron prefers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Preferred direction of motion, in radians, 0 to below a full turn.
    pub direction_rad: f64,
    /// (preferred - opposite) / (preferred + opposite): 0 for any direction along its axis, 1 for one only.
    pub direction_selectivity: f64,
    /// Length of the mean vector over directions at twice their angle: 0 for any orientation, 1 for one only.
    pub orientation_selectivity: f64,
    /// Preferred spatial frequency in cycles a pixel; NaN when it responds to all alike.
    pub cycles_per_px: f64,
    /// Preferred temporal frequency in cycles a second.
    pub cycles_per_second: f64,
    /// Response to the best grating.
    pub best_response: f64,
}

impl Tuning {
    /// Orientation of the bars it prefers: across its direction, 0 to below half a turn.
    pub fn orientation_rad(&self) -> f64 {
        (self.direction_rad + 0.5 * PI).rem_euclid(PI)
    }
}

impl GratingResponses {
    /// Shows all gratings and a grey frame.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) when asked to stop; when a grating can't be shown or is
    /// shorter than a clip.
    pub fn probe(
        presentation: &Presentation<'_>,
        config: &ProbeConfig,
        light: Light,
        frame_rate_hz: f64,
    ) -> Result<Self> {
        Self::check(presentation, config, frame_rate_hz)?;
        let neurons = presentation.ensemble.config.readout_outputs[presentation.readout];
        let show =
            |count: usize, movie: &dyn Fn(usize) -> Array3<f32>, take: &mut dyn FnMut(usize, Array2<f32>)| {
                presentation.show("gratings", count, movie, take)
            };
        Self::of(config, presentation.frame_size(), neurons, light, frame_rate_hz, show)
    }

    /// Checks that the gratings can be shown.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) when they are shorter than a clip, too fine or too fast.
    pub fn check(presentation: &Presentation<'_>, config: &ProbeConfig, frame_rate_hz: f64) -> Result<()> {
        let onset = (ONSET_S * frame_rate_hz).round() as usize;
        presentation.require_frames("probe.grating_frames", config.grating_frames, onset)?;
        gratings(config, presentation.frame_size()[1], frame_rate_hz).map(drop)
    }

    /// Collects the responses of anything that sees: `show` gets a count, makes each movie by its number and hands over
    /// the responses to it, `[neuron, frame]`.
    ///
    /// # Errors
    /// When a grating can't be shown at this size, `[height, width]`, and frame rate; whatever `show` returns.
    pub fn of(
        config: &ProbeConfig,
        size: [usize; 2],
        neurons: usize,
        light: Light,
        frame_rate_hz: f64,
        show: impl FnOnce(usize, &dyn Fn(usize) -> Array3<f32>, &mut dyn FnMut(usize, Array2<f32>)) -> Result<()>,
    ) -> Result<Self> {
        let (frames, onset) = (config.grating_frames, (ONSET_S * frame_rate_hz).round() as usize);
        let mut config = config.clone();
        config.cycles_per_width.sort_by(f64::total_cmp);
        config.cycles_per_second.sort_by(f64::total_cmp);
        let all = gratings(&config, size[1], frame_rate_hz)?;
        let (space, time) = (config.cycles_per_width.len(), config.cycles_per_second.len());
        let mut responses = Array4::<f32>::zeros((neurons, config.directions, space, time));
        let mut blank = Array1::<f32>::zeros(neurons);
        let movie = |index: usize| {
            let grey = || Array3::from_elem((frames, size[0], size[1]), light.grey);
            all.get(index).map_or_else(grey, |grating| grating.movie(frames, size, light))
        };
        let mut take = |index: usize, predicted: Array2<f32>| {
            let mean = mean_after(&predicted, onset);
            let condition = index / Polarity::BOTH.len();
            if condition >= config.directions * space * time {
                blank = mean;
                return;
            }
            let (direction, f, t) = (condition / (space * time), condition / time % space, condition % time);
            responses.slice_mut(s![.., direction, f, t]).scaled_add(1.0 / Polarity::BOTH.len() as f32, &mean);
        };
        show(all.len() + 1, &movie, &mut take)?;
        Ok(Self {
            responses,
            blank,
            directions_rad: (0..config.directions)
                .map(|k| TAU * k as f64 / config.directions as f64)
                .collect(),
            spatial_frequencies: config
                .cycles_per_width
                .iter()
                .map(|cycles| cycles / size[1] as f64)
                .collect(),
            temporal_frequencies: config.cycles_per_second,
        })
    }

    /// Finds what every neuron prefers.
    pub fn tunings(&self) -> Vec<Tuning> {
        self.responses.outer_iter().map(|responses| self.tuning(responses)).collect()
    }

    fn tuning(&self, responses: ArrayView3<f32>) -> Tuning {
        let greatest =
            |values: Vec<f64>| values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |b| b.0);
        let responses = responses.mapv(f64::from);
        let [space, time] = [responses.len_of(Axis(1)), responses.len_of(Axis(2))];
        let best_of =
            |f: usize, t: usize| responses.slice(s![.., f, t]).fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let best = greatest((0..space * time).map(|k| best_of(k / time, k % time)).collect());
        let curve = responses.slice(s![.., best / time, best % time]).to_vec();
        let (axis, orientation_selectivity) = vector_mean(&self.directions_rad, &curve, 2.0);
        let along = |direction: f64| -> f64 {
            let weight = |angle: &f64| (angle - direction).cos().max(0.0).powi(4);
            let pairs = self.directions_rad.iter().zip(&curve);
            pairs.clone().map(|(angle, r)| weight(angle) * r).sum::<f64>()
                / pairs.map(|(angle, _)| weight(angle)).sum::<f64>().max(1e-12)
        };
        let [one, other] = [axis / 2.0, axis / 2.0 + PI].map(|angle| (along(angle), angle));
        let (preferred, opposite) = if one.0 >= other.0 { (one, other) } else { (other, one) };
        let most_over = |axis: usize, k: usize| {
            let lane = responses.index_axis(Axis(axis), k);
            lane.fold(f64::NEG_INFINITY, |a, &b| a.max(b))
        };
        let over_space: Vec<f64> = (0..space).map(|f| most_over(1, f)).collect();
        let over_time: Vec<f64> = (0..time).map(|t| most_over(2, t)).collect();
        Tuning {
            direction_rad: preferred.1.rem_euclid(TAU),
            direction_selectivity: (preferred.0 - opposite.0) / (preferred.0 + opposite.0).max(1e-12),
            orientation_selectivity,
            cycles_per_px: center_of_logs(&self.spatial_frequencies, &over_space),
            cycles_per_second: center_of_logs(&self.temporal_frequencies, &over_time),
            best_response: best_of(best / time, best % time),
        }
    }
}

fn mean_after(responses: &Array2<f32>, first: usize) -> Array1<f32> {
    responses
        .slice(s![.., first.min(responses.ncols().saturating_sub(1))..])
        .mean_axis(Axis(1))
        .unwrap_or_default()
}

/// Angle and relative length of the sum of vectors at `times` the angles, 0 to below a full turn.
fn vector_mean(angles: &[f64], lengths: &[f64], times: f64) -> (f64, f64) {
    let sum =
        |of: fn(f64) -> f64| angles.iter().zip(lengths).map(|(angle, l)| l * of(times * angle)).sum::<f64>();
    let (x, y) = (sum(f64::cos), sum(f64::sin));
    let total: f64 = lengths.iter().map(|l| l.abs()).sum();
    (y.atan2(x).rem_euclid(TAU), x.hypot(y) / total.max(1e-12))
}

/// Frequency in the middle of a curve of greatest responses: the mean of the logarithms, weighted by the squared height
/// above the least. Of simulated neurons whose rates are known it correlates better with the carrier's frequency than the
/// greatest response alone, whose frequency is one of few.
fn center_of_logs(frequencies: &[f64], values: &[f64]) -> f64 {
    if frequencies.len() == 1 {
        return frequencies[0];
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = values.iter().map(|value| (value - least).powi(2)).collect();
    let logs: f64 = frequencies.iter().zip(&weights).map(|(frequency, weight)| weight * frequency.ln()).sum();
    (logs / weights.iter().sum::<f64>()).exp()
}
