//! One simulated neuron of mouse V1: where it looks, what it likes, and how behavior moves it.

use std::f32::consts::{PI, TAU};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

use super::drift::normal;
use crate::seed;

/// Visual field across the screen's width.
pub(super) const SCREEN_WIDTH_DEG: f32 = 120.0;
/// Side of the imaged field of view.
const FIELD_UM: f32 = 620.0;
/// Length of the temporal kernels.
const KERNEL_S: f32 = 0.5;

/// Part of the mean luminance in a field that its surround takes away.
const SURROUND: f32 = 0.4;

/// Parameters of a neuron: the known answers.
#[derive(Debug, Clone)]
pub(super) struct Neuron {
    /// x, y, depth in the cortex.
    pub(super) position_um: [f32; 3],
    /// x, y of the receptive field's centre, in pixels.
    pub(super) center_px: [f32; 2],
    /// Direction of the carrier's wave vector; the preferred direction of motion when direction-selective.
    pub(super) orientation_rad: f32,
    /// Frequency of the carrier.
    pub(super) cycles_per_px: f32,
    /// Phase of the carrier at the centre; 0 is an on field, pi an off field.
    pub(super) phase_rad: f32,
    /// Standard deviation of the envelope along and across the wave vector.
    pub(super) envelope_px: [f32; 2],
    /// Time constant of the temporal kernels; the response to a flash peaks after about 2.5 of them.
    pub(super) tau_s: f32,
    /// 0: sustained, 1: transient.
    pub(super) transience: f32,
    /// 0: any direction along the wave vector, 1: only one.
    pub(super) direction_selectivity: f32,
    /// 0: simple (half-rectified, sign and place matter), 1: complex (energy).
    pub(super) complexity: f32,
    /// Threshold in standard deviations of the drive.
    pub(super) threshold: f32,
    /// Exponent of the rate over the drive.
    pub(super) exponent: f32,
    /// Mean spike rate at rest.
    pub(super) rate_hz: f32,
    /// Mean response over the recording, about.
    pub(super) mean_response: f32,
    /// Relative gain at full running; 0 for a neuron that running leaves alone.
    pub(super) running_gain: f32,
    /// Relative gain per 25 units of pupil dilation above rest.
    pub(super) pupil_gain: f32,
    /// Loadings on the shared factors, of length 1 together.
    pub(super) shared_loading: [f32; 3],
    /// Decay of its calcium.
    pub(super) calcium_tau_s: f32,
}

impl Neuron {
    /// Draws neuron `index` of the mouse `name`, whose movies have `size` (height, width) pixels.
    pub(super) fn draw(name: &str, index: usize, size: [usize; 2], rates: [f64; 2]) -> Self {
        let rng = &mut seed::stream(name, "simulate/neuron", &[&index.to_string()]);
        let [event_rate_hz, mean_response] = rates.map(|rate| rate as f32);
        let (height, width) = (size[0] as f32, size[1] as f32);
        let px_per_deg = width / SCREEN_WIDTH_DEG;
        let position_um = cortical_position(rng);
        // Retinotopy with the scatter of mouse V1, about 5 degrees; what falls off the screen is folded back.
        let center_px = [width, height].map(|length| length - 1.0);
        let center_px: [f32; 2] = std::array::from_fn(|axis| {
            let place = position_um[axis] / FIELD_UM * center_px[axis] + 5.0 * px_per_deg * normal(rng);
            fold_back(place, center_px[axis])
        });
        // Mouse V1 prefers low frequencies, around 0.03 cycles a degree (Niell & Stryker 2008).
        let cycles_per_deg = log_normal(rng, 0.026, 0.5).clamp(1.0 / 120.0, 8.0 / 120.0);
        // A field holds about half a cycle to one: one to three subfields of 10 to 30 degrees together.
        let diameter_deg = (log_normal(rng, 0.5, 0.3) / cycles_per_deg).clamp(10.0, 30.0);
        let sigma_px = 0.5 * diameter_deg * px_per_deg;
        let elongation = log_normal(rng, 1.15, 0.15);
        let complex = rng.random_bool(0.35);
        Self {
            position_um,
            center_px,
            orientation_rad: TAU * rng.random::<f32>(),
            cycles_per_px: cycles_per_deg / px_per_deg,
            phase_rad: phase(rng),
            envelope_px: [sigma_px / elongation.sqrt(), sigma_px * elongation.sqrt()],
            tau_s: rng.random_range(0.02..0.042),
            transience: rng.random_range(0.3..0.95),
            direction_selectivity: if rng.random_bool(0.35) { rng.random_range(0.4..1.0) } else { 0.0 },
            complexity: if complex { rng.random_range(0.7..1.0) } else { rng.random_range(0.0..0.25) },
            threshold: rng.random_range(0.0..0.6),
            exponent: rng.random_range(1.1..1.8),
            rate_hz: log_normal(rng, event_rate_hz, 0.4),
            mean_response: log_normal(rng, mean_response, 0.6),
            // Most neurons speed up with running, some slow down (Niell & Stryker 2010).
            running_gain: if rng.random_bool(0.6) { (0.7 + 0.6 * normal(rng)).max(-0.7) } else { 0.0 },
            pupil_gain: if rng.random_bool(0.5) { (0.2 + 0.2 * normal(rng)).clamp(-0.4, 0.8) } else { 0.0 },
            shared_loading: loading(rng),
            calcium_tau_s: rng.random_range(0.5..1.0),
        }
    }

