//! Numbers as they are put into a page: with as many digits as can be seen.

/// Rounds to four significant digits; what is not finite becomes `null`.
pub(crate) fn short(value: f64) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    // By way of text: a product with a power of ten would bring its own rounding into the digits.
    format!("{value:.3e}").parse().ok()
}

/// Rounds all values, as [`short`] does.
pub(crate) fn shorten(values: impl IntoIterator<Item = f64>) -> Vec<Option<f64>> {
    values.into_iter().map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_kept_and_what_is_not_finite_is_none() {
        assert_eq!(
            shorten([0.123456, -98766.0, 0.0, 1e-20]),
            [Some(0.1235), Some(-98770.0), Some(0.0), Some(1e-20)]
        );
        assert_eq!(shorten([f64::NAN, f64::INFINITY]), [None, None]);
    }
}
