//! Where the overlapping windows of a trial lie.

use crate::error::{Error, Result};

/// Lists the first frames of the windows: every `stride`, the last one ends at `frames`.
///
/// As published, when `stride` divides `frames - window` the last window stands twice, and counts
/// twice in the average.
///
/// # Errors
/// When the trial is shorter than a window.
pub fn starts(frames: usize, window: usize, stride: usize) -> Result<Vec<usize>> {
    let Some(last) = frames.checked_sub(window) else {
        return Err(Error::Failed(format!(
            "a trial of {frames} frames is shorter than a window of {window}: reconstruct longer trials"
        )));
    };
    Ok((0..=last).step_by(stride).chain([last]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_trial_and_the_last_ends_it() {
        assert_eq!(starts(52, 32, 8).unwrap(), [0, 8, 16, 20]);
        assert_eq!(starts(52, 32, 16).unwrap(), [0, 16, 20]);
    }

    #[test]
    fn the_last_window_stands_twice_when_the_stride_divides() {
        assert_eq!(starts(48, 32, 8).unwrap(), [0, 8, 16, 16]);
        assert_eq!(starts(32, 32, 8).unwrap(), [0, 0]);
    }

    #[test]
    fn a_short_trial_is_refused() {
        assert!(starts(31, 32, 8).unwrap_err().to_string().contains("31 frames"));
    }
}
