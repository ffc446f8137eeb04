//! One-way analysis of variance of repeated measures: do the conditions differ, each subject (a trial, a mouse) having
//! been through all of them?

use ndarray::{ArrayView2, Axis};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

/// What the conditions explain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RepeatedMeasures {
    /// Subjects that were measured under all conditions.
    pub subjects: usize,
    /// Conditions.
    pub conditions: usize,
    /// The statistic.
    pub f: f64,
    /// Of the conditions and of the error.
    pub degrees_of_freedom: [usize; 2],
    /// If all pairs of conditions differ with equal variance (sphericity).
    pub p: f64,
    /// How far from that they are: 1 when they do, at least `1 / (conditions - 1)` (Greenhouse & Geisser 1959).
    pub greenhouse_geisser_epsilon: f64,
    /// p with both degrees of freedom times that: to be trusted when in doubt.
    pub p_greenhouse_geisser: f64,
    /// Effect size: the conditions' share of what is not between subjects.
    pub partial_eta_squared: f64,
}

/// Analyses measurements; subjects with a value that is not finite are left out.
///
/// NaN with fewer than two subjects or conditions, or when nothing varies.
///
/// # Shapes
/// - `values`: `[subject, condition]`
pub fn repeated_measures_anova(values: ArrayView2<f64>) -> RepeatedMeasures {
    let whole: Vec<usize> =
        (0..values.nrows()).filter(|&row| values.row(row).iter().all(|v| v.is_finite())).collect();
    let values = values.select(Axis(0), &whole);
    let (subjects, conditions) = values.dim();
    let degrees = [conditions.saturating_sub(1), conditions.saturating_sub(1) * subjects.saturating_sub(1)];
    let grand = values.sum() / values.len() as f64;
    let of_condition: Vec<f64> = values.columns().into_iter().map(|c| c.sum() / subjects as f64).collect();
    let of_subject: Vec<f64> = values.rows().into_iter().map(|r| r.sum() / conditions as f64).collect();
    let between = subjects as f64 * of_condition.iter().map(|mean| (mean - grand).powi(2)).sum::<f64>();
    let error: f64 = values
        .indexed_iter()
        .map(|((s, c), value)| (value - of_subject[s] - of_condition[c] + grand).powi(2))
        .sum();
    let enough = degrees.iter().all(|&degrees| degrees > 0);
    let f = (between / degrees[0] as f64) / (error / degrees[1] as f64);
    let f = if enough { f } else { f64::NAN };
    let epsilon = greenhouse_geisser(values.view(), &of_condition);
    let p = |scale: f64| match FisherSnedecor::new(scale * degrees[0] as f64, scale * degrees[1] as f64) {
        Ok(law) if f.is_finite() => law.sf(f),
        _ => f64::NAN,
    };
    RepeatedMeasures {
        subjects,
        conditions,
        f,
        degrees_of_freedom: degrees,
        p: p(1.0),
        greenhouse_geisser_epsilon: epsilon,
        p_greenhouse_geisser: p(epsilon),
        partial_eta_squared: if enough { between / (between + error) } else { f64::NAN },
    }
}

/// Trace squared over `conditions - 1` times the sum of squares, of the conditions' covariance centred both ways.
fn greenhouse_geisser(values: ArrayView2<f64>, of_condition: &[f64]) -> f64 {
    let count = of_condition.len();
    let covariance = |a: usize, b: usize| {
        let products =
            values.rows().into_iter().map(|row| (row[a] - of_condition[a]) * (row[b] - of_condition[b]));
        products.sum::<f64>()
    };
    let mut matrix = ndarray::Array2::from_shape_fn((count, count), |(a, b)| covariance(a, b));
    for axis in [Axis(0), Axis(1)] {
        for mut lane in matrix.lanes_mut(axis) {
            let mean = lane.sum() / count as f64;
            lane -= mean;
        }
    }
    let squares: f64 = matrix.iter().map(|v| v * v).sum();
    matrix.diag().sum().powi(2) / (count.saturating_sub(1) as f64 * squares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    // import numpy as np; from scipy import stats                                        (scipy 1.17.1)
    // x = np.array([[.55, .50, .42, .35], [.61, .58, .44, .30], [.40, .36, .33, .29],
    //               [.72, .66, .60, .41], [.50, .51, .38, .33], [.48, .40, .37, .31]])
    // n, k = x.shape; g = x.mean(); c = x.mean(0); s = x.mean(1)
    // between = n * ((c - g)**2).sum(); error = ((x - s[:, None] - c + g)**2).sum()
    // f = between / (k - 1) / (error / ((k - 1) * (n - 1)))
    // h = np.eye(k) - 1 / k; m = h @ np.cov(x.T) @ h; e = np.trace(m)**2 / ((k - 1) * (m**2).sum())
    // print(f, stats.f.sf(f, k - 1, (k - 1) * (n - 1)), e,
    //       stats.f.sf(f, e * (k - 1), e * (k - 1) * (n - 1)), between / (between + error))
    #[test]
    fn the_analysis_agrees_with_its_formulas_in_numpy() {
        let values = array![
            [0.55, 0.50, 0.42, 0.35],
            [0.61, 0.58, 0.44, 0.30],
            [0.40, 0.36, 0.33, 0.29],
            [f64::NAN, 0.1, 0.2, 0.3], // left out
            [0.72, 0.66, 0.60, 0.41],
            [0.50, 0.51, 0.38, 0.33],
            [0.48, 0.40, 0.37, 0.31],
        ];
        let found = repeated_measures_anova(values.view());
        assert_eq!((found.subjects, found.conditions, found.degrees_of_freedom), (6, 4, [3, 15]));
        // Ten digits were copied; sums of squares of small differences lose two.
        let close = |found: f64, expected: f64| {
            assert!((found - expected).abs() <= 1e-8 * expected.abs(), "{found} {expected}");
        };
        close(found.f, 29.01173564);
        close(found.p, 1.720501664e-06);
        close(found.greenhouse_geisser_epsilon, 0.4782202396);
        close(found.p_greenhouse_geisser, 0.0005695249353);
        close(found.partial_eta_squared, 0.8529919186);
    }

    #[test]
    fn of_two_conditions_f_is_the_square_of_the_paired_t() {
        let values = array![[1.0, 2.0], [2.0, 2.5], [0.5, 2.0], [3.0, 3.1]];
        let found = repeated_measures_anova(values.view());
        let t = super::super::paired_t(&values.column(0).to_vec(), &values.column(1).to_vec());
        assert!((found.f - t.t * t.t).abs() < 1e-12 * found.f); // a few f64 roundings
        assert!((found.p - t.p).abs() < 1e-12);
        assert!((found.greenhouse_geisser_epsilon - 1.0).abs() < 1e-12);
    }

    #[test]
    fn too_little_to_compare_is_undefined() {
        for values in [ndarray::Array2::zeros((0, 3)), array![[1.0, 2.0, 3.0]], array![[1.0], [2.0]]] {
            let found = repeated_measures_anova(values.view());
            assert!(found.p.is_nan() && found.p_greenhouse_geisser.is_nan(), "{found:?}");
            assert!(found.f.is_nan() && found.partial_eta_squared.is_nan(), "{found:?}");
        }
    }
}
