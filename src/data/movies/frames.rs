//! Compares two frames: how alike what overlaps of them is, their fine structure apart, and large frames
//! averaged down to cells, in which details are as coarse as in a movie made for a mouse.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};

/// Lanes of a row that are summed side by side: what a vector register holds, twice.
const LANES: usize = 16;

/// Rows or columns, whichever are fewer, that a frame is averaged down to, about: those of the dataset.
const CELLS: usize = 36;

/// Pixels a side of the cells that frames of this size are averaged to; 1 leaves them as they are.
pub(super) fn cell_side(height: usize, width: usize) -> usize {
    (height.min(width) / CELLS).max(1)
}

/// Averages squares of `side` pixels; what is left over at the right and below is dropped.
pub(super) fn cells(frame: ArrayView2<'_, f32>, side: usize) -> Array2<f32> {
    if side == 1 {
        return frame.to_owned();
    }
    let (height, width) = frame.dim();
    let scale = 1.0 / (side * side) as f32;
    let mut averaged = Array2::zeros((height / side, width / side));
    for (mut row, rows) in averaged.outer_iter_mut().zip(frame.axis_chunks_iter(Axis(0), side)) {
        for pixels in rows.outer_iter() {
            for (cell, pixels) in row.iter_mut().zip(pixels.axis_chunks_iter(Axis(0), side)) {
                *cell += scale * pixels.sum();
            }
        }
    }
    averaged
}

/// Averages every frame of `[frame, height, width]`, see [`cells`].
pub(super) fn movie_of_cells(movie: ArrayView3<'_, f32>, side: usize) -> Array3<f32> {
    let (frames, height, width) = movie.dim();
    let mut averaged = Array3::zeros((frames, height / side, width / side));
    for (mut averaged, frame) in averaged.outer_iter_mut().zip(movie.outer_iter()) {
        averaged.assign(&cells(frame, side));
    }
    averaged
}

/// Cuts two frames to what lies on each other when the second's picture lies `dy` rows further down and
/// `dx` columns further right.
pub(super) fn overlap<'a>(
    [first, second]: [ArrayView2<'a, f32>; 2],
    [dy, dx]: [isize; 2],
) -> [ArrayView2<'a, f32>; 2] {
    let (height, width) = first.dim();
    let rows = height.saturating_sub(dy.unsigned_abs());
    let columns = width.saturating_sub(dx.unsigned_abs());
    let starts = |shift: isize| (shift.min(0).unsigned_abs(), shift.max(0).unsigned_abs());
    let ((y1, y2), (x1, x2)) = (starts(dy), starts(dx));
    [
        first.slice_move(s![
            y1.min(height)..(y1 + rows).min(height),
            x1.min(width)..(x1 + columns).min(width)
        ]),
        second.slice_move(s![
            y2.min(height)..(y2 + rows).min(height),
            x2.min(width)..(x2 + columns).min(width)
        ]),
    ]
}

