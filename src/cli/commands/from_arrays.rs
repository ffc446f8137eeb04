//! `v1reel data from-arrays`: a mouse of plain arrays.

use crate::cli::args::arrays::FromArraysArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::data::format::arrays::{ArrayFiles, Stimulus, import_arrays};
use crate::error::{Error, Result};

/// Longest that an image is held: hours, and more than any encoder sees.
const MOST_FRAMES: usize = 100_000;

/// Makes the mouse.
///
/// # Errors
/// See [`import_arrays`].
pub fn run(args: &FromArraysArgs, session: &Session) -> Result<()> {
    let frames_each = args.frames_per_image.get();
    if frames_each > MOST_FRAMES {
        return Err(Error::usage(format!(
            "--frames-per-image {frames_each}; expected at most {MOST_FRAMES}"
        )));
    }
    let stimulus = match (&args.movies, &args.images) {
        (Some(movies), _) => Stimulus::Movies(movies.clone()),
        (None, Some(path)) => {
            Stimulus::Images { path: path.clone(), frame_size: args.frame_size, frames_each }
        }
        (None, None) => return Err(Error::usage("nothing was shown; give --movies or --images")),
    };
    let files = ArrayFiles {
        stimulus,
        responses: args.responses.clone(),
        behavior: args.behavior.clone(),
        pupil_center: args.pupil_center.clone(),
        positions: args.positions.clone(),
        tiers: args.tiers.clone(),
        scale: args.scale,
        average_repeats: args.average_repeats,
    };
    let made = import_arrays(&files, &args.out, session.observer())?;
    let [height, width] = made.frame_size;
    let images = made.showings.map(|showings| {
        let (images, times) = (made.trials / showings, if showings == 1 { "time" } else { "times" });
        format!(" ({images} images, each shown {showings} {times})")
    });
    output::line(format!(
        "{}: {} neurons, {} trials{}, frames of {height} x {width} pixels",
        args.out.display(),
        made.neurons,
        made.trials,
        images.unwrap_or_default()
    ))
}
