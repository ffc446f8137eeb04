//! Means, spreads and Pearson's r over plain slices, in f64: what the other metrics are made of.

/// Averages `values`; NaN when there are none.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean and standard deviation (ddof 0) of `values`; both NaN when there are none.
pub(super) fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let centre = centred(values);
    let variance = centre.deviations.iter().map(|d| d * d).sum::<f64>() / values.len() as f64;
    (centre.mean, variance.sqrt())
}

/// Covariance (ddof 0) and the two standard deviations (ddof 0) of paired samples.
pub(super) fn covariance_and_sds(a: &[f64], b: &[f64]) -> (f64, f64, f64) {
    debug_assert_eq!(a.len(), b.len());
    let (a, b) = (centred(a).deviations, centred(b).deviations);
    let count = a.len() as f64;
    let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    (sum(&a, &b) / count, (sum(&a, &a) / count).sqrt(), (sum(&b, &b) / count).sqrt())
}

/// Pearson's r of paired samples; NaN when there are none or one side doesn't vary.
pub(super) fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let (covariance, sd_a, sd_b) = covariance_and_sds(a, b);
    covariance / (sd_a * sd_b)
}

/// The mean, and what is left of each value without it.
pub(super) struct Centred {
    pub(super) mean: f64,
    pub(super) deviations: Vec<f64>,
}

/// Takes the mean out of `values`.
pub(super) fn centred(values: &[f64]) -> Centred {
    // Counted from the first value, equal values are exact zeros: rounding in their mean would
    // otherwise pass for a variance, and a correlation with noise would come out.
    let origin = values.first().copied().unwrap_or(f64::NAN);
    let shift = values.iter().map(|v| v - origin).sum::<f64>() / values.len() as f64;
    Centred { mean: origin + shift, deviations: values.iter().map(|v| (v - origin) - shift).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_worked_example_agrees() {
        let (a, b) = ([1.0, 2.0, 4.0, 5.0], [2.0, 1.0, 3.0, 6.0]);
        // Means 3 and 3; products of deviations 2 + 2 + 0 + 6, squares 10 and 14.
        let expected = 10.0 / 140.0f64.sqrt();
        assert!((pearson(&a, &b) - expected).abs() < 1e-15); // a few f64 roundings
        assert_eq!(mean_and_sd(&a), (3.0, 2.5f64.sqrt()));
    }

    #[test]
    fn no_variance_or_no_values_give_nan() {
        let constant = vec![f64::from(127.1f32); 1001]; // its mean is not exact in f64
        let ramp: Vec<f64> = (0..1001).map(f64::from).collect();
        assert!(pearson(&constant, &ramp).is_nan());
        assert!(pearson(&[], &[]).is_nan());
        assert!(mean(&[]).is_nan());
        assert!(mean_and_sd(&[]).1.is_nan());
    }
}
