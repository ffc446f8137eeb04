//! Drifting sine gratings, in every combination of direction, spatial and temporal frequency.

use std::f64::consts::TAU;

use ndarray::Array3;

use super::{Light, Polarity};
use crate::error::{Error, Result};
use crate::probe::config::ProbeConfig;

/// One grating.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grating {
    /// Direction of its motion, across its bars: 0 is rightward, a quarter turn downward.
    pub direction_rad: f64,
    /// Spatial frequency.
    pub cycles_per_px: f64,
    /// Temporal frequency.
    pub cycles_per_frame: f64,
    /// Which of the two phases, half a cycle apart.
    pub polarity: Polarity,
}

impl Grating {
    /// Draws it, `[frame, height, width]`; the middle of the frame starts at grey.
    pub fn movie(&self, frames: usize, [height, width]: [usize; 2], light: Light) -> Array3<f32> {
        let (sin, cos) = self.direction_rad.sin_cos();
        let middle = [height, width].map(|length| (length as f64 - 1.0) / 2.0);
        let swing = f64::from(light.swing * self.polarity.sign());
        Array3::from_shape_fn((frames, height, width), |(frame, row, column)| {
            let along = cos * (column as f64 - middle[1]) + sin * (row as f64 - middle[0]);
            let turns = self.cycles_per_px * along - self.cycles_per_frame * frame as f64;
            light.grey + (swing * (TAU * turns).sin()) as f32
        })
    }
}

/// Lists all gratings of a probe: directions vary slowest, then spatial and temporal frequencies, then polarity.
///
/// # Errors
/// [`Error::Usage`] when a frequency can't be shown with so many pixels or frames.
pub fn gratings(config: &ProbeConfig, width: usize, frame_rate_hz: f64) -> Result<Vec<Grating>> {
    if let Some(fine) = config.cycles_per_width.iter().find(|&&cycles| 2.0 * cycles >= width as f64) {
        return Err(Error::usage(format!(
            "probe.cycles_per_width has {fine}, but a frame of {width} pixels shows fewer than {} cycles; leave it out",
            width as f64 / 2.0
        )));
    }
    if let Some(fast) = config.cycles_per_second.iter().find(|&&cycles| 2.0 * cycles >= frame_rate_hz) {
        return Err(Error::usage(format!(
            "probe.cycles_per_second has {fast}, but {frame_rate_hz} frames a second show fewer than {} cycles; leave \
             it out",
            frame_rate_hz / 2.0
        )));
    }
    let mut all = Vec::new();
    for direction in 0..config.directions {
        for &cycles in &config.cycles_per_width {
            for &rate in &config.cycles_per_second {
                all.extend(Polarity::BOTH.map(|polarity| Grating {
                    direction_rad: TAU * direction as f64 / config.directions as f64,
                    cycles_per_px: cycles / width as f64,
                    cycles_per_frame: rate / frame_rate_hz,
                    polarity,
                }));
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustfft::FftPlanner;
    use rustfft::num_complex::Complex64;

    const LIGHT: Light = Light { grey: 80.0, swing: 60.0, contrast: 50.0 };

    /// Frequency, in cycles of the whole, with the most power but the mean's.
    fn strongest(values: impl Iterator<Item = f32>) -> usize {
        let mut line: Vec<Complex64> = values.map(|v| Complex64::new(f64::from(v), 0.0)).collect();
        FftPlanner::new().plan_fft_forward(line.len()).process(&mut line);
        (1..=line.len() / 2).max_by(|&a, &b| line[a].norm().total_cmp(&line[b].norm())).unwrap()
    }

    #[test]
    fn a_grating_has_the_stated_frequencies_and_moves_the_stated_way() {
        let size = [30, 40];
        let at = |direction_rad: f64| {
            let (cycles_per_px, cycles_per_frame) = (0.1, 0.05);
            Grating { direction_rad, cycles_per_px, cycles_per_frame, polarity: Polarity::Positive }
                .movie(60, size, LIGHT)
        };
        let rightward = at(0.0);
        assert_eq!(strongest(rightward.slice(ndarray::s![7, 3, ..]).iter().copied()), 4);
        assert_eq!(strongest(rightward.slice(ndarray::s![.., 3, 11]).iter().copied()), 3);
        let downward = at(TAU / 4.0);
        assert_eq!(strongest(downward.slice(ndarray::s![7, .., 3]).iter().copied()), 3);
        // Twenty frames later all has moved by one cycle of ten pixels: five pixels in ten frames.
        for (row, column) in [(3, 11), (20, 30)] {
            let moved = [rightward[[17, row, column + 5]], downward[[17, row + 5, column]]];
            let before = [rightward[[7, row, column]], downward[[7, row, column]]];
            // Single precision at grey levels.
            assert!(moved.iter().zip(before).all(|(a, b)| (a - b).abs() < 1e-3), "{moved:?} {before:?}");
        }
        let range = rightward.iter().fold((255.0f32, 0.0f32), |(a, b), &v| (a.min(v), b.max(v)));
        assert!(range.0 >= 20.0 && range.0 < 25.0 && range.1 <= 140.0 && range.1 > 135.0, "{range:?}");
    }

    #[test]
    fn both_polarities_mirror_each_other_at_grey_and_impossible_frequencies_are_refused() {
        let config = ProbeConfig { directions: 2, ..ProbeConfig::default() };
        let all = gratings(&config, 20, 30.0).unwrap();
        assert_eq!(all.len(), 2 * 6 * 2 * 2);
        let [a, b] = [all[0], all[1]].map(|grating| grating.movie(5, [6, 20], LIGHT));
        assert!(a.iter().zip(&b).all(|(a, b)| (a + b - 160.0).abs() < 1e-3)); // single precision
        let said = gratings(&config, 14, 30.0).unwrap_err();
        assert!(
            said.exit_code() == 2 && said.to_string().contains("probe.cycles_per_width has 7.5"),
            "{said}"
        );
        let said = gratings(&config, 20, 8.0).unwrap_err().to_string();
        assert!(said.contains("probe.cycles_per_second has 4"), "{said}");
    }
}
