//! Tables as CSV files, written whole or not at all.

use std::path::Path;

use serde::Serialize;

use crate::atomic;
use crate::error::{Error, Result};

/// Writes a heading and rows of cells.
///
/// # Errors
/// When it can't be written, or a row has not as many cells as the heading.
pub fn write_rows<Row, Cell>(
    path: &Path,
    heading: impl IntoIterator<Item = impl AsRef<[u8]>>,
    rows: impl IntoIterator<Item = Row>,
) -> Result<()>
where
    Row: IntoIterator<Item = Cell>,
    Cell: AsRef<[u8]>,
{
    write(path, |writer| {
        writer.write_record(heading)?;
        rows.into_iter().try_for_each(|row| writer.write_record(row))
    })
}

/// Writes records, their fields' names as the heading; no records, no heading.
///
/// # Errors
/// When it can't be written.
pub fn write_records<Record: Serialize>(
    path: &Path,
    records: impl IntoIterator<Item = Record>,
) -> Result<()> {
    write(path, |writer| records.into_iter().try_for_each(|record| writer.serialize(record)))
}

/// Writes a number as a cell; one that is not defined is an empty cell.
pub fn cell(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

fn write(path: &Path, fill: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Result<()> {
    let failed = |e: String| Error::Failed(format!("{}: {e}", path.display()));
    let mut writer = csv::Writer::from_writer(Vec::new());
    fill(&mut writer).map_err(|e| failed(e.to_string()))?;
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    atomic::write_bytes(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_numbers_that_are_not_defined_are_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let rows = [["a, \"b\"".to_string(), cell(0.25)], [String::new(), cell(f64::NAN)]];
        write_rows(&path, "name,r".split(','), rows).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,r\n\"a, \"\"b\"\"\",0.25\n,\n");
    }

    #[test]
    fn a_row_of_another_length_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let said = write_rows(&path, ["a", "b"], [["1"]]).unwrap_err().to_string();
        assert!(said.contains("table.csv"), "{said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
