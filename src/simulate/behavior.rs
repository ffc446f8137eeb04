//! The simulated animal: mostly still, running in bouts, with a pupil that follows its arousal and
//! eyes that jump and drift.

use ndarray::Array2;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp, LogNormal};

use super::drift::{drift, normal, smooth};
use crate::seed;

/// Fastest running seen in the dataset.
const MAX_SPEED: f32 = 27.0;

/// What a mouse keeps over its trials.
#[derive(Debug, Clone)]
pub(super) struct Animal {
    frame_rate_hz: f32,
    pub(super) resting_pupil: f32,
    gaze: [f32; 2],
}

/// The animal during one trial, whether or not it was recorded.
#[derive(Debug, Clone)]
pub(super) struct Behavior {
    /// Running speed at each frame.
    pub(super) running: Vec<f32>,
    /// Pupil dilation at each frame.
    pub(super) dilation: Vec<f32>,
    /// `[row, frame]`: x, y.
    pub(super) pupil_center: Array2<f32>,
}

impl Animal {
    pub(super) fn new(name: &str, frame_rate_hz: f64) -> Self {
        let mut rng = seed::stream(name, "simulate/animal", &[]);
        Self {
            frame_rate_hz: frame_rate_hz as f32,
            resting_pupil: rng.random_range(44.0..54.0),
            gaze: [rng.random_range(134.0..150.0), rng.random_range(126.0..140.0)],
        }
    }

    /// Draws a trial.
    pub(super) fn behave(&self, rng: &mut ChaCha8Rng, frames: usize) -> Behavior {
        let running = self.run(rng, frames);
        let dilation = self.dilate(rng, &running);
        let mut pupil_center = Array2::zeros((2, frames));
        for (mut row, values) in pupil_center.outer_iter_mut().zip(self.look(rng, frames)) {
            row.iter_mut().zip(values).for_each(|(place, value)| *place = value);
        }
        Behavior { running, dilation, pupil_center }
    }

    /// Alternates rest and bouts. Bouts take up 11 % of the time at a mean speed near 4.5, which gives
    /// the dataset's mean of 0.5 and standard deviation of 2.
    fn run(&self, rng: &mut ChaCha8Rng, frames: usize) -> Vec<f32> {
        let rest_s = Exp::new(1.0 / 32.0f32).expect("a positive rate");
        let bout_s = LogNormal::new(1.2f32, 0.6).expect("a finite spread");
        let top_speed = LogNormal::new(1.3f32, 0.75).expect("a finite spread");
        // Begun this long before the trial, rest and bout no longer know how it began.
        let lead = (60.0 * self.frame_rate_hz) as usize;
        let mut intent = Vec::with_capacity(lead + frames);
        let mut still = true;
        while intent.len() < lead + frames {
            let seconds: f32 = if still { rest_s.sample(rng) } else { bout_s.sample(rng) };
            let speed = if still { 0.0 } else { top_speed.sample(rng) };
            let length = (seconds * self.frame_rate_hz).ceil().max(1.0) as usize;
            intent.extend(std::iter::repeat_n(speed, length));
            still = !still;
        }
        // Legs take about a third of a second to start and stop; strides make the speed waver.
        let speed =
            smooth(&smooth(&intent[..lead + frames], 0.2 * self.frame_rate_hz), 0.15 * self.frame_rate_hz);
        let stride = drift(rng, frames, 0.25, 0.15 * self.frame_rate_hz);
        speed[lead..]
            .iter()
            .zip(stride)
            .map(|(speed, stride)| {
                let jitter = 0.02 * normal(rng);
                (speed * (1.0 + stride) + jitter).clamp(0.0, MAX_SPEED)
            })
            .collect()
    }

