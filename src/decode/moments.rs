//! Sums that a ridge regression needs of its samples, added block by block: recordings have tens of thousands of
//! frames, and the samples themselves need not be kept.

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::product::multiply;
use super::ridge::{Ridge, factor};
use crate::error::Result;

/// Rows of a product that are computed together.
const STRIP: usize = 128;

/// Sums over samples of features, pixels and their products.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Samples.
    count: f64,
    /// `[feature]`
    x: Array1<f64>,
    /// `[pixel]`
    y: Array1<f64>,
    /// `[feature, feature]`; the lower triangle, and some of what lies above it.
    xx: Array2<f64>,
    /// `[feature, pixel]`
    xy: Array2<f64>,
    /// `[pixel]`
    yy: Array1<f64>,
}

impl Moments {
    /// Of no samples.
    pub fn new(features: usize, pixels: usize) -> Self {
        Self {
            count: 0.0,
            x: Array1::zeros(features),
            y: Array1::zeros(pixels),
            xx: Array2::zeros((features, features)),
            xy: Array2::zeros((features, pixels)),
            yy: Array1::zeros(pixels),
        }
    }

    /// Counts the samples.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Adds samples.
    ///
    /// # Shapes
    /// - `x`: `[sample, feature]`
    /// - `y`: `[sample, pixel]`
    ///
    /// # Panics
    /// When the shapes don't fit.
    pub fn add(&mut self, x: ArrayView2<f32>, y: ArrayView2<f32>) {
        assert_eq!(x.nrows(), y.nrows(), "features and pixels of the same samples");
        let [x, y] = [x, y].map(|values| values.mapv(f64::from));
        self.count += x.nrows() as f64;
        self.x += &x.sum_axis(Axis(0));
        self.y += &y.sum_axis(Axis(0));
        self.yy += &y.mapv(|v| v * v).sum_axis(Axis(0));
        let strips = self.xx.axis_chunks_iter_mut(Axis(0), STRIP).into_par_iter();
        let strips = strips.zip(self.xy.axis_chunks_iter_mut(Axis(0), STRIP)).enumerate();
        strips.for_each(|(number, (mut xx, mut xy))| {
            let (from, to) = (number * STRIP, number * STRIP + xx.nrows());
            let own = x.slice(s![.., from..to]).reversed_axes();
            multiply(1.0, &own, &x.slice(s![.., ..to]), 1.0, &mut xx.slice_mut(s![.., ..to]));
            multiply(1.0, &own, &y, 1.0, &mut xy);
        });
    }

