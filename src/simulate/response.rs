//! What the microscope records of one trial, and what was to be expected.

use ndarray::{Array2, ArrayView3};

use super::behavior::Behavior;
use super::config::SimulationConfig;
use super::drift::{drift, smooth};
use super::population::Population;
use crate::seed;

/// Running speed at which its effect on neurons is three quarters of the full one.
const EFFORT_SPEED: f32 = 4.0;
/// Time constants of the shared factors: a quick one, and two that are brain states.
const SHARED_TAU_S: [f32; 3] = [0.5, 1.5, 5.0];

/// Both `[neuron, frame]`, in the recording's units.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    pub(super) responses: Array2<f32>,
    /// Expectation of the responses given movie and behavior, over shared and private variability,
    /// spikes and imaging noise.
    pub(super) expected: Array2<f32>,
}

/// Records trial number `trial`.
pub(super) fn record(
    config: &SimulationConfig,
    population: &Population,
    resting_pupil: f32,
    trial: usize,
    movie: ArrayView3<f32>,
    behavior: &Behavior,
) -> Recording {
    let frames = movie.dim().0;
    let per_scan = config.frames_per_scan();
    let scans = frames.div_ceil(per_scan);
    let frame_rate_hz = config.frame_rate_hz as f32;
    let trial = trial.to_string();
    let rng = &mut seed::stream(&config.seed, "simulate/shared", &[&trial]);
    let scan_rate_hz = frame_rate_hz / per_scan as f32;
    let factors =
        SHARED_TAU_S.map(|tau_s| drift(rng, scans, config.shared_variability as f32, tau_s * scan_rate_hz));
    let effort: Vec<f32> = behavior.running.iter().map(|speed| (speed / EFFORT_SPEED).tanh()).collect();
    let effort = smooth(&effort, 0.1 * frame_rate_hz);
    let (fields, contrast) = population.look(movie);
    let mut recording = Recording {
        responses: Array2::zeros((population.neurons.len(), frames)),
        expected: Array2::zeros((population.neurons.len(), frames)),
    };
    for (index, neuron) in population.neurons.iter().enumerate() {
        let mut rate = population.rate(index, &fields, &contrast);
        for (frame, rate) in rate.iter_mut().enumerate() {
            *rate *= neuron.behavior_gain(effort[frame], behavior.dilation[frame] - resting_pupil);
        }
        // The last scan may see fewer frames; it stands for a whole one.
        let spikes: Vec<f32> =
            rate.chunks(per_scan).map(|scan| scan.iter().sum::<f32>() / scan.len() as f32).collect();
        let shared: Vec<f32> = (0..scans)
            .map(|scan| neuron.shared_loading.iter().zip(&factors).map(|(w, factor)| w * factor[scan]).sum())
            .collect();
        let rng = &mut seed::stream(&config.seed, "simulate/response", &[&trial, &index.to_string()]);
        let calcium = &population.calcium[index];
        let recorded = calcium.record(rng, &spikes, &shared);
        let expected: Vec<f32> = spikes.iter().map(|&spikes| calcium.expected(spikes)).collect();
        let scale = population.response_scale[index];
        for frame in 0..frames {
            recording.responses[[index, frame]] = scale * at_frame(&recorded, frame, per_scan);
            recording.expected[[index, frame]] = scale * at_frame(&expected, frame, per_scan);
        }
    }
    recording
}

/// Interpolates between the middles of scans, as the dataset's responses are brought to 30 Hz.
fn at_frame(scans: &[f32], frame: usize, per_scan: usize) -> f32 {
    let place = (frame as f32 - 0.5 * (per_scan as f32 - 1.0)) / per_scan as f32;
    let place = place.clamp(0.0, (scans.len() - 1) as f32);
    let before = place as usize;
    let after = (before + 1).min(scans.len() - 1);
    scans[before] + (place - before as f32) * (scans[after] - scans[before])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_are_interpolated_between_their_middles() {
        let scans = [0.0, 8.0, 0.0];
        let frames: Vec<f32> = (0..12).map(|frame| at_frame(&scans, frame, 4)).collect();
        assert_eq!(frames, [0.0, 0.0, 1.0, 3.0, 5.0, 7.0, 7.0, 5.0, 3.0, 1.0, 0.0, 0.0]);
        assert_eq!(at_frame(&[2.0, 3.0], 1, 1), 3.0);
    }
}