    /// Returns the even and the odd receptive field at a pixel: an on centre gives even > 0 where light
    /// drives it.
    pub(super) fn fields_at(&self, x: f32, y: f32) -> [f32; 2] {
        let (dx, dy) = (x - self.center_px[0], y - self.center_px[1]);
        let (sin, cos) = self.orientation_rad.sin_cos();
        let (along, across) = (cos * dx + sin * dy, cos * dy - sin * dx);
        let exponent =
            -0.5 * ((along / self.envelope_px[0]).powi(2) + (across / self.envelope_px[1]).powi(2));
        // Beyond 3.5 standard deviations nothing counts, and exp is slow.
        if exponent < -6.1 {
            return [0.0; 2];
        }
        let (odd, even) = (TAU * self.cycles_per_px * along + self.phase_rad).sin_cos();
        let (odd_mean, even_mean) = self.phase_rad.sin_cos();
        let mean = (-0.5 * (TAU * self.cycles_per_px * self.envelope_px[0]).powi(2)).exp();
        let surround = SURROUND * mean;
        [even - surround * even_mean, odd - surround * odd_mean].map(|carrier| exponent.exp() * carrier)
    }

    /// Returns the fast and the slow temporal kernel, most recent frame first, each of norm 1; together
    /// they are about in quadrature (Adelson & Bergen 1985, eq. 1).
    pub(super) fn temporal_kernels(&self, frame_rate_hz: f32) -> [Vec<f32>; 2] {
        const SUBFRAMES: usize = 8;
        let taps = ((KERNEL_S * frame_rate_hz).ceil() as usize).max(1);
        [3, 5].map(|order: i32| {
            let factorial = |n: i32| (1..=n).map(|k| k as f32).product::<f32>();
            let value = |seconds: f32| {
                let t = seconds / self.tau_s;
                let lobes = 1.0 / factorial(order) - self.transience * t * t / factorial(order + 2);
                t.powi(order) * (-t).exp() * lobes
            };
            let mut kernel: Vec<f32> = (0..taps)
                .map(|tap| {
                    let at = |k: usize| (tap as f32 + (k as f32 + 0.5) / SUBFRAMES as f32) / frame_rate_hz;
                    (0..SUBFRAMES).map(|k| value(at(k))).sum()
                })
                .collect();
            let norm = kernel.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-20);
            kernel.iter_mut().for_each(|v| *v /= norm);
            kernel
        })
    }

    /// Returns the gain of its rate at a running speed and pupil dilation; 1 at rest.
    pub(super) fn behavior_gain(&self, effort: f32, dilation_above_rest: f32) -> f32 {
        let running = 1.0 + self.running_gain * effort;
        let pupil = 1.0 + self.pupil_gain * dilation_above_rest / 25.0;
        running.max(0.1) * pupil.clamp(0.2, 3.0)
    }
}

