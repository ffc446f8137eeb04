//! The inner loops of [`read`](super::read): over the channels of four pixels.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::lane::multiply_add;

/// Sums that run side by side: a register of the widest kind.
const SUMS: usize = 16;

/// Computes the dot product of `weight` with each row.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn dots(weight: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let mut out = [0.0; 4];
    let (weights, rest) = weight.as_chunks::<SUMS>();
    for (out, row) in out.iter_mut().zip(rows) {
        let (row, row_rest) = row.as_chunks::<SUMS>();
        let mut sums = [0.0; SUMS];
        for (w, x) in weights.iter().zip(row) {
            for ((sum, w), x) in sums.iter_mut().zip(w).zip(x) {
                *sum = multiply_add::<FUSED>(*w, *x, *sum);
            }
        }
        for ((sum, w), x) in sums.iter_mut().zip(rest).zip(row_rest) {
            *sum = multiply_add::<FUSED>(*w, *x, *sum);
        }
        *out = total(sums);
    }
    out
}

/// Adds sums up, half to half: one after the other they would take longer than a row of few channels.
#[inline(always)]
fn total(mut sums: [f32; SUMS]) -> f32 {
    let mut half = SUMS / 2;
    while half > 0 {
        let (sums, others) = sums.split_at_mut(half);
        sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += *other);
        half /= 2;
    }
    sums[0]
}

/// Computes `out += x * scale`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn add_scaled(scale: f32, x: &[f32], out: &mut [f32]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for (out, x) in out.iter_mut().zip(x) {
        *out = multiply_add::<FUSED>(scale, *x, *out);
    }
}

/// Adds all rows, each times its scale.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn add_rows(scales: [f32; 4], rows: [&[f32]; 4], out: &mut [f32]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let [a, b, c, d] = rows;
    for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        let sum = multiply_add::<FUSED>(scales[0], *a, multiply_add::<FUSED>(scales[1], *b, *out));
        *out = multiply_add::<FUSED>(scales[2], *c, multiply_add::<FUSED>(scales[3], *d, sum));
    }
}