    /// Arousal of the trial, its drift, and running, which widens the pupil over about a second
    /// (Reimer et al. 2014).
    fn dilate(&self, rng: &mut ChaCha8Rng, running: &[f32]) -> Vec<f32> {
        let arousal = 11.5 * normal(rng);
        let drift = drift(rng, running.len(), 6.0, 3.0 * self.frame_rate_hz);
        let effort: Vec<f32> = running.iter().map(|speed| (speed / 4.0).tanh()).collect();
        smooth(&effort, 1.2 * self.frame_rate_hz)
            .iter()
            .zip(drift)
            .map(|(effort, drift)| {
                let camera_noise = 0.3 * normal(rng);
                (self.resting_pupil + arousal + drift + 18.0 * effort + camera_noise).clamp(8.0, 120.0)
            })
            .collect()
    }

    /// Fixations about 3 s long with sudden jumps between them, and slow drift.
    fn look(&self, rng: &mut ChaCha8Rng, frames: usize) -> [Vec<f32>; 2] {
        const SPREAD: [f32; 2] = [6.0, 4.5];
        let mut target: [f32; 2] = std::array::from_fn(|axis| SPREAD[axis] * normal(rng));
        let drifts: [Vec<f32>; 2] =
            std::array::from_fn(|_| drift(rng, frames, 1.5, 1.5 * self.frame_rate_hz));
        let jump = f64::from(0.35 / self.frame_rate_hz).min(1.0);
        let mut rows = [Vec::with_capacity(frames), Vec::with_capacity(frames)];
        for drift in drifts[0].iter().zip(&drifts[1]) {
            if rng.random_bool(jump) {
                target = std::array::from_fn(|axis| SPREAD[axis] * normal(rng));
            }
            for (axis, drift) in [drift.0, drift.1].into_iter().enumerate() {
                rows[axis].push(self.gaze[axis] + target[axis] + drift + 0.2 * normal(rng));
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_sd(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
        let n = values.clone().count() as f32;
        let mean = values.clone().sum::<f32>() / n;
        (mean, (values.map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt())
    }

    #[test]
    fn behavior_looks_like_the_datasets() {
        let animal = Animal::new("test", 30.0);
        let trials: Vec<Behavior> = (0..700)
            .map(|k| animal.behave(&mut seed::stream("test", "behavior", &[&k.to_string()]), 300))
            .collect();
        // Ranges of DESIGN.md, section 5, over the real mice.
        let (mean, sd) = mean_and_sd(trials.iter().flat_map(|t| t.running.iter().copied()));
        assert!((0.3..=0.7).contains(&mean) && (1.6..=2.6).contains(&sd), "running {mean} sd {sd}");
        let fastest = trials.iter().flat_map(|t| t.running.iter().copied()).fold(0.0, f32::max);
        assert!((20.0..=27.0).contains(&fastest), "fastest {fastest}");
        let (mean, sd) = mean_and_sd(trials.iter().flat_map(|t| t.dilation.iter().copied()));
        assert!((40.0..=60.0).contains(&mean) && (12.0..=16.0).contains(&sd), "pupil {mean} sd {sd}");
        for axis in 0..2 {
            let (mean, sd) = mean_and_sd(trials.iter().flat_map(|t| t.pupil_center.row(axis).to_vec()));
            assert!((120.0..=156.0).contains(&mean) && (4.0..=8.0).contains(&sd), "gaze {mean} sd {sd}");
        }
    }

    #[test]
    fn the_pupil_follows_running_with_a_lag() {
        let animal = Animal::new("test", 30.0);
        let (mut now, mut later) = (0.0f64, 0.0f64);
        for k in 0..400 {
            let trial = animal.behave(&mut seed::stream("test", "lag", &[&k.to_string()]), 300);
            let pupil_mean = trial.dilation.iter().sum::<f32>() / 300.0;
            for frame in 0..270 {
                let effort = (trial.running[frame] / 4.0).tanh();
                now += f64::from(effort * (trial.dilation[frame] - pupil_mean));
                later += f64::from(effort * (trial.dilation[frame + 30] - pupil_mean));
            }
        }
        assert!(later > 0.0 && later > now, "{now} {later}");
    }
}