/// Draws a place in the field of view, in one of the dataset's ten imaging planes 200 to 425 um deep.
fn cortical_position(rng: &mut ChaCha8Rng) -> [f32; 3] {
    let plane = rng.random_range(0..10) as f32;
    [
        rng.random_range(0.0..FIELD_UM),
        rng.random_range(0.0..FIELD_UM),
        // A cell is not exactly in the plane.
        (200.0 + 25.0 * plane + 2.0 * normal(rng)).clamp(200.0, 425.0),
    ]
}

/// Draws a phase: two thirds of the neurons are near on or off, the rest anywhere, edges included.
fn phase(rng: &mut ChaCha8Rng) -> f32 {
    if rng.random_bool(0.65) {
        let side = if rng.random_bool(0.5) { 0.0 } else { PI };
        side + 0.35 * normal(rng)
    } else {
        TAU * rng.random::<f32>()
    }
}

fn loading(rng: &mut ChaCha8Rng) -> [f32; 3] {
    // The first factor moves most neurons the same way, as in recordings.
    let raw = [0.8 + 0.5 * normal(rng), 0.6 * normal(rng), 0.6 * normal(rng)];
    let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
    raw.map(|v| v / norm)
}

fn log_normal(rng: &mut ChaCha8Rng, median: f32, log_sd: f32) -> f32 {
    LogNormal::new(median.ln(), log_sd).expect("a finite spread").sample(rng)
}

/// Reflects a place into `0..=limit`.
fn fold_back(place: f32, limit: f32) -> f32 {
    let folded = place.rem_euclid(2.0 * limit);
    if folded > limit { 2.0 * limit - folded } else { folded }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neurons(count: usize) -> Vec<Neuron> {
        (0..count).map(|index| Neuron::draw("test", index, [36, 64], [0.4, 2.5])).collect()
    }

    #[test]
    fn receptive_fields_cover_the_screen_and_cells_lie_in_the_field_of_view() {
        let neurons = neurons(600);
        let mut tiles = [[0; 4]; 2];
        for neuron in &neurons {
            let [x, y] = neuron.center_px;
            assert!((0.0..=63.0).contains(&x) && (0.0..=35.0).contains(&y));
            tiles[(y / 18.0) as usize][(x / 16.0) as usize] += 1;
            let [x, y, depth] = neuron.position_um;
            assert!((0.0..=620.0).contains(&x) && (0.0..=620.0).contains(&y));
            assert!((200.0..=425.0).contains(&depth));
            let cycles = neuron.cycles_per_px * 64.0;
            assert!((0.99..=8.01).contains(&cycles), "{cycles}");
        }
        // 600 neurons over 8 tiles are 75 each, give or take 9.
        assert!(tiles.iter().flatten().all(|&count| count > 40), "{tiles:?}");
    }

    #[test]
    fn kernels_are_causal_and_peak_after_50_to_150_ms() {
        for neuron in neurons(100) {
            let [fast, _] = neuron.temporal_kernels(1000.0);
            let peak = fast.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            assert!((30..=150).contains(&peak), "{peak} ms");
            assert!(fast[0].abs() < 0.05 * fast[peak]);
        }
    }

    #[test]
    fn on_cells_like_light_at_their_centre_and_off_cells_dark() {
        let mut on = neurons(1).remove(0);
        on.phase_rad = 0.0;
        let mut off = on.clone();
        off.phase_rad = PI;
        let [x, y] = on.center_px;
        assert!(on.fields_at(x, y)[0] >= 1.0 - SURROUND);
        assert!(off.fields_at(x, y)[0] <= SURROUND - 1.0);
    }
}
