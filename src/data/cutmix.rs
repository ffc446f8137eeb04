//! CutMix: replaces a box of one training clip by that of another, and mixes their responses by area.
//!
//! After Yun et al. (2019) with alpha 1, as DwiseNeuro was trained.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Zip};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::clip_input::ClipInput;

/// The box that is replaced, of all frames and channels alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its rows.
    pub rows: Range<usize>,
    /// Its columns.
    pub columns: Range<usize>,
}

impl Region {
    /// Makes the box of the area `lambda` (a fraction of the input's) around a centre, cut off where
    /// it leaves the input. Sides are whole and even pixels, so it may be a little smaller.
    pub fn around(center: [usize; 2], lambda: f64, size: [usize; 2]) -> Self {
        let [rows, columns] = [0, 1].map(|axis| {
            let half = (size[axis] as f64 * lambda.sqrt()) as usize / 2;
            center[axis].saturating_sub(half)..(center[axis] + half).min(size[axis])
        });
        Self { rows, columns }
    }

    /// Draws a box in an input of `size` (height, width): its area uniform in 0..1, which is
    /// Beta(1, 1), its centre uniform.
    ///
    /// # Panics
    /// When the input has no pixels.
    pub fn draw(size: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let lambda = rng.random::<f64>();
        let center = size.map(|length| rng.random_range(0..length));
        Self::around(center, lambda, size)
    }

    /// Returns the part of an input of `size` that the box covers, 0..1.
    pub fn weight(&self, size: [usize; 2]) -> f64 {
        (self.rows.len() * self.columns.len()) as f64 / (size[0] * size[1]) as f64
    }
}

/// Replaces `region` of a clip by that of another one of the same mouse; responses become `(1 - w) r1 + w r2`, `w`
/// the part of the input that the region covers. Behavior is replaced with the pixels that it fills.
///
/// # Shapes
/// Responses: `[neuron, time]`.
///
/// # Panics
/// When shapes differ, the region leaves the input, or the clip is a mixed one.
pub fn cutmix(
    region: &Region,
    (clip, mut responses): (&mut ClipInput, ArrayViewMut2<'_, f32>),
    (other, other_responses): (&ClipInput, ArrayView2<'_, f32>),
) {
    let weight = region.weight(clip.geometry().input()) as f32;
    clip.replace(region, other);
    Zip::from(&mut responses)
        .and(&other_responses)
        .for_each(|r1, &r2| *r1 = (1.0 - weight) * *r1 + weight * r2);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::input::{Geometry, Padding};
    use crate::data::trial::{Trial, TrialId};
    use crate::seed;
    use ndarray::{Array2, Array3, Array4, s};

    fn region(rows: Range<usize>, columns: Range<usize>) -> Region {
        Region { rows, columns }
    }

    #[test]
    fn boxes_have_the_published_sides_and_stop_at_the_edges() {
        // 64 * sqrt(0.25) = 32; 32 / 2 on either side.
        assert_eq!(Region::around([32, 32], 0.25, [64, 64]), region(16..48, 16..48));
        assert_eq!(Region::around([0, 63], 0.25, [64, 64]), region(0..16, 47..64));
        // int(64 * sqrt(0.1)) = 20; int(64 * sqrt(0.11)) = 21, of which half is 10 as well.
        assert_eq!(Region::around([30, 30], 0.1, [64, 64]), region(20..40, 20..40));
        assert_eq!(Region::around([30, 30], 0.11, [64, 64]), region(20..40, 20..40));
        assert_eq!(Region::around([5, 5], 0.0, [64, 64]).weight([64, 64]), 0.0);
        // Each axis has its own side.
        assert_eq!(Region::around([18, 32], 0.25, [36, 64]), region(9..27, 16..48));
    }

    /// A clip of 3 frames of 2 x 4 pixels in an input of 4 x 5, with two rows of behavior.
    fn clip(from: f32) -> ClipInput {
        let geometry = Geometry::new([2, 4], [4, 5], Padding::Center).unwrap();
        let frames = |n: usize| (0..n).map(|at| from + at as f32).collect::<Vec<_>>();
        let trial = Trial {
            id: TrialId(0),
            movie: Array3::from_shape_vec((3, 2, 4), frames(24)).unwrap(),
            responses: Array2::zeros((1, 3)),
            behavior: Array2::from_shape_vec((1, 3), frames(3)).unwrap(),
            pupil_center: Array2::from_shape_vec((1, 3), frames(3)).unwrap() + 7.0,
        };
        ClipInput::new(geometry, trial.movie, trial.behavior.view(), trial.pupil_center.view())
    }

    fn values(clip: &ClipInput) -> Array4<f32> {
        let mut values = Vec::new();
        clip.append_to(&mut values);
        Array4::from_shape_vec(clip.shape(), values).unwrap()
    }

    #[test]
    fn pixels_are_replaced_inside_the_box_only_wherever_it_lies() {
        let (first, second) = (clip(100.0), clip(500.0));
        let edges = |length: usize| (0..=length).flat_map(move |a| (a..=length).map(move |b| a..b));
        for rows in edges(4) {
            for columns in edges(5) {
                let region = region(rows.clone(), columns);
                let mut mixed = first.clone();
                let mut responses = Array2::from_elem((2, 3), 10.0);
                let other = Array2::from_elem((2, 3), 20.0);
                cutmix(&region, (&mut mixed, responses.view_mut()), (&second, other.view()));
                // As published: a box of the whole input, padding and all channels.
                let mut expected = values(&first);
                let part = s![.., .., region.rows.clone(), region.columns.clone()];
                expected.slice_mut(part).assign(&values(&second).slice(part));
                assert_eq!(values(&mixed), expected, "{region:?}");
                let weight = (region.rows.len() * region.columns.len()) as f32 / 20.0;
                // 1e-5: the weight is rounded to f32.
                assert!(responses.iter().all(|r| (r - (10.0 + 10.0 * weight)).abs() < 1e-5), "{responses}");
            }
        }
    }

    #[test]
    fn drawn_boxes_cover_what_uniform_boxes_cover() {
        let mut rng = seed::stream("test", "cutmix", &[]);
        let n = 4000;
        let mean =
            (0..n).map(|_| Region::draw([64, 64], &mut rng).weight([64, 64])).sum::<f64>() / f64::from(n);
        // E[(s - s^2/4)^2] for a side s = sqrt(lambda) of density 2s, cut at the edges: 1/2 - 1/5 + 1/48
        // = 0.321, less what rounding down to even pixels takes (about 0.02). Its error: 0.2 / sqrt(n).
        assert!((0.285..0.325).contains(&mean), "{mean}");
    }
}
