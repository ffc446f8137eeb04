//! Depthwise convolution over height and width, channels-last.
//!
//! The inner loop keeps a block of channels in registers while it walks the taps, so every output is
//! written once and inputs are read from cache.

use multiversion::multiversion;
use rayon::prelude::*;

/// Channels kept in registers at once: two AVX-512 or four AVX2 registers.
const BLOCK: usize = 32;

/// Sizes of one convolution.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Frames, all convolved alike.
    pub frames: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Side of the kernel, odd; the padding is half of it.
    pub kernel: usize,
    /// Step of the output over the input.
    pub stride: usize,
}

impl Sizes {
    /// Height and width of the output: `ceil(size / stride)`.
    pub fn output(&self) -> [usize; 2] {
        [self.height.div_ceil(self.stride), self.width.div_ceil(self.stride)]
    }
}

/// Convolves `x` `[frame, height, width, channel]` with `taps` `[kernel * kernel, channel]`.
pub fn forward(x: &[f32], taps: &[f32], sizes: Sizes) -> Vec<f32> {
    let [out_height, out_width] = sizes.output();
    let mut out = vec![0.0; sizes.frames * out_height * out_width * sizes.channels];
    let frame = sizes.height * sizes.width * sizes.channels;
    out.par_chunks_mut(out_width * sizes.channels).enumerate().for_each(|(row, out)| {
        let (f, y) = (row / out_height, row % out_height);
        gather_row(&x[f * frame..(f + 1) * frame], taps, sizes, y, out);
    });
    out
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn gather_row(x: &[f32], taps: &[f32], sizes: Sizes, y: usize, out: &mut [f32]) {
    let Sizes { height, width, channels, kernel, stride, .. } = sizes;
    let half = kernel / 2;
    for (ox, out) in out.chunks_exact_mut(channels).enumerate() {
        let mut c = 0;
        while c < channels {
            let n = BLOCK.min(channels - c);
            let mut sum = [0.0f32; BLOCK];
            for ky in 0..kernel {
                let Some(iy) = (y * stride + ky).checked_sub(half).filter(|&iy| iy < height) else {
                    continue;
                };
                for kx in 0..kernel {
                    let Some(ix) = (ox * stride + kx).checked_sub(half).filter(|&ix| ix < width) else {
                        continue;
                    };
                    let x = &x[(iy * width + ix) * channels + c..][..n];
                    let w = &taps[(ky * kernel + kx) * channels + c..][..n];
                    accumulate(&mut sum, x, w);
                }
            }
            out[c..c + n].copy_from_slice(&sum[..n]);
            c += n;
        }
    }
}

/// Adds `a * b`; a full block takes the path that stays in registers.
#[inline(always)]
fn accumulate(sum: &mut [f32; BLOCK], a: &[f32], b: &[f32]) {
    if let (Ok(a), Ok(b)) = (<&[f32; BLOCK]>::try_from(a), <&[f32; BLOCK]>::try_from(b)) {
        for i in 0..BLOCK {
            sum[i] += a[i] * b[i];
        }
    } else {
        for ((s, a), b) in sum.iter_mut().zip(a).zip(b) {
            *s += a * b;
        }
    }
}

/// Computes the gradient to the input from `grad` `[frame, out_height, out_width, channel]`.
pub fn backward_x(grad: &[f32], taps: &[f32], sizes: Sizes) -> Vec<f32> {
    let [out_height, out_width] = sizes.output();
    let mut out = vec![0.0; sizes.frames * sizes.height * sizes.width * sizes.channels];
    let frame = out_height * out_width * sizes.channels;
    out.par_chunks_mut(sizes.width * sizes.channels).enumerate().for_each(|(row, out)| {
        let (f, y) = (row / sizes.height, row % sizes.height);
        spread_row(&grad[f * frame..(f + 1) * frame], taps, sizes, y, out);
    });
    out
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn spread_row(grad: &[f32], taps: &[f32], sizes: Sizes, y: usize, out: &mut [f32]) {
    let Sizes { channels, kernel, stride, .. } = sizes;
    let [out_height, out_width] = sizes.output();
    let half = kernel / 2;
    // The output that tap k of input position i went to, if there is one.
    let source = |i: usize, k: usize, limit: usize| {
        let at = (i + half).checked_sub(k)?;
        (at % stride == 0 && at / stride < limit).then_some(at / stride)
    };
    for (ix, out) in out.chunks_exact_mut(channels).enumerate() {
        let mut c = 0;
        while c < channels {
            let n = BLOCK.min(channels - c);
            let mut sum = [0.0f32; BLOCK];
            for ky in 0..kernel {
                let Some(oy) = source(y, ky, out_height) else { continue };
                for kx in 0..kernel {
                    let Some(ox) = source(ix, kx, out_width) else { continue };
                    let g = &grad[(oy * out_width + ox) * channels + c..][..n];
                    let w = &taps[(ky * kernel + kx) * channels + c..][..n];
                    accumulate(&mut sum, g, w);
                }
            }
            out[c..c + n].copy_from_slice(&sum[..n]);
            c += n;
        }
    }
}

/// Computes the gradient to the taps, `[kernel * kernel, channel]`.
pub fn backward_weight(x: &[f32], grad: &[f32], sizes: Sizes) -> Vec<f32> {
    let [out_height, out_width] = sizes.output();
    let size = sizes.kernel * sizes.kernel * sizes.channels;
    let parts: Vec<Vec<f32>> = x
        .par_chunks(sizes.height * sizes.width * sizes.channels)
        .zip(grad.par_chunks(out_height * out_width * sizes.channels))
        .map(|(x, grad)| {
            let mut taps = vec![0.0; size];
            frame_taps(x, grad, sizes, &mut taps);
            taps
        })
        .collect();
    super::sum_in_order(&parts, size)
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn frame_taps(x: &[f32], grad: &[f32], sizes: Sizes, taps: &mut [f32]) {
    let Sizes { height, width, channels, kernel, stride, .. } = sizes;
    let [out_height, out_width] = sizes.output();
    let half = kernel / 2;
    let mut c = 0;
    while c < channels {
        let n = BLOCK.min(channels - c);
        for ky in 0..kernel {
            for kx in 0..kernel {
                let mut sum = [0.0f32; BLOCK];
                for oy in 0..out_height {
                    let Some(iy) = (oy * stride + ky).checked_sub(half).filter(|&iy| iy < height) else {
                        continue;
                    };
                    for ox in 0..out_width {
                        let Some(ix) = (ox * stride + kx).checked_sub(half).filter(|&ix| ix < width) else {
                            continue;
                        };
                        let x = &x[(iy * width + ix) * channels + c..][..n];
                        let g = &grad[(oy * out_width + ox) * channels + c..][..n];
                        accumulate(&mut sum, x, g);
                    }
                }
                taps[(ky * kernel + kx) * channels + c..][..n].copy_from_slice(&sum[..n]);
            }
        }
        c += n;
    }
}
