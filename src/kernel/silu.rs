//! SiLU and its derivative, in operations that vectorise, without a division.

use super::lane::multiply_add;

/// Computes `exp(-x)` to a few units in the last place: 2^n times a polynomial for 2^f on [-1/2, 1/2]
/// (coefficients of Cephes' `exp2f`).
#[inline(always)]
pub fn exp_minus<const FUSED: bool>(x: f32) -> f32 {
    // Beyond these the sigmoid is 0 or 1 to f32 anyway, and 2^n stays a normal number.
    let x = x.clamp(-80.0, 80.0);
    // Adding 1.5 * 2^23 rounds to the nearest integer, and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const BITS: f32 = -std::f32::consts::LOG2_E;
    let shifted = multiply_add::<FUSED>(x, BITS, ROUND);
    let f = multiply_add::<FUSED>(x, BITS, -(shifted - ROUND));
    let mut p = 1.535_336_2e-4;
    p = multiply_add::<FUSED>(p, f, 1.339_887_4e-3);
    p = multiply_add::<FUSED>(p, f, 9.618_437e-3);
    p = multiply_add::<FUSED>(p, f, 5.550_332_5e-2);
    p = multiply_add::<FUSED>(p, f, 2.402_264_8e-1);
    p = multiply_add::<FUSED>(p, f, std::f32::consts::LN_2);
    p = multiply_add::<FUSED>(p, f, 1.0);
    // n is within +-116 after the clamp, so the exponent stays in range.
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Computes `1 / d` for a `d` in [1, 2^126]: a guess from the exponent, good to 6 %, a step that squares its
/// error and one that cubes what is left. A vector division would take as long as all the rest.
#[inline(always)]
fn reciprocal<const FUSED: bool>(d: f32) -> f32 {
    let guess = f32::from_bits(0x7EF3_11C7_u32.wrapping_sub(d.to_bits()));
    let error = multiply_add::<FUSED>(-d, guess, 1.0);
    let better = multiply_add::<FUSED>(guess, error, guess);
    let error = multiply_add::<FUSED>(-d, better, 1.0);
    multiply_add::<FUSED>(better, multiply_add::<FUSED>(error, error, error), better)
}

/// Computes `1 / (1 + exp(-x))`.
#[inline(always)]
pub fn sigmoid<const FUSED: bool>(x: f32) -> f32 {
    reciprocal::<FUSED>(1.0 + exp_minus::<FUSED>(x))
}

/// Computes `x * sigmoid(x)`.
#[inline(always)]
pub fn silu<const FUSED: bool>(x: f32) -> f32 {
    x * sigmoid::<FUSED>(x)
}

/// Computes the derivative of [`silu`]: `s + x s (1 - s)` with `s = sigmoid(x)`.
#[inline(always)]
pub fn silu_slope<const FUSED: bool>(x: f32) -> f32 {
    let s = sigmoid::<FUSED>(x);
    let y = x * s;
    multiply_add::<FUSED>(y, 1.0 - s, s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoid_agrees_with_the_exact_one() {
        for i in -7900..7900 {
            let x = i as f32 * 0.01;
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            // Four units in the last place of f32, and what rounding log2(e) does far out, where the sigmoid
            // vanishes; unfused, the product's own rounding grows with x.
            let tolerance = 5e-7 + 1e-8 * f64::from(x.abs());
            assert!((f64::from(sigmoid::<true>(x)) / exact - 1.0).abs() < tolerance, "{x}");
            let tolerance = 5e-7 + 1e-7 * f64::from(x.abs());
            assert!((f64::from(sigmoid::<false>(x)) / exact - 1.0).abs() < tolerance, "{x}");
        }
    }

    #[test]
    fn the_slope_agrees_with_a_difference_quotient() {
        let exact = |x: f64| x / (1.0 + (-x).exp());
        for i in -300..300 {
            let x = f64::from(i) * 0.1;
            let slope = (exact(x + 1e-5) - exact(x - 1e-5)) / 2e-5;
            // Far out, x multiplies what rounding leaves of 1 - sigmoid.
            let tolerance = 1e-6 + 1e-7 * x.abs();
            assert!((f64::from(silu_slope::<false>(x as f32)) - slope).abs() < tolerance, "{x}");
            assert!((f64::from(silu_slope::<true>(x as f32)) - slope).abs() < tolerance, "{x}");
        }
    }

    #[test]
    fn far_out_silu_is_zero_or_the_identity_and_nan_stays_nan() {
        assert!(silu::<true>(-1000.0).abs() < 1e-30);
        assert_eq!(silu::<true>(1000.0), 1000.0);
        assert!(silu::<true>(f32::NAN).is_nan() && silu::<false>(f32::NAN).is_nan());
    }
}
