//! Finds pairs of movies that may share a second, at any offset: products of all described frames with all
//! others, block by block, so that memory is bounded.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use super::alignment::SLACK;
use super::descriptor::{Described, INDEX_STEP, LENGTH, QUERY_STEP};

/// Product of two described frames from which they may show the same. Two pixels of shift leave about 0.8,
/// unrelated frames are spread around 0 by about 0.2. Of 28,680 pairs of unrelated simulated movies of 36 x 64, 7
/// have a chain of such frames, at 0.7 none; but there copies shifted by 3 pixels each way are lost, one in ten.
const SIMILAR: f32 = 0.6;

/// Queries in a row that must find what they look for: all of a second.
const CHAIN: usize = 3;

/// Movies that are looked for at once, and that are looked through at once: a block of products stays in
/// the cache.
pub(super) const SOUGHT_AT_ONCE: usize = 16;
const SEARCHED_AT_ONCE: usize = 8;

/// Runs of a pair that are kept: a camera that stands still or pans looks much the same at other times, and
/// the right time need not come first.
const RUNS: usize = 4;

/// Product above which a query speaks for a run, below which against it: between what unrelated frames and
/// frames two pixels apart have.
const NEITHER: f32 = 0.5;

/// A pair of movies that may share frames.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    /// Places of the movies, ascending.
    pub(super) pair: [usize; 2],
    /// Where they looked alike, the best first, at least one.
    pub(super) runs: Vec<Run>,
}

/// Frames of two movies that look alike at one distance in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    /// First and last query of the first movie.
    pub(super) first: usize,
    /// See `first`.
    pub(super) last: usize,
    /// Frame of the second movie less that of the first. Where the picture hardly moves, many are as good.
    pub(super) offset: isize,
    /// Sum of the products along the run, each less [`NEITHER`].
    pub(super) score: f32,
}

/// All described frames of some movies of one size.
pub(super) struct Index {
    queries: Stacked,
    frames: Stacked,
}

/// Matrices on top of each other, and which rows are whose.
struct Stacked {
    rows: Array2<f32>,
    ranges: Vec<Range<usize>>,
}

impl Stacked {
    fn new<'a>(parts: impl Iterator<Item = &'a Array2<f32>>) -> Self {
        let (mut values, mut ranges, mut end) = (Vec::new(), Vec::new(), 0);
        for part in parts {
            values.extend(part.iter().copied());
            ranges.push(end..end + part.nrows());
            end += part.nrows();
        }
        let rows = Array2::from_shape_vec((end, LENGTH), values).expect("every row has the same length");
        Self { rows, ranges }
    }

    fn of(&self, movies: &Range<usize>) -> ArrayView2<'_, f32> {
        let (first, last) = (&self.ranges[movies.start], &self.ranges[movies.end - 1]);
        self.rows.slice(s![first.start..last.end, ..])
    }

    /// Rows of a movie within those of some movies.
    fn within(&self, movie: usize, movies: &Range<usize>) -> Range<usize> {
        let (range, first) = (&self.ranges[movie], self.ranges[movies.start].start);
        range.start - first..range.end - first
    }
}

impl Index {
    pub(super) fn new(movies: &[Described]) -> Self {
        Self {
            queries: Stacked::new(movies.iter().map(|movie| &movie.queries)),
            frames: Stacked::new(movies.iter().map(|movie| &movie.index)),
        }
    }

    /// Counts the movies.
    pub(super) fn movies(&self) -> usize {
        self.queries.ranges.len()
    }

