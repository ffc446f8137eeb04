//! The inner loops of training: passes over some pixels of one lane of channels.
//!
//! A sum over many pixels is taken in blocks, so that its rounding error stays that of a short sum.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::lane::{Lane, multiply_add};
use super::plane::Plane;
use super::silu::sigmoid;

/// Pixels of a block of a sum.
const BLOCK: usize = 64;

/// Computes the mean of the pixels and the sum of their squared distances from it.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn moments(x: &[Lane]) -> [Lane; 2] {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let (mut mean, mut squares) = (Lane::ZERO, Lane::ZERO);
    for block in x.chunks(BLOCK) {
        let sum = block.iter().fold(Lane::ZERO, |sum, x| sum.zip(*x, |s, x| s + x));
        mean = mean.zip(sum, |m, s| m + s);
    }
    let share = 1.0 / x.len() as f32;
    mean = mean.map(|m| m * share);
    for block in x.chunks(BLOCK) {
        let mut sum = Lane::ZERO;
        for x in block {
            let distance = x.zip(mean, |x, m| x - m);
            sum.add_product::<FUSED>(&distance, &distance);
        }
        squares = squares.zip(sum, |m, s| m + s);
    }
    [mean, squares]
}

/// Computes `out = silu(x * scale + shift)`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activate(x: &[Lane], scale: &Lane, shift: &Lane, out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for (out, x) in out.iter_mut().zip(x) {
        *out = affine::<FUSED>(x, scale, shift).map(|z| z * sigmoid::<FUSED>(z));
    }
}

/// Computes `out = silu(x * scale + shift)` and the slope of that SiLU.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activate_with_slope(x: &[Lane], scale: &Lane, shift: &Lane, out: &mut [Lane], slope: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for ((out, slope), x) in out.iter_mut().zip(slope).zip(x) {
        let z = affine::<FUSED>(x, scale, shift);
        let s = z.map(sigmoid::<FUSED>);
        *out = z.zip(s, |z, s| z * s);
        *slope = out.zip(s, |y, s| multiply_add::<FUSED>(y, 1.0 - s, s));
    }
}

/// Computes `silu(x + shift)` into the middle of a plane, and leaves the slope of that SiLU in `x`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activate_plane_with_slope(x: &mut [Lane], shift: &Lane, plane: Plane, out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for (y, row) in x.chunks_exact_mut(plane.width).enumerate() {
        for (out, x) in out[plane.row(y)].iter_mut().zip(row) {
            let z = x.zip(*shift, |x, s| x + s);
            let s = z.map(sigmoid::<FUSED>);
            *out = z.zip(s, |z, s| z * s);
            *x = out.zip(s, |y, s| multiply_add::<FUSED>(y, 1.0 - s, s));
        }
    }
}

/// Adds up `silu(x * scale + shift)` over pixels.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn sum_activated(x: &[Lane], scale: &Lane, shift: &Lane) -> Lane {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let mut total = Lane::ZERO;
    for block in x.chunks(BLOCK) {
        let mut sum = Lane::ZERO;
        for x in block {
            let z = affine::<FUSED>(x, scale, shift);
            sum = sum.zip(z, |sum, z| multiply_add::<FUSED>(z, sigmoid::<FUSED>(z), sum));
        }
        total = total.zip(sum, |t, s| t + s);
    }
    total
}

/// Completes a gradient by what came through the moments: `out = gradient + x * slope + offset`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn complete(gradient: &[Lane], x: &[Lane], [slope, offset]: [&Lane; 2], out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for ((out, g), x) in out.iter_mut().zip(gradient).zip(x) {
        let mut value = g.zip(*offset, |g, o| g + o);
        value.add_product::<FUSED>(x, slope);
        *out = value;
    }
}

