//! Tuning to drifting gratings: preferred direction, orientation, spatial and temporal frequency of every neuron.

use std::f64::consts::{FRAC_PI_4, PI, TAU};

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
    /// Preferred spatial frequency in cycles a pixel.
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
        // Directions about the preferred one: the curve over frequencies from several is smoother than from one.
        let near = |angle: f64| (angle - preferred.1).cos() >= FRAC_PI_4.cos() - 1e-9;
        let near: Vec<usize> = (0..curve.len()).filter(|&k| near(self.directions_rad[k])).collect();
        let near = responses
            .select(Axis(0), &near)
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array2::zeros((space, time)));
        let over_space = near.slice(s![.., best % time]).to_vec();
        let over_time = near.slice(s![best / time, ..]).to_vec();
        Tuning {
            direction_rad: preferred.1.rem_euclid(TAU),
            direction_selectivity: (preferred.0 - opposite.0) / (preferred.0 + opposite.0).max(1e-12),
            orientation_selectivity,
            cycles_per_px: peak_of_logs(&self.spatial_frequencies, &over_space),
            cycles_per_second: peak_of_logs(&self.temporal_frequencies, &over_time),
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

/// Frequency of the greatest value, between frequencies where a parabola over their logarithms has its top.
fn peak_of_logs(frequencies: &[f64], values: &[f64]) -> f64 {
    let Some(top) = (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])) else {
        return f64::NAN;
    };
    if top == 0 || top + 1 == values.len() {
        return frequencies[top];
    }
    let [a, b, c] = [top - 1, top, top + 1].map(|k| (frequencies[k].ln(), values[k]));
    let (left, right) = ((b.1 - a.1) / (b.0 - a.0), (c.1 - b.1) / (c.0 - b.0));
    let bend = (right - left) / (c.0 - a.0);
    if bend >= 0.0 {
        return frequencies[top];
    }
    (0.5 * (a.0 + b.0) - 0.5 * left / bend).clamp(a.0, c.0).exp()
}
