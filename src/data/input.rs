//! The encoder's input: where a movie's pixels lie in it, and its behavioral channels.
//!
//! The only place that knows the geometry; everything else embeds and crops through it.

use std::ops::Range;

use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView3, s};
use serde::{Deserialize, Serialize};

use super::trial::Trial;
use crate::error::{Error, Result};

/// Height and width of DwiseNeuro's input in pixels.
pub const INPUT_SIZE: [usize; 2] = [64, 64];

/// Where the content lies in a larger input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// In the middle; an odd pixel of padding goes after it.
    #[default]
    Center,
}

/// How frames of `height` x `width` pixels sit in an input: 36 x 64 in 64 x 64 is rows 14..50.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    content: [usize; 2],
    input: [usize; 2],
    first: [usize; 2],
}

impl Geometry {
    /// Places content of one size in an input of another, both `[height, width]`.
    ///
    /// # Errors
    /// [`Error::Usage`] when the content is larger than the input, or empty.
    pub fn new(content: [usize; 2], input: [usize; 2], padding: Padding) -> Result<Self> {
        if content.contains(&0) || content[0] > input[0] || content[1] > input[1] {
            return Err(Error::usage(format!(
                "frames of {} x {} pixels don't fit an input of {} x {}; use a larger input",
                content[0], content[1], input[0], input[1]
            )));
        }
        let first = match padding {
            Padding::Center => [(input[0] - content[0]) / 2, (input[1] - content[1]) / 2],
        };
        Ok(Self { content, input, first })
    }

    /// Returns height and width of the content.
    pub fn content(&self) -> [usize; 2] {
        self.content
    }

    /// Returns height and width of the input.
    pub fn input(&self) -> [usize; 2] {
        self.input
    }

    /// Returns the input's rows that hold content.
    pub fn rows(&self) -> Range<usize> {
        self.first[0]..self.first[0] + self.content[0]
    }

    /// Returns the input's columns that hold content.
    pub fn columns(&self) -> Range<usize> {
        self.first[1]..self.first[1] + self.content[1]
    }

    /// Marks the content in the input: 1 where it is, 0 in the padding, `[height, width]` of the input.
    pub fn whole(&self) -> Array2<f32> {
        let mut whole = Array2::zeros(self.input);
        whole.slice_mut(s![self.rows(), self.columns()]).fill(1.0);
        whole
    }

    /// Embeds a movie in the input, padded with 0.
    ///
    /// # Shapes
    /// `[frame, height, width]` of the content -> of the input.
    ///
    /// # Panics
    /// When the movie is not of the content's size.
    pub fn embed(&self, movie: ArrayView3<'_, f32>) -> Array3<f32> {
        let mut embedded = Array3::zeros((movie.dim().0, self.input[0], self.input[1]));
        embedded.slice_mut(s![.., self.rows(), self.columns()]).assign(&movie);
        embedded
    }

    /// Crops the content from a movie of the input's size.
    ///
    /// # Shapes
    /// `[frame, height, width]` of the input -> of the content.
    ///
    /// # Panics
    /// When the movie is smaller than the input.
    pub fn crop<'a>(&self, movie: ArrayView3<'a, f32>) -> ArrayView3<'a, f32> {
        movie.slice_move(s![.., self.rows(), self.columns()])
    }

    /// Crops the content from one image of the input's size, as a mask is.
    ///
    /// # Shapes
    /// `[height, width]` of the input -> of the content.
    ///
    /// # Panics
    /// When the image is smaller than the input.
    pub fn crop_image<'a>(&self, image: ArrayView2<'a, f32>) -> ArrayView2<'a, f32> {
        image.slice_move(s![self.rows(), self.columns()])
    }

    /// Builds the encoder's input from the frames of a trial: channel 0 is the movie, raw 0..255 and
    /// padded with 0; then the rows of behavior, then those of pupil center, each a constant over
    /// all pixels, padding too.
    ///
    /// # Shapes
    /// `[channel, time, height, width]`, as many times as the trial has frames.
    ///
    /// # Panics
    /// When the movie is not of the content's size.
    pub fn encoder_input(&self, trial: &Trial) -> Array4<f32> {
        let [height, width] = self.input;
        let shape = (channels(trial), trial.frames(), height, width);
        let mut values = Vec::with_capacity(shape.0 * shape.1 * height * width);
        self.append_movie(trial.movie.view(), &mut values);
        self.append_rows(trial.behavior.view(), &mut values);
        self.append_rows(trial.pupil_center.view(), &mut values);
        Array4::from_shape_vec(shape, values).expect("as many frames in all arrays")
    }

    /// Appends a movie of the content's size, padded with 0: nothing is written twice.
    pub(super) fn append_movie(&self, movie: ArrayView3<'_, f32>, values: &mut Vec<f32>) {
        let (_, height, width) = movie.dim();
        assert_eq!([height, width], self.content, "a movie of the content's size");
        let [rows, columns] = self.input;
        let pad = |values: &mut Vec<f32>, pixels: usize| values.resize(values.len() + pixels, 0.0);
        for frame in movie.outer_iter() {
            pad(values, self.rows().start * columns);
            for line in frame.outer_iter() {
                pad(values, self.columns().start);
                values.extend(line);
                pad(values, columns - self.columns().end);
            }
            pad(values, (rows - self.rows().end) * columns);
        }
    }

    /// Appends a channel for each row, in which each value fills a frame.
    pub(super) fn append_rows(&self, rows: ArrayView2<'_, f32>, values: &mut Vec<f32>) {
        let pixels = self.input.iter().product::<usize>();
        rows.iter().for_each(|&value| values.resize(values.len() + pixels, value));
    }
}