    /// Looks for the movies `sought`, at most [`SOUGHT_AT_ONCE`], among all later ones. The best
    /// candidates come first.
    pub(super) fn candidates(&self, sought: Range<usize>) -> Vec<Candidate> {
        let starts: Vec<usize> = (sought.start..self.movies()).step_by(SEARCHED_AT_ONCE).collect();
        let queries = self.queries.of(&sought);
        let mut found: Vec<Candidate> = starts
            .par_iter()
            .flat_map_iter(|&start| {
                let searched = start..(start + SEARCHED_AT_ONCE).min(self.movies());
                let frames = self.frames.of(&searched);
                let mut products = Array2::zeros((queries.nrows(), frames.nrows()));
                general_mat_mul(1.0, &queries, &frames.t(), 0.0, &mut products);
                self.chains(&products, &sought, &searched)
            })
            .collect();
        let score = |candidate: &Candidate| candidate.runs.first().map_or(0.0, |run| run.score);
        found.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.pair.cmp(&b.pair)));
        found
    }

    fn chains(
        &self,
        products: &Array2<f32>,
        sought: &Range<usize>,
        searched: &Range<usize>,
    ) -> Vec<Candidate> {
        let mut found = Vec::new();
        for first in sought.clone() {
            for second in searched.clone().filter(|&second| second > first) {
                let rows = self.queries.within(first, sought);
                let columns = self.frames.within(second, searched);
                let products = products.slice(s![rows, columns]);
                if has_chain(products) {
                    found.push(Candidate { pair: [first, second], runs: best_runs(products) });
                }
            }
        }
        found
    }
}

/// Says whether some queries in a row find frames one after the other.
fn has_chain(products: ArrayView2<'_, f32>) -> bool {
    let length = CHAIN.min(products.nrows());
    (0..(products.nrows() + 1).saturating_sub(length.max(1))).any(|query| {
        let row = products.row(query);
        let row = row.as_slice().expect("rows are contiguous");
        // Counting needs no branch; most rows have nothing to look at.
        let similar = row.iter().map(|&product| u32::from(product >= SIMILAR)).sum::<u32>() > 0;
        similar && (0..row.len()).any(|at| row[at] >= SIMILAR && goes_on(products, query, at, length))
    })
}

fn goes_on(products: ArrayView2<'_, f32>, query: usize, at: usize, length: usize) -> bool {
    (1..length).all(|step| due(products, query + step, at * INDEX_STEP + step * QUERY_STEP) >= SIMILAR)
}

/// Returns the greater product of a query with the two described frames around one.
fn due(products: ArrayView2<'_, f32>, query: usize, frame: usize) -> f32 {
    let around = [frame / INDEX_STEP, frame.div_ceil(INDEX_STEP)];
    let found = around.into_iter().filter_map(|at| products.get([query, at]).copied());
    found.fold(f32::NEG_INFINITY, f32::max)
}

/// Finds the best run at every distance in time, and of those the best, none within what is tried around another.
fn best_runs(products: ArrayView2<'_, f32>) -> Vec<Run> {
    let (queries, frames) = (products.nrows() * QUERY_STEP, products.ncols() * INDEX_STEP);
    let offsets = (-(queries as isize)..frames as isize).step_by(INDEX_STEP);
    let mut all: Vec<Run> = offsets.filter_map(|offset| best_run(products, offset)).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.offset.abs().cmp(&b.offset.abs())));
    let mut best: Vec<Run> = Vec::new();
    for run in all {
        if best.iter().all(|better| (better.offset - run.offset).abs() > SLACK) {
            best.push(run);
        }
        if best.len() == RUNS {
            break;
        }
    }
    best
}

/// Finds the queries in a row that speak most for an offset.
fn best_run(products: ArrayView2<'_, f32>, offset: isize) -> Option<Run> {
    let mut best: Option<Run> = None;
    let (mut sum, mut first) = (0.0, 0);
    for query in 0..products.nrows() {
        let frame = (query * QUERY_STEP).checked_add_signed(offset);
        let product = frame.map_or(f32::NEG_INFINITY, |frame| due(products, query, frame));
        if sum <= 0.0 {
            (sum, first) = (0.0, query);
        }
        sum += product - NEITHER;
        if sum > best.map_or(0.0, |run| run.score) {
            best = Some(Run { first, last: query, offset, score: sum });
        }
    }
    best
}
