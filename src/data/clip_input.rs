//! The encoder's input for one clip, kept as small as it was recorded. Behavior fills whole frames with one number and
//! padding is 0: written out, they are nine tenths of the input, so they are written when a model needs them.

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayView2, Axis, concatenate, s};

use super::cutmix::Region;
use super::input::Geometry;

/// A clip, of which a box may be another clip's.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipInput {
    geometry: Geometry,
    /// `[time, height, width]` of the content.
    movie: Array3<f32>,
    /// `[channel, time]`: the rows of behavior, then those of pupil center.
    rows: Array2<f32>,
    /// Where other rows stand, and which.
    mixed: Option<(Region, Array2<f32>)>,
}

impl ClipInput {
    /// Makes the input of one clip.
    ///
    /// # Shapes
    /// `movie`: `[time, height, width]` of the content; `behavior`, `pupil_center`: `[row, time]`.
    ///
    /// # Panics
    /// When the arrays are not equally long.
    pub fn new(
        geometry: Geometry,
        movie: Array3<f32>,
        behavior: ArrayView2<'_, f32>,
        pupil_center: ArrayView2<'_, f32>,
    ) -> Self {
        let rows = concatenate(Axis(0), &[behavior, pupil_center]).expect("rows of one clip");
        assert_eq!(movie.dim().0, rows.ncols(), "a movie as long as the behavior");
        Self { geometry, movie, rows, mixed: None }
    }

    /// Returns where the movie lies in the input.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Returns the lengths of the input's axes: `[channel, time, height, width]`.
    pub fn shape(&self) -> [usize; 4] {
        let [height, width] = self.geometry.input();
        [1 + self.rows.nrows(), self.movie.dim().0, height, width]
    }

    /// Replaces a box of the input by that of another clip.
    ///
    /// # Panics
    /// When the clips differ in shape, the box leaves the input, or a box was replaced before.
    pub fn replace(&mut self, region: &Region, other: &Self) {
        assert!(self.mixed.is_none() && other.mixed.is_none(), "clips are mixed once");
        assert_eq!((self.shape(), self.geometry), (other.shape(), other.geometry), "clips of one mouse");
        let [height, width] = self.geometry.input();
        assert!(region.rows.end <= height && region.columns.end <= width, "a box inside the input");
        let rows = inside(&region.rows, self.geometry.rows());
        let columns = inside(&region.columns, self.geometry.columns());
        let part = s![.., rows, columns];
        self.movie.slice_mut(part).assign(&other.movie.slice(part));
        self.mixed = Some((region.clone(), other.rows.clone()));
    }

    /// Appends the input's values, `[channel, time, height, width]`, as
    /// [`Geometry::encoder_input`] makes them.
    pub fn append_to(&self, values: &mut Vec<f32>) {
        self.geometry.append_movie(self.movie.view(), values);
        let behavior = values.len();
        self.geometry.append_rows(self.rows.view(), values);
        let Some((region, rows)) = &self.mixed else { return };
        let [height, width] = self.geometry.input();
        for (frame, &value) in values[behavior..].chunks_exact_mut(height * width).zip(rows) {
            for line in frame.chunks_exact_mut(width).take(region.rows.end).skip(region.rows.start) {
                line[region.columns.clone()].fill(value);
            }
        }
    }

    /// Takes the movie's memory, for another one.
    pub(super) fn into_movie(self) -> Array3<f32> {
        self.movie
    }
}

/// Finds the part of a range of the input that is content, counted from the content's start.
fn inside(range: &Range<usize>, content: Range<usize>) -> Range<usize> {
    let place = |at: usize| at.clamp(content.start, content.end) - content.start;
    place(range.start)..place(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::input::{INPUT_SIZE, Padding};
    use crate::data::trial::{Trial, TrialId};

    #[test]
    fn what_is_written_out_is_what_a_model_gets_of_the_whole_trial() {
        let geometry = Geometry::new([36, 62], INPUT_SIZE, Padding::Center).unwrap();
        for rows in [[2, 2], [1, 0], [0, 0]] {
            let at = |k: usize, t: usize| (k * 17 + t * 5) as f32;
            let trial = Trial {
                id: TrialId(0),
                movie: Array3::from_shape_fn((3, 36, 62), |(t, y, x)| at(y * 62 + x, t)),
                responses: Array2::zeros((1, 3)),
                behavior: Array2::from_shape_fn((rows[0], 3), |(k, t)| at(k, t) - 4.0),
                pupil_center: Array2::from_shape_fn((rows[1], 3), |(k, t)| at(t, k) - 9.0),
            };
            let expected = geometry.encoder_input(&trial);
            let (behavior, pupil_center) = (trial.behavior.view(), trial.pupil_center.view());
            let clip = ClipInput::new(geometry, trial.movie.clone(), behavior, pupil_center);
            let mut values = vec![-1.0];
            clip.append_to(&mut values);
            assert_eq!(clip.shape().as_slice(), expected.shape());
            assert_eq!(values[1..], *expected.as_slice().unwrap());
        }
    }
}
