//! Matrix products in double precision, by the `gemm` crate on the calling thread: it uses the widest vectors that the
//! processor has, which ndarray's own product does not.

use ndarray::{ArrayBase, Data, DataMut, Ix2};

/// Computes `c = alpha * a b + beta * c`.
///
/// # Panics
/// When the shapes don't fit.
pub fn multiply(
    alpha: f64,
    a: &ArrayBase<impl Data<Elem = f64>, Ix2>,
    b: &ArrayBase<impl Data<Elem = f64>, Ix2>,
    beta: f64,
    c: &mut ArrayBase<impl DataMut<Elem = f64>, Ix2>,
) {
    let ((rows, inner), (b_rows, columns)) = (a.dim(), b.dim());
    assert!(inner == b_rows && c.dim() == (rows, columns), "{:?} {:?} {:?}", a.dim(), b.dim(), c.dim());
    if inner == 0 {
        c.mapv_inplace(|value| if beta == 0.0 { 0.0 } else { beta * value });
        return;
    }
    let strides = [c.strides(), a.strides(), b.strides()].map(|strides| [strides[0], strides[1]]);
    let [[c_row, c_column], [a_row, a_column], [b_row, b_column]] = strides;
    // SAFETY: pointers and strides are those of arrays, whose shapes the assertion compared, and `c` is borrowed
    // mutably, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            c.as_mut_ptr(),
            c_column,
            c_row,
            beta != 0.0,
            a.as_ptr(),
            a_column,
            a_row,
            b.as_ptr(),
            b_column,
            b_row,
            beta,
            alpha,
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
    use crate::seed;
    use ndarray::{Array2, s};
    use rand::Rng;

    #[test]
    fn products_of_slices_and_transposes_are_those_of_ndarray() {
        let mut rng = seed::stream("test", "product", &[]);
        let mut random = |shape: (usize, usize)| -> Array2<f64> {
            Array2::from_shape_simple_fn(shape, || rng.random_range(-1.0..1.0))
        };
        for [rows, inner, columns] in [[1, 1, 1], [7, 0, 3], [0, 2, 3], [5, 9, 2], [130, 33, 67]] {
            let (a, b) = (random((inner + 2, rows)), random((inner, 2 * columns + 1)));
            let (a, b) = (a.slice(s![1..inner + 1, ..]), b.slice(s![.., ..2 * columns; 2]));
            let before = random((rows, columns));
            for (alpha, beta) in [(1.0, 0.0), (-2.0, 1.0), (0.5, 3.0)] {
                let mut found = if beta == 0.0 { before.mapv(|_| f64::NAN) } else { before.clone() };
                multiply(alpha, &a.t(), &b, beta, &mut found);
                let expected = alpha * a.t().dot(&b) + if beta == 0.0 { 0.0 } else { beta } * &before;
                let off = (&found - &expected).iter().fold(0.0f64, |most, e| most.max(e.abs()));
                assert!(off < 1e-12, "{rows} {inner} {columns}: {off}"); // tens of roundings of values near 1
            }
        }
    }

    #[test]
    #[should_panic(expected = "(2, 3)")]
    fn shapes_that_do_not_fit_are_refused() {
        let a = Array2::zeros((2, 3));
        multiply(1.0, &a, &a, 0.0, &mut Array2::zeros((2, 3)));
    }
}
