//! What is done to all values of a clip: a hundred thousand of them, so that it has to be quick.

/// Rows and columns that are swapped together: what a cache line holds of each.
const TILE: usize = 16;

/// Finds the first value that is NaN or infinite.
pub(super) fn first_not_finite(values: &[f32]) -> Option<usize> {
    // Without a branch over many at once: nearly always all are numbers.
    const MANY: usize = 1024;
    let fine = |values: &[f32]| values.iter().fold(true, |fine, value| fine & value.is_finite());
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
    assert_eq!(values.len(), rows * columns, "a value for each row and column");
    out.resize(values.len(), 0.0);
    for row in (0..rows).step_by(TILE) {
        for column in (0..columns).step_by(TILE) {
            if rows - row >= TILE && columns - column >= TILE {
                whole_tile(&values[row * columns + column..], columns, &mut out[column * rows + row..], rows);
                continue;
            }
            for r in row..rows.min(row + TILE) {
                for c in column..columns.min(column + TILE) {
                    out[c * rows + r] = values[r * columns + c];
                }
            }
        }
    }
}

/// Swaps the axes of one tile at the start of both; through a copy, whose size the compiler knows.
#[inline]
fn whole_tile(values: &[f32], columns: usize, out: &mut [f32], rows: usize) {
    let mut tile = [[0f32; TILE]; TILE];
    for (row, values) in tile.iter_mut().zip(values.chunks(columns)) {
        row.copy_from_slice(&values[..TILE]);
    }
    for (column, out) in out.chunks_mut(rows).take(TILE).enumerate() {
        for (value, row) in out[..TILE].iter_mut().zip(&tile) {
            *value = row[column];
        }
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
    }

    #[test]
    fn every_value_goes_to_its_place_whatever_was_there() {
        let mut out = vec![f32::NAN; 7];
        for (rows, columns) in
            [(0, 3), (3, 0), (1, 1), (16, 16), (17, 40), (40, 17), (16, 15), (15, 33), (64, 16)]
        {
            let values: Vec<f32> = (0..rows * columns).map(|value| value as f32).collect();
            transpose(&values, rows, columns, &mut out);
            let expected: Vec<f32> =
                (0..columns).flat_map(|c| (0..rows).map(move |r| (r * columns + c) as f32)).collect();
            assert_eq!(out, expected, "{rows} x {columns}");
        }
    }
}
