//! Ridge regression: the linear map with the least squared error plus a penalty on the squares of its weights.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::cholesky::Cholesky;
use crate::error::{Error, Result};

/// A fitted linear map from features to pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Ridge {
    /// What is predicted for features at 0, `[pixel]`.
    pub intercept: Array1<f64>,
    /// `[feature, pixel]`
    pub weights: Array2<f64>,
}

impl Ridge {
    /// Fits `y` to `x`: minimises the squared error plus `lambda` times the squares of all weights. The intercept
    /// is not penalised. Solves for samples instead of features when there are fewer of them.
    ///
    /// # Shapes
    /// - `x`: `[sample, feature]`
    /// - `y`: `[sample, pixel]`
    ///
    /// # Errors
    /// [`Error::Failed`] when there are no samples, `x` and `y` have different numbers of them, a value is not
    /// finite or `lambda` is not positive.
    pub fn fit(x: ArrayView2<f32>, y: ArrayView2<f32>, lambda: f64) -> Result<Self> {
        let centred = Centred::new(x, y)?;
        let weights = if x.nrows() < x.ncols() {
            let mut dual = centred.y.clone();
            factor(centred.x.dot(&centred.x.t()), lambda)?.solve(&mut dual);
            centred.x.t().dot(&dual)
        } else {
            let mut weights = centred.x.t().dot(&centred.y);
            factor(centred.x.t().dot(&centred.x), lambda)?.solve(&mut weights);
            weights
        };
        Ok(Self::through(&centred.x_mean, &centred.y_mean, weights))
    }

    /// The map with these weights that takes the mean features to the mean pixels.
    pub(super) fn through(x_mean: &Array1<f64>, y_mean: &Array1<f64>, weights: Array2<f64>) -> Self {
        Self { intercept: y_mean - &x_mean.dot(&weights), weights }
    }

    /// Predicts `[sample, pixel]` from `[sample, feature]`.
    ///
    /// # Panics
    /// When there are other features than it was fitted to.
    pub fn predict(&self, x: ArrayView2<f32>) -> Array2<f64> {
        x.mapv(f64::from).dot(&self.weights) + &self.intercept
    }
}

/// Samples less their means.
pub(super) struct Centred {
    pub x: Array2<f64>,
    pub y: Array2<f64>,
    pub x_mean: Array1<f64>,
    pub y_mean: Array1<f64>,
}

impl Centred {
    pub fn new(x: ArrayView2<f32>, y: ArrayView2<f32>) -> Result<Self> {
        if x.nrows() != y.nrows() || x.is_empty() {
            return Err(Error::Failed(format!(
                "linear decoder: {} samples of {} features and {} of pixels; expected as many of both, and at least one",
                x.nrows(),
                x.ncols(),
                y.nrows()
            )));
        }
        let [mut x, mut y] = [x, y].map(|values| values.mapv(f64::from));
        let centre = |values: &mut Array2<f64>| {
            let mean = values.mean_axis(Axis(0)).expect("there is at least one sample");
            *values -= &mean;
            mean
        };
        let (x_mean, y_mean) = (centre(&mut x), centre(&mut y));
        Ok(Self { x, y, x_mean, y_mean })
    }
}

/// Adds `lambda` to the diagonal and factors.
pub(super) fn factor(mut matrix: Array2<f64>, lambda: f64) -> Result<Cholesky> {
    if !(lambda > 0.0 && lambda.is_finite()) {
        return Err(Error::Failed(format!("linear decoder: a penalty of {lambda}, expected more than 0")));
    }
    matrix.diag_mut().mapv_inplace(|value| value + lambda);
    Cholesky::new(matrix).ok_or_else(|| {
        let problem = "linear decoder: no solution to the precision of the numbers; are all responses finite? Else \
                       try stronger penalties";
        Error::Failed(problem.into())
    })
}

