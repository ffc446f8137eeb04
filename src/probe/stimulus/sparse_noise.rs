//! Sparse noise: bright and dark squares that flash at random places on grey.

use ndarray::{Array3, s};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Light;

/// Where squares flash and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparseNoise {
    /// Side of a square in pixels.
    pub square_px: usize,
    /// Frames that it stays.
    pub square_frames: usize,
    /// Share of the frame that is covered.
    pub density: f64,
}

impl SparseNoise {
    /// Draws a movie of signs, `[frame, height, width]`: 1 where it is bright, -1 where it is dark, 0 where it is grey.
    ///
    /// Squares lie anywhere, also partly outside, so that the border of the frame is covered as often as its middle;
    /// where two overlap the later one is seen. They change one by one rather than all at once.
    pub fn signs(&self, frames: usize, [height, width]: [usize; 2], rng: &mut ChaCha8Rng) -> Array3<f32> {
        let (side, stay) = (self.square_px, self.square_frames);
        let mut movie = Array3::zeros((frames, height, width));
        let places = ((height + side - 1) * (width + side - 1)) as f64;
        // Squares overlap: so many of them leave a pixel uncovered with the probability wanted.
        let uncovered = 1.0 - (side * side) as f64 / places;
        let count = if uncovered > 0.0 { (1.0 - self.density).ln() / uncovered.ln() } else { 1.0 };
        let starts = frames + stay - 1;
        let squares = (count * starts as f64 / stay as f64).round().max(1.0) as usize;
        for _ in 0..squares {
            let [top, left] = [height, width].map(|length| rng.random_range(0..length + side - 1));
            let first = rng.random_range(0..starts);
            let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
            let within =
                |end: usize, size: usize, limit: usize| (end + 1).saturating_sub(size)..(end + 1).min(limit);
            let (times, rows, columns) =
                (within(first, stay, frames), within(top, side, height), within(left, side, width));
            movie.slice_mut(s![times, rows, columns]).fill(sign);
        }
        movie
    }

    /// Turns signs into grey levels.
    pub fn movie(signs: &Array3<f32>, light: Light) -> Array3<f32> {
        signs.mapv(|sign| light.grey + sign * light.swing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use ndarray::Axis;
    use proptest::prelude::*;

    #[test]
    fn every_pixel_is_covered_as_often_as_stated_half_of_it_bright() {
        let noise = SparseNoise { square_px: 3, square_frames: 4, density: 0.2 };
        let signs = noise.signs(20_000, [9, 14], &mut seed::stream("test", "sparse", &[]));
        let covered = signs.mapv(f32::abs).mean_axis(Axis(0)).unwrap();
        // 20,000 frames are 5,000 draws of a chance of 0.2: give or take 0.006; and pixels share squares.
        assert!(covered.iter().all(|share| (0.17..0.23).contains(share)), "{covered}");
        let balance = signs.mean_axis(Axis(0)).unwrap();
        assert!(balance.iter().all(|mean| mean.abs() < 0.04), "{balance}");
        // A square stays: all change between two frames is a quarter of the squares coming and a quarter going.
        let (mut same, mut lit) = (0.0, 0.0);
        for (a, b) in signs.outer_iter().zip(signs.outer_iter().skip(1)) {
            for (&a, &b) in a.iter().zip(&b) {
                lit += f32::from(a != 0.0);
                same += f32::from(a != 0.0 && a == b);
            }
        }
        // 3 of 4 stay; some are covered by another one of the other sign, some followed by one of the same.
        assert!((0.7..0.85).contains(&(same / lit)), "{}", same / lit);
    }

    proptest! {
        #[test]
        fn any_shape_can_be_drawn(
            frames in 1usize..9, height in 1usize..9, width in 1usize..9, side in 1usize..12, stay in 1usize..12,
            density in 0.001f64..0.9,
        ) {
            let noise = SparseNoise { square_px: side, square_frames: stay, density };
            let signs = noise.signs(frames, [height, width], &mut seed::stream("test", "any", &[]));
            prop_assert_eq!(signs.dim(), (frames, height, width));
            prop_assert!(signs.iter().all(|s| [-1.0, 0.0, 1.0].contains(s)));
        }
    }
}
