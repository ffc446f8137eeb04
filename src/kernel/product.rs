//! Matrix products on slices, by the `gemm` crate, on the calling thread: callers cut the work into
//! tiles that stay in cache and spread those over threads.

/// A matrix somewhere in a slice.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// The first `columns` of rows that lie `stride` apart.
    pub fn new(values: &'a [f32], [rows, columns]: [usize; 2], stride: usize) -> Self {
        assert!(columns <= stride && span(rows, columns, stride) <= values.len());
        Self { values, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// Rows become columns.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

fn span(rows: usize, columns: usize, stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * stride + columns }
}

/// Computes `a b` into rows that lie `stride` apart, or adds it to them.
pub fn multiply(a: Matrix, b: Matrix, out: &mut [f32], stride: usize, accumulate: bool) {
    assert!(a.columns == b.rows && b.columns <= stride);
    assert!(span(a.rows, b.columns, stride) <= out.len());
    // SAFETY: `Matrix::new` and the lines above checked that every element lies in its slice, and `out`
    // is borrowed mutably, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            stride as isize,
            accumulate,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_plain_and_transposed_matrices_are_exact() {
        // 2 x 3 with a row stride of 4, times 3 x 2.
        let a = [1.0, 2.0, 3.0, 99.0, 4.0, 5.0, 6.0];
        let b = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let (a, b) = (Matrix::new(&a, [2, 3], 4), Matrix::new(&b, [3, 2], 2));
        let mut out = [0.0; 5];
        multiply(a, b, &mut out, 3, false);
        assert_eq!(out, [4.0, 5.0, 0.0, 10.0, 11.0]);
        multiply(a, b, &mut out, 3, true);
        assert_eq!(out, [8.0, 10.0, 0.0, 20.0, 22.0]);
        let mut square = [0.0; 9];
        multiply(a.transposed(), a, &mut square, 3, false);
        assert_eq!(square, [17.0, 22.0, 27.0, 22.0, 29.0, 36.0, 27.0, 36.0, 45.0]);
    }

    #[test]
    #[should_panic]
    fn a_matrix_that_leaves_its_slice_is_refused() {
        Matrix::new(&[0.0; 5], [2, 3], 3);
    }
}
