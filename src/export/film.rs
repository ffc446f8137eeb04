//! Films: ground truth beside reconstruction, and each by itself.

use ndarray::ArrayView3;

use super::format::Format;
use super::shown::Shown;
use super::write::{Out, Written};
use crate::error::Result;
use crate::event::Event;
use crate::report::movie_file::{FilmCodec, MovieStyle, mp4_codec, write_gif, write_mp4};
use crate::report::panel::LabelledMovie;

/// Screen width that one movie is enlarged to, at least.
const SHOWN_WIDTH: usize = 256;

/// Says so when MP4 files will not be what every player plays.
///
/// # Errors
/// When there is no encoder at all.
pub(super) fn say_codec(out: &Out) -> Result<()> {
    if out.format == Format::Mp4 && mp4_codec()? == FilmCodec::Mpeg4 {
        let message = "this FFmpeg has no H.264 encoder: the films are MPEG-4 Part 2, which VLC plays and browsers and \
            PowerPoint may not; install an FFmpeg with libx264, or export gif";
        out.observer.emit(Event::Warning { message: message.into() });
    }
    Ok(())
}

/// Writes the films of one condition; the ground truth by itself only with the first one that has it so.
pub(super) fn write(out: &Out, shown: &Shown, first: Option<&Shown>) -> Result<Vec<Written>> {
    let result = &shown.result;
    let mut written = Vec::new();
    let mut film = |what: String, movies: &[LabelledMovie]| -> Result<()> {
        let path = out.path(shown, &what, out.format.name());
        let style = style(result.movie.dim(), result.frame_rate_hz, out.format);
        match out.format {
            Format::Gif => write_gif(&path, movies, style)?,
            _ => write_mp4(&path, movies, style)?,
        }
        written.push(Written { path, what });
        Ok(())
    };
    let truth = shown.masked_truth();
    let beside = [
        LabelledMovie { label: "ground truth", movie: truth.view() },
        LabelledMovie { label: &shown.what().replace('_', " "), movie: result.movie.view() },
    ];
    film(format!("{}_side_by_side", shown.what()), &beside)?;
    if let Some(name) = shown.new_truth(first) {
        film(name, &bare(result.ground_truth.view()))?;
    }
    film(shown.what(), &bare(result.movie.view()))?;
    for raw in &shown.raw {
        film(shown.raw_name(raw), &bare(raw.movie.view()))?;
    }
    Ok(written)
}

/// A movie without a page around it.
fn bare(movie: ArrayView3<'_, f32>) -> [LabelledMovie<'_>; 1] {
    [LabelledMovie { label: "", movie }]
}

/// Enlarges by a whole number, so that pixels stay pixels; by an even one where H.264 would otherwise need padding.
fn style((_, height, width): (usize, usize, usize), frame_rate_hz: f64, format: Format) -> MovieStyle {
    let scale = SHOWN_WIDTH.div_ceil(width.max(1)).max(1);
    let odd = !height.is_multiple_of(2) || !width.is_multiple_of(2);
    let scale = if odd { scale.next_multiple_of(2) } else { scale };
    // Every second frame in a GIF: half the size, the same duration.
    let frame_step = if format == Format::Gif { 2 } else { 1 };
    MovieStyle { scale: u32::try_from(scale).unwrap_or(1), frame_rate_hz, frame_step }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_frames_are_enlarged_by_whole_numbers_to_even_sides() {
        let scale = |height, width| style((1, height, width), 30.0, Format::Mp4).scale;
        assert_eq!(scale(36, 64), 4);
        assert_eq!(scale(12, 20), 13);
        assert_eq!(scale(13, 21), 14);
        assert_eq!(scale(400, 600), 1);
        assert_eq!(scale(401, 600), 2);
    }
}