/// Counts the channels of the encoder's input for a trial.
fn channels(trial: &Trial) -> usize {
    1 + trial.behavior.nrows() + trial.pupil_center.nrows()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::trial::TrialId;
    use ndarray::Axis;
    use proptest::prelude::*;

    #[test]
    fn the_published_content_is_rows_14_to_50() {
        let geometry = Geometry::new([36, 64], INPUT_SIZE, Padding::Center).unwrap();
        assert_eq!((geometry.rows(), geometry.columns()), (14..50, 0..64));
    }

    #[test]
    fn content_larger_than_the_input_is_refused() {
        for content in [[65, 64], [36, 65], [0, 4]] {
            let error = Geometry::new(content, INPUT_SIZE, Padding::Center).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{error}");
        }
    }

    #[test]
    fn behavior_fills_whole_channels_in_order_and_padding_is_zero() {
        let trial = Trial {
            id: TrialId(0),
            movie: Array3::from_elem((2, 2, 3), 9.0),
            responses: Array2::zeros((4, 2)),
            behavior: Array2::from_shape_vec((2, 2), vec![1.0, 2.0, 3.0, 4.0]).unwrap(),
            pupil_center: Array2::from_shape_vec((1, 2), vec![5.0, 6.0]).unwrap(),
        };
        let input = Geometry::new([2, 3], [5, 4], Padding::Center).unwrap().encoder_input(&trial);
        assert_eq!(input.dim(), (4, 2, 5, 4));
        assert_eq!(input.slice(s![0, .., .., ..]).sum(), 2.0 * 6.0 * 9.0);
        assert_eq!(input.slice(s![0, 1, 1..3, 0..3]), Array2::from_elem((2, 3), 9.0));
        for (channel, values) in [(1, [1.0, 2.0]), (2, [3.0, 4.0]), (3, [5.0, 6.0])] {
            for (time, value) in values.into_iter().enumerate() {
                assert!(input.slice(s![channel, time, .., ..]).iter().all(|&v| v == value));
            }
        }
    }

    #[test]
    fn a_mouse_without_behavior_gives_the_movie_alone() {
        let trial = Trial {
            id: TrialId(0),
            movie: Array3::from_elem((3, 2, 2), 1.0),
            responses: Array2::zeros((1, 3)),
            behavior: Array2::zeros((0, 3)),
            pupil_center: Array2::zeros((0, 3)),
        };
        let input = Geometry::new([2, 2], [2, 2], Padding::Center).unwrap().encoder_input(&trial);
        assert_eq!(input.dim(), (1, 3, 2, 2));
    }

    proptest! {
        #[test]
        fn cropping_undoes_embedding(h in 1usize..9, w in 1usize..9, more_h in 0usize..5, more_w in 0usize..5) {
            let movie = Array3::from_shape_fn((2, h, w), |(t, y, x)| (1 + t * 100 + y * 10 + x) as f32);
            let geometry = Geometry::new([h, w], [h + more_h, w + more_w], Padding::Center).unwrap();
            let embedded = geometry.embed(movie.view());
            prop_assert_eq!(geometry.crop(embedded.view()), movie.view());
            prop_assert_eq!(embedded.sum(), movie.sum());
            let ones = geometry.embed(Array3::ones((1, h, w)).view());
            prop_assert_eq!(geometry.whole(), ones.index_axis(Axis(0), 0));
        }
    }
}
