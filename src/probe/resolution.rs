//! What the population resolves: movies of known fineness are reconstructed from the responses predicted to them, and
//! scored. Gaussian noise of many length constants, and drifting gratings of many frequencies.

use std::f64::consts::TAU;

use ndarray::{Array3, Axis};
use serde::Serialize;

use super::ProbeConfig;
use super::presentation::Presentation;
use super::stimulus::{GaussianNoise, Grating, LengthConstants, Light, Polarity, gratings};
use crate::data::{Trial, TrialId};
use crate::error::{Error, Result};
use crate::metric::correlation;
use crate::reconstruct::Reconstruction;
use crate::seed;

/// Most values of noise that are drawn at once, margins included: 0.8 GB of them, and three times that while they are
/// filtered.
const MOST_VALUES: f64 = 2e8;
/// Directions of the gratings that are reconstructed: the four along rows and columns.
const DIRECTIONS: usize = 4;

/// What a target shows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pattern {
    Noise(LengthConstants, Polarity),
    /// With its temporal frequency in cycles a second.
    Grating(Grating, f64),
}

/// One movie to be reconstructed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Counted over the grid.
    index: usize,
    pattern: Pattern,
}

/// How well it came back.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetScore {
    /// Which movie it was.
    pub name: String,
    /// Its place in the grid: length constant in pixels, or cycles a pixel; length constant in frames, or cycles a second.
    pub place: [f64; 2],
    /// Pixel correlation of the reconstruction with what was shown.
    pub pixel_correlation: f64,
    /// Control: with a movie that was not shown: other noise of the same length constants, or the grating a quarter turn
    /// on.
    pub another_movie: f64,
    /// How the responses predicted to the reconstruction correlate with those to the movie.
    pub response_correlation: f64,
    /// Standard deviation over time of the responses, mean over neurons: how much the movie drives them.
    pub response_sd: f64,
}

/// Mean over the movies of one place in the grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GridCell {
    /// In space and in time, see [`TargetScore::place`].
    pub place: [f64; 2],
    /// Pixel correlation.
    pub pixel_correlation: f64,
    /// Of the control.
    pub another_movie: f64,
    /// How much the movies drive the neurons.
    pub response_sd: f64,
}

/// Lists the movies of Gaussian noise, whose frames are `[height, width]`: length constants in space vary slowest, then
/// in time, then polarity.
///
/// # Errors
/// [`Error::Usage`] when noise is so smooth that its margins would not fit into memory.
pub fn noise_targets(config: &ProbeConfig, [height, width]: [usize; 2]) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for &space_px in &config.noise_space_px {
        for &time_frames in &config.noise_time_frames {
            let length = LengthConstants { space_px, time_frames };
            let values = GaussianNoise::values_drawn(length, [config.noise_frames, height, width]);
            if values > MOST_VALUES {
                return Err(Error::usage(format!(
                    "noise of {space_px} pixels and {time_frames} frames takes {values:.1e} random values for {} frames; \
                     shorten probe.noise_space_px, probe.noise_time_frames or probe.noise_frames",
                    config.noise_frames
                )));
            }
            let pattern = |polarity| Pattern::Noise(length, polarity);
            targets.extend(Polarity::BOTH.map(pattern));
        }
    }
    Ok(numbered(targets))
}

/// Lists the gratings, of every spatial and temporal frequency in four directions and both phases.
///
/// # Errors
/// [`Error::Usage`] when a frequency can't be shown with so many pixels or frames.
pub fn grating_targets(config: &ProbeConfig, width: usize, frame_rate_hz: f64) -> Result<Vec<Target>> {
    let config = ProbeConfig { directions: DIRECTIONS, ..config.clone() };
    let mut all: Vec<Pattern> = gratings(&config, width, frame_rate_hz)?
        .into_iter()
        .map(|grating| Pattern::Grating(grating, grating.cycles_per_frame * frame_rate_hz))
        .collect();
    // A place of the grid together; the sort keeps directions and phases in order.
    all.sort_by(|a, b| {
        let ([a, c], [b, d]) = (a.place(), b.place());
        a.total_cmp(&b).then(c.total_cmp(&d))
    });
    Ok(numbered(all))
}

fn numbered(patterns: Vec<Pattern>) -> Vec<Target> {
    patterns.into_iter().enumerate().map(|(index, pattern)| Target { index, pattern }).collect()
}

impl Pattern {
    fn place(&self) -> [f64; 2] {
        match self {
            Self::Noise(length, _) => [length.space_px, length.time_frames],
            Self::Grating(grating, rate) => [grating.cycles_per_px, *rate],
        }
    }

