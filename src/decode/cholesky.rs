//! Solves symmetric positive definite systems of thousands of unknowns: block by block, so that nearly all of the
//! work is in matrix products that every processor shares.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

use super::product::multiply;

/// Rows and columns of a block: small enough for the cache, large enough that products dominate.
const BLOCK: usize = 128;
/// Right-hand sides that are solved together.
const COLUMNS: usize = 64;

/// A symmetric positive definite matrix as the product of a lower triangle and its transpose.
#[derive(Debug, Clone)]
pub struct Cholesky {
    /// The lower triangle; what lies above the diagonal is left over and never read.
    lower: Array2<f64>,
}

impl Cholesky {
    /// Factors a matrix of which only the lower triangle is read; `None` when it is not positive definite, to
    /// rounding, or not finite.
    ///
    /// # Panics
    /// When it is not square.
    pub fn new(mut matrix: Array2<f64>) -> Option<Self> {
        let size = matrix.nrows();
        assert_eq!(size, matrix.ncols(), "a square matrix");
        for first in (0..size).step_by(BLOCK) {
            let end = (first + BLOCK).min(size);
            factor_block(matrix.slice_mut(s![first..end, first..end]))?;
            let (upper, mut below) = matrix.view_mut().split_at(Axis(0), end);
            let block = upper.slice(s![first..end, first..end]);
            // Below the block, each row by itself: L21 L11ᵀ = A21.
            below.slice_mut(s![.., first..end]).axis_iter_mut(Axis(0)).into_par_iter().for_each(|mut row| {
                for k in 0..row.len() {
                    let known = block.slice(s![k, ..k]).dot(&row.slice(s![..k]));
                    row[k] = (row[k] - known) / block[[k, k]];
                }
            });
            // What is left to factor: A22 - L21 L21ᵀ, its lower triangle only.
            let panel = below.slice(s![.., first..end]).to_owned();
            below.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter().enumerate().for_each(
                |(n, mut rows)| {
                    let (from, to) = (n * BLOCK, n * BLOCK + rows.nrows());
                    let mut rest = rows.slice_mut(s![.., end..end + to]);
                    multiply(
                        -1.0,
                        &panel.slice(s![from..to, ..]),
                        &panel.slice(s![..to, ..]).t(),
                        1.0,
                        &mut rest,
                    );
                },
            );
        }
        Some(Self { lower: matrix })
    }

    /// Replaces right-hand sides by the solutions.
    ///
    /// # Shapes
    /// - `right`: `[unknown, system]`
    ///
    /// # Panics
    /// When `right` has another number of rows than the matrix.
    pub fn solve(&self, right: &mut Array2<f64>) {
        assert_eq!(right.nrows(), self.lower.nrows(), "a row for each unknown");
        let columns = right.axis_chunks_iter_mut(Axis(1), COLUMNS).into_par_iter();
        columns.for_each(|mut columns| {
            // Together in memory, for the products.
            let mut solution = columns.to_owned();
            self.solve_lower(&mut solution);
            self.solve_transposed(&mut solution);
            columns.assign(&solution);
        });
    }

    fn solve_lower(&self, right: &mut Array2<f64>) {
        let size = right.nrows();
        for first in (0..size).step_by(BLOCK) {
            let end = (first + BLOCK).min(size);
            let (known, mut rest) = right.view_mut().split_at(Axis(0), first);
            let mut own = rest.slice_mut(s![..end - first, ..]);
            multiply(-1.0, &self.lower.slice(s![first..end, ..first]), &known, 1.0, &mut own);
            let block = self.lower.slice(s![first..end, first..end]);
            for k in 0..end - first {
                substitute(&mut own, &block, k, 0..k, |j| [k, j]);
            }
        }
    }

    fn solve_transposed(&self, right: &mut Array2<f64>) {
        let size = right.nrows();
        for first in (0..size).step_by(BLOCK).rev() {
            let end = (first + BLOCK).min(size);
            let (mut rest, known) = right.view_mut().split_at(Axis(0), end);
            let mut own = rest.slice_mut(s![first.., ..]);
            multiply(-1.0, &self.lower.slice(s![end.., first..end]).t(), &known, 1.0, &mut own);
            let block = self.lower.slice(s![first..end, first..end]);
            for k in (0..end - first).rev() {
                substitute(&mut own, &block, k, k + 1..end - first, |j| [j, k]);
            }
        }
    }
}

/// Solves row `k` from the rows that are solved already, whose coefficients stand at `place`.
fn substitute(
    rows: &mut ArrayViewMut2<f64>,
    block: &ArrayView2<f64>,
    k: usize,
    solved: std::ops::Range<usize>,
    place: impl Fn(usize) -> [usize; 2],
) {
    for j in solved {
        let (mut row, other) = rows.multi_slice_mut((s![k, ..], s![j, ..]));
        row.scaled_add(-block[place(j)], &other);
    }
    let pivot = block[[k, k]];
    rows.row_mut(k).mapv_inplace(|value| value / pivot);
}

/// Factors one block in place.
fn factor_block(mut block: ArrayViewMut2<f64>) -> Option<()> {
    for k in 0..block.nrows() {
        for row in k..block.nrows() {
            let known = block.slice(s![row, ..k]).dot(&block.slice(s![k, ..k]));
            let rest = block[[row, k]] - known;
            if row == k {
                // Also when it is no number.
                if !(rest > 0.0 && rest.is_finite()) {
                    return None;
                }
                block[[k, k]] = rest.sqrt();
            } else {
                block[[row, k]] = rest / block[[k, k]];
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use rand::Rng;

    #[test]
    fn solutions_solve_systems_smaller_and_larger_than_a_block() {
        for size in [1, 5, BLOCK, BLOCK + 1, 3 * BLOCK - 7] {
            let mut rng = seed::stream("test", "cholesky", &[&size.to_string()]);
            let x = Array2::from_shape_simple_fn((size + 20, size), || rng.random_range(-1.0..1.0));
            let matrix = x.t().dot(&x) + Array2::<f64>::eye(size);
            let right = Array2::from_shape_simple_fn((size, COLUMNS + 3), || rng.random_range(-1.0..1.0));
            // What lies above the diagonal is not looked at.
            let mut lower = matrix.clone();
            (0..size).for_each(|k| lower.slice_mut(s![k, k + 1..]).fill(f64::NAN));
            let mut found = right.clone();
            Cholesky::new(lower).unwrap().solve(&mut found);
            let off = (matrix.dot(&found) - &right).iter().fold(0.0f64, |most, e| most.max(e.abs()));
            assert!(off < 1e-10, "{size}: {off}"); // some hundred f64 roundings of values near 100
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        for values in [[[1.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]], [[f64::NAN, 0.0], [0.0, 1.0]]] {
            assert!(Cholesky::new(ndarray::arr2(&values)).is_none(), "{values:?}");
        }
    }
}
