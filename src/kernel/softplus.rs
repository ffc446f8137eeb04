//! The responses' softplus, many at once.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::lane::multiply_add;
use super::silu::exp_minus;

/// Above this the softplus is its argument. PyTorch's default.
pub const LINEAR: f32 = 20.0;

/// Computes `ln(1 + exp(beta * z)) / beta` of each `z`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn softplus(z: &[f32], beta: f32, out: &mut [f32]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for (out, &z) in out.iter_mut().zip(z) {
        let x = z * beta;
        // What is beyond makes no difference, but `clamp` keeps NaN and `max` would not.
        let within = x.clamp(-100.0, 100.0);
        let line = 0.5 * (within + within.abs());
        let soft = (line + log_1_plus::<FUSED>(exp_minus::<FUSED>(within.abs()))) / beta;
        *out = if x > LINEAR { z } else { soft };
    }
}

/// Computes `ln(1 + t)` for a `t` in [0, 1], as `2 artanh(t / (2 + t))`: exact to rounding also where `t` is small.
#[inline(always)]
fn log_1_plus<const FUSED: bool>(t: f32) -> f32 {
    let s = t / (2.0 + t);
    let square = s * s;
    // The series up to s^13: at most 1e-8 of the result is left.
    let mut p = 1.0 / 13.0;
    p = multiply_add::<FUSED>(p, square, 1.0 / 11.0);
    p = multiply_add::<FUSED>(p, square, 1.0 / 9.0);
    p = multiply_add::<FUSED>(p, square, 1.0 / 7.0);
    p = multiply_add::<FUSED>(p, square, 1.0 / 5.0);
    p = multiply_add::<FUSED>(p, square, 1.0 / 3.0);
    p = multiply_add::<FUSED>(p, square, 1.0);
    2.0 * s * p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_exact_one() {
        let beta = 0.3;
        let z: Vec<f32> = (-20_000..20_000).map(|i| i as f32 * 0.01).collect();
        let mut found = vec![0.0; z.len()];
        softplus(&z, beta, &mut found);
        for (&z, &found) in z.iter().zip(&found) {
            let x = f64::from(z * beta);
            let exact = if x > 20.0 { f64::from(z) } else { x.exp().ln_1p() / f64::from(beta) };
            // As the sigmoid: a few units in the last place, and what rounding log2(e) does far out.
            let tolerance = 1e-6 + 1e-7 * x.abs();
            assert!((f64::from(found) / exact - 1.0).abs() < tolerance, "{z}: {found}, expected {exact}");
        }
    }

    #[test]
    fn what_is_not_a_number_or_not_finite_stays_so() {
        let mut found = [0.0; 3];
        softplus(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY], 0.07, &mut found);
        assert!(found[0].is_nan());
        assert_eq!(found[1], f32::INFINITY);
        assert!(found[2] >= 0.0 && found[2] < 1e-30, "{found:?}");
    }
}
