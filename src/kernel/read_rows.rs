//! The inner loops of [`read`](super::read): over the neurons, and the channels of four pixels.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::corners::Corners;
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
fn total(sums: [f32; SUMS]) -> f32 {
    let (mut eight, mut four) = ([0.0; 8], [0.0; 4]);
    for k in 0..8 {
        eight[k] = sums[k] + sums[k + 8];
    }
    for k in 0..4 {
        four[k] = eight[k] + eight[k + 4];
    }
    (four[0] + four[2]) + (four[1] + four[3])
}

/// Reads a frame, `[height * width, channel]`, at the places of all neurons: the four pixels are joined first, so that
/// each neuron's sum is added up once.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn read_frame(frame: &[f32], corners: &[Corners], weight: &[f32], channels: usize, out: &mut [f32]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for ((out, weight), corners) in out.iter_mut().zip(weight.chunks_exact(channels)).zip(corners) {
        // No closures in these loops: one takes the features of its function, and is then not inlined through `map`.
        let [a, b, c, d] = corners.rows(frame, channels);
        let mut sums = [0.0; SUMS];
        let (weights, rest) = weight.as_chunks::<SUMS>();
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
        let ((c, c_rest), (d, d_rest)) = (c.as_chunks::<SUMS>(), d.as_chunks::<SUMS>());
        for ((((w, a), b), c), d) in weights.iter().zip(a).zip(b).zip(c).zip(d) {
            join_product::<FUSED>(&mut sums, w, [a, b, c, d], corners.shares);
        }
        if !rest.is_empty() {
            join_product::<FUSED>(&mut sums, rest, [a_rest, b_rest, c_rest, d_rest], corners.shares);
        }
        *out = total(sums);
    }
}

/// Adds the product of weights with joined pixels, channel by channel.
#[inline(always)]
fn join_product<const FUSED: bool>(sums: &mut [f32; SUMS], w: &[f32], pixels: [&[f32]; 4], shares: [f32; 4]) {
    let [a, b, c, d] = pixels;
    for (((((sum, w), a), b), c), d) in sums.iter_mut().zip(w).zip(a).zip(b).zip(c).zip(d) {
        let upper = multiply_add::<FUSED>(shares[1], *b, shares[0] * *a);
        let lower = multiply_add::<FUSED>(shares[3], *d, shares[2] * *c);
        *sum = multiply_add::<FUSED>(*w, upper + lower, *sum);
    }
}

/// Carries the gradient of [`read_frame`] back to the frame, and adds it there.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn spread_frame(
    gradient: &[f32],
    corners: &[Corners],
    weight: &[f32],
    channels: usize,
    frame: &mut [f32],
) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for ((g, weight), corners) in gradient.iter().zip(weight.chunks_exact(channels)).zip(corners) {
        for (pixel, share) in corners.pixels.iter().zip(&corners.shares) {
            let scale = g * share;
            for (out, x) in frame[pixel * channels..][..channels].iter_mut().zip(weight) {
                *out = multiply_add::<FUSED>(scale, *x, *out);
            }
        }
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
