//! Numbers as tables show them.

/// Writes a number with three decimals; nothing for what is not defined.
pub fn number(value: f64) -> String {
    decimals(value, 3)
}

/// Writes a number with so many decimals; nothing for what is not defined.
pub fn decimals(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { String::new() }
}

/// Writes an interval.
pub fn interval([low, high]: [f64; 2]) -> String {
    if low.is_finite() && high.is_finite() { format!("{low:.3} to {high:.3}") } else { String::new() }
}

/// Writes an interval of small numbers.
pub fn small_interval([low, high]: [f64; 2]) -> String {
    if low.is_finite() && high.is_finite() { format!("{low:.4} to {high:.4}") } else { String::new() }
}

/// Writes a p value with two digits, however small.
pub fn probability(p: f64) -> String {
    match p {
        _ if p.is_nan() => String::new(),
        _ if p >= 0.001 => format!("{p:.3}"),
        _ => format!("{p:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_keep_two_digits_and_undefined_ones_are_empty() {
        assert_eq!([0.0421, 1.0, 3.2e-9, f64::NAN].map(probability), ["0.042", "1.000", "3.2e-9", ""]);
    }
}