    /// Adds the samples of others.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.x += &other.x;
        self.y += &other.y;
        self.xx += &other.xx;
        self.xy += &other.xy;
        self.yy += &other.yy;
    }

    /// Takes samples away that were added.
    pub fn without(&self, other: &Self) -> Self {
        Self {
            count: self.count - other.count,
            x: &self.x - &other.x,
            y: &self.y - &other.y,
            xx: &self.xx - &other.xx,
            xy: &self.xy - &other.xy,
            yy: &self.yy - &other.yy,
        }
    }

    /// Keeps some features, in ascending order.
    pub fn select(&self, features: &[usize]) -> Self {
        // Only the lower triangle is true, and order is kept, so that it stays the lower one.
        let xx = Array2::from_shape_fn((features.len(), features.len()), |(row, column)| {
            if column <= row { self.xx[[features[row], features[column]]] } else { 0.0 }
        });
        Self {
            count: self.count,
            x: self.x.select(Axis(0), features),
            y: self.y.clone(),
            xx,
            xy: self.xy.select(Axis(0), features),
            yy: self.yy.clone(),
        }
    }

    /// Fits the map from features to pixels, every feature at the standard deviation that it has in these samples,
    /// at a penalty of `strength` times the number of samples: the mean square of such features.
    ///
    /// # Errors
    /// As [`Ridge::fit`].
    pub fn fit(&self, strength: f64) -> Result<Ridge> {
        let (x_mean, y_mean) = (&self.x / self.count, &self.y / self.count);
        let variance = &self.xx.diag() / self.count - &x_mean * &x_mean;
        // A neuron that never changes says nothing and gets no weight.
        let scale = variance.mapv(|v| if v > 1e-12 { 1.0 / v.sqrt() } else { 0.0 });
        let mut left = self.xx.clone();
        left.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(row, mut values)| {
            for column in 0..=row {
                let centred = values[column] - self.count * x_mean[row] * x_mean[column];
                values[column] = centred * scale[row] * scale[column];
            }
        });
        let mut weights = self.xy.clone();
        for (row, mut values) in weights.outer_iter_mut().enumerate() {
            values.scaled_add(-self.count * x_mean[row], &y_mean);
            values *= scale[row];
        }
        factor(left, strength * self.count)?.solve(&mut weights);
        weights.outer_iter_mut().zip(&scale).for_each(|(mut values, &scale)| values *= scale);
        Ok(Ridge::through(&x_mean, &y_mean, weights))
    }

    /// Computes the squared error of a map, summed over these samples and all pixels.
    pub fn squared_error(&self, ridge: &Ridge) -> f64 {
        let (weights, intercept) = (&ridge.weights, &ridge.intercept);
        // Σ (y - Wᵀx - b)², all multiplied out; the product with the lower triangle stands for both halves.
        let quadratic: f64 = (0..self.xx.nrows())
            .into_par_iter()
            .chunks(STRIP)
            .map(|rows| {
                let (from, to) = (rows[0], rows[0] + rows.len());
                let mut product = Array2::<f64>::zeros((rows.len(), weights.ncols()));
                if from > 0 {
                    let left = self.xx.slice(s![from..to, ..from]);
                    multiply(2.0, &left, &weights.slice(s![..from, ..]), 0.0, &mut product);
                }
                let block = self.xx.slice(s![from..to, from..to]);
                let own = weights.slice(s![from..to, ..]);
                let block = Array2::from_shape_fn(block.dim(), |(a, b)| block[[a.max(b), a.min(b)]]);
                product += &block.dot(&own);
                (&product * &own).sum()
            })
            .sum();
        let cross = (&self.xy * weights).sum() + self.y.dot(intercept) - self.x.dot(weights).dot(intercept);
        self.yy.sum() - 2.0 * cross + quadratic + self.count * intercept.dot(intercept)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ridge::tests::{farthest, samples};
    use super::*;

    fn moments(x: ArrayView2<f32>, y: ArrayView2<f32>, block: usize) -> Moments {
        let mut moments = Moments::new(x.ncols(), y.ncols());
        for (x, y) in x.axis_chunks_iter(Axis(0), block).zip(y.axis_chunks_iter(Axis(0), block)) {
            moments.add(x, y);
        }
        moments
    }

    #[test]
    fn sums_over_blocks_fit_as_all_samples_do_at_unit_variance() {
        for features in [7, 2 * STRIP + 9] {
            let [x, y, _] = samples(400, features, 5, 0.5);
            let found = moments(x.view(), y.view(), 33).fit(0.2).unwrap();
            let sd = x.mapv(f64::from).std_axis(Axis(0), 0.0);
            let scaled = (x.mapv(f64::from) / &sd).mapv(|v| v as f32);
            let expected = Ridge::fit(scaled.view(), y.view(), 0.2 * 400.0).unwrap().predict(scaled.view());
            let off = farthest(&found.predict(x.view()), &expected);
            assert!(off < 1e-4, "{off}"); // scaled features of the other way were rounded to f32
        }
    }

    #[test]
    fn the_squared_error_is_that_of_the_predictions() {
        for features in [7, 2 * STRIP + 9] {
            let [x, y, _] = samples(400, features, 5, 0.5);
            let all = moments(x.view(), y.view(), 100);
            let fold = moments(x.slice(s![300.., ..]), y.slice(s![300.., ..]), 100);
            let ridge = all.without(&fold).fit(0.05).unwrap();
            let direct = (ridge.predict(x.slice(s![300.., ..])) - y.slice(s![300.., ..]).mapv(f64::from))
                .mapv(|e| e * e)
                .sum();
            let found = fold.squared_error(&ridge);
            assert!((found - direct).abs() < 1e-6 * direct, "{found} {direct}"); // differences of large f64 sums
            let mut again = all.without(&fold);
            assert_eq!((again.count(), fold.count()), (300, 100));
            again.merge(&fold);
            assert!(farthest(&again.fit(0.1).unwrap().weights, &all.fit(0.1).unwrap().weights) < 1e-9);
        }
    }

    #[test]
    fn a_feature_that_never_changes_gets_no_weight() {
        let [mut x, y, _] = samples(100, 6, 2, 0.1);
        x.column_mut(2).fill(4.0);
        let ridge = moments(x.view(), y.view(), 100).fit(0.1).unwrap();
        assert!(ridge.weights.row(2).iter().all(|&w| w == 0.0));
        assert!(ridge.weights.row(1).iter().all(|&w| w != 0.0));
    }
}
