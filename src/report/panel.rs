//! Sets movies side by side under their labels: what movie files and strips have in common.

use image::{GrayImage, Luma};
use ndarray::{ArrayView2, ArrayView3, Axis};

use super::text;
use crate::error::{Error, Result};

/// Grey level of the page.
const PAPER: u8 = 255;
/// Grey level of text.
pub(super) const INK: u8 = 20;
/// Space around everything, in pixels.
pub(super) const MARGIN: u32 = 10;
/// Space between movies, in pixels.
const GAP: u32 = 10;
/// Space between a label and what it names, in pixels.
pub(super) const LABEL_GAP: u32 = 4;
/// Longest side of a picture that GIF can store.
const LONGEST_SIDE: u64 = u16::MAX as u64;

/// A movie and what to call it in the picture.
#[derive(Debug, Clone, Copy)]
pub struct LabelledMovie<'a> {
    /// Drawn as it is; keep it to a few words. A single movie with an empty label is drawn without a page around it.
    pub label: &'a str,
    /// `[frame, height, width]`, 0..255; values beyond are clipped, NaN is black.
    pub movie: ArrayView3<'a, f32>,
}

/// Frames of movies of one shape, side by side.
pub(super) struct SideBySide<'a, 'm> {
    movies: &'a [LabelledMovie<'m>],
    scale: u32,
    /// Left edge of each movie.
    lefts: Vec<u32>,
    /// Upper edge of all.
    top: u32,
    size: (u32, u32),
}

impl<'a, 'm> SideBySide<'a, 'm> {
    /// Plans the picture.
    ///
    /// # Errors
    /// [`Error::Usage`] for what [`check`] finds, and when the picture would be too large.
    pub(super) fn new(movies: &'a [LabelledMovie<'m>], scale: u32) -> Result<Self> {
        let (_, height, width) = check(movies, scale)?;
        if let [LabelledMovie { label: "", .. }] = movies {
            let size = picture_size(width * u64::from(scale), height * u64::from(scale))?;
            return Ok(Self { movies, scale, lefts: vec![0], top: 0, size });
        }
        let mut lefts = Vec::with_capacity(movies.len());
        let mut right = u64::from(MARGIN);
        for movie in movies {
            lefts.push(right as u32);
            // A label longer than its movie pushes the next one aside rather than run into it.
            right += (width * u64::from(scale)).max(text::width(movie.label).into()) + u64::from(GAP);
        }
        let top = MARGIN + text::LINE_HEIGHT + LABEL_GAP;
        let below = u64::from(top) + height * u64::from(scale);
        let size = picture_size(right - u64::from(GAP) + u64::from(MARGIN), below + u64::from(MARGIN))?;
        Ok(Self { movies, scale, lefts, top, size })
    }

    /// Width and height of each picture.
    pub(super) fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Number of frames of the movies.
    pub(super) fn frames(&self) -> usize {
        self.movies[0].movie.len_of(Axis(0))
    }

    /// Draws one frame of all movies onto a page of `size`, which may be larger than planned.
    pub(super) fn draw(&self, frame: usize, size: (u32, u32)) -> GrayImage {
        let mut page = blank_page(size);
        for (movie, &left) in self.movies.iter().zip(&self.lefts) {
            text::draw(&mut page, movie.label, (left, MARGIN), INK);
            draw_frame(&mut page, (left, self.top), movie.movie.index_axis(Axis(0), frame), self.scale);
        }
        page
    }
}

/// Makes sure that movies can be shown together and returns their shape, `(frame, height, width)`.
///
/// # Errors
/// [`Error::Usage`] without movies or pixels, when shapes differ, or when `scale` is 0.
pub(super) fn check(movies: &[LabelledMovie], scale: u32) -> Result<(usize, u64, u64)> {
    let Some(first) = movies.first() else { return Err(Error::usage("no movie to draw")) };
    let shape = first.movie.dim();
    if let Some(other) = movies.iter().find(|other| other.movie.dim() != shape) {
        return Err(Error::usage(format!(
            "movie \"{}\" is {:?}, movie \"{}\" {:?} (frames, height, width): only movies of one shape can be \
             drawn side by side",
            first.label,
            shape,
            other.label,
            other.movie.dim()
        )));
    }
    if first.movie.is_empty() {
        return Err(Error::usage(format!("movie \"{}\" is empty: {shape:?}", first.label)));
    }
    if scale == 0 {
        return Err(Error::usage("a movie can't be enlarged by a factor of 0; the least is 1"));
    }
    Ok((shape.0, shape.1 as u64, shape.2 as u64))
}

/// Checks the size of a picture.
///
/// # Errors
/// [`Error::Usage`] when a side is longer than GIF allows.
pub(super) fn picture_size(width: u64, height: u64) -> Result<(u32, u32)> {
    if width.max(height) > LONGEST_SIDE {
        return Err(Error::usage(format!(
            "a picture of {width} x {height} pixels is too large (at most {LONGEST_SIDE} a side): enlarge less"
        )));
    }
    Ok((width as u32, height as u32))
}

/// An empty page.
pub(super) fn blank_page((width, height): (u32, u32)) -> GrayImage {
    GrayImage::from_pixel(width, height, Luma([PAPER]))
}

/// Draws a frame, each pixel as a square of `scale`, with its top left corner at `(left, top)`.
pub(super) fn draw_frame(page: &mut GrayImage, (left, top): (u32, u32), frame: ArrayView2<f32>, scale: u32) {
    for ((row, column), &value) in frame.indexed_iter() {
        let level = Luma([value.round().clamp(0.0, 255.0) as u8]);
        for y in 0..scale {
            for x in 0..scale {
                page.put_pixel(left + column as u32 * scale + x, top + row as u32 * scale + y, level);
            }
        }
    }
}