    /// Draws it, or for `other` the movie that it is to be told from. Both polarities of noise are made of one.
    fn movie(
        &self,
        [frames, height, width]: [usize; 3],
        light: Light,
        run_seed: &str,
        other: bool,
    ) -> Array3<f32> {
        match self {
            Self::Noise(length, polarity) => {
                let parts = [length.space_px.to_string(), length.time_frames.to_string()];
                let purpose = if other { "another Gaussian noise" } else { "Gaussian noise" };
                let mut rng = seed::stream(run_seed, purpose, &[&parts[0], &parts[1]]);
                GaussianNoise::draw(*length, [frames, height, width], &mut rng).movie(*polarity, light)
            }
            Self::Grating(grating, _) => {
                let turn = if other { TAU / 4.0 } else { 0.0 };
                let grating = Grating { direction_rad: grating.direction_rad + turn, ..*grating };
                grating.movie(frames, [height, width], light)
            }
        }
    }
}

impl Target {
    /// Names its folder.
    pub fn name(&self) -> String {
        match &self.pattern {
            Pattern::Noise(length, polarity) => {
                format!("{}px_{}frames_{}", length.space_px, length.time_frames, polarity.name())
            }
            Pattern::Grating(grating, rate) => format!(
                "{:.4}cycles_per_px_{rate:.3}hz_{:.0}deg_{}",
                grating.cycles_per_px,
                grating.direction_rad.to_degrees(),
                grating.polarity.name()
            ),
        }
    }

    /// Shows it: a trial with the responses that are predicted.
    ///
    /// # Errors
    /// See [`Presentation::respond`].
    pub fn trial(
        &self,
        presentation: &Presentation<'_>,
        frames: usize,
        light: Light,
        run_seed: &str,
    ) -> Result<Trial> {
        let [height, width] = presentation.frame_size();
        let movie = self.pattern.movie([frames, height, width], light, run_seed, false);
        let id = TrialId(u32::try_from(self.index).unwrap_or(u32::MAX));
        let mut trial = presentation.trial(id, movie);
        trial.responses = presentation.respond(&trial)?;
        Ok(trial)
    }

    /// Scores its reconstruction.
    pub fn score(&self, result: &Reconstruction, light: Light, run_seed: &str) -> TargetScore {
        let (frames, height, width) = result.ground_truth.dim();
        let other = self.pattern.movie([frames, height, width], light, run_seed, true);
        let mask = result.scored();
        let r = |truth| correlation::pixel_correlation(truth, result.movie.view(), mask.view());
        let sd = result.responses.std_axis(Axis(1), 0.0);
        TargetScore {
            name: self.name(),
            place: self.pattern.place(),
            pixel_correlation: r(result.ground_truth.view()),
            another_movie: r(other.view()),
            response_correlation: correlation::response_correlation(
                result.predicted_responses.view(),
                result.responses.view(),
            ),
            response_sd: sd.iter().map(|&v| f64::from(v)).sum::<f64>() / sd.len() as f64,
        }
    }
}

/// Averages over the movies of a place, in the order of the grid.
pub fn cells(scores: &[TargetScore]) -> Vec<GridCell> {
    let mean = |of: &dyn Fn(&TargetScore) -> f64, own: &[TargetScore]| {
        own.iter().map(of).sum::<f64>() / own.len() as f64
    };
    let cell = |own: &[TargetScore]| GridCell {
        place: own[0].place,
        pixel_correlation: mean(&|score| score.pixel_correlation, own),
        another_movie: mean(&|score| score.another_movie, own),
        response_sd: mean(&|score| score.response_sd, own),
    };
    scores.chunk_by(|a, b| a.place == b.place).map(cell).collect()
}

/// Cuts the grid into rows of one fineness in space.
pub fn rows(cells: &[GridCell]) -> Vec<&[GridCell]> {
    cells.chunk_by(|a, b| a.place[0] == b.place[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_grid_has_its_movies_together_each_of_its_own_name() {
        let config = ProbeConfig::default();
        let noise = noise_targets(&config, [12, 20]).unwrap();
        assert_eq!(noise.len(), 7 * 7 * 2);
        let gratings = grating_targets(&config, 20, 30.0).unwrap();
        assert_eq!(gratings.len(), 6 * 2 * 4 * 2);
        for (targets, of_place) in [(noise, 2), (gratings, 8)] {
            let names: std::collections::BTreeSet<String> = targets.iter().map(Target::name).collect();
            assert_eq!(names.len(), targets.len());
            for own in targets.chunks(of_place) {
                assert!(own.iter().all(|target| target.pattern.place() == own[0].pattern.place()), "{own:?}");
            }
        }
    }

    #[test]
    fn what_a_movie_is_to_be_told_from_has_nothing_to_do_with_it() {
        let config =
            ProbeConfig { noise_space_px: vec![1.0], noise_time_frames: vec![1.0], ..ProbeConfig::default() };
        let mut targets = noise_targets(&config, [20, 20]).unwrap();
        targets.extend(grating_targets(&config, 20, 30.0).unwrap());
        let light = Light::around(80.0, 50.0);
        let everywhere = ndarray::Array2::from_elem((20, 20), true);
        for target in targets {
            let [shown, other] = [false, true].map(|o| target.pattern.movie([60, 20, 20], light, "s", o));
            let r = correlation::pixel_correlation(shown.view(), other.view(), everywhere.view());
            // Few cycles of a grating, about 2,000 independent values of noise.
            assert!(r.abs() < 0.1, "{}: {r}", target.name());
        }
    }
}