/// Computes `out = sum over taps` of frames, pixel by pixel; `frames` and `taps` go together.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn mix(frames: &[&[Lane]], taps: &[Lane], out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for (pixel, out) in out.iter_mut().enumerate() {
        let mut value = Lane::ZERO;
        for (frame, tap) in frames.iter().zip(taps) {
            value.add_product::<FUSED>(&frame[pixel], tap);
        }
        *out = value;
    }
}

/// Carries a gradient back through an activation and a normalisation.
///
/// Turns `gradient` into `gradient * slope * scale`, and returns the sums of `gradient * slope` and of
/// `gradient * slope * (x - mean)`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activate_back(
    slope: &[Lane],
    x: &[Lane],
    [mean, scale]: [&Lane; 2],
    gradient: &mut [Lane],
) -> [Lane; 2] {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let mut totals = [Lane::ZERO; 2];
    let blocks = slope.chunks(BLOCK).zip(x.chunks(BLOCK));
    for (gradient, (slope, x)) in gradient.chunks_mut(BLOCK).zip(blocks) {
        let mut sums = [Lane::ZERO; 2];
        for ((gradient, slope), x) in gradient.iter_mut().zip(slope).zip(x) {
            let before = gradient.zip(*slope, |g, s| g * s);
            sums[0] = sums[0].zip(before, |s, g| s + g);
            sums[1].add_product::<FUSED>(&before, &x.zip(*mean, |x, m| x - m));
            *gradient = before.zip(*scale, |g, s| g * s);
        }
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = total.zip(sum, |t, s| t + s);
        }
    }
    totals
}

/// Multiplies a gradient by a slope, in place of the slope, and returns the sum of the products.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn multiply_slope(gradient: &[Lane], slope: &mut [Lane]) -> Lane {
    let mut total = Lane::ZERO;
    for (gradient, slope) in gradient.chunks(BLOCK).zip(slope.chunks_mut(BLOCK)) {
        let mut sum = Lane::ZERO;
        for (slope, g) in slope.iter_mut().zip(gradient) {
            *slope = slope.zip(*g, |s, g| s * g);
            sum = sum.zip(*slope, |t, v| t + v);
        }
        total = total.zip(sum, |t, s| t + s);
    }
    total
}

/// Sums `gradient * frame` over pixels.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn tap_products(gradient: &[Lane], frame: &[Lane]) -> Lane {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let mut total = Lane::ZERO;
    for (gradient, frame) in gradient.chunks(BLOCK).zip(frame.chunks(BLOCK)) {
        // Four sums at once: one would wait for its own last addition.
        let mut sums = [Lane::ZERO; 4];
        for (gradient, frame) in gradient.chunks(4).zip(frame.chunks(4)) {
            for ((sum, g), x) in sums.iter_mut().zip(gradient).zip(frame) {
                sum.add_product::<FUSED>(g, x);
            }
        }
        for sum in sums {
            total = total.zip(sum, |t, s| t + s);
        }
    }
    total
}

/// Adds, for each tap of a spatial kernel, the sum over outputs of `gradient * x`.
///
/// `gradient` is a plane of the output's size with the border of `plane`, `x` the plane convolved.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn kernel_products(gradient: &[Lane], x: &[Lane], plane: Plane, stride: usize, taps: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let reached = plane.strided(stride);
    let side = 2 * plane.border + 1;
    for y in 0..reached.height {
        let gradient = &gradient[reached.row(y)];
        for (dy, taps) in taps.chunks_exact_mut(side).enumerate() {
            let row = &x[(y * stride + dy) * plane.stride()..][..plane.stride()];
            if let Ok(taps) = <&mut [Lane; 3]>::try_from(&mut *taps) {
                row_products::<3, FUSED>(gradient, row, stride, taps);
            } else {
                row_products::<0, FUSED>(gradient, row, stride, taps);
            }
        }
    }
}

