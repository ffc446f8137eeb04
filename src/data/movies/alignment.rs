//! Decides on whole frames whether two movies share a stretch, allowing for a small shift of the picture.
//!
//! Under a camera that pans, a picture that is shifted looks like one that is early: the descriptors' best match can
//! be a second off, and only details tell the two apart. So all times around it are tried with all shifts.

use std::collections::BTreeSet;

use ndarray::{Array2, Array3, ArrayView3, Axis};

use super::descriptor::{FLAT, QUERY_STEP};
use super::frames::{cell_side, cells, correlation, details, movie_of_cells, overlap};
use super::search::{Candidate, Run};

/// Correlation of two frames, each less its mean and over its contrast, from which they are the same
/// picture. Half a pixel of shift, what whole pixels can't undo, leaves 0.94 of frames of 12 x 20.
const SAME_FRAME: f64 = 0.9;

/// Correlation of their fine structure from which they are the same and don't just look alike: a bright sky
/// over dark ground is in many movies, its details in one.
const SAME_DETAIL: f64 = 0.5;

/// Shared frames in a row that make two movies one: 0.8 s at 30 Hz, so that of a shared second some frames at
/// its ends may be spoiled.
pub const SHARED_FRAMES: usize = 24;

/// Largest shift in cells that is undone, and the least side for each cell of it: what overlaps must stay
/// most of the picture.
const LARGEST_SHIFT: usize = 3;
const SIDE_PER_SHIFT: usize = 6;

/// Frames around the one that a run names which are tried as well: half a second.
pub(super) const SLACK: isize = 15;

/// Pairs of frames that an alignment is judged by, spread over the run.
const PROBES: usize = 5;

/// Alignments whose details are compared: those whose frames are most alike.
const SHORTLIST: usize = 64;

/// Times of the shortlist at which a shift in cells is refined to pixels.
const REFINED: usize = 8;

/// Mean correlation of the probes' frames that some shift must reach at a run's own time, for others to be tried. A
/// run that goes beyond what is shared leaves 0.70 or more, of runs of unrelated movies of 12 x 20 one in 36 does.
const FIRST_SIGHT: f64 = 0.65;

/// The same where several pixels are averaged to a cell: a shift by half a cell, both ways, takes up to half of the
/// likeness, and only a later step undoes it.
const FIRST_SIGHT_BETWEEN_CELLS: f64 = 0.35;

/// Likenesses in pixels, of frames and details together, that differ by less say nothing: a picture that only pans looks
/// the same shifted in time as in space.
const AS_GOOD: f64 = 0.01;

/// Frames that the run's own time may be off: half of what lies between two described ones.
const BETWEEN: isize = 1;

/// Sides below this have too few pixels to tell a likeness from a coincidence: only equal ones are grouped.
pub(super) const SMALLEST_SIDE: usize = 8;

/// How two movies lie on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alignment {
    /// Frame of the second movie less that of the first.
    pub(super) offset: isize,
    /// Rows and columns, in pixels, that the second movie's picture lies further down and right.
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
    let pair = Pair::new([first, second]);
    let shorter = pair.frames[0].min(pair.frames[1]);
    let mut best: Option<(Alignment, usize)> = None;
    for run in &candidate.runs {
        let Some(alignment) = pair.align(run) else { continue };
        let frames = pair.longest_stretch(alignment);
        if best.is_none_or(|(_, longest)| frames > longest) {
            best = Some((alignment, frames));
        }
        if 2 * frames > shorter {
            break;
        }
    }
    best.filter(|&(_, frames)| frames >= SHARED_FRAMES.min(shorter).max(1))
}

/// Two movies, also averaged to cells.
struct Pair<'a> {
    movies: [ArrayView3<'a, f32>; 2],
    side: usize,
    cells: [Array3<f32>; 2],
    frames: [usize; 2],
}

