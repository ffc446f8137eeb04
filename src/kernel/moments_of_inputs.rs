//! Mean and covariance of an expansion's input, and what they say of its output.

use multiversion::multiversion;
use rayon::prelude::*;

use super::expand::{Inputs, Sizes, center_frame};
use super::product::{Matrix, multiply};

/// Rows whose products are summed in f32; their sums are added up in f64.
const ROWS: usize = 256;

/// Finds mean `[channel]` and covariance `[channel, channel]` of `x + positions` over all rows.
pub fn find(inputs: Inputs, sizes: Sizes) -> (Vec<f64>, Vec<f64>) {
    let Sizes { clips, time, channels, .. } = sizes;
    let rows = (clips * time * sizes.pixels()) as f64;
    let zero = vec![0.0; channels];
    let over_frames = |center: &[f32], size: usize, add: &(dyn Fn(&[f32], &mut [f64]) + Sync)| {
        let parts: Vec<Vec<f64>> = (0..clips * time)
            .into_par_iter()
            .map_init(
                || vec![0.0; sizes.pixels() * channels],
                |centered, frame| {
                    center_frame(inputs, center, sizes, frame, centered);
                    let mut sum = vec![0.0; size];
                    centered.chunks(ROWS * channels).for_each(|rows| add(rows, &mut sum));
                    sum
                },
            )
            .collect();
        mean_of_parts(&parts, rows)
    };
    let mean = over_frames(&zero, channels, &sum_rows);
    let center: Vec<f32> = mean.iter().map(|&m| m as f32).collect();
    let covariance = over_frames(&center, channels * channels, &|rows, sum| {
        let rows = Matrix::new(rows, [rows.len() / channels, channels], channels);
        let mut products = vec![0.0; channels * channels];
        multiply(rows.transposed(), rows, &mut products, channels, false);
        add(&products, sum);
    });
    (mean, covariance)
}

fn mean_of_parts(parts: &[Vec<f64>], rows: f64) -> Vec<f64> {
    let mut total = vec![0.0; parts.first().map_or(0, Vec::len)];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
    }
    total.iter_mut().for_each(|t| *t /= rows);
    total
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
fn add(part: &[f32], total: &mut [f64]) {
    for (t, p) in total.iter_mut().zip(part) {
        *t += f64::from(*p);
    }
}

fn sum_rows(rows: &[f32], total: &mut [f64]) {
    rows.chunks_exact(total.len()).for_each(|row| add(row, total));
}

/// What the weights make of the input's moments.
pub struct Through {
    /// Mean, then variance of each output: `[2, out]`
    pub moments: Vec<f32>,
    /// Covariance of each output with each input: `[out, channel]`
    pub slopes: Vec<f32>,
}

/// Carries mean and covariance through a pointwise convolution with `weight` `[out, channel]`.
pub fn through(weight: &[f32], mean: &[f64], covariance: &[f64]) -> Through {
    let channels = mean.len();
    let outputs: Vec<(f64, f64, Vec<f64>)> = weight
        .par_chunks_exact(channels)
        .map(|weight| {
            let mut slopes = vec![0.0; channels];
            for (w, row) in weight.iter().zip(covariance.chunks_exact(channels)) {
                add_scaled(f64::from(*w), row, &mut slopes);
            }
            let dot = |values: &[f64]| weight.iter().zip(values).map(|(w, v)| f64::from(*w) * v).sum::<f64>();
            // A variance of zero may come out a rounding error below it.
            (dot(mean), dot(&slopes).max(0.0), slopes)
        })
        .collect();
    let means = outputs.iter().map(|(mean, _, _)| *mean as f32);
    let variances = outputs.iter().map(|(_, variance, _)| *variance as f32);
    let slopes = outputs.iter().flat_map(|(_, _, slopes)| slopes.iter().map(|&s| s as f32));
    Through { moments: means.chain(variances).collect(), slopes: slopes.collect() }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
fn add_scaled(scale: f64, row: &[f64], out: &mut [f64]) {
    for (o, v) in out.iter_mut().zip(row) {
        *o += scale * v;
    }
}