/// One row of [`kernel_products`]; `SIDE` is the number of taps, or 0 when only known at run time.
#[inline(always)]
fn row_products<const SIDE: usize, const FUSED: bool>(
    gradient: &[Lane],
    row: &[Lane],
    stride: usize,
    taps: &mut [Lane],
) {
    if SIDE == 0 {
        for (dx, tap) in taps.iter_mut().enumerate() {
            for (g, x) in gradient.iter().zip(row[dx..].iter().step_by(stride)) {
                tap.add_product::<FUSED>(g, x);
            }
        }
        return;
    }
    // Two sums a tap, for even and odd columns: they stay in registers and wait less for each other.
    let mut sums = [[Lane::ZERO; SIDE]; 2];
    let mut add = |half: usize, column: usize| {
        let row = &row[column * stride..][..SIDE];
        for (sum, x) in sums[half].iter_mut().zip(row) {
            sum.add_product::<FUSED>(&gradient[column], x);
        }
    };
    for pair in 0..gradient.len() / 2 {
        add(0, 2 * pair);
        add(1, 2 * pair + 1);
    }
    if gradient.len() % 2 == 1 {
        add(0, gradient.len() - 1);
    }
    for (tap, (even, odd)) in taps.iter_mut().zip(sums[0].iter().zip(&sums[1])) {
        *tap = tap.zip(even.zip(*odd, |a, b| a + b), |t, s| t + s);
    }
}

#[inline(always)]
fn affine<const FUSED: bool>(x: &Lane, scale: &Lane, shift: &Lane) -> Lane {
    let mut z = *shift;
    z.add_product::<FUSED>(x, scale);
    z
}

/// Computes `out = x + columns + offset`: `x` and `columns` of `[column, channel]`, `offset` of `[channel]`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn add_rows(x: &[f32], columns: &[f32], offset: &[f32], out: &mut [f32]) {
    let channels = offset.len();
    let rows = x.chunks_exact(channels).zip(columns.chunks_exact(channels));
    for (out, (x, column)) in out.chunks_exact_mut(channels).zip(rows) {
        for (((o, x), c), t) in out.iter_mut().zip(x).zip(column).zip(offset) {
            *o = x + (c + t);
        }
    }
}

/// Computes `silu(x * scale + shift)` and lays it out as rows: pixel `p` goes to `out[p * stride]`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activate_to_rows(x: &[Lane], [scale, shift]: [&Lane; 2], stride: usize, out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for (out, x) in out.iter_mut().step_by(stride).zip(x) {
        *out = affine::<FUSED>(x, scale, shift).map(|z| z * sigmoid::<FUSED>(z));
    }
}

/// Carries a gradient in rows (pixel `p` at `gradient[p * stride]`) back through an activation and a
/// normalisation: `out = (gradient + offset) * slope * scale`. Returns the sums that
/// [`activate_back`] returns.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn rows_back(
    gradient: &[Lane],
    stride: usize,
    x: &[Lane],
    [mean, scale, shift]: [&Lane; 3],
    offset: &Lane,
    out: &mut [Lane],
) -> [Lane; 2] {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let mut totals = [Lane::ZERO; 2];
    let mut gradient = gradient.iter().step_by(stride);
    for (x, out) in x.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let mut sums = [Lane::ZERO; 2];
        for ((x, out), g) in x.iter().zip(out).zip(&mut gradient) {
            let z = affine::<FUSED>(x, scale, shift);
            let s = z.map(sigmoid::<FUSED>);
            let slope = z.zip(s, |z, s| multiply_add::<FUSED>(z * s, 1.0 - s, s));
            let before = g.zip(*offset, |g, o| g + o).zip(slope, |g, s| g * s);
            sums[0] = sums[0].zip(before, |s, g| s + g);
            sums[1].add_product::<FUSED>(&before, &x.zip(*mean, |x, m| x - m));
            *out = before.zip(*scale, |g, s| g * s);
        }
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = total.zip(sum, |t, s| t + s);
        }
    }
    totals
}
