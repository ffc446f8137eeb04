//! The gradients of [`join`](super::join): a pass for the sums that the statistics need, and a pass for
//! the rest.

use multiversion::multiversion;
use rayon::prelude::*;

use super::buffer::Recycled;
use super::join::{Inputs, JoinSizes, add_rows, gather};
use super::norm::{Norm, NormGradients, Sums};
use super::shortcut::nearest;

/// Gradients to path and input, and to both norms' parameters.
pub struct Gradients {
    /// To `y`, filled up to whole lanes.
    pub y: Recycled,
    /// To `x`.
    pub x: Vec<f32>,
    /// To the parameters of the path's norm and of the shortcut's.
    pub norms: [NormGradients; 2],
}

/// Carries `gradient` back; `batch` says whether the norms' statistics were the batch's.
pub fn backward(
    inputs: Inputs,
    norms: &[Norm; 2],
    batch: [bool; 2],
    gradient: &[f32],
    sizes: JoinSizes,
) -> Gradients {
    let found: [NormGradients; 2] = {
        let [path, shortcut] = sums(inputs, norms, gradient, sizes);
        [norms[0].gradients(&path), norms[1].gradients(&shortcut)]
    };
    let rows = sizes.rows() as f64;
    // A row gets `gradient * scale + value * slope + offset`: the last two through the statistics.
    let [path, shortcut] = [0, 1].map(|k| {
        let share = if batch[k] { 1.0 / rows } else { 0.0 };
        let slope: Vec<f32> =
            found[k].variance.iter().map(|v| (2.0 * f64::from(*v) * share) as f32).collect();
        let offset = found[k].mean.iter().zip(&slope).zip(&norms[k].mean);
        let offset: Vec<f32> = offset
            .map(|((g, s), m)| (f64::from(*g) * share - f64::from(*s) * f64::from(*m)) as f32)
            .collect();
        (slope, offset)
    });
    let JoinSizes { channels, outputs, .. } = sizes;
    let [before, behind] = sizes.frame();
    let mut y = Recycled::of_values(sizes.rows() * outputs);
    let mut x = vec![0.0; inputs.x.len()];
    let frames = y.values_mut(sizes.rows() * outputs).par_chunks_mut(behind).zip(x.par_chunks_mut(before));
    frames.enumerate().for_each_init(
        || [0; 2].map(|_| vec![0.0; sizes.pixels() * channels]),
        |[around, to_around], (frame, (to_y, to_x))| {
            gather(inputs, sizes, frame, around);
            let kept = inputs.kept[frame / sizes.time];
            let scale: Vec<f32> = norms[0].scale.iter().map(|s| s * kept).collect();
            let y = &inputs.y[frame * behind..(frame + 1) * behind];
            let gradient = &gradient[frame * behind..(frame + 1) * behind];
            add_rows([gradient, y], [&scale, &path.0, &path.1], outputs, to_y);
            to_around.fill(0.0);
            let parameters = [&norms[1].scale[..], &shortcut.0, &shortcut.1];
            fold_rows([gradient, around], parameters, channels, to_around);
            scatter(to_around, sizes, to_x);
        },
    );
    Gradients { y, x, norms: found }
}

/// Sums of the gradient behind each norm, over all rows.
fn sums(inputs: Inputs, norms: &[Norm; 2], gradient: &[f32], sizes: JoinSizes) -> [Sums; 2] {
    let JoinSizes { channels, outputs, .. } = sizes;
    let [_, behind] = sizes.frame();
    let found: Vec<[Vec<f32>; 3]> = (0..sizes.clips * sizes.time)
        .into_par_iter()
        .map_init(
            || vec![0.0; sizes.pixels() * channels],
            |around, frame| {
                gather(inputs, sizes, frame, around);
                let rows = frame * behind..(frame + 1) * behind;
                let mut sums = [0; 3].map(|_| vec![0.0; outputs]);
                let means = [&norms[0].mean[..], &norms[1].mean];
                let [plain, of_path, of_shortcut] = &mut sums;
                let to = [&mut plain[..], &mut of_path[..], &mut of_shortcut[..]];
                sum_rows(&gradient[rows.clone()], [&inputs.y[rows], around], means, channels, to);
                sums
            },
        )
        .collect();
    let mut totals = [0; 2].map(|_| Sums::new(outputs));
    for (frame, [plain, of_path, of_shortcut]) in found.iter().enumerate() {
        let kept = f64::from(inputs.kept[frame / sizes.time]);
        let [path, shortcut] = &mut totals;
        for c in 0..outputs {
            path.plain[c] += kept * f64::from(plain[c]);
            path.products[c] += kept * f64::from(of_path[c]);
            shortcut.plain[c] += f64::from(plain[c]);
            shortcut.products[c] += f64::from(of_shortcut[c]);
        }
    }
    totals
}

/// Sums the gradient, and its products with what `y` and `x` are away from their means.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn sum_rows(
    gradient: &[f32],
    [y, x]: [&[f32]; 2],
    [y_mean, x_mean]: [&[f32]; 2],
    channels: usize,
    [plain, of_y, of_x]: [&mut [f32]; 3],
) {
    let outputs = plain.len();
    let rows = gradient.chunks_exact(outputs).zip(y.chunks_exact(outputs)).zip(x.chunks_exact(channels));
    for ((gradient, y), x) in rows {
        let values = gradient.iter().zip(y).zip(y_mean);
        for (((g, y), m), (plain, of_y)) in values.zip(plain.iter_mut().zip(of_y.iter_mut())) {
            *plain += g;
            *of_y += g * (y - m);
        }
        let parts = gradient.chunks(channels).zip(x_mean.chunks(channels)).zip(of_x.chunks_mut(channels));
        for ((gradient, mean), of_x) in parts {
            for (((g, x), m), of_x) in gradient.iter().zip(x).zip(mean).zip(of_x) {
                *of_x += g * (x - m);
            }
        }
    }
}

/// Adds `gradient * scale + x * slope + offset` of repeated channels up to the channels they repeat.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2+fma"))]
fn fold_rows(
    [gradient, x]: [&[f32]; 2],
    [scale, slope, offset]: [&[f32]; 3],
    channels: usize,
    out: &mut [f32],
) {
    let rows = gradient.chunks_exact(offset.len()).zip(x.chunks_exact(channels));
    for (out, (gradient, x)) in out.chunks_exact_mut(channels).zip(rows) {
        let parameters = scale.chunks(channels).zip(slope.chunks(channels)).zip(offset.chunks(channels));
        for (gradient, ((scale, slope), offset)) in gradient.chunks(channels).zip(parameters) {
            let parameters = scale.iter().zip(slope).zip(offset);
            let values = gradient.iter().zip(x);
            for ((o, (g, x)), ((a, b), c)) in out.iter_mut().zip(values).zip(parameters) {
                *o += g * a + (x * b + c);
            }
        }
    }
}

/// Puts the pixels that were gathered back to where they came from.
fn scatter(gathered: &[f32], sizes: JoinSizes, out: &mut [f32]) {
    let JoinSizes { height, width, channels, .. } = sizes;
    let [out_height, out_width] = sizes.reached();
    let columns = nearest(width, out_width);
    let mut gathered = gathered.chunks_exact(channels);
    for y in nearest(height, out_height) {
        for (&column, from) in columns.iter().zip(&mut gathered) {
            let to = &mut out[(y * width + column) * channels..][..channels];
            to.iter_mut().zip(from).for_each(|(t, f)| *t += f);
        }
    }
}
