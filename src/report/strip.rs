//! Draws a strip: one row for each movie, columns at evenly spaced times, for a page or a slide.

use std::path::Path;

use image::GrayImage;
use ndarray::Axis;

use super::panel::{INK, LABEL_GAP, LabelledMovie, MARGIN, blank_page, check, draw_frame, picture_size};
use super::{text, write_png};
use crate::error::{Error, Result};

/// Space between frames, in pixels.
const GAP: u32 = 6;

/// How a strip is laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StripStyle {
    /// Number of frames shown (fewer when the movie has fewer), the first and the last among them.
    pub columns: usize,
    /// Each pixel becomes a square of this many pixels.
    pub scale: u32,
    /// Frame rate of the movies.
    pub frame_rate_hz: f64,
    /// Time of the movies' first frame in the trial, in seconds.
    pub start_s: f64,
}

impl Default for StripStyle {
    /// Eight columns of a 30 Hz movie that starts with the trial, doubled in size.
    fn default() -> Self {
        Self { columns: 8, scale: 2, frame_rate_hz: 30.0, start_s: 0.0 }
    }
}

/// Writes a PNG with one row for each movie (its label at the left) and one column for each of
/// [`shown_frames`] (its time on top).
///
/// # Errors
/// [`Error::Usage`] when the movies can't be shown together or the style makes no sense,
/// [`Error::Io`] when the file can't be written. Nothing is left behind.
pub fn write_strip(path: &Path, movies: &[LabelledMovie], style: StripStyle) -> Result<()> {
    write_png(path, &draw_strip(movies, style)?.into())
}

/// Indices of the frames that a strip of `columns` shows of a movie of `frames`: evenly spaced, first
/// and last included.
pub fn shown_frames(frames: usize, columns: usize) -> Vec<usize> {
    let columns = columns.min(frames);
    (0..columns).map(|i| (i * (frames - 1) + (columns - 1) / 2) / (columns - 1).max(1)).collect()
}

pub(super) fn draw_strip(movies: &[LabelledMovie], style: StripStyle) -> Result<GrayImage> {
    let (frames, height, width) = check(movies, style.scale)?;
    if style.columns == 0 {
        return Err(Error::usage("a strip of 0 columns can't be drawn; the least is 1"));
    }
    if !(style.frame_rate_hz.is_finite() && style.frame_rate_hz > 0.0) {
        return Err(Error::usage(format!("a frame rate of {} Hz can't be shown", style.frame_rate_hz)));
    }
    let shown = shown_frames(frames, style.columns);
    let times: Vec<String> =
        shown.iter().map(|&f| format!("{:.2} s", style.start_s + f as f64 / style.frame_rate_hz)).collect();
    let longest =
        |texts: &mut dyn Iterator<Item = &str>| u64::from(texts.map(text::width).max().unwrap_or(0));
    let labels = longest(&mut movies.iter().map(|m| m.label)) + u64::from(GAP + LABEL_GAP);
    let scale = u64::from(style.scale);
    // A small movie makes room for the time above it.
    let column = (width * scale).max(longest(&mut times.iter().map(String::as_str))) + u64::from(GAP);
    let row = (height * scale).max(text::LINE_HEIGHT.into()) + u64::from(GAP);
    let (left, top) = (u64::from(MARGIN) + labels, u64::from(MARGIN + text::LINE_HEIGHT + LABEL_GAP));
    let size = picture_size(
        left + column * shown.len() as u64 + u64::from(MARGIN - GAP),
        top + row * movies.len() as u64 + u64::from(MARGIN - GAP),
    )?;
    let mut page = blank_page(size);
    for (index, (&frame, time)) in shown.iter().zip(&times).enumerate() {
        let x = (left + column * index as u64) as u32;
        text::draw(&mut page, time, (x, MARGIN), INK);
        for (index, movie) in movies.iter().enumerate() {
            let y = (top + row * index as u64) as u32;
            draw_frame(&mut page, (x, y), movie.movie.index_axis(Axis(0), frame), style.scale);
        }
    }
    for (index, movie) in movies.iter().enumerate() {
        let middle = top + row * index as u64 + (row - u64::from(GAP + text::LINE_HEIGHT)) / 2;
        text::draw(&mut page, movie.label, (MARGIN, middle as u32), INK);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn ramp(frames: usize) -> Array3<f32> {
        Array3::from_shape_fn((frames, 5, 7), |(t, _, _)| t as f32)
    }

    fn rows(movie: &Array3<f32>) -> [LabelledMovie<'_>; 2] {
        ["ground truth", "r"].map(|label| LabelledMovie { label, movie: movie.view() })
    }

    #[test]
    fn frames_are_evenly_spaced_and_include_both_ends() {
        assert_eq!(shown_frames(9, 5), [0, 2, 4, 6, 8]);
        assert_eq!(shown_frames(300, 4), [0, 100, 199, 299]);
        assert_eq!(shown_frames(3, 10), [0, 1, 2]);
        assert_eq!(shown_frames(3, 1), [0]);
        assert!(shown_frames(0, 4).is_empty());
    }

    #[test]
    fn a_strip_decodes_to_the_frames_it_was_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strip.png");
        let movie = ramp(30);
        let style = StripStyle { columns: 4, scale: 9, ..StripStyle::default() };
        write_strip(&path, &rows(&movie), style).unwrap();
        let picture = image::open(&path).unwrap().into_luma8();
        let (left, top) =
            (MARGIN + text::width("ground truth") + GAP + LABEL_GAP, MARGIN + text::LINE_HEIGHT + LABEL_GAP);
        let (column, row) = (7 * 9 + GAP, 5 * 9 + GAP);
        assert_eq!(picture.dimensions(), (left + 4 * column + MARGIN - GAP, top + 2 * row + MARGIN - GAP));
        for (index, frame) in shown_frames(30, 4).into_iter().enumerate() {
            for line in 0..2 {
                let centre = (left + index as u32 * column + 31, top + line * row + 22);
                assert_eq!(usize::from(picture.get_pixel(centre.0, centre.1).0[0]), frame);
            }
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strip.png");
        let movie = ramp(3);
        let style = StripStyle::default();
        for style in [
            StripStyle { columns: 0, ..style },
            StripStyle { scale: 0, ..style },
            StripStyle { scale: 60_000, ..style },
            StripStyle { frame_rate_hz: 0.0, ..style },
        ] {
            assert_eq!(write_strip(&path, &rows(&movie), style).unwrap_err().exit_code(), 2);
        }
        let file = folder.path().join("not_a_folder");
        std::fs::write(&file, "x").unwrap();
        let error = write_strip(&file.join("strip.png"), &rows(&movie), style).unwrap_err();
        assert!(error.to_string().contains("not_a_folder"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
