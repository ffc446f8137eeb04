//! Fits a Gaussian bump to a map by least squares (Levenberg-Marquardt), which finds its centre also between pixels and
//! near the border, where a centroid would be pulled inward.

use std::array::from_fn;

use ndarray::ArrayView2;

/// A bump without a base: `height * exp(-((x - x0) / sx)^2 / 2 - ((y - y0) / sy)^2 / 2)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bump {
    pub(super) height: f64,
    /// x, y
    pub(super) center: [f64; 2],
    /// Standard deviations along x and y.
    pub(super) sigma: [f64; 2],
}

const PARAMETERS: usize = 5;
const STEPS: usize = 60;
/// Narrowest bump, in pixels: between pixels, a narrower one would fit anything.
const LEAST_SIGMA: f64 = 0.35;

impl Bump {
    /// Fits a bump to a map, `[y, x]`, starting at its greatest value. `None` when the map has none above 0.
    pub(super) fn fit(map: ArrayView2<f64>) -> Option<Self> {
        let ((row, column), &peak) =
            map.indexed_iter().filter(|(_, v)| v.is_finite()).max_by(|a, b| a.1.total_cmp(b.1))?;
        if peak <= 0.0 {
            return None;
        }
        let starts = [0.8, 1.6, 3.2].map(|sigma| Self {
            height: peak,
            center: [column as f64, row as f64],
            sigma: [sigma; 2],
        });
        let fits = starts.map(|start| start.improved(map));
        fits.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(bump, _)| bump)
    }

    /// Its value at the pixel of a map, `(rows, columns)`, that is nearest to its centre. Between pixels or beyond the border
    /// a narrow bump may be of any height.
    pub(super) fn height_in(&self, (rows, columns): (usize, usize)) -> f64 {
        let [x, y] = [(0, columns), (1, rows)].map(|(axis, length): (usize, usize)| {
            self.center[axis].round().clamp(0.0, length.saturating_sub(1) as f64)
        });
        self.at(x, y).0
    }

    fn improved(self, map: ArrayView2<f64>) -> (Self, f64) {
        let (mut best, mut damping) = (self, 1e-2);
        let mut error = best.error(map);
        for _ in 0..STEPS {
            let (matrix, gradient) = best.normal_equations(map);
            let damped = from_fn(|i| {
                from_fn(|j| {
                    matrix[i][j] * if i == j { 1.0 + damping } else { 1.0 } + if i == j { 1e-12 } else { 0.0 }
                })
            });
            let Some(step) = solve(damped, gradient) else { break };
            let candidate = best.moved(step, map.dim());
            let found = candidate.error(map);
            if found < error {
                let small = error - found < 1e-9 * error;
                (best, error, damping) = (candidate, found, (damping * 0.3).max(1e-9));
                if small {
                    break;
                }
            } else {
                damping *= 5.0;
                if damping > 1e9 {
                    break;
                }
            }
        }
        (best, error)
    }

    /// Value at a pixel, and its slope to height, x0, y0, ln sx, ln sy.
    fn at(&self, x: f64, y: f64) -> (f64, [f64; PARAMETERS]) {
        let [dx, dy] = [(x - self.center[0]) / self.sigma[0], (y - self.center[1]) / self.sigma[1]];
        let shape = (-0.5 * (dx * dx + dy * dy)).exp();
        let value = self.height * shape;
        (
            value,
            [shape, value * dx / self.sigma[0], value * dy / self.sigma[1], value * dx * dx, value * dy * dy],
        )
    }

    fn error(&self, map: ArrayView2<f64>) -> f64 {
        map.indexed_iter().map(|((y, x), v)| (v - self.at(x as f64, y as f64).0).powi(2)).sum()
    }

    fn normal_equations(&self, map: ArrayView2<f64>) -> ([[f64; PARAMETERS]; PARAMETERS], [f64; PARAMETERS]) {
        let (mut matrix, mut gradient) = ([[0.0; PARAMETERS]; PARAMETERS], [0.0; PARAMETERS]);
        for ((y, x), v) in map.indexed_iter() {
            let (value, slope) = self.at(x as f64, y as f64);
            for i in 0..PARAMETERS {
                gradient[i] += slope[i] * (v - value);
                for j in 0..PARAMETERS {
                    matrix[i][j] += slope[i] * slope[j];
                }
            }
        }
        (matrix, gradient)
    }

    /// Takes a step, kept within reach: a centre near the frame and a width that the frame can tell.
    fn moved(&self, step: [f64; PARAMETERS], (height, width): (usize, usize)) -> Self {
        let longest = height.max(width) as f64;
        let limits = [width as f64, height as f64];
        Self {
            height: (self.height + step[0]).max(0.0),
            center: from_fn(|axis| (self.center[axis] + step[1 + axis]).clamp(-1.0, limits[axis])),
            sigma: from_fn(|axis| {
                (self.sigma[axis] * step[3 + axis].clamp(-1.0, 1.0).exp()).clamp(LEAST_SIGMA, longest)
            }),
        }
    }
}

