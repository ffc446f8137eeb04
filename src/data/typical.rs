//! What a mouse usually did and saw: what stands in for behavior that was not recorded, and the light that a made-up
//! stimulus keeps to, so that an encoder is asked about nothing it never met.

use super::mouse::Mouse;
use super::trial::{Trial, TrialId};
use crate::error::{Error, Result};

/// Trials that are averaged, at most, evenly spread over the recording, and every how many frames they are read.
const TRIALS: usize = 64;
const EVERY: usize = 5;

/// Means over trials of one mouse.
#[derive(Debug, Clone, PartialEq)]
pub struct Typical {
    /// Of each row of behavior.
    pub behavior: Vec<f32>,
    /// Of each row of pupil center.
    pub pupil_center: Vec<f32>,
    /// Mean grey level of the movies.
    pub grey: f32,
    /// Standard deviation of their pixels over all places and frames, in grey levels.
    pub contrast: f32,
}

impl Typical {
    /// Averages over some trials of a mouse.
    ///
    /// # Errors
    /// When there is no trial, or one can't be read.
    pub fn of(mouse: &Mouse, trials: &[TrialId]) -> Result<Self> {
        if trials.is_empty() {
            let problem = format!("mouse {} has no trial to average its behavior over", mouse.id);
            return Err(Error::usage(problem));
        }
        let mut behavior = vec![0.0f64; mouse.behavior_rows];
        let mut pupil_center = vec![0.0f64; mouse.pupil_center_rows];
        let (mut frames, mut light, mut squares, mut pixels) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
        for &id in trials.iter().step_by(trials.len().div_ceil(TRIALS)) {
            let read = mouse.read_frames(id, (0..mouse.trial(id)?.frames).step_by(EVERY))?;
            let Trial { movie, behavior: rows, pupil_center: center, .. } = &read;
            for (sums, rows) in [(&mut behavior, rows), (&mut pupil_center, center)] {
                for (sum, row) in sums.iter_mut().zip(rows.rows()) {
                    *sum += row.iter().map(|&value| f64::from(value)).sum::<f64>();
                }
            }
            frames += rows.ncols() as f64;
            light += movie.iter().map(|&pixel| f64::from(pixel)).sum::<f64>();
            squares += movie.iter().map(|&pixel| f64::from(pixel).powi(2)).sum::<f64>();
            pixels += movie.len() as f64;
        }
        let mean = |sums: Vec<f64>| sums.into_iter().map(|sum| (sum / frames) as f32).collect();
        let grey = light / pixels;
        Ok(Self {
            behavior: mean(behavior),
            pupil_center: mean(pupil_center),
            grey: grey as f32,
            contrast: (squares / pixels - grey * grey).max(0.0).sqrt() as f32,
        })
    }
}
