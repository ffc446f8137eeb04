//! The pictures of one reconstruction: GIF and MP4 of ground truth beside reconstruction, as it is and with
//! the contrast of the truth, a strip of frames, the loss.

use std::path::Path;

use super::movie_file::{MovieStyle, write_gif, write_mp4};
use super::panel::LabelledMovie;
use super::plot::{Line, Panel, write_plot};
use super::strip::{StripStyle, write_strip};
use crate::error::Result;
use crate::metric::luminance::{MatchedStatistics, match_luminance_contrast};
use crate::reconstruct::Reconstruction;

/// Screen width that one movie is enlarged to, about.
const SHOWN_WIDTH: usize = 256;

/// Writes `reconstruction.gif`, `reconstruction.mp4`, `strip.png` and `loss.png` to `folder`.
///
/// # Errors
/// When a file can't be written.
pub fn write_pictures(folder: &Path, result: &Reconstruction) -> Result<()> {
    let mask = result.scored();
    let mut truth = result.ground_truth.clone();
    for mut frame in truth.outer_iter_mut() {
        frame.zip_mut_with(&mask, |pixel, &seen| {
            if !seen {
                *pixel = crate::metric::MID_GRAY;
            }
        });
    }
    let (shown, seen) = (result.movie.view(), mask.view());
    let matched = match_luminance_contrast(shown, truth.view(), seen, MatchedStatistics::AllFrames);
    let movies = [
        LabelledMovie { label: "ground truth", movie: truth.view() },
        LabelledMovie { label: "reconstruction", movie: shown },
        // Reconstructions have little contrast; this is what is in them, at the contrast of the truth.
        LabelledMovie { label: "contrast matched", movie: matched.view() },
    ];
    let width = result.movie.dim().2;
    let scale = (SHOWN_WIDTH / width.max(1)).max(1) as u32;
    let frame_rate_hz = result.frame_rate_hz;
    // Every second frame in the GIF: half the size, the same duration.
    let gif = MovieStyle { scale, frame_rate_hz, frame_step: 2 };
    let (gif_written, mp4_written) = rayon::join(
        || write_gif(&folder.join("reconstruction.gif"), &movies, gif),
        || write_mp4(&folder.join("reconstruction.mp4"), &movies, MovieStyle { frame_step: 1, ..gif }),
    );
    gif_written.and(mp4_written)?;
    let strip = StripStyle {
        columns: 8,
        scale: (scale / 2).max(1),
        frame_rate_hz,
        start_s: result.first_frame as f64 / frame_rate_hz,
    };
    write_strip(&folder.join("strip.png"), &movies, strip)?;
    let points = result.mean_losses().iter().enumerate().map(|(i, &loss)| (i as f64, loss)).collect();
    let panel = Panel {
        x_label: "iteration".into(),
        y_label: "Poisson loss".into(),
        lines: vec![Line { label: String::new(), points }],
    };
    write_plot(&folder.join("loss.png"), "Reconstruction loss, mean over members", &[panel])
}
