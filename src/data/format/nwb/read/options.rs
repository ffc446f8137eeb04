//! What to take from an NWB file, and how.

use super::choose::Choice;
use super::pixels::FrameAxes;
use crate::error::{Error, Result};

/// What to take from a file, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportOptions {
    /// Frames a second that everything is brought to.
    pub rate_hz: f64,
    /// Names or paths of the series of responses, or of what they are in; several are several planes.
    pub responses: Vec<String>,
    /// The series of running speed.
    pub running: Choice,
    /// The series of the pupil's size.
    pub pupil: Choice,
    /// The series of the pupil's place.
    pub pupil_center: Choice,
    /// The series of frames, when not all that were presented.
    pub movie: Option<String>,
    /// How stored frames lie, when the file does not say or says it wrong.
    pub frame_axes: Option<FrameAxes>,
    /// Height and width to make frames of.
    pub frame_size: Option<[usize; 2]>,
    /// The table of intervals whose rows are trials.
    pub trials: Option<String>,
    /// The column of that table that holds tiers.
    pub tier: String,
    /// Seconds without behavior, as in a blink, that are bridged by a line.
    pub longest_gap_s: f64,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            rate_hz: 30.0,
            responses: Vec::new(),
            running: Choice::Auto,
            pupil: Choice::Auto,
            pupil_center: Choice::Auto,
            movie: None,
            frame_axes: None,
            frame_size: None,
            trials: None,
            tier: "tier".into(),
            longest_gap_s: 1.0,
        }
    }
}

impl ImportOptions {
    /// Checks that the numbers can be meant.
    pub(super) fn check(&self) -> Result<()> {
        if !(self.rate_hz.is_finite() && (0.1..=10_000.0).contains(&self.rate_hz)) {
            let rate = self.rate_hz;
            return Err(Error::usage(format!("a rate of {rate} Hz; expected frames a second, 0.1 to 10000")));
        }
        if !(self.longest_gap_s >= 0.0 && self.longest_gap_s.is_finite()) {
            let gap = self.longest_gap_s;
            return Err(Error::usage(format!("a longest gap of {gap} s; expected seconds, 0 or more")));
        }
        if self.frame_size.is_some_and(|size| size.contains(&0)) {
            return Err(Error::usage("frames of 0 pixels; expected a height and a width"));
        }
        Ok(())
    }
}