/// Solves a small system by Gaussian elimination with pivots; `None` when it has no one answer.
fn solve(mut a: [[f64; PARAMETERS]; PARAMETERS], mut b: [f64; PARAMETERS]) -> Option<[f64; PARAMETERS]> {
    for k in 0..PARAMETERS {
        let pivot = (k..PARAMETERS).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs()))?;
        a.swap(k, pivot);
        b.swap(k, pivot);
        if a[k][k].abs() < 1e-300 {
            return None;
        }
        for i in k + 1..PARAMETERS {
            let factor = a[i][k] / a[k][k];
            let upper = a[k];
            a[i].iter_mut().zip(upper).skip(k).for_each(|(value, above)| *value -= factor * above);
            b[i] -= factor * b[k];
        }
    }
    for k in (0..PARAMETERS).rev() {
        let known: f64 = (k + 1..PARAMETERS).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    b.iter().all(|v| v.is_finite()).then_some(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bump_is_found_between_pixels_and_at_the_border(
            height in 8usize..20, width in 8usize..20, x in 0.0f64..1.0, y in 0.0f64..1.0,
            sx in 0.7f64..2.5, sy in 0.7f64..2.5, peak in 0.01f64..100.0,
        ) {
            let center = [x * (width - 1) as f64, y * (height - 1) as f64];
            let bump = Bump { height: peak, center, sigma: [sx, sy] };
            let map = Array2::from_shape_fn((height, width), |(row, column)| bump.at(column as f64, row as f64).0);
            let found = Bump::fit(map.view()).unwrap();
            // Without noise the least squares are 0; the steps end a little before.
            let apart = found.center.iter().zip(center).map(|(found, known)| (found - known).abs());
            prop_assert!(apart.into_iter().all(|apart| apart < 0.02), "{:?} {:?}", found, bump);
            let ratios = found.sigma.iter().zip(bump.sigma).map(|(found, known)| found / known);
            prop_assert!(ratios.into_iter().all(|ratio| (ratio - 1.0).abs() < 0.02), "{:?} {:?}", found, bump);
        }
    }

    #[test]
    fn maps_without_a_bump_do_no_harm() {
        assert_eq!(Bump::fit(Array2::zeros((4, 5)).view()), None);
        assert_eq!(Bump::fit(Array2::from_elem((4, 5), f64::NAN).view()), None);
        assert_eq!(Bump::fit(Array2::from_elem((4, 5), -1.0).view()), None);
        let flat = Bump::fit(Array2::from_elem((4, 5), 3.0).view()).unwrap();
        assert!(flat.sigma.iter().all(|s| s.is_finite()) && flat.center.iter().all(|c| c.is_finite()));
        assert!(Bump::fit(Array2::from_elem((1, 1), 3.0).view()).is_some());
    }
}