/// Correlates two frames of one size; `None` when the standard deviation of one is below `least_sd`.
pub(super) fn correlation([a, b]: [ArrayView2<'_, f32>; 2], least_sd: f64) -> Option<f64> {
    let n = a.len() as f64;
    let mut sums = [0.0f64; 5];
    for (a, b) in a.outer_iter().zip(b.outer_iter()) {
        let of_row = match (a.to_slice(), b.to_slice()) {
            (Some(a), Some(b)) => row_sums(a, b),
            _ => row_sums(&a.to_vec(), &b.to_vec()),
        };
        sums.iter_mut().zip(of_row).for_each(|(sum, of_row)| *sum += f64::from(of_row));
    }
    let [sum_a, sum_b, aa, bb, ab] = sums.map(|sum| sum / n);
    let (var_a, var_b) = (aa - sum_a * sum_a, bb - sum_b * sum_b);
    // Rounding leaves a little of a uniform frame's variance.
    let least = (least_sd * least_sd).max(1e-3);
    (var_a > least && var_b > least).then(|| (ab - sum_a * sum_b) / (var_a * var_b).sqrt())
}

/// Sums `a`, `b`, their squares and their product along a row. In f32: of a few hundred grey levels below
/// 256 that is exact enough.
fn row_sums(a: &[f32], b: &[f32]) -> [f32; 5] {
    let mut lanes = [[0.0f32; LANES]; 5];
    let ((a, last_a), (b, last_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[0][lane] += a[lane];
            lanes[1][lane] += b[lane];
            lanes[2][lane] += a[lane] * a[lane];
            lanes[3][lane] += b[lane] * b[lane];
            lanes[4][lane] += a[lane] * b[lane];
        }
    }
    let mut sums = lanes.map(|lanes| lanes.iter().sum::<f32>());
    for (&a, &b) in last_a.iter().zip(last_b) {
        sums[0] += a;
        sums[1] += b;
        sums[2] += a * a;
        sums[3] += b * b;
        sums[4] += a * b;
    }
    sums
}

/// Takes from each pixel the mean of its four neighbours, the border's own value standing in for what lies
/// outside.
pub(super) fn details(frame: ArrayView2<'_, f32>) -> Array2<f32> {
    let (height, width) = frame.dim();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let around = frame[[y.saturating_sub(1), x]]
            + frame[[(y + 1).min(height - 1), x]]
            + frame[[y, x.saturating_sub(1)]]
            + frame[[y, (x + 1).min(width - 1)]];
        frame[[y, x]] - 0.25 * around
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(height: usize, width: usize) -> Array2<f32> {
        Array2::from_shape_fn((height, width), |(y, x)| ((31 * y * y + 17 * x + 7 * x * y) % 251) as f32)
    }

    #[test]
    fn what_overlaps_of_a_shifted_frame_is_the_frame() {
        let (large, shift) = (frame(20, 45), [2, -3]);
        // The window lies 2 rows higher, so the picture in it 2 rows further down.
        let (first, second) = (large.slice(s![4..16, 4..40]), large.slice(s![2..14, 7..43]));
        let [a, b] = overlap([first, second], shift);
        assert_eq!((a.dim(), a), ((10, 33), b));
        assert!(correlation([first, second], 0.0).unwrap() < 0.9);
        // Rounding of f32 sums over rows of 33 pixels.
        assert!((correlation([a, b], 0.0).unwrap() - 1.0).abs() < 1e-4);
    }

    #[test]
    fn correlation_is_that_of_plain_sums_and_none_of_uniform_frames() {
        let (a, b) = (frame(9, 37), frame(37, 9).reversed_axes());
        let mean =
            |values: &dyn Fn(&f64) -> f64| a.iter().map(|&v| f64::from(v)).map(|v| values(&v)).sum::<f64>();
        let n = a.len() as f64;
        let (ma, mb) = (mean(&|v| *v) / n, b.iter().map(|&v| f64::from(v)).sum::<f64>() / n);
        let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
        for (&a, &b) in a.iter().zip(&b) {
            let (a, b) = (f64::from(a) - ma, f64::from(b) - mb);
            (aa, bb, ab) = (aa + a * a, bb + b * b, ab + a * b);
        }
        let expected = ab / f64::sqrt(aa * bb);
        // As above.
        assert!((correlation([a.view(), b.view()], 0.0).unwrap() - expected).abs() < 1e-4);
        let uniform = Array2::from_elem((9, 37), 100.0);
        assert_eq!(correlation([a.view(), uniform.view()], 0.0), None);
        assert_eq!(correlation([a.view(), b.view()], 200.0), None);
    }

    #[test]
    fn cells_are_means_and_small_frames_are_left_alone() {
        assert_eq!([cell_side(36, 64), cell_side(144, 256), cell_side(12, 20)], [1, 4, 1]);
        let averaged = cells(frame(9, 7).view(), 4);
        assert_eq!(averaged.dim(), (2, 1));
        let expected = frame(9, 7).slice(s![4..8, 0..4]).mean().unwrap();
        // f32 sums of 16 grey levels.
        assert!((averaged[[1, 0]] - expected).abs() < 1e-3);
        assert_eq!(cells(frame(5, 6).view(), 1), frame(5, 6));
        assert_eq!(movie_of_cells(frame(5, 6).insert_axis(Axis(0)).view(), 5).dim(), (1, 1, 1));
    }

    #[test]
    fn a_plane_has_no_details_but_at_its_border() {
        let plane = Array2::from_shape_fn((6, 7), |(y, x)| 3.0 * y as f32 - 2.0 * x as f32);
        assert!(details(plane.view()).slice(s![1..5, 1..6]).iter().all(|&fine| fine == 0.0));
    }
}
