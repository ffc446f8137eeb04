//! CutMix: replaces a box of one training clip by that of another, and mixes their responses by area.
//!
//! After Yun et al. (2019) with alpha 1, as DwiseNeuro was trained.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayView4, ArrayViewMut2, ArrayViewMut4, Zip, s};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

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

/// Replaces `region` of `input` by that of `other`; responses become `(1 - w) r1 + w r2`, `w` the
/// part of the input that the region covers.
///
/// # Shapes
/// `input`, `other`: `[channel, time, height, width]`; responses: `[neuron, time]`.
///
/// # Panics
/// When shapes differ or the region leaves the input.
pub fn cutmix(
    region: &Region,
    (mut input, mut responses): (ArrayViewMut4<'_, f32>, ArrayViewMut2<'_, f32>),
    (other, other_responses): (ArrayView4<'_, f32>, ArrayView2<'_, f32>),
) {
    let (_, _, height, width) = input.dim();
    let weight = region.weight([height, width]) as f32;
    let part = s![.., .., region.rows.clone(), region.columns.clone()];
    input.slice_mut(part).assign(&other.slice(part));
    Zip::from(&mut responses)
        .and(&other_responses)
        .for_each(|r1, &r2| *r1 = (1.0 - weight) * *r1 + weight * r2);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use ndarray::{Array2, Array4};

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

    #[test]
    fn pixels_are_replaced_inside_the_box_only_and_responses_mixed_by_area() {
        let mut input = Array4::from_elem((2, 3, 4, 5), 1.0);
        let other = Array4::from_elem((2, 3, 4, 5), 2.0);
        let mut responses = Array2::from_elem((2, 3), 10.0);
        let region = region(0..2, 3..5);
        cutmix(
            &region,
            (input.view_mut(), responses.view_mut()),
            (other.view(), Array2::from_elem((2, 3), 20.0).view()),
        );
        for ((_, _, y, x), &value) in input.indexed_iter() {
            let inside = region.rows.contains(&y) && region.columns.contains(&x);
            assert_eq!(value, if inside { 2.0 } else { 1.0 });
        }
        // 4 of 20 pixels; 1e-6 for the f32 weight.
        assert!(responses.iter().all(|r| (r - 12.0f32).abs() < 1e-5), "{responses}");
    }

    #[test]
    fn an_empty_box_changes_nothing_and_a_full_one_everything() {
        let (first, second) = (Array4::from_elem((1, 1, 4, 4), 1.0), Array4::from_elem((1, 1, 4, 4), 2.0));
        let (r1, r2) = (Array2::from_elem((3, 1), 1.0), Array2::from_elem((3, 1), 5.0));
        for (region, expected, response) in
            [(region(2..2, 1..3), &first, &r1), (region(0..4, 0..4), &second, &r2)]
        {
            let (mut input, mut responses) = (first.clone(), r1.clone());
            cutmix(&region, (input.view_mut(), responses.view_mut()), (second.view(), r2.view()));
            assert_eq!((&input, &responses), (expected, response));
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
