//! Matrix products between rows of channels and lanes, by loops that keep a block of sums in registers.
//!
//! Weights are packed once, when they are frozen, so that the loops read them straight through; a product of
//! this size by a general library would spend a quarter of its time packing them again for each tile. A step
//! loads one lane of weights for [`ROWS`] rows: 24 multiply-adds of AVX-512 for two loads and 12 broadcasts,
//! so that weights may come from the level-2 cache.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::lane::{Lane, WIDTH};

/// Rows of a block of sums: 24 of the 32 AVX-512 registers. With 16 AVX2 registers it is 3 rows of 4.
const ROWS: usize = 12;

/// Multiplies rows with one lane of weights: `out[row] = sum over k of x[row, k] * weights[k]`.
///
/// # Shapes
/// - `x`: `[row, weights.len()]`
/// - `out`: `[row]`
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn rows_to_lane(x: &[f32], weights: &[Lane], out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    const BLOCK: usize = if target_cfg_f!(target_feature = "avx512f") { ROWS } else { 3 };
    let width = weights.len();
    let mut rows = x.chunks_exact(BLOCK * width);
    let mut outs = out.chunks_exact_mut(BLOCK);
    for (x, out) in rows.by_ref().zip(outs.by_ref()) {
        out.copy_from_slice(&block_of_rows::<BLOCK, FUSED>(x, weights));
    }
    for (x, out) in rows.remainder().chunks_exact(width).zip(outs.into_remainder()) {
        *out = block_of_rows::<1, FUSED>(x, weights)[0];
    }
}

#[inline(always)]
fn block_of_rows<const N: usize, const FUSED: bool>(x: &[f32], weights: &[Lane]) -> [Lane; N] {
    let width = weights.len();
    let rows: [&[f32]; N] = std::array::from_fn(|r| &x[r * width..][..width]);
    let mut sums = [Lane::ZERO; N];
    for (k, weight) in weights.iter().enumerate() {
        for (sum, row) in sums.iter_mut().zip(&rows) {
            sum.add_product::<FUSED>(&Lane([row[k]; WIDTH]), weight);
        }
    }
    sums
}

/// Multiplies lanes with weights into rows: `out[row, o] = sum over k of x[k, row] * weights[k, o]`, with
/// channels `k` in lanes.
///
/// # Shapes
/// - `x`: lanes `[lane, row]`, one lane of channels `stride` after the other; rows from the first
/// - `weights`: `[lane of o, lane * 32]`
/// - `out`: `[row, width]`
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn lanes_to_rows(x: &[Lane], stride: usize, weights: &[Lane], out: &mut [f32], width: usize) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    const BLOCK: usize = if target_cfg_f!(target_feature = "avx512f") { ROWS } else { 3 };
    let channels = weights.len() / width.div_ceil(WIDTH);
    for (o, weights) in weights.chunks_exact(channels).enumerate() {
        let columns = o * WIDTH..width.min((o + 1) * WIDTH);
        let mut first = 0;
        let rows = out.len() / width;
        while first < rows {
            let place = |row: usize| row * width + columns.start..row * width + columns.end;
            if first + BLOCK <= rows {
                let sums = block_of_lanes::<BLOCK, FUSED>(&x[first..], stride, weights);
                for (row, sum) in sums.iter().enumerate() {
                    out[place(first + row)].copy_from_slice(&sum.0[..columns.len()]);
                }
                first += BLOCK;
            } else {
                let [sum] = block_of_lanes::<1, FUSED>(&x[first..], stride, weights);
                out[place(first)].copy_from_slice(&sum.0[..columns.len()]);
                first += 1;
            }
        }
    }
}

#[inline(always)]
fn block_of_lanes<const N: usize, const FUSED: bool>(
    x: &[Lane],
    stride: usize,
    weights: &[Lane],
) -> [Lane; N] {
    let mut sums = [Lane::ZERO; N];
    for (l, weights) in weights.chunks_exact(WIDTH).enumerate() {
        let rows: &[Lane; N] = x[l * stride..][..N].try_into().expect("N rows");
        for (k, weight) in weights.iter().enumerate() {
            for (sum, row) in sums.iter_mut().zip(rows) {
                sum.add_product::<FUSED>(&Lane([row.0[k]; WIDTH]), weight);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::lane;

    fn value(i: usize) -> f32 {
        (i * 37 % 19) as f32 - 9.0
    }

    #[test]
    fn rows_times_a_lane_is_the_plain_sum() {
        for (rows, width) in [(1, 1), (11, 3), (12, 8), (30, 5)] {
            let x: Vec<f32> = (0..rows * width).map(value).collect();
            let weights: Vec<Lane> = (0..width).map(|k| lane::pack(32, |i| value(k * 32 + i))[0]).collect();
            let mut out = vec![Lane::ZERO; rows];
            rows_to_lane(&x, &weights, &mut out);
            for (row, out) in out.iter().enumerate() {
                for i in 0..32 {
                    let sum: f32 = (0..width).map(|k| x[row * width + k] * weights[k].0[i]).sum();
                    // Small integers: exact in any order.
                    assert_eq!(out.0[i], sum);
                }
            }
        }
    }

    #[test]
    fn lanes_times_weights_is_the_plain_sum_for_any_width() {
        for (rows, lanes, width) in [(1usize, 1usize, 1usize), (13, 2, 32), (24, 1, 40), (29, 3, 70)] {
            let stride = rows + 2;
            let x: Vec<Lane> =
                (0..lanes * stride).map(|n| lane::pack(32, |i| value(n * 32 + i))[0]).collect();
            let weight = |k: usize, o: usize| value(k * 101 + o);
            let weights: Vec<Lane> = (0..width.div_ceil(32))
                .flat_map(|l| (0..lanes * 32).map(move |k| (l, k)))
                .map(|(l, k)| Lane(std::array::from_fn(|i| weight(k, l * 32 + i))))
                .collect();
            let mut out = vec![0.0; rows * width];
            lanes_to_rows(&x, stride, &weights, &mut out, width);
            for row in 0..rows {
                for o in 0..width {
                    let at = |k: usize| x[k / 32 * stride + row].0[k % 32];
                    let sum: f32 = (0..lanes * 32).map(|k| at(k) * weight(k, o)).sum();
                    assert_eq!(out[row * width + o], sum);
                }
            }
        }
    }
}
