//! Tables as text, for spreadsheets, R and pandas.

use std::path::Path;

use super::{Cells, Table};
use crate::csv_file::{cell, write_rows};
use crate::error::Result;

/// Writes a table; a number that is not defined is an empty cell.
pub(super) fn write(path: &Path, table: &Table) -> Result<()> {
    let heading = table.columns.iter().map(|column| column.name);
    let text = |cells: &Cells, row: usize| match cells {
        Cells::Text(values) => values[row].clone(),
        Cells::Integer(values) => values[row].to_string(),
        Cells::Number(values) => cell(values[row]),
    };
    let row = |row: usize| table.columns.iter().map(move |column| text(&column.cells, row));
    write_rows(path, heading, (0..table.rows()).map(row))
}