/// The penalty that is `strength` times the mean squared feature: the mean variance along those directions in which
/// the samples differ, times their number.
///
/// # Shapes
/// - `x`: `[sample, feature]`
pub fn penalty(x: ArrayView2<f32>, strength: f64) -> f64 {
    let [samples, features] = [x.nrows(), x.ncols()];
    let mean =
        |column: ndarray::ArrayView1<f32>| column.iter().map(|&v| f64::from(v)).sum::<f64>() / samples as f64;
    let squares: f64 = x
        .axis_iter(Axis(1))
        .map(|column| {
            let mean = mean(column);
            column.slice(s![..]).iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>()
        })
        .sum();
    strength * squares / samples.saturating_sub(1).min(features).max(1) as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::seed;
    use rand::Rng;

    /// Features, and pixels that depend on them linearly but for `noise`.
    pub fn samples(count: usize, features: usize, pixels: usize, noise: f32) -> [Array2<f32>; 3] {
        let mut rng = seed::stream("test", "ridge", &[&format!("{count} {features}")]);
        let mut draw = |shape| Array2::from_shape_simple_fn(shape, || rng.random_range(-1.0f32..1.0));
        let (x, weights) = (draw((count, features)) + 2.0, draw((features, pixels)));
        let y = x.dot(&weights) + draw((count, pixels)) * noise + 5.0;
        [x, y, weights]
    }

    pub fn farthest(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
        a.iter().zip(b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
    }

    #[test]
    fn a_known_linear_map_is_recovered() {
        let [x, y, weights] = samples(300, 20, 6, 0.0);
        let found = Ridge::fit(x.view(), y.view(), 1e-6).unwrap();
        assert!(farthest(&found.weights, &weights.mapv(f64::from)) < 1e-5); // y was rounded to f32
        assert!(found.intercept.iter().all(|b| (b - 5.0).abs() < 1e-4));
        assert!(farthest(&found.predict(x.view()), &y.mapv(f64::from)) < 1e-4);
    }

    #[test]
    fn fewer_samples_than_features_and_more_follow_one_formula() {
        for (count, features) in [(40, 12), (12, 40), (200, 300)] {
            let [x, y, _] = samples(count, features, 5, 0.5);
            let found = Ridge::fit(x.view(), y.view(), 0.7).unwrap();
            // The direct formula, for features: (XᵀX + λI) W = XᵀY of what is centred.
            let centred = Centred::new(x.view(), y.view()).unwrap();
            let left = centred.x.t().dot(&centred.x) + Array2::<f64>::eye(features) * 0.7;
            let off = farthest(&left.dot(&found.weights), &centred.x.t().dot(&centred.y));
            assert!(off < 1e-9, "{count} {features}: {off}"); // f64 sums of some hundred values
            let through_means = found.predict(x.view()).mean_axis(Axis(0)).unwrap();
            assert!((through_means - centred.y_mean).iter().all(|e| e.abs() < 1e-9));
        }
    }

    #[test]
    fn a_penalty_of_strength_one_halves_uncorrelated_weights() {
        // Two features that do not correlate, of equal variance.
        let x = ndarray::arr2(&[[1.0f32, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]);
        let y = x.dot(&ndarray::arr2(&[[3.0f32], [-2.0]]));
        let found = Ridge::fit(x.view(), y.view(), penalty(x.view(), 1.0)).unwrap();
        assert!(farthest(&found.weights, &ndarray::arr2(&[[1.5], [-1.0]])) < 1e-12);
    }

    #[test]
    fn what_can_not_be_fitted_is_refused_in_words() {
        let [x, y, _] = samples(6, 3, 2, 0.1);
        let refused = |x: ArrayView2<f32>, y: ArrayView2<f32>, lambda, word: &str| {
            let said = Ridge::fit(x, y, lambda).unwrap_err().to_string();
            assert!(said.contains("linear decoder") && said.contains(word), "{said}");
        };
        refused(x.view(), y.slice(s![..5, ..]), 1.0, "6 samples");
        refused(x.slice(s![..0, ..]), y.slice(s![..0, ..]), 1.0, "0 samples");
        refused(x.view(), y.view(), 0.0, "penalty");
        refused(x.mapv(|_| f32::NAN).view(), y.view(), 1.0, "finite");
    }
}