impl<'a> Pair<'a> {
    fn new(movies: [ArrayView3<'a, f32>; 2]) -> Self {
        let (_, height, width) = movies[0].dim();
        let side = cell_side(height, width);
        let frames = movies.map(|movie| movie.len_of(Axis(0)));
        Self { movies, side, cells: movies.map(|movie| movie_of_cells(movie, side)), frames }
    }

    /// Finds the alignment under which the probes of a run are most alike.
    fn align(&self, run: &Run) -> Option<Alignment> {
        let (_, height, width) = self.cells[0].dim();
        let reach = (height.min(width) / SIDE_PER_SHIFT).min(LARGEST_SHIFT) as isize;
        let shifts = || (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| [dy, dx]));
        let try_all = |slack: isize| {
            let mut tried: Vec<(f64, Alignment)> = Vec::new();
            for offset in run.offset - slack..=run.offset + slack {
                let probes = self.probes(run, offset);
                for shift in shifts().filter(|_| !probes.is_empty()) {
                    tried.push((self.likeness(&probes, shift), Alignment { offset, shift }));
                }
            }
            tried
        };
        let first_sight = if self.side == 1 { FIRST_SIGHT } else { FIRST_SIGHT_BETWEEN_CELLS };
        if try_all(BETWEEN).iter().all(|(likeness, _)| *likeness < first_sight) {
            return None;
        }
        let mut tried = try_all(SLACK);
        // Where all times look the same, no shift in time or space is the likeliest.
        let moved = |a: &Alignment| [a.offset, a.shift[0], a.shift[1]].map(isize::unsigned_abs);
        tried.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| moved(&a.1).cmp(&moved(&b.1))));
        tried.truncate(SHORTLIST);
        for (likeness, alignment) in &mut tried {
            *likeness += self.likeness_of_details(&self.probes(run, alignment.offset), alignment.shift);
        }
        // The sort is stable: of equals the first stays first.
        tried.sort_by(|a, b| b.0.total_cmp(&a.0));
        if self.side == 1 {
            return tried.first().map(|(_, alignment)| *alignment);
        }
        // Between two cells, a wrong time may have the better details: only pixels tell.
        let mut offsets = BTreeSet::new();
        tried.retain(|(_, alignment)| offsets.insert(alignment.offset));
        let refined = tried.iter().take(REFINED).map(|(_, alignment)| self.to_pixels(run, *alignment));
        let judged: Vec<(f64, Alignment)> =
            refined.map(|alignment| (self.likeness_in_pixels(run, alignment), alignment)).collect();
        let best = judged.iter().map(|(likeness, _)| *likeness).fold(f64::MIN, f64::max);
        let best = judged
            .into_iter()
            .filter(|(likeness, _)| *likeness >= best - AS_GOOD)
            .map(|(_, alignment)| alignment);
        best.min_by_key(moved)
    }

    /// Lists pairs of frames that an offset lays on each other, spread over a run.
    fn probes(&self, run: &Run, offset: isize) -> Vec<[usize; 2]> {
        let queries = run.last - run.first;
        let count = PROBES.min(queries + 1);
        let mut probes: Vec<[usize; 2]> = (0..count)
            .map(|k| run.first + k * queries / (count - 1).max(1))
            .filter_map(|query| self.on(query * QUERY_STEP, offset))
            .collect();
        // One pair of frames agrees too easily by chance.
        if probes.len() < 2.min(count) {
            probes.clear();
        }
        probes
    }

    /// Returns a frame of the first movie with that of the second which lies on it.
    fn on(&self, frame: usize, offset: isize) -> Option<[usize; 2]> {
        let other = frame.checked_add_signed(offset)?;
        (frame < self.frames[0] && other < self.frames[1]).then_some([frame, other])
    }

    /// Averages the correlation of the probes' frames, uniform ones left out.
    fn likeness(&self, probes: &[[usize; 2]], shift: [isize; 2]) -> f64 {
        let pair = |at: &[usize; 2]| [0, 1].map(|k| self.cells[k].index_axis(Axis(0), at[k]));
        let (mut sum, mut count) = (0.0, 0);
        for same in probes.iter().filter_map(|at| correlation(overlap(pair(at), shift), FLAT)) {
            (sum, count) = (sum + same, count + 1);
        }
        sum / f64::from(count.max(1))
    }

    fn likeness_of_details(&self, probes: &[[usize; 2]], shift: [isize; 2]) -> f64 {
        let pair = |at: &[usize; 2]| [0, 1].map(|k| self.cells[k].index_axis(Axis(0), at[k]));
        let fine = |at: &[usize; 2]| {
            let [a, b] = overlap(pair(at), shift).map(details);
            correlation([a.view(), b.view()], 0.0)
        };
        probes.iter().filter_map(fine).sum::<f64>() / probes.len() as f64
    }

    /// Refines a shift in cells to one in pixels, by ever smaller steps.
    fn to_pixels(&self, run: &Run, alignment: Alignment) -> Alignment {
        let probes = self.probes(run, alignment.offset);
        let pair = |at: &[usize; 2]| [0, 1].map(|k| self.movies[k].index_axis(Axis(0), at[k]));
        let alike = |shift| -> f64 {
            probes.iter().filter_map(|at| correlation(overlap(pair(at), shift), FLAT)).sum()
        };
        let mut shift = alignment.shift.map(|cells| cells * self.side as isize);
        let mut step = self.side as isize;
        while step > 1 {
            step = (step + 1) / 2;
            let around = [-step, 0, step];
            let near = around.into_iter().flat_map(|dy| around.map(|dx| [shift[0] + dy, shift[1] + dx]));
            let best = near.map(|shift| (alike(shift), shift)).max_by(|a, b| a.0.total_cmp(&b.0));
            shift = best.map_or(shift, |(_, shift)| shift);
        }
        Alignment { shift, ..alignment }
    }

    /// Measures how alike the probes and their details are, shifted by pixels and then averaged to cells.
    fn likeness_in_pixels(&self, run: &Run, alignment: Alignment) -> f64 {
        let probes = self.probes(run, alignment.offset);
        let likeness = |&[t, other]: &[usize; 2]| {
            let [a, b] = self.frames_in_cells(t, other, alignment.shift);
            let fine = [&a, &b].map(|frame| details(frame.view()));
            let same = correlation([a.view(), b.view()], FLAT)?;
            Some(same + correlation([fine[0].view(), fine[1].view()], 0.0).unwrap_or(0.0))
        };
        probes.iter().filter_map(likeness).sum::<f64>() / probes.len() as f64
    }

    /// Cuts two frames to what overlaps of them under a shift in pixels, and averages it to cells.
    fn frames_in_cells(&self, t: usize, other: usize, shift: [isize; 2]) -> [Array2<f32>; 2] {
        let frames = [self.movies[0].index_axis(Axis(0), t), self.movies[1].index_axis(Axis(0), other)];
        overlap(frames, shift).map(|frame| cells(frame, self.side))
    }

    /// Counts the frames in a row that are the same.
    fn longest_stretch(&self, alignment: Alignment) -> usize {
        let (mut run, mut longest) = (0, 0);
        for [t, other] in (0..self.frames[0]).filter_map(|t| self.on(t, alignment.offset)) {
            let frames = self.frames_in_cells(t, other, alignment.shift);
            // Uniform frames neither go on with a stretch nor end it.
            let Some(same) = same_picture(&frames) else { continue };
            run = if same { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest
    }
}

/// Says whether two frames show the same; `None` when one of them is uniform.
fn same_picture([a, b]: &[Array2<f32>; 2]) -> Option<bool> {
    let same = correlation([a.view(), b.view()], FLAT)?;
    let fine = || {
        let [a, b] = [a, b].map(|frame| details(frame.view()));
        correlation([a.view(), b.view()], 0.0).unwrap_or(0.0)
    };
    Some(same >= SAME_FRAME && fine() >= SAME_DETAIL)
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;

    /// Detail that no two places share.
    fn texture(y: usize, x: usize) -> f32 {
        f32::from(blake3::hash(&[y.to_le_bytes(), x.to_le_bytes()].concat()).as_bytes()[0])
    }

    /// A wide texture, smoothed over 4 pixels, before which the camera pans by a pixel every 4 frames; a part of the
    /// picture stands still.
    fn pan(frames: usize) -> Array3<f32> {
        let smooth = |y: usize, x: usize| (0..16).map(|k| texture(y + k / 4, x + k % 4)).sum::<f32>() / 16.0;
        Array3::from_shape_fn((frames, 36, 64), |(t, y, x)| {
            let still = (8..16).contains(&y) && (20..40).contains(&x);
            if still { smooth(y + 100, x) } else { smooth(y, x + t / 4) }
        })
    }

    #[test]
    fn a_shift_is_told_from_the_time_that_a_pan_makes_it_look_like() {
        let movie = pan(90);
        let first = movie.slice(s![.., 2..34, 2..62]);
        // The window lies 2 columns further left: of the pan alone, that is 8 frames earlier.
        let second = movie.slice(s![.., 2..34, 0..60]);
        let run = Run { first: 0, last: 8, offset: 8, score: 1.0 };
        let candidate = Candidate { pair: [0, 1], runs: vec![run] };
        let expected = Alignment { offset: 0, shift: [0, 2] };
        assert_eq!(shared_stretch(first, second, &candidate), Some((expected, 90)));
    }

    #[test]
    fn a_shift_of_large_frames_is_undone_to_the_pixel() {
        // A part stands still: where all of a picture pans, a shift in time is one in space.
        let large = Array3::from_shape_fn((30, 90, 150), |(t, y, x)| {
            let still = (24..60).contains(&y) && (40..110).contains(&x);
            if still { texture(y / 6 + 100, x / 6) } else { texture(y / 6, (x + t) / 6) }
        });
        let (first, second) = (large.slice(s![.., 4..84, 5..145]), large.slice(s![.., 7..87, 2..142]));
        let run = Run { first: 0, last: 2, offset: 0, score: 1.0 };
        let candidate = Candidate { pair: [0, 1], runs: vec![run] };
        let expected = Alignment { offset: 0, shift: [-3, 3] };
        assert_eq!(shared_stretch(first, second, &candidate), Some((expected, 30)));
    }

    #[test]
    fn movies_of_other_details_share_nothing() {
        let (first, second) = (pan(40), pan(40).slice_move(s![.., ..;-1, ..]));
        let runs = vec![Run { first: 0, last: 3, offset: 0, score: 1.0 }];
        let candidate = Candidate { pair: [0, 1], runs };
        assert_eq!(shared_stretch(first.view(), second.view(), &candidate), None);
        assert!(shared_stretch(first.view(), first.view(), &candidate).is_some());
    }
}
