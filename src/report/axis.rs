//! Axes of plots: how values are laid out, how far an axis goes, what its ticks say.

/// How x is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XScale {
    /// Equal differences are equally far apart.
    Linear,
    /// Equal factors are.
    Log,
}

impl XScale {
    /// Where a value stands on the axis.
    pub(super) fn place(self, x: f64) -> f64 {
        match self {
            Self::Linear => x,
            Self::Log => x.log10(),
        }
    }

    /// What is written at a place of an axis that spans `span`.
    pub(super) fn tick(self, place: f64, span: f64) -> String {
        match self {
            Self::Linear => tick(place, span),
            Self::Log => {
                let value = 10f64.powf(place);
                // Two digits tell ticks apart that differ by a fifth of a decade.
                let unit = 10f64.powf(value.log10().floor() - 1.0);
                tick((value / unit).round() * unit, value)
            }
        }
    }
}

/// Says whether a point can be shown.
pub(super) fn is_finite(&(x, y): &(f64, f64)) -> bool {
    // Short of the largest f64, so that the range of an axis is finite too.
    x.abs() < 1e300 && y.abs() < 1e300
}

/// Range of the values, widened on both sides by a share `margin` of itself, and so that a constant
/// still has an axis. `None` without values.
pub(super) fn range(values: impl Iterator<Item = f64>, margin: f64) -> Option<(f64, f64)> {
    let (min, max) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if min > max {
        return None;
    }
    // Less than this and the ticks would be told apart by rounding alone.
    let least = 1e-6 * min.abs().max(max.abs()).max(1e-6);
    let spread = if max - min > least { margin * (max - min) } else { 0.5 * min.abs().max(1.0) };
    Some((min - spread, max + spread))
}

/// Writes a tick with as many digits as a range of `span` needs.
pub(super) fn tick(value: f64, span: f64) -> String {
    // Some six ticks: they differ within two digits below that of the range.
    let decimals = (2.0 - span.log10()).ceil();
    if decimals > 6.0 || value.abs() >= 1e7 {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.*}", decimals.max(0.0) as usize);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_the_digits_they_need() {
        assert_eq!(tick(0.25, 1.0), "0.25");
        assert_eq!(tick(0.5, 1.0), "0.5");
        assert_eq!(tick(0.0015, 0.004), "0.0015");
        assert_eq!(tick(3000.0, 9000.0), "3000");
        assert_eq!(tick(2e9, 9e9), "2.00e9");
        assert_eq!(tick(-1e-17, 1.0), "0");
        let log = [1.0, 2.5, 3.0, 4.2].map(|place| XScale::Log.tick(place, 3.0));
        assert_eq!(log, ["10", "320", "1000", "16000"]);
    }
}
