//! Describes frames by a few numbers that a shift of a pixel or two and a change of brightness or contrast
//! hardly move, so that millions of frames can be compared by their products.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

/// Lowest vertical and horizontal frequencies that are looked at.
const FREQUENCIES: [usize; 2] = [6, 8];

/// Numbers a frame is described by; the first, its mean, is always 0.
pub(super) const LENGTH: usize = FREQUENCIES[0] * FREQUENCIES[1];

/// Wavelengths below this many pixels are left out: a shift of two pixels would turn them around.
const SHORTEST_WAVELENGTH: f64 = 8.0;

/// Standard deviation over pixels, in grey levels, below which a frame counts as uniform: it resembles
/// every other uniform frame and says nothing of its movie.
pub(super) const FLAT: f64 = 3.0;

/// Frames from one that is looked for to the next: a second holds three.
pub(super) const QUERY_STEP: usize = 10;

/// Frames from one that can be found to the next: none is more than one frame off.
pub(super) const INDEX_STEP: usize = 3;

/// The frames of a movie, described.
#[derive(Debug, Clone)]
pub(super) struct Described {
    /// Every [`QUERY_STEP`]-th frame: `[frame, LENGTH]`, each of norm 1, or 0 when it is uniform.
    pub(super) queries: Array2<f32>,
    /// Every [`INDEX_STEP`]-th frame, likewise.
    pub(super) index: Array2<f32>,
}

/// Describes frames of one size.
pub(super) struct Describer {
    rows: Array2<f32>,
    columns: Array2<f32>,
    weights: Vec<f32>,
}

impl Describer {
    pub(super) fn new([height, width]: [usize; 2]) -> Self {
        let rows = cosines(FREQUENCIES[0], height);
        let columns = cosines(FREQUENCIES[1], width);
        let weights = (0..LENGTH)
            .map(|at| {
                let [u, v] = [at / FREQUENCIES[1], at % FREQUENCIES[1]];
                let [u, v] = [u as f64 / (2 * height) as f64, v as f64 / (2 * width) as f64];
                // Amplitudes of natural images fall as one over frequency. Evened out, unrelated frames are
                // far apart; left alone, any two that are bright above and dark below would be close.
                let frequency = u.hypot(v);
                if frequency * SHORTEST_WAVELENGTH > 1.0 { 0.0 } else { frequency as f32 }
            })
            .collect();
        Self { rows, columns, weights }
    }

    /// Describes a movie, `[frame, height, width]`.
    pub(super) fn describe(&self, movie: ArrayView3<'_, f32>) -> Described {
        let every = |step: usize| {
            let frames = movie.len_of(Axis(0)).div_ceil(step);
            let mut all = Array2::zeros((frames, LENGTH));
            for (mut row, frame) in all.outer_iter_mut().zip(movie.outer_iter().step_by(step)) {
                row.assign(&ndarray::aview1(&self.frame(frame)));
            }
            all
        };
        Described { queries: every(QUERY_STEP), index: every(INDEX_STEP) }
    }

    fn frame(&self, frame: ArrayView2<'_, f32>) -> [f32; LENGTH] {
        let low = self.rows.dot(&frame).dot(&self.columns.t());
        let mut numbers = [0.0; LENGTH];
        let (mut energy, mut norm) = (0.0f64, 0.0f64);
        for ((number, &value), &weight) in numbers.iter_mut().zip(&low).zip(&self.weights) {
            *number = value * weight;
            energy += if weight > 0.0 { f64::from(value).powi(2) } else { 0.0 };
            norm += f64::from(*number).powi(2);
        }
        let flat = energy < FLAT * FLAT * frame.len() as f64;
        let scale = if flat { 0.0 } else { norm.sqrt().recip() as f32 };
        numbers.iter_mut().for_each(|number| *number *= scale);
        numbers
    }
}

/// The first rows of the orthonormal DCT-II.
fn cosines(count: usize, size: usize) -> Array2<f32> {
    Array2::from_shape_fn((count, size), |(k, n)| {
        let scale = if k == 0 { 1.0 } else { 2.0 } / size as f64;
        (scale.sqrt() * (PI * k as f64 * (n as f64 + 0.5) / size as f64).cos()) as f32
    })
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    /// A sum of long waves, moved by `shift` pixels.
    fn waves(shift: f32, gain: f32, offset: f32) -> Array3<f32> {
        Array3::from_shape_fn((31, 36, 64), |(t, y, x)| {
            let (x, y, t) = (x as f32 - shift, y as f32, t as f32);
            let light = (0.1 * x + 0.05 * y + 0.1 * t).sin() + (0.17 * y - 0.06 * x).cos() + (0.2 * x).sin();
            offset + gain * 30.0 * light
        })
    }

    fn similarity(a: &Array3<f32>, b: &Array3<f32>) -> f32 {
        let describe = |movie: &Array3<f32>| Describer::new([36, 64]).describe(movie.view());
        describe(a).queries.row(1).dot(&describe(b).queries.row(1))
    }

    #[test]
    fn brightness_and_contrast_change_nothing_and_a_pixel_little() {
        let movie = waves(0.0, 1.0, 100.0);
        // Rounding of f32 sums of 2304 grey levels.
        assert!((similarity(&movie, &waves(0.0, 0.9, 110.0)) - 1.0).abs() < 1e-4);
        assert!(similarity(&movie, &waves(1.0, 1.0, 100.0)) > 0.9);
        assert!(similarity(&movie, &waves(20.0, 1.0, 100.0)) < 0.6);
    }

    #[test]
    fn uniform_frames_resemble_nothing() {
        let uniform = Array3::from_elem((31, 36, 64), 120.0);
        assert_eq!(similarity(&uniform, &uniform), 0.0);
        let described = Describer::new([36, 64]).describe(uniform.view());
        assert_eq!((described.queries.nrows(), described.index.nrows()), (4, 11));
    }
}
