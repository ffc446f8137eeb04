//! Finds pairs of movies that may share a second, at any offset: products of all described frames with all
//! others, block by block, so that memory is bounded.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use super::descriptor::{Described, INDEX_STEP, LENGTH, QUERY_STEP};

/// Product of two described frames from which they may show the same. Two pixels of shift leave about 0.8,
/// unrelated frames are spread around 0 by about 0.2.
const SIMILAR: f32 = 0.7;

/// Queries in a row that must find what they look for: all of a second.
const CHAIN: usize = 3;

/// Movies that are looked for at once, and that are looked through at once: a block of products stays in
/// the cache.
pub(super) const SOUGHT_AT_ONCE: usize = 16;
const SEARCHED_AT_ONCE: usize = 8;

/// A pair of movies that may share frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Places of the movies, ascending.
    pub(super) pair: [usize; 2],
    /// First frame of the first movie at which they looked alike.
    pub(super) start: usize,
    /// Frame of the second movie less that of the first, to about two frames.
    pub(super) offset: isize,
    /// Sum of the products along the chain.
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

    fn movies(&self) -> usize {
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
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.pair.cmp(&b.pair)));
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
                let best = best_chain(products.slice(s![rows, columns]));
                found.extend(best.map(|(start, offset, score)| Candidate {
                    pair: [first, second],
                    start,
                    offset,
                    score,
                }));
            }
        }
        found
    }
}

/// Finds the best run of queries that find frames one after the other: first frame, offset, score.
fn best_chain(products: ArrayView2<'_, f32>) -> Option<(usize, isize, f32)> {
    let length = CHAIN.min(products.nrows());
    let mut best: Option<(usize, isize, f32)> = None;
    for query in 0..(products.nrows() + 1).saturating_sub(length.max(1)) {
        let row = products.row(query);
        let row = row.as_slice().expect("rows are contiguous");
        // Counting needs no branch; most rows have nothing to look at.
        if row.iter().map(|&product| u32::from(product >= SIMILAR)).sum::<u32>() == 0 {
            continue;
        }
        for at in (0..row.len()).filter(|&at| row[at] >= SIMILAR) {
            let Some(score) = follow(products, query, at, length) else { continue };
            if best.is_none_or(|(.., other)| score > other) {
                let offset = (at * INDEX_STEP) as isize - (query * QUERY_STEP) as isize;
                best = Some((query * QUERY_STEP, offset, score));
            }
        }
    }
    best
}

/// Sums the products of a chain; `None` when it breaks.
fn follow(products: ArrayView2<'_, f32>, query: usize, at: usize, length: usize) -> Option<f32> {
    let mut score = products[[query, at]];
    for step in 1..length {
        // The frame that is due lies between two of the index.
        let due = at + step * QUERY_STEP / INDEX_STEP;
        let found = [due, due + 1].into_iter().filter_map(|at| products.get([query + step, at]).copied());
        let product = found.fold(f32::NEG_INFINITY, f32::max);
        if product < SIMILAR {
            return None;
        }
        score += product;
    }
    Some(score)
}
