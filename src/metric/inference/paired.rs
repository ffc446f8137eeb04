//! The t test of paired measurements, and the correction for making several.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::metric::statistics::centred;

/// What the differences of paired measurements say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedT {
    /// Pairs of which both measurements are defined.
    pub n: usize,
    /// Mean of `a - b`.
    pub mean_difference: f64,
    /// Limits of the 95 % confidence interval of that mean.
    pub confidence_95: [f64; 2],
    /// The statistic.
    pub t: f64,
    /// `n - 1`.
    pub degrees_of_freedom: usize,
    /// Two-sided, of this one comparison.
    pub p: f64,
    /// Effect size: the mean difference in standard deviations (ddof 1) of the differences.
    pub cohens_dz: f64,
}

/// Compares paired measurements; pairs with a value that is not finite are left out.
///
/// With fewer than two pairs, or differences that are all 0, statistic and p are NaN.
pub fn paired_t(a: &[f64], b: &[f64]) -> PairedT {
    assert_eq!(a.len(), b.len(), "pairs of measurements");
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).filter(|d| d.is_finite()).collect();
    let n = differences.len();
    let centre = centred(&differences);
    let squares: f64 = centre.deviations.iter().map(|d| d * d).sum();
    let degrees_of_freedom = n.saturating_sub(1);
    let sd = (squares / degrees_of_freedom as f64).sqrt();
    let error = sd / (n as f64).sqrt();
    let t = centre.mean / error;
    let (p, margin) = match StudentsT::new(0.0, 1.0, degrees_of_freedom as f64) {
        Ok(law) if !t.is_nan() => (2.0 * law.sf(t.abs()), law.inverse_cdf(0.975) * error),
        _ => (f64::NAN, f64::NAN),
    };
    PairedT {
        n,
        mean_difference: centre.mean,
        confidence_95: [centre.mean - margin, centre.mean + margin],
        t,
        degrees_of_freedom,
        p,
        cohens_dz: centre.mean / sd,
    }
}

/// Corrects a p value for `comparisons` that were made together.
pub fn bonferroni(p: f64, comparisons: usize) -> f64 {
    // Not f64::min, which would turn NaN to 1.
    let corrected = p * comparisons as f64;
    if corrected > 1.0 { 1.0 } else { corrected }
}

#[cfg(test)]
mod tests {
    use super::*;

    // import numpy as np; from scipy import stats                                        (scipy 1.17.1)
    // a = np.array([0.52, 0.41, 0.63, 0.38, 0.70, 0.55, 0.47, 0.60])
    // b = np.array([0.48, 0.35, 0.64, 0.30, 0.61, 0.50, 0.40, 0.57])
    // r = stats.ttest_rel(a, b); d = a - b
    // print(r.statistic, r.df, r.pvalue, r.confidence_interval(0.95), d.mean() / d.std(ddof=1))
    const A: [f64; 8] = [0.52, 0.41, 0.63, 0.38, 0.70, 0.55, 0.47, 0.60];
    const B: [f64; 8] = [0.48, 0.35, 0.64, 0.30, 0.61, 0.50, 0.40, 0.57];

    fn close(found: f64, expected: f64) {
        // Ten digits were copied.
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} {expected}");
    }

    #[test]
    fn the_t_test_agrees_with_scipy() {
        let found = paired_t(&A, &B);
        assert_eq!((found.n, found.degrees_of_freedom), (8, 7));
        close(found.mean_difference, 0.05125);
        close(found.t, 4.555555556);
        close(found.p, 0.002618721909);
        close(found.confidence_95[0], 0.02464797717);
        close(found.confidence_95[1], 0.07785202283);
        close(found.cohens_dz, 1.610632113);
        // stats.ttest_rel(np.arange(3.), [0., 0., 5.]).pvalue
        close(paired_t(&[0.0, 1.0, 2.0], &[0.0, 0.0, 5.0]).p, 0.6348516283);
    }

    #[test]
    fn pairs_without_a_value_are_left_out_and_too_few_have_no_p() {
        let with_gap = paired_t(&[A[0], f64::NAN, A[2], 1.0], &[B[0], 1.0, B[2], f64::INFINITY]);
        assert_eq!(with_gap, paired_t(&[A[0], A[2]], &[B[0], B[2]]));
        for (a, b) in [(&[][..], &[][..]), (&[1.0], &[2.0]), (&[1.0, 2.0], &[1.0, 2.0])] {
            let found = paired_t(a, b);
            assert!(found.p.is_nan() && found.t.is_nan(), "{found:?}");
        }
        // The same difference in every pair: as sure as can be.
        assert_eq!(paired_t(&[2.0, 3.0, 4.0], &[1.0, 2.0, 3.0]).p, 0.0);
    }

    #[test]
    fn bonferroni_never_exceeds_one_and_keeps_what_is_undefined() {
        assert_eq!((bonferroni(0.01, 3), bonferroni(0.5, 3)), (0.03, 1.0));
        assert!(bonferroni(f64::NAN, 3).is_nan());
    }
}
