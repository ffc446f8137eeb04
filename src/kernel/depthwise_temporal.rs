//! Depthwise convolution over time, channels-last.

use multiversion::multiversion;
use rayon::prelude::*;

/// Sizes of one convolution.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Frames of a clip.
    pub time: usize,
    /// Pixels of a frame.
    pub pixels: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Length of the kernel, odd; the padding is half of it.
    pub kernel: usize,
}

/// Pixels a task handles at once, over all taps, so that they are read from cache.
const PIXELS: usize = 16;

/// Convolves `x` `[batch, time, pixel, channel]` with `taps` `[kernel, channel]`.
pub fn forward(x: &[f32], taps: &[f32], sizes: Sizes) -> Vec<f32> {
    shifted_sum(x, taps, sizes, |t, k| (t + k).checked_sub(sizes.kernel / 2))
}

/// Computes the gradient to the input.
pub fn backward_x(grad: &[f32], taps: &[f32], sizes: Sizes) -> Vec<f32> {
    shifted_sum(grad, taps, sizes, |t, k| (t + sizes.kernel / 2).checked_sub(k))
}

/// Sums `x[source(t, k)] * taps[k]` over `k` into every frame `t`; frames outside the clip are zero.
fn shifted_sum(
    x: &[f32],
    taps: &[f32],
    sizes: Sizes,
    source: impl Fn(usize, usize) -> Option<usize> + Sync,
) -> Vec<f32> {
    let Sizes { time, pixels, channels, kernel, .. } = sizes;
    let frame = pixels * channels;
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(frame).enumerate().for_each(|(index, out)| {
        let (clip, t) = (index / time, index % time);
        let clip = &x[clip * time * frame..(clip + 1) * time * frame];
        for (block, out) in out.chunks_mut(PIXELS * channels).enumerate() {
            for k in 0..kernel {
                let Some(from) = source(t, k).filter(|&from| from < time) else { continue };
                let start = from * frame + block * PIXELS * channels;
                add_scaled(&clip[start..start + out.len()], &taps[k * channels..(k + 1) * channels], out);
            }
        }
    });
    out
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn add_scaled(x: &[f32], tap: &[f32], out: &mut [f32]) {
    for (out, x) in out.chunks_exact_mut(tap.len()).zip(x.chunks_exact(tap.len())) {
        for ((o, v), w) in out.iter_mut().zip(x).zip(tap) {
            *o += v * w;
        }
    }
}

/// Computes the gradient to the taps, `[kernel, channel]`.
pub fn backward_weight(x: &[f32], grad: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes { time, pixels, channels, kernel, .. } = sizes;
    let clip = time * pixels * channels;
    let parts: Vec<Vec<f32>> = x
        .par_chunks(clip)
        .zip(grad.par_chunks(clip))
        .map(|(x, grad)| {
            let mut taps = vec![0.0; kernel * channels];
            clip_taps(x, grad, sizes, &mut taps);
            taps
        })
        .collect();
    super::sum_in_order(&parts, kernel * channels)
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn clip_taps(x: &[f32], grad: &[f32], sizes: Sizes, taps: &mut [f32]) {
    let Sizes { time, pixels, channels, kernel, .. } = sizes;
    let frame = pixels * channels;
    for t in 0..time {
        for k in 0..kernel {
            let Some(from) = (t + k).checked_sub(kernel / 2).filter(|&from| from < time) else { continue };
            let tap = &mut taps[k * channels..(k + 1) * channels];
            let x = x[from * frame..(from + 1) * frame].chunks_exact(channels);
            let grad = grad[t * frame..(t + 1) * frame].chunks_exact(channels);
            for (x, g) in x.zip(grad) {
                for ((w, v), g) in tap.iter_mut().zip(x).zip(g) {
                    *w += v * g;
                }
            }
        }
    }
}
