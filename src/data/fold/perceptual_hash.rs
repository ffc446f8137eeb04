//! The 64-bit perceptual hash of a frame, bit for bit as the published folds have it: the hash of
//! the Python package `imagehash`, on Pillow's fixed-point Lanczos resize.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2, s};

/// Side of the square that a frame is resized to.
const SIDE: usize = 32;

/// Side of the block of lowest frequencies that is kept: 64 bits.
const LOW: usize = 8;

/// Fraction bits of Pillow's resize of bytes: 32, less 8 for the value and 2 to spare.
const PRECISION_BITS: u32 = 22;

/// Lobes of the Lanczos filter.
const LOBES: f64 = 3.0;

/// Hashes a frame: a bit for each of the 8 x 8 lowest frequencies of its cosine transform, the mean
/// included, that exceeds their median; row-major, the most significant bit first.
pub(super) fn of_frame(frame: &Array2<u8>) -> u64 {
    // Rows first and bytes in between, as Pillow does it: another order rounds otherwise.
    let narrow = resize_rows(frame.view());
    let small = resize_rows(narrow.t());
    let low = low_frequencies(small.t());
    let mut sorted: Vec<f64> = low.iter().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let median = 0.5 * (sorted[LOW * LOW / 2 - 1] + sorted[LOW * LOW / 2]);
    low.iter().fold(0, |hash, &value| (hash << 1) | u64::from(value > median))
}

/// Computes the lowest frequencies of the unnormalised DCT-II over both axes.
fn low_frequencies(pixels: ArrayView2<'_, u8>) -> Array2<f64> {
    let basis = Array2::from_shape_fn((LOW, SIDE), |(frequency, at)| {
        // The argument's whole turns are taken off in integers, where nothing is rounded.
        let quarter_steps = frequency * (2 * at + 1) % (4 * SIDE);
        2.0 * (PI * quarter_steps as f64 / (2 * SIDE) as f64).cos()
    });
    basis.dot(&pixels.map(|&value| f64::from(value))).dot(&basis.t())
}

/// Resizes every row to 32 pixels with Pillow's Lanczos filter for bytes.
fn resize_rows(image: ArrayView2<'_, u8>) -> Array2<u8> {
    let (rows, columns) = image.dim();
    let mut resized = Array2::zeros((rows, SIDE));
    for (target, (first, weights)) in lanczos(columns).iter().enumerate() {
        for (row, pixels) in image.slice(s![.., *first..first + weights.len()]).outer_iter().enumerate() {
            let half = 1i64 << (PRECISION_BITS - 1);
            let sum: i64 = pixels.iter().zip(weights).map(|(&pixel, weight)| i64::from(pixel) * weight).sum();
            resized[[row, target]] = ((half + sum) >> PRECISION_BITS).clamp(0, 255) as u8;
        }
    }
    resized
}

/// Computes for each of the 32 target pixels its first source pixel and the fixed-point weights.
fn lanczos(size: usize) -> Vec<(usize, Vec<i64>)> {
    let scale = size as f64 / SIDE as f64;
    let filter_scale = scale.max(1.0);
    let support = LOBES * filter_scale;
    (0..SIDE)
        .map(|target| {
            let center = (target as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(size);
            let weights: Vec<f64> =
                (first..end).map(|at| filter((at as f64 - center + 0.5) * filter_scale.recip())).collect();
            let total: f64 = weights.iter().sum();
            let one = f64::from(1u32 << PRECISION_BITS);
            // Half away from zero, as Pillow rounds its weights.
            (first, weights.iter().map(|weight| (weight / total * one).round() as i64).collect())
        })
        .collect()
}

fn filter(x: f64) -> f64 {
    if (-LOBES..LOBES).contains(&x) { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_target_size_is_not_resized() {
        let frame = Array2::from_shape_fn((SIDE, SIDE), |(y, x)| ((y * 37 + x * 101) % 256) as u8);
        assert_eq!(resize_rows(frame.view()), frame);
    }

    #[test]
    fn a_flat_frame_stays_flat_at_any_size() {
        for shape in [(36, 64), (7, 5), (1, 1), (31, 33)] {
            let resized = resize_rows(Array2::from_elem(shape, 201).view());
            assert!(resized.iter().all(|&value| value == 201), "{shape:?}");
        }
    }

    #[test]
    fn the_transform_is_the_unnormalised_cosine_transform() {
        let pixels = Array2::from_shape_fn((SIDE, SIDE), |(y, x)| ((y * y + 3 * x) % 256) as u8);
        let low = low_frequencies(pixels.view());
        for (u, v) in [(0, 0), (1, 0), (3, 5), (7, 7)] {
            let angle = |k: usize, n: usize| PI * k as f64 * (2 * n + 1) as f64 / (2 * SIDE) as f64;
            let expected: f64 = pixels
                .indexed_iter()
                .map(|((y, x), &p)| 4.0 * f64::from(p) * angle(u, y).cos() * angle(v, x).cos())
                .sum();
            // Order of f64 sums of a thousand terms up to 1000.
            assert!((low[[u, v]] - expected).abs() < 1e-8, "{u} {v}");
        }
    }
}
