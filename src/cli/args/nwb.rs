//! Arguments of `data import` and `data export`: recordings as NWB files.

use std::path::PathBuf;

use clap::Args;

use crate::data::format::nwb::{Choice, FrameAxes};

/// Arguments of `data import`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Reads NWB 2 in HDF5. Everything is brought to one rate: a slower series is interpolated linearly, \
    a faster one averaged over each frame, a movie's frame is held until the next; what was done is said, series by \
    series. Responses are taken as they are: v1reel does not deconvolve.\n\n\
    Trials during which something was not recorded are left out and named.\n\n\
    Example: v1reel data import session.nwb mice/session --responses DfOverF --trials movie_presentations"
)]
pub struct NwbImportArgs {
    /// The NWB file
    #[arg(value_name = "FILE.nwb")]
    pub file: PathBuf,
    /// Folder of the new mouse; its name is the mouse's name
    #[arg(value_name = "OUT_MOUSE")]
    pub out: PathBuf,
    /// Frames a second that everything is brought to
    #[arg(long, value_name = "HZ", default_value_t = 30.0)]
    pub rate: f64,
    /// Name or path of the responses (a RoiResponseSeries, or what holds some of them); give it again for each
    /// imaged plane [default: deconvolved ones, else dF/F, else the only ones]
    #[arg(long, value_name = "NAME")]
    pub responses: Vec<String>,
    /// Name or path of the running speed, or none [default: by its name]
    #[arg(long, value_name = "NAME", default_value = "auto", hide_default_value = true)]
    pub running: Choice,
    /// Name or path of the pupil's size, or none [default: by its name]
    #[arg(long, value_name = "NAME", default_value = "auto", hide_default_value = true)]
    pub pupil: Choice,
    /// Name or path of the pupil's place (x, y), or none [default: by its name]
    #[arg(long, value_name = "NAME", default_value = "auto", hide_default_value = true)]
    pub pupil_center: Choice,
    /// Name or path of the movie's frames [default: all in stimulus/presentation]
    #[arg(long, value_name = "NAME")]
    pub movie: Option<String>,
    /// How frames lie in the file: xy, as NWB's schema has them, or yx, as images lie in numpy [default: as the
    /// file says, else xy]
    #[arg(long, value_name = "ORDER")]
    pub frame_axes: Option<FrameAxes>,
    /// Make frames smaller by averaging, as in 36x64 (height x width)
    #[arg(long, value_name = "HxW", value_parser = frame_size)]
    pub frame_size: Option<[usize; 2]>,
    /// Table of intervals whose rows are the trials [default: trials, or the only one]
    #[arg(long, value_name = "NAME")]
    pub trials: Option<String>,
    /// Column of that table with the trials' tiers; without it, all are of tier train
    #[arg(long, value_name = "COLUMN", default_value = "tier")]
    pub tier: String,
    /// Longest time without running or pupil, as in a blink, that is bridged by a line
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub longest_gap: f64,
}

/// Arguments of `data export`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The trials are laid end to end, for a recording does not say what time passed between them. What \
    is not known of session and animal says so in the file; the options give it.\n\n\
    The same recording and options give the same bytes: ids follow from what is in the file, and the time of \
    creation is --created, or SOURCE_DATE_EPOCH (seconds), or the Unix epoch."
)]
pub struct NwbExportArgs {
    /// The mouse
    #[arg(value_name = "MOUSE")]
    pub mouse: PathBuf,
    /// The file to write
    #[arg(value_name = "OUT.nwb")]
    pub out: PathBuf,
    /// Also write the movies that this run reconstructed from the mouse, at their trials' times
    #[arg(long, value_name = "RUN")]
    pub reconstructions: Option<PathBuf>,
    /// Frames a second of the recording
    #[arg(long, value_name = "HZ", default_value_t = 30.0)]
    pub rate: f64,
    /// What the responses are: the name of their series
    #[arg(long, value_name = "NAME", default_value = "Deconvolved")]
    pub responses: String,
    /// When the session began, as in 2018-09-28T14:43:54+02:00 [default: the Unix epoch, for unknown]
    #[arg(long, value_name = "TIME")]
    pub session_start: Option<String>,
    /// When the file was made, in the same form [default: SOURCE_DATE_EPOCH, else the Unix epoch]
    #[arg(long, value_name = "TIME")]
    pub created: Option<String>,
    /// Name of the animal [default: the mouse's name]
    #[arg(long, value_name = "ID")]
    pub subject_id: Option<String>,
    /// Species of the animal, in Latin
    #[arg(long, value_name = "NAME", default_value = "Mus musculus")]
    pub species: String,
    /// Sex of the animal: M, F, O (other) or U (unknown)
    #[arg(long, value_name = "LETTER", default_value = "U")]
    pub sex: String,
    /// Age of the animal as an ISO 8601 duration, as in P90D [default: unknown]
    #[arg(long, value_name = "DURATION")]
    pub age: Option<String>,
    /// What makes the cells shine, as in GCaMP6s
    #[arg(long, value_name = "NAME", default_value = "unknown")]
    pub indicator: String,
    /// Where in the brain was imaged, as in VISp
    #[arg(long, value_name = "NAME", default_value = "unknown")]
    pub location: String,
}

/// Reads height x width.
pub(super) fn frame_size(text: &str) -> Result<[usize; 2], String> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|&pixels| (1..=10_000).contains(&pixels));
    let size = text.split_once('x').and_then(|(height, width)| Some([number(height)?, number(width)?]));
    size.ok_or_else(|| format!("{text:?}; expected height x width in pixels, as in 36x64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_sizes_are_height_by_width() {
        assert_eq!(frame_size("36x64"), Ok([36, 64]));
        for slip in ["", "36", "36x", "x64", "0x64", "36x64x3", "-1x2", "36 x 64", "99999x1"] {
            assert!(frame_size(slip).unwrap_err().contains("36x64"), "{slip}");
        }
    }
}
