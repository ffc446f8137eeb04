//! What is done to all values of a clip: a hundred thousand of them, so that it has to be quick.

/// Rows that are taken together, and their columns: what fits the registers of any processor, and a cache line.
const ROWS: usize = 4;
const COLUMNS: usize = 16;

/// Finds the first value that is NaN or infinite.
pub(super) fn first_not_finite(values: &[f32]) -> Option<usize> {
    // Many at once: nearly always all are numbers, and then zero times their sum is zero.
    const MANY: usize = 1024;
    const LANES: usize = 16;
    let fine = |values: &[f32]| {
        let (whole, rest) = values.as_chunks::<LANES>();
        let mut sums = [0f32; LANES];
        for lanes in whole {
            sums.iter_mut().zip(lanes).for_each(|(sum, value)| *sum += value * 0.0);
        }
        sums.iter().sum::<f32>() == 0.0 && rest.iter().all(|value| value.is_finite())
    };
    let part = values.chunks(MANY).position(|part| !fine(part))? * MANY;
    values[part..].iter().position(|value| !value.is_finite()).map(|at| part + at)
}

/// Writes `values` over `out`, its axes swapped: files and clips disagree about which one is slow.
///
/// # Shapes
/// `[row, column]` -> `[column, row]`
///
/// # Panics
/// When there is not a value for each row and column.
pub(crate) fn transpose(values: &[f32], rows: usize, columns: usize, out: &mut Vec<f32>) {
    transpose_with(values, rows, columns, out, |value| value);
}

/// Does what [`transpose`] does, and puts `number` of each value in its place.
pub(super) fn transpose_with(
    values: &[f32],
    rows: usize,
    columns: usize,
    out: &mut Vec<f32>,
    number: impl Fn(f32) -> f32,
) {
    assert_eq!(values.len(), rows * columns, "a value for each row and column");
    out.resize(values.len(), 0.0);
    let (whole_rows, whole_columns) = (rows / ROWS * ROWS, columns / COLUMNS * COLUMNS);
    for column in (0..whole_columns).step_by(COLUMNS) {
        for row in (0..whole_rows).step_by(ROWS) {
            let tile = std::array::from_fn(|k| {
                values[(row + k) * columns + column..].first_chunk().expect("a whole tile")
            });
            whole_tile(tile, &mut out[column * rows + row..], rows, &number);
        }
    }
    let mut one =
        |row: usize, column: usize| out[column * rows + row] = number(values[row * columns + column]);
    for column in 0..columns {
        // What is left beside and below the tiles.
        let first = if column < whole_columns { whole_rows } else { 0 };
        (first..rows).for_each(|row| one(row, column));
    }
}

/// Swaps the axes of one tile, four columns at a time.
#[inline]
fn whole_tile(tile: [&[f32; COLUMNS]; ROWS], out: &mut [f32], rows: usize, number: &impl Fn(f32) -> f32) {
    let out = &mut out[..(COLUMNS - 1) * rows + ROWS];
    for (column, out) in out.chunks_mut(rows).enumerate() {
        let values: [f32; ROWS] = std::array::from_fn(|row| number(tile[row][column]));
        out[..ROWS].copy_from_slice(&values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_that_is_no_number_is_found() {
        let mut values = vec![1.0; 5000];
        assert_eq!(first_not_finite(&values), None);
        for (at, value) in [(4999, f32::NAN), (3000, f32::INFINITY), (1024, -f32::INFINITY), (0, f32::NAN)] {
            values[at] = value;
            assert_eq!(first_not_finite(&values), Some(at));
        }
        // Sums of these leave what 32 bits hold.
        assert_eq!(first_not_finite(&[f32::MAX; 3000]), None);
    }

    #[test]
    fn every_value_goes_to_its_place_whatever_was_there() {
        let mut out = vec![f32::NAN; 7];
        for (rows, columns) in [
            (0, 3),
            (3, 0),
            (1, 1),
            (16, 16),
            (17, 40),
            (40, 17),
            (16, 15),
            (15, 33),
            (64, 16),
            (3, 48),
            (4, 16),
        ] {
            let values: Vec<f32> = (0..rows * columns).map(|value| value as f32).collect();
            transpose(&values, rows, columns, &mut out);
            let expected: Vec<f32> =
                (0..columns).flat_map(|c| (0..rows).map(move |r| (r * columns + c) as f32)).collect();
            assert_eq!(out, expected, "{rows} x {columns}");
            transpose_with(&values, rows, columns, &mut out, |value| value + 0.5);
            assert!(out.iter().zip(&expected).all(|(found, value)| *found == value + 0.5));
        }
    }
}
