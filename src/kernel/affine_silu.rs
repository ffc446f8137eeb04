//! `x * scale + shift` and, if asked, SiLU, in one pass over memory; the backward pass recomputes what
//! it needs from `x` instead of storing it.

use multiversion::multiversion;
use rayon::prelude::*;

/// Rows a task handles at once; its partial sums are merged in order.
const ROWS: usize = 256;

/// Computes `silu(x * scale + shift)`, or without SiLU, for `x` of `[row, channel]`.
pub fn forward(x: &[f32], scale: &[f32], shift: &[f32], silu: bool) -> Vec<f32> {
    let chunk = ROWS * scale.len();
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(out, x)| {
        if silu { silu_rows(x, scale, shift, out) } else { affine_rows(x, scale, shift, out) }
    });
    out
}

/// Computes the gradients to `x`, and to `[scale, shift]`, as far as `need` asks.
pub fn backward(
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    silu: bool,
    grad: &[f32],
    need: [bool; 2],
) -> (Option<Vec<f32>>, Option<[Vec<f32>; 2]>) {
    let channels = scale.len();
    let chunk = ROWS * channels;
    let mut to_x = vec![0.0; x.len()];
    let sums: Vec<[Vec<f32>; 2]> = to_x
        .par_chunks_mut(chunk)
        .zip(x.par_chunks(chunk).zip(grad.par_chunks(chunk)))
        .map(|(out, (x, grad))| {
            // `out` first holds the gradient before the activation, then that times the scale.
            if silu {
                silu_gradient(x, scale, shift, grad, out)
            } else {
                out.copy_from_slice(grad)
            }
            let mut sums = [vec![0.0; channels], vec![0.0; channels]];
            if need[1] {
                let [to_scale, to_shift] = &mut sums;
                sum_rows(x, out, to_scale, to_shift);
            }
            if need[0] {
                scale_rows(scale, out);
            }
            sums
        })
        .collect();
    let to_parameters = need[1].then(|| {
        let total = |which: usize| {
            (0..channels)
                .map(|c| sums.iter().map(|part| f64::from(part[which][c])).sum::<f64>() as f32)
                .collect()
        };
        [total(0), total(1)]
    });
    (need[0].then_some(to_x), to_parameters)
}

/// Computes `exp(x)` to about 2 units in the last place, in operations that vectorise: 2^n times a
/// polynomial on [-ln 2 / 2, ln 2 / 2] (coefficients of Cephes' `expf`).
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Beyond these the sigmoid is 0 or 1 to f32 anyway, and 2^n stays a normal number.
    let x = x.clamp(-87.0, 87.0);
    // Adding 1.5 * 2^23 rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    // n is within +-126 after the clamp, so the exponent stays in range.
    y * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn affine_rows(x: &[f32], scale: &[f32], shift: &[f32], out: &mut [f32]) {
    let channels = scale.len();
    for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
        for (((o, v), s), t) in out.iter_mut().zip(x).zip(scale).zip(shift) {
            *o = v * s + t;
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn silu_rows(x: &[f32], scale: &[f32], shift: &[f32], out: &mut [f32]) {
    let channels = scale.len();
    for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
        for (((o, v), s), t) in out.iter_mut().zip(x).zip(scale).zip(shift) {
            let z = v * s + t;
            *o = z * sigmoid(z);
        }
    }
}

/// Writes the gradient before the activation: `grad * sigmoid(z) * (1 + z * (1 - sigmoid(z)))`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn silu_gradient(x: &[f32], scale: &[f32], shift: &[f32], grad: &[f32], out: &mut [f32]) {
    let channels = scale.len();
    let rows = x.chunks_exact(channels).zip(grad.chunks_exact(channels));
    for (out, (x, grad)) in out.chunks_exact_mut(channels).zip(rows) {
        for ((((o, v), g), s), t) in out.iter_mut().zip(x).zip(grad).zip(scale).zip(shift) {
            let z = v * s + t;
            let p = sigmoid(z);
            *o = g * p * (1.0 + z * (1.0 - p));
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn sum_rows(x: &[f32], grad: &[f32], to_scale: &mut [f32], to_shift: &mut [f32]) {
    let channels = to_scale.len();
    for (x, grad) in x.chunks_exact(channels).zip(grad.chunks_exact(channels)) {
        for (((v, g), a), b) in x.iter().zip(grad).zip(to_scale.iter_mut()).zip(to_shift.iter_mut()) {
            *a += v * g;
            *b += g;
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn scale_rows(scale: &[f32], out: &mut [f32]) {
    for out in out.chunks_exact_mut(scale.len()) {
        for (o, s) in out.iter_mut().zip(scale) {
            *o *= s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for i in -8600..8600 {
            let x = i as f32 * 0.01;
            let expected = f64::from(x).exp();
            // 4e-7: three units in the last place of f32.
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 4e-7, "{x}");
        }
        assert!(sigmoid(-1000.0) < 1e-37 && sigmoid(1000.0) == 1.0);
        assert!(sigmoid(f32::NAN).is_nan());
    }
}
