//! Writes recordings and reconstructions as NWB files that pynwb opens.
//!
//! Nothing comes from the clock: the same recording and options give the same bytes.

mod date;
mod export;
mod general;
mod object;
mod recording;
mod series;

use ndarray::Array3;

use crate::data::trial::TrialId;
use crate::error::{Error, Result};

pub use date::{UNKNOWN_TIME, from_unix_seconds};
pub use export::{Exported, export};

/// What is not in a recording and an NWB file has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportOptions {
    /// Frames a second.
    pub rate_hz: f64,
    /// Name of the series of responses: what they are.
    pub responses: String,
    /// When the session began; the Unix epoch stands for unknown.
    pub session_start: Option<String>,
    /// When the file was made.
    pub created: String,
    /// The animal; the recording's name when it is not known.
    pub subject_id: Option<String>,
    /// Its species, in Latin.
    pub species: String,
    /// M, F, O (other) or U (unknown).
    pub sex: String,
    /// Its age as an ISO 8601 duration, as in `P90D`.
    pub age: Option<String>,
    /// What makes the cells shine.
    pub indicator: String,
    /// Where in the brain was imaged.
    pub location: String,
    /// A file that is there already gives way to the new one.
    pub replace: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            rate_hz: 30.0,
            responses: "Deconvolved".into(),
            session_start: None,
            created: UNKNOWN_TIME.into(),
            subject_id: None,
            species: "Mus musculus".into(),
            sex: "U".into(),
            age: None,
            indicator: "unknown".into(),
            location: "unknown".into(),
            replace: false,
        }
    }
}

/// A reconstruction of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct ReconstructedMovie {
    /// Which trial.
    pub trial: TrialId,
    /// `[frame, height, width]`, 0..255.
    pub movie: Array3<f32>,
    /// The trial's frame that the movie starts with.
    pub first_frame: usize,
    /// What it was made with.
    pub settings: String,
    /// What it was reconstructed from when not from the recorded responses: a control, an ablation.
    pub condition: Option<String>,
}

impl ExportOptions {
    /// Checks that readers of NWB will take them.
    fn check(&self) -> Result<()> {
        if !(self.rate_hz.is_finite() && self.rate_hz > 0.0) {
            return Err(Error::usage(format!("a rate of {} Hz; expected frames a second", self.rate_hz)));
        }
        for (what, time) in
            [("session start", self.session_start.as_deref()), ("creation", Some(&*self.created))]
        {
            if let Some(time) = time.filter(|time| !date::is_time(time)) {
                return Err(Error::usage(format!(
                    "{time:?} is no time of {what}; expected date, time and zone, as in 2018-09-28T14:43:54+02:00"
                )));
            }
        }
        if !["M", "F", "O", "U"].contains(&self.sex.as_str()) {
            let sex = &self.sex;
            return Err(Error::usage(format!("sex {sex:?}; expected M, F, O (other) or U (unknown)")));
        }
        let name = &self.responses;
        if name.is_empty() || name.contains(['/', ':']) || name == "." {
            return Err(Error::usage(format!(
                "{name:?} can't name the responses; expected a name without / and :"
            )));
        }
        Ok(())
    }
}
