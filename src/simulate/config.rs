//! Settings of a simulated mouse. The defaults give statistics like those of a Sensorium 2023 mouse
//! at a size that a laptop simulates in seconds.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where the movies come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovieSource {
    /// Natural-like movies made by us; no two share content.
    Generated,
    /// Random segments, crops and flips of these video files. Clips of few files resemble each other:
    /// a held-out one may show footage that a training one showed.
    Files(Vec<PathBuf>),
}

/// Everything that fixes a simulated mouse, to the byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationConfig {
    /// Names every random stream.
    pub seed: String,
    /// Neurons; the first `n` of a larger mouse are those of a mouse of `n`.
    pub neurons: usize,
    /// Trials.
    pub trials: usize,
    /// Valid frames of a trial.
    pub frames: usize,
    /// Frames of a stored trial; those after the valid ones are NaN.
    pub padded_frames: usize,
    /// Frames a second, of everything stored.
    pub frame_rate_hz: f64,
    /// Scans a second of the simulated microscope; responses are interpolated to the frame rate.
    pub scan_rate_hz: f64,
    /// Height of a movie in pixels.
    pub height: usize,
    /// Width of a movie in pixels; it spans 120 degrees of the visual field.
    pub width: usize,
    /// Whether running speed was recorded. It drives the neurons either way.
    pub running: bool,
    /// Whether there was a pupil camera. The pupil drives the neurons either way.
    pub pupil: bool,
    /// Where the movies come from.
    pub movie_source: MovieSource,
    /// How many times faster than by default all moves in generated movies. At 1 they are calm: 6 % of their power lies
    /// above 1 Hz, of three natural videos 14 to 22 %, and encoders hardly learn preferred directions from them.
    pub movie_pace: f64,
    /// Fraction of the trials in tier `oracle`, which repeat a few movies.
    pub oracle_fraction: f64,
    /// Showings of each oracle movie.
    pub oracle_repeats: usize,
    /// Fraction of the trials in tier `none`, each with a movie of its own. The rest is `train`.
    pub none_fraction: f64,
    /// Median over neurons of the mean spike rate.
    pub event_rate_hz: f64,
    /// Median over neurons of the mean response, in the recording's arbitrary units.
    pub mean_response: f64,
    /// Standard deviation of the log gain that neurons share beyond movie and behavior.
    pub shared_variability: f64,
    /// Standard deviation of the log gain of each neuron alone.
    pub private_variability: f64,
    /// Standard deviation of the calcium trace's noise, in units of one spike.
    pub imaging_noise: f64,
}

impl Default for SimulationConfig {
    fn default() -> Self {
        Self {
            seed: "mouse".into(),
            neurons: 400,
            trials: 100,
            frames: 300,
            padded_frames: 324,
            frame_rate_hz: 30.0,
            scan_rate_hz: 7.5,
            height: 36,
            width: 64,
            running: true,
            pupil: true,
            movie_source: MovieSource::Generated,
            movie_pace: 1.0,
            oracle_fraction: 0.1,
            oracle_repeats: 10,
            none_fraction: 0.0,
            event_rate_hz: 0.4,
            mean_response: 2.5,
            shared_variability: 0.3,
            private_variability: 0.5,
            imaging_noise: 0.15,
        }
    }
}

impl SimulationConfig {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the key, the value and the range.
    pub fn validate(&self) -> Result<()> {
        whole("neurons", self.neurons, 1, 1_000_000)?;
        whole("trials", self.trials, 1, 100_000)?;
        whole("frames", self.frames, 1, 100_000)?;
        whole("padded_frames", self.padded_frames, self.frames, 200_000)?;
        whole("height", self.height, 4, 1024)?;
        whole("width", self.width, 4, 1024)?;
        whole("oracle_repeats", self.oracle_repeats, 1, 100_000)?;
        real("frame_rate_hz", self.frame_rate_hz, 1.0, 1000.0)?;
        real("scan_rate_hz", self.scan_rate_hz, 0.5, self.frame_rate_hz)?;
        real("movie_pace", self.movie_pace, 0.1, 10.0)?;
        real("oracle_fraction", self.oracle_fraction, 0.0, 1.0)?;
        real("none_fraction", self.none_fraction, 0.0, 1.0 - self.oracle_fraction)?;
        real("event_rate_hz", self.event_rate_hz, 0.01, 10.0)?;
        real("mean_response", self.mean_response, 1e-3, 1e6)?;
        real("shared_variability", self.shared_variability, 0.0, 2.0)?;
        real("private_variability", self.private_variability, 0.0, 2.0)?;
        real("imaging_noise", self.imaging_noise, 0.0, 2.0)?;
        match &self.movie_source {
            MovieSource::Files(files) if files.is_empty() => {
                Err(Error::usage("movie_source: no files are listed; name at least one video file"))
            }
            _ => Ok(()),
        }
    }

    /// Frames from one scan to the next, at least 1.
    pub(super) fn frames_per_scan(&self) -> usize {
        ((self.frame_rate_hz / self.scan_rate_hz).round() as usize).max(1)
    }
}

fn whole(key: &str, value: usize, low: usize, high: usize) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::usage(format!("{key} is {value}; expected {low} to {high}")))
}

fn real(key: &str, value: f64, low: f64, high: f64) -> Result<()> {
    // Not a number is in no range.
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::usage(format!("{key} is {value}; expected {low} to {high}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        SimulationConfig::default().validate().unwrap();
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_range() {
        let message = |config: SimulationConfig| {
            let error = config.validate().unwrap_err();
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        };
        let base = SimulationConfig::default;
        assert_eq!(message(SimulationConfig { neurons: 0, ..base() }), "neurons is 0; expected 1 to 1000000");
        assert_eq!(
            message(SimulationConfig { padded_frames: 299, ..base() }),
            "padded_frames is 299; expected 300 to 200000"
        );
        assert_eq!(
            message(SimulationConfig { imaging_noise: f64::NAN, ..base() }),
            "imaging_noise is NaN; expected 0 to 2"
        );
        assert!(
            message(SimulationConfig { movie_source: MovieSource::Files(vec![]), ..base() })
                .contains("movie_source")
        );
    }

    #[test]
    fn toml_names_a_movie_source_either_way_and_refuses_unknown_keys() {
        let config: SimulationConfig = toml::from_str("movie_source = { files = ['a.mp4'] }").unwrap();
        assert_eq!(config.movie_source, MovieSource::Files(vec!["a.mp4".into()]));
        let config: SimulationConfig = toml::from_str("movie_source = 'generated'\nneurons = 7").unwrap();
        assert_eq!((config.movie_source, config.neurons), (MovieSource::Generated, 7));
        let error = toml::from_str::<SimulationConfig>("neuron = 7").unwrap_err();
        assert!(error.to_string().contains("unknown field `neuron`"), "{error}");
    }
}
