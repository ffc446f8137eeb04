//! Decides on whole frames whether two movies share a stretch, allowing for a small shift of the picture.

use ndarray::{Array3, ArrayView2, ArrayView3, Axis, s};

use super::descriptor::{FLAT, QUERY_STEP};
use super::search::Candidate;

/// Correlation of two frames, each less its mean and over its contrast, from which they are the same
/// picture. Half a pixel of shift, what whole pixels can't undo, leaves 0.94 of frames of 12 x 20.
const SAME_FRAME: f64 = 0.9;

/// Correlation of their fine structure from which they are the same and don't just look alike: a bright sky
/// over dark ground is in many movies, its details in one.
const SAME_DETAIL: f64 = 0.5;

/// Shared frames in a row that make two movies one: 0.8 s at 30 Hz, so that of a shared second some frames at
/// its ends may be spoiled.
pub const SHARED_FRAMES: usize = 24;

/// Largest shift in pixels that is undone, and the least side for each pixel of it: what overlaps must stay
/// most of the picture.
const LARGEST_SHIFT: usize = 2;
const SIDE_PER_PIXEL: usize = 9;

/// Frames that the search may be off.
const SLACK: isize = 2;

/// Sides below this have too few pixels to tell a likeness from a coincidence: only equal ones are grouped.
pub(super) const SMALLEST_SIDE: usize = 8;

/// How two movies lie on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alignment {
    /// Frame of the second movie less that of the first.
    pub(super) offset: isize,
    /// Rows and columns that the second movie's picture lies further down and right.
    pub(super) shift: [isize; 2],
}

/// Measures how many frames in a row two movies share, and how they lie on each other; `None` when fewer
/// than [`SHARED_FRAMES`] (or all, of a shorter movie).
///
/// # Shapes
/// `first`, `second`: `[frame, height, width]`, of one size.
pub(super) fn shared_stretch(
    first: ArrayView3<'_, f32>,
    second: ArrayView3<'_, f32>,
    candidate: &Candidate,
) -> Option<(Alignment, usize)> {
    let alignment = align(first, second, candidate)?;
    let [fine_first, fine_second] = [first, second].map(details);
    let (mut run, mut longest) = (0, 0);
    for [t, other] in overlap(first, second, alignment.offset) {
        let pair = [first.index_axis(Axis(0), t), second.index_axis(Axis(0), other)];
        let Some(same) = correlation(pair, alignment.shift) else { continue };
        let fine = [fine_first.index_axis(Axis(0), t), fine_second.index_axis(Axis(0), other)];
        let fine = correlation_above(fine, alignment.shift, 0.0).unwrap_or(0.0);
        run = if same >= SAME_FRAME && fine >= SAME_DETAIL { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let required = SHARED_FRAMES.min(first.len_of(Axis(0))).min(second.len_of(Axis(0)));
    (longest >= required.max(1)).then_some((alignment, longest))
}

/// Finds the alignment under which the frames that were found alike are most so.
fn align(
    first: ArrayView3<'_, f32>,
    second: ArrayView3<'_, f32>,
    candidate: &Candidate,
) -> Option<Alignment> {
    let (_, height, width) = first.dim();
    let reach = (height.min(width) / SIDE_PER_PIXEL).min(LARGEST_SHIFT) as isize;
    let mut best: Option<(f64, Alignment)> = None;
    for offset in candidate.offset - SLACK..=candidate.offset + SLACK {
        for shift in (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| [dy, dx])) {
            let frames = overlap(first, second, offset)
                .filter(|[t, _]| *t >= candidate.start && (t - candidate.start).is_multiple_of(QUERY_STEP));
            let (mut sum, mut count) = (0.0, 0.0);
            for [t, other] in frames.take(3) {
                let pair = [first.index_axis(Axis(0), t), second.index_axis(Axis(0), other)];
                sum += correlation(pair, shift).unwrap_or(0.0);
                count += 1.0;
            }
            let mean = sum / f64::max(count, 1.0);
            if best.is_none_or(|(other, _)| mean > other) {
                best = Some((mean, Alignment { offset, shift }));
            }
        }
    }
    // One of the three may lie across a cut.
    best.filter(|(mean, _)| *mean >= 0.5 * SAME_FRAME).map(|(_, alignment)| alignment)
}

/// Lists the frames of both movies that lie on each other.
fn overlap(
    first: ArrayView3<'_, f32>,
    second: ArrayView3<'_, f32>,
    offset: isize,
) -> impl Iterator<Item = [usize; 2]> + use<> {
    let frames = second.len_of(Axis(0));
    (0..first.len_of(Axis(0))).filter_map(move |t| {
        let other = t.checked_add_signed(offset)?;
        (other < frames).then_some([t, other])
    })
}

/// Correlates what overlaps of two frames; `None` when one of them is uniform.
fn correlation(frames: [ArrayView2<'_, f32>; 2], shift: [isize; 2]) -> Option<f64> {
    correlation_above(frames, shift, FLAT)
}

fn correlation_above(
    [first, second]: [ArrayView2<'_, f32>; 2],
    [dy, dx]: [isize; 2],
    least_sd: f64,
) -> Option<f64> {
    let (height, width) = first.dim();
    let (rows, columns) = (height - dy.unsigned_abs(), width - dx.unsigned_abs());
    let start = |shift: isize| (shift.min(0).unsigned_abs(), shift.max(0).unsigned_abs());
    let ((y1, y2), (x1, x2)) = (start(dy), start(dx));
    let a = first.slice(s![y1..y1 + rows, x1..x1 + columns]);
    let b = second.slice(s![y2..y2 + rows, x2..x2 + columns]);
    let n = (rows * columns) as f64;
    let (mut sum_a, mut sum_b, mut aa, mut bb, mut ab) = (0.0f64, 0.0f64, 0.0f64, 0.0f64, 0.0f64);
    for (a, b) in a.outer_iter().zip(b.outer_iter()) {
        // Sums of a row in f32: of grey levels below 256 they are exact enough.
        let mut sums = [0.0f32; 5];
        for (&a, &b) in a.iter().zip(&b) {
            sums[0] += a;
            sums[1] += b;
            sums[2] += a * a;
            sums[3] += b * b;
            sums[4] += a * b;
        }
        let [a, b, a2, b2, product] = sums.map(f64::from);
        (sum_a, sum_b, aa, bb, ab) = (sum_a + a, sum_b + b, aa + a2, bb + b2, ab + product);
    }
    let (var_a, var_b) = (aa / n - (sum_a / n).powi(2), bb / n - (sum_b / n).powi(2));
    let covariance = ab / n - sum_a * sum_b / (n * n);
    // Rounding leaves a little of a uniform frame's variance.
    let least = (least_sd * least_sd).max(1e-3);
    (var_a > least && var_b > least).then(|| covariance / (var_a * var_b).sqrt())
}

/// Takes from each pixel the mean of its four neighbours, the border's own value standing in for what lies
/// outside.
fn details(movie: ArrayView3<'_, f32>) -> Array3<f32> {
    let (_, height, width) = movie.dim();
    let mut fine = movie.to_owned();
    for (mut fine, frame) in fine.outer_iter_mut().zip(movie.outer_iter()) {
        for ((y, x), pixel) in fine.indexed_iter_mut() {
            let around = frame[[y.saturating_sub(1), x]]
                + frame[[(y + 1).min(height - 1), x]]
                + frame[[y, x.saturating_sub(1)]]
                + frame[[y, (x + 1).min(width - 1)]];
            *pixel -= 0.25 * around;
        }
    }
    fine
}
